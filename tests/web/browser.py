"""As much of a browser as the tests need: it asks, and it follows a stream.

It speaks HTTP 1.0, where an answer ends with its connection.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """What a browser reads of it: it must say that it is JSON, and be it."""
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body, parse_constant=_refuse)


def _refuse(word: str) -> Any:
    raise AssertionError(f"{word} is no JSON")


@dataclass(frozen=True, slots=True)
class Told:
    """A server-sent event."""

    event: str
    id: str
    data: Any


class Browser:
    """A browser that looks at the inspector on a port of this machine."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def ask(
        self, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, **given: Any
    ) -> Reply:
        """The answer to a question."""
        async with asyncio.timeout(SECONDS):
            reader, writer = await self._send(path, method, headers, given)
            try:
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            finally:
                writer.close()
        status, found = _head(head)
        return Reply(status, found, body)

    async def read(self, path: str, **given: Any) -> Any:
        """What a question is answered with that has an answer."""
        reply = await self.ask(path, **given)
        assert reply.status == 200, reply.body
        return reply.json

    @asynccontextmanager
    async def follow(
        self, board: str, since: int | None = None, last: int | None = None, buffer: int = 0
    ) -> AsyncIterator[Stream]:
        """The stream of a board; ``last`` is the last event that it saw before it connects again."""
        headers = {} if last is None else {"Last-Event-ID": str(last)}
        given = {"board": board} | ({} if since is None else {"since": since})
        reader, writer = await self._send("/api/stream", "GET", headers, given, buffer)
        try:
            async with asyncio.timeout(SECONDS):
                status, found = _head((await reader.readuntil(b"\r\n\r\n")).removesuffix(b"\r\n\r\n"))
            assert (status, found["content-type"].partition(";")[0]) == (200, "text/event-stream")
            yield Stream(reader)
        finally:
            writer.close()

    async def _send(
        self, path: str, method: str, headers: Mapping[str, str] | None, given: Mapping[str, Any], buffer: int = 0
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        said = {"Host": f"localhost:{self.port}"} | dict(headers or {})
        lines = [f"{method} {path}{'?' if given else ''}{urlencode(given)} HTTP/1.0"]
        lines += [f"{name}: {value}" for name, value in said.items() if value]
        connection = socket.create_connection(("127.0.0.1", self.port))
        if buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        reader, writer = await asyncio.open_connection(sock=connection, limit=buffer or 2**16)
        writer.write("\r\n".join([*lines, "", ""]).encode())
        await writer.drain()
        return reader, writer


class Stream:
    """What comes on a connection."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def next(self) -> Told:
        """The next event that is told. Raises EOFError at the end."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(SECONDS):
            while line := await self._reader.readline():
                name, _, value = line.decode().rstrip("\r\n").partition(": ")
                if name:
                    fields[name] = value
                elif "data" in fields:
                    return Told(fields.get("event", "message"), fields.get("id", ""), json.loads(fields["data"]))
        raise EOFError

    async def until(self, seq: int) -> list[int]:
        """The numbers of the events up to this one."""
        found = [int((await self.next()).id)]
        while found[-1] < seq:
            found.append(int((await self.next()).id))
        return found


def _head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode().split("\r\n")
    return int(first.split()[1]), {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

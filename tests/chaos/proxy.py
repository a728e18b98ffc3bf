"""A proxy between client and server that cuts connections at chosen calls: before the server hears of them, or after."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

from blackboard.store.scripts import library, script

Moment = Literal["before", "after"]
"""Whether the server has carried the call out when the connection breaks."""


class Proxy:
    """Passes everything on, except for the calls it was told to cut."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._names: tuple[bytes, ...] = ()
        self._moment: Moment = "before"
        self._due: set[int] = set()
        self._seen = 0
        self.cuts = 0
        """Connections cut so far."""
        self.finished = asyncio.Event()
        """Set when all that was to be cut is cut."""

    def cut(self, command: str, moment: Moment, *numbers: int) -> None:
        """Cut the calls of this command with these numbers, counted from 1."""
        self._names = (library().function(command).encode(), script(command).digest.encode())
        self._moment, self._due, self._seen = moment, set(numbers), 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until either side ends, or the knife falls."""
        upstream, downstream = await asyncio.open_unix_connection(self._server)
        doomed = asyncio.Event()
        ways = [
            asyncio.create_task(self._requests(reader, downstream, doomed)),
            asyncio.create_task(self._replies(upstream, writer, doomed)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, downstream):
                end.close()
            for end in (writer, downstream):
                with contextlib.suppress(OSError):
                    await end.wait_closed()

    async def _requests(
        self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        while data := await reader.read(1 << 20):
            if self._falls(data):
                if self._moment == "before":
                    return
                doomed.set()
            server.write(data)
            await server.drain()

    async def _replies(self, server: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: asyncio.Event) -> None:
        while data := await server.read(1 << 20):
            if doomed.is_set():
                return
            writer.write(data)
            await writer.drain()

    def _falls(self, data: bytes) -> bool:
        if not any(name in data for name in self._names):
            return False
        self._seen += 1
        if self._seen not in self._due:
            return False
        self._due.discard(self._seen)
        self.cuts += 1
        if not self._due:
            self.finished.set()
        return True


@contextlib.asynccontextmanager
async def proxy_to(url: str, socket: Path) -> AsyncIterator[tuple[Proxy, str]]:
    """Run a proxy to a server on a unix socket; its own URL."""
    proxy = Proxy(url.removeprefix("unix://"))
    clients: dict[asyncio.StreamWriter, asyncio.Future[None]] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clients[writer] = asyncio.get_running_loop().create_future()
        try:
            await proxy.serve(reader, writer)
        finally:
            clients.pop(writer).set_result(None)

    server = await asyncio.start_unix_server(serve, socket)
    try:
        yield proxy, f"unix://{socket}"
    finally:
        server.close()
        await server.wait_closed()
        served = list(clients.values())
        for writer in clients:
            writer.transport.abort()
        await asyncio.gather(*served)
        socket.unlink(missing_ok=True)  # noqa: ASYNC240  # a file without content

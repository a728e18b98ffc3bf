"""The end of a board: its archive is written, if its blackboard keeps one, and then it is closed."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import inspect
import os
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from blackboard.archive import Line, to_text
from blackboard.errors import ArchiveFailed, BoardNotFound
from blackboard.store.store import Store
from blackboard.transfer import export

ArchiveFunction = Callable[[str, list[Line]], Awaitable[Any] | Any]
"""Keeps the lines of a board that is about to be closed; a coroutine function, or a plain one, which runs in a thread."""

ArchiveTarget = str | os.PathLike[str] | ArchiveFunction
"""A directory, or a function of one's own."""

MOST_TRIES = 20
"""How often a board is archived anew because something happened on it meanwhile."""

PEOPLE = "@people"
"""The chore that withdraws what people are asked in vain."""

LONGEST_NAME = 200
"""Bytes of a file's name before its ending; file systems allow for about 255."""


class Closer(Protocol):
    """What the end of a board needs of the blackboard it belongs to."""

    @property
    def retention(self) -> timedelta | None:
        """How long a closed board is kept; None for ever."""
        ...

    @property
    def archive(self) -> ArchiveTarget | None:
        """Where boards are archived when they are closed."""
        ...

    def store(self) -> Store:
        """The store, once connected."""
        ...


async def close_board(
    host: Closer,
    board: str,
    author: str,
    reason: str = "",
    result: str = "",
    retention: int | None = None,
    known: int = -1,
) -> str:
    """Close a board: ``ok``, ``done`` (it was over before), ``undoing`` (it is being undone) or ``absent``. Raises ArchiveFailed.

    ``result`` is JSON; ``retention`` in ms (0: for ever) is that of the blackboard when None. ``known`` is the last event that
    the caller knows: when there are others the answer is ``moved``.
    """
    partition = host.store().partition(board)
    kept = in_milliseconds(host.retention) if retention is None else retention
    if host.archive is None:
        return (await partition.close(board, author, reason, kept, result=result, known=known))[0]
    facts = await partition.facts(board)
    if facts is None or facts.status != "open":
        return "absent" if facts is None else "done" if facts.over else "undoing"
    closing = {"by": author, "reason": reason, "result": result}
    for _ in range(MOST_TRIES):
        try:
            lines = [line async for line in export(partition, host.store().namespace, board, closing)]
        except BoardNotFound:
            return "absent"
        if known not in {-1, lines[0]["seq"]}:
            return "moved"
        await _keep(host.archive, board, lines)
        answer, _ = await partition.close(board, author, reason, kept, result=result, known=lines[0]["seq"])
        if answer != "moved":
            return answer
    raise ArchiveFailed(board, "it changes faster than it can be archived; pause it first")


async def archive_undone(host: Closer, board: str, author: str, summary: str) -> int | None:
    """Archive a board of which everything is undone, as it will be with its last event, if its blackboard keeps archives.

    Returns the last event that the archive knows (-1: none is kept), and None when people are still asked in vain: what becomes
    of that belongs into the archive. Raises ArchiveFailed.
    """
    partition = host.store().partition(board)
    if host.archive is None:
        return -1
    found = await partition.snapshot(board, host.store().namespace)
    if found is not None and PEOPLE in found.chores:
        return None
    try:
        ending = (author, summary)
        lines = [line async for line in export(partition, host.store().namespace, board, ending=ending)]
    except BoardNotFound:
        return -1
    await _keep(host.archive, board, lines)
    return int(lines[0]["seq"]) - 1


def in_milliseconds(retention: timedelta | None) -> int:
    """A retention as the store takes it: 0 is for ever."""
    return 0 if retention is None else max(1, round(retention.total_seconds() * 1000))


async def _keep(target: ArchiveTarget, board: str, lines: list[Line]) -> None:
    try:
        if not callable(target):
            await asyncio.to_thread(write_archive, Path(target), board, lines)
        elif inspect.iscoroutinefunction(target):
            await target(board, lines)
        else:
            await asyncio.to_thread(target, board, lines)
    except Exception as error:
        raise ArchiveFailed(board, f"{type(error).__name__}: {error}") from error


def write_archive(directory: Path, board: str, lines: Iterable[Line]) -> Path:
    """Write the lines to ``<board>.jsonl.gz``, whole or not at all."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / file_name(board)
    part = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}.part")
    try:
        with part.open("wb") as file:
            with gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as packed:
                for line in lines:
                    packed.write(f"{to_text(line)}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def file_name(board: str) -> str:
    """The name of a board's archive: its id, with everything that no file's name can hold written as %XX."""
    name = quote(board, safe=" @+=,:~")
    name = f"%2E{name[1:]}" if name.startswith(".") else name
    if len(name) > LONGEST_NAME:
        name = f"{name[: LONGEST_NAME - 17]}~{hashlib.sha256(board.encode()).hexdigest()[:16]}"
    return f"{name}.jsonl.gz"

"""Boards on their way out of a store and into one: export and import."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

from blackboard import archive
from blackboard.archive import Archive, Line
from blackboard.clock import SystemClock
from blackboard.errors import BoardAborted, BoardExists, BoardNotFound, StoreProtocolError
from blackboard.ids import operation_id
from blackboard.store import codec
from blackboard.store.lifetime import end_words, part_words
from blackboard.store.partition import Partition

T = TypeVar("T")

PAGE = 500
"""Lines in one call of the store."""

UNDER_WAY = frozenset({"undoing", "stuck"})
"""The statuses of a board on which compensations are still to run."""


async def export(
    partition: Partition,
    namespace: str,
    board: str,
    closing: dict[str, str] | None = None,
    ending: tuple[str, str] | None = None,
) -> AsyncGenerator[Line]:
    """The lines of a board as it is now. Raises BoardNotFound, also when it expires meanwhile, and BoardAborted for a board
    that is being undone: what is under way there cannot be taken along.

    What can change is read at one moment; the log only grows, and is read up to that moment's last event. ``closing`` says by
    whom, why and with which result the board is about to be closed. ``ending`` says by whom, and with what came of it, a board of
    which everything is undone is about to be over: its lines are those of the board as it will be then.
    """
    found = await partition.snapshot(board, namespace)
    first = await partition.log(board, 0, 1)
    if found is None or not first:
        raise BoardNotFound(board)
    if found.status in UNDER_WAY and ending is None:
        raise BoardAborted(board, found.status)
    events, last = found.seq, None
    if ending is not None:
        last = codec.last_event(SystemClock().now(), *ending)
        _end(found)
    found.created, found.closing = codec.event(board, 1, first[0]).milliseconds, closing
    count = 1
    yield archive.header(found, SystemClock().now())
    for line in archive.body(found):
        yield line
        count += 1
    for since in range(0, events, PAGE):
        page = await partition.log(board, since, min(PAGE, events - since))
        if not page:
            raise BoardNotFound(board)
        for seq, text in enumerate(page, since + 1):
            yield archive.event_line(codec.event(board, seq, text), text.decode())
        count += len(page)
    if last is not None:
        yield archive.event_line(codec.event(board, found.seq, last), last.decode())
        count += 1
    yield archive.end(count)


def _end(found: Archive) -> None:
    """What a board of which everything is undone will be when it is over."""
    found.status, found.seq, found.activations, found.chores = "aborted", found.seq + 1, [], []
    _, _, rest = found.facts["saga"].partition(" ")
    found.facts["saga"] = f"aborted {rest}"


async def load(partition: Partition, found: Archive, board: str, retention: int) -> None:
    """Make a board of an archive; ``retention`` in ms (0: for ever) is for one that is closed.

    Nobody sees the board before all of it is there; an import that dies on the way is forgotten after ten minutes. Raises
    BoardExists.
    """
    token = operation_id()

    async def say(verb: str, words: Sequence[str | bytes | int] = ()) -> None:
        answer, what = await partition.load(board, token, verb, words)
        if answer == "exists":
            raise BoardExists(board)
        if answer != "ok":
            raise StoreProtocolError("load", f"{answer} {what}")

    await say("begin")
    await _load_parts(found, say)
    await say("end", end_words(found, retention))
    if found.closing is not None and found.status == "open":
        closing = found.closing
        await partition.close(board, closing["by"], closing["reason"], retention, result=closing["result"])


async def _load_parts(found: Archive, say: Callable[[str, Sequence[str | bytes | int]], Awaitable[None]]) -> None:
    for _, entries in _pages(found.entries):
        await say("part", part_words(entries=entries))
    for _, fired in _pages(found.fired):
        await say("part", part_words(fired=fired))
    for _, records in _pages(found.records):
        await say("part", part_words(records=records))
    for at, events in _pages(found.events):
        await say("part", part_words(first=at + 1, events=events))


def _pages(rows: Sequence[T]) -> Iterator[tuple[int, Sequence[T]]]:
    for at in range(0, len(rows), PAGE):
        yield at, rows[at : at + PAGE]

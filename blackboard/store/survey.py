"""An overview of many boards at once, for people who look at a store: counts instead of contents."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from blackboard.store.codec import RS
from blackboard.store.partition import Partition


@dataclass(frozen=True, slots=True)
class BoardSummary:
    """A board in numbers. `created` is in milliseconds; `open` counts the agenda, `running` the part of it that runs."""

    board: str
    status: str
    events: int
    entries: int
    open: int
    running: int
    dead: int
    created: int


async def latest_boards(partitions: Iterable[Partition], limit: int) -> list[BoardSummary]:
    """The boards created last, the newest first, at most so many; those whose keys have expired are left out."""
    found = [summary for partition in partitions for summary in await _latest(partition, limit)]
    return sorted(found, key=lambda summary: summary.created, reverse=True)[:limit]


async def _latest(partition: Partition, limit: int) -> list[BoardSummary]:
    command, keys = partition.calls.command, partition.keys
    words = await command("ZRANGE", keys.boards, 0, limit - 1, "REV", "WITHSCORES")
    rows = _scored(words)
    running = _per_board(await command("ZRANGE", keys.leases, 0, -1))
    dead = _per_board(await command("ZRANGE", keys.dead, 0, -1))
    summaries = await asyncio.gather(
        *(_summary(partition, name, created, running[name], dead[name]) for name, created in rows)
    )
    return [summary for summary in summaries if summary is not None]


async def _summary(partition: Partition, board: str, created: int, running: int, dead: int) -> BoardSummary | None:
    facts = await partition.facts(board)
    if facts is None:
        return None
    agenda = int(await partition.calls.command("ZCARD", partition.keys.of_board(board, "agenda")))
    return BoardSummary(
        board=board,
        status=facts.status,
        events=facts.seq,
        entries=facts.entries,
        open=agenda,
        running=running,
        dead=dead,
        created=created,
    )


async def kinds_of(partition: Partition, board: str) -> dict[str, int]:
    """How many entries of each kind a board has, without reading them."""
    addresses = await partition.calls.command("HKEYS", partition.keys.of_board(board, "entries"))
    counted = Counter(address.partition(b"/")[0].decode() for address in addresses)
    return dict(sorted(counted.items()))


def _per_board(fields: Sequence[bytes]) -> Counter[str]:
    separator = RS.encode()
    return Counter(field.partition(separator)[0].decode() for field in fields)


def _scored(rows: Sequence[Any]) -> list[tuple[str, int]]:
    """Members and scores, which some clients pair and others leave flat."""
    pairs = rows if rows and isinstance(rows[0], tuple | list) else list(zip(rows[::2], rows[1::2], strict=True))
    return [(member.decode(), int(float(score))) for member, score in pairs]

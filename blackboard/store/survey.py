"""An overview of many boards at once, for people who look at a store: counts instead of contents."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Any

from blackboard.activation import Activation, StoredEntry
from blackboard.store.board_facts import BoardFacts
from blackboard.store.codec import RS, entry
from blackboard.store.keys import partition_of
from blackboard.store.partition import Partition

LOOKED_AT = 5000
"""Ids that one search looks at; the next one goes on behind them."""

Place = tuple[int, str]
"""Where a board stands among all of them: when it was created (ms), and its id."""


@dataclass(frozen=True, slots=True)
class BoardSummary:
    """A board in numbers. `created` is in milliseconds; `open` counts the agenda, `running` the part of it that runs."""

    board: str
    facts: BoardFacts
    open: int
    running: int
    dead: int
    created: int


@dataclass(frozen=True, slots=True)
class Found:
    """Boards that were looked for, the newest first, and behind which place others may come; None when there are none."""

    places: tuple[Place, ...]
    behind: Place | None


async def latest_boards(partitions: Sequence[Partition], limit: int) -> list[BoardSummary]:
    """The boards created last, the newest first, at most so many; those whose keys have expired are left out."""
    return await summaries(partitions, (await find_boards(partitions, limit)).places)


async def find_boards(
    partitions: Iterable[Partition], limit: int, text: str = "", before: Place | None = None
) -> Found:
    """The newest boards created before a place, whose ids have a text in them; at most so many. Nothing but ids is read."""
    most = LOOKED_AT if text else limit
    slices = [await _before(partition, before, most) for partition in partitions]
    found = sorted((place for each in slices for place in each), key=_order, reverse=True)
    looked_at = found[:most]
    fitting = [place for place in looked_at if text.casefold() in place[1].casefold()][:limit]
    if len(fitting) == limit:
        last: Place | None = fitting[-1]
    else:
        last = looked_at[-1] if looked_at else None
    at_end = not found or (last == found[-1] and all(len(each) < most for each in slices))
    return Found(tuple(fitting), None if at_end else last)


async def summaries(partitions: Sequence[Partition], places: Iterable[Place]) -> list[BoardSummary]:
    """These boards in numbers; those whose keys have expired are left out."""
    places = list(places)
    running: Counter[str] = Counter()
    for partition in partitions if places else ():
        running += _per_board(await partition.calls.command("ZRANGE", partition.keys.leases, 0, -1))
    found = await asyncio.gather(
        *(
            _summary(partitions[partition_of(board, len(partitions))], board, created, running[board])
            for created, board in places
        )
    )
    return [summary for summary in found if summary is not None]


async def _before(partition: Partition, place: Place | None, most: int) -> list[Place]:
    """So many boards of a partition that were created before a place, or all the latest."""
    key, command = partition.keys.boards, partition.calls.command
    if place is None:
        return _scored(await command("ZREVRANGE", key, 0, most - 1, "WITHSCORES"))
    at = place[0]
    equal = int(
        await command("ZCOUNT", key, at, at)
    )  # of the same millisecond, some come before the place and some after
    rows = await command("ZREVRANGEBYSCORE", key, at, "-inf", "WITHSCORES", "LIMIT", 0, most + equal)
    return [each for each in _scored(rows) if _order(each) < _order(place)][:most]


def _order(place: Place) -> tuple[int, bytes]:
    """What orders places as the store does: it compares texts by their bytes."""
    return place[0], place[1].encode()


async def _summary(partition: Partition, board: str, created: int, running: int) -> BoardSummary | None:
    facts = await partition.facts(board)
    if facts is None:
        return None
    command, keys = partition.calls.command, partition.keys
    agenda = int(await command("ZCARD", keys.of_board(board, "agenda")))
    low, high = f"[{board}{RS}".encode(), f"({board}{RS}".encode() + b"\xff"
    dead = int(await command("ZLEXCOUNT", keys.dead, low, high))
    return BoardSummary(board, facts, agenda, running, dead, created)


@dataclass(frozen=True, slots=True)
class Part:
    """Some of a board's activations: what runs and the first others by name, and of the dead; and how many there are in all."""

    agenda: tuple[Activation, ...]
    open: int
    dead: tuple[Activation, ...]
    died: int


async def part_of(partition: Partition, board: str, most: int) -> Part:
    """Some of the activations of a board, at most so many of each sort, however many it has."""
    command, keys = partition.calls.command, partition.keys
    agenda, stem = keys.of_board(board, "agenda"), f"{board}{RS}"
    leases = [row.decode() for row in await command("ZRANGE", keys.leases, 0, -1)]
    running = [field for field in leases if field.startswith(stem)][:most]
    others = [f"{stem}{row.decode()}" for row in await command("ZRANGE", agenda, 0, most - 1)]
    low, high = f"[{stem}".encode(), f"({stem}".encode() + b"\xff"
    dead = [row.decode() for row in await command("ZRANGEBYLEX", keys.dead, low, high, "LIMIT", 0, most)]
    return Part(
        tuple(await partition.activations(list(dict.fromkeys(running + others))[:most])),
        int(await command("ZCARD", agenda)),
        tuple(await partition.activations(dead)),
        int(await command("ZLEXCOUNT", keys.dead, low, high)),
    )


async def entries_after(partition: Partition, board: str, after: str, limit: int) -> tuple[list[StoredEntry], bool]:
    """The entries that come after an address, at most so many, and whether there are more. Of the others, only the addresses
    are read."""
    key, command = partition.keys.of_board(board, "entries"), partition.calls.command
    behind = after.encode()
    addresses = nsmallest(limit + 1, (each for each in await command("HKEYS", key) if each > behind))
    if not addresses:
        return [], False
    rows = await command("HMGET", key, *addresses[:limit])
    found = [entry(each.decode(), row) for each, row in zip(addresses, rows, strict=False) if row is not None]
    return found, len(addresses) > limit


async def kinds_of(partition: Partition, board: str) -> dict[str, int]:
    """How many entries of each kind a board has, without reading them."""
    addresses = await partition.calls.command("HKEYS", partition.keys.of_board(board, "entries"))
    counted = Counter(address.partition(b"/")[0].decode() for address in addresses)
    return dict(sorted(counted.items()))


def _per_board(fields: Sequence[bytes]) -> Counter[str]:
    separator = RS.encode()
    return Counter(field.partition(separator)[0].decode() for field in fields)


def _scored(rows: Sequence[Any]) -> list[Place]:
    """Scores and members, which some clients pair and others leave flat."""
    pairs = rows if rows and isinstance(rows[0], tuple | list) else list(zip(rows[::2], rows[1::2], strict=True))
    return [(int(float(score)), member.decode()) for member, score in pairs]

"""Registering sources in a store, and matching open boards against those that are new."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from typing import Any

from blackboard.knowledge_source import KnowledgeSource
from blackboard.store.partition import Partition
from blackboard.store.store import Store

logger = logging.getLogger(__name__)

SLICE = 500
"""Entries of a board that one script call looks at."""

QUIESCENT = "?quiescent"


async def register(store: Store, crew: str, sources: Iterable[KnowledgeSource[..., Any]]) -> list[str]:
    """Register sources in every partition and match the open boards against what is new. Returns the new or changed names.

    ``crew`` names the group of workers that run exactly these sources; empty when none will.
    """
    cards = [_card(source) for source in sources]
    changed: list[str] = []
    for partition in store.partitions:
        revision, names = await partition.register(crew, cards)
        changed = names or changed
        await rematch(partition, revision)
    return changed


async def rematch(partition: Partition, revision: int) -> int:
    """Match every open board that is behind the revision, in bounded slices. Returns how many boards moved.

    Any worker may do it, several may at once; one that dies leaves the rest to the next that starts.
    """
    if await partition.matched() >= revision:
        return 0
    moved = 0
    for board in await partition.boards():
        moved += await rematch_board(partition, board, revision)
    await partition.set_matched(revision)
    return moved


async def rematch_board(partition: Partition, board: str, revision: int) -> int:
    """Match one board that is behind the revision. Returns 1 when it moved, else 0."""
    cursor = "0"
    while True:
        answer, cursor = await partition.rematch(board, revision, cursor, SLICE)
        if answer != "more":
            return int(answer == "ok")


def _card(source: KnowledgeSource[..., Any]) -> tuple[str, str, str, list[str]]:
    trigger = source.compile()
    kinds = {pattern["k"] for pattern in trigger.get("p", [])} | {counted["k"] for counted in trigger.get("c", [])}
    kinds |= set(trigger.get("wk", []))
    listed = sorted(kinds) + ([QUIESCENT] if trigger.get("q") else [])
    text = json.dumps(trigger, ensure_ascii=False, separators=(",", ":"))
    return source.name, source.card().to_json(), text, listed

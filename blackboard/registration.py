"""Registering sources in a store, and matching open boards against those that are new."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from blackboard.declaration import declare
from blackboard.entry import Entry
from blackboard.errors import SourceInUse, UnknownSource
from blackboard.knowledge_source import KnowledgeSource
from blackboard.saga import GOES_ON
from blackboard.store.partition import Partition
from blackboard.store.store import Store

logger = logging.getLogger(__name__)

KEPT = frozenset({"ex", "rc", "cr", "ls"})
"""What is still to be known of a source that was unregistered: how its runs end whose worker dies."""

SLICE = 500
"""Entries of a board that one script call looks at."""

QUIESCENT, NEVER = "?quiescent", "?never"
"""What stands for a kind where there is none: the quiescence of a board, and what no board ever has."""


async def register(
    store: Store, crew: str, sources: Iterable[KnowledgeSource[..., Any]], kinds: Iterable[type[Entry]] = ()
) -> list[str]:
    """Register sources in every partition and match the open boards against what is new. Returns the new or changed names.

    ``crew`` names the group of workers that run exactly these sources; empty when none will. ``kinds`` are declared besides
    those of the sources. A source whose kinds a newer release has registered is left to that. Raises IncompatibleSchema.
    """
    sources = list(sources)
    cards = [_card(source) for source in sources]
    known = [*kinds, *(kind for source in sources for kind in (*source.reads, *sorted(source.writes, key=_name)))]
    changed: list[str] = []
    for partition in store.partitions:
        await declare(partition, known)
        if not (cards or crew):
            continue  # a program that only knows kinds
        revision, names = await partition.register(crew, cards)
        changed = names or changed
        await rematch(partition, revision)
    if crew:
        await _say_what_is_left(store.partitions[0], crew, sources)
    return changed


async def _say_what_is_left(partition: Partition, crew: str, sources: Sequence[KnowledgeSource[..., Any]]) -> None:
    """Log which sources this release does not get, since a newer one has registered them."""
    crews = await partition.crews([source.name for source in sources])
    left = [source.name for source in sources if crew not in crews[source.name]]
    if left:
        logger.warning("left to a newer release, which knows newer versions of their kinds: %s", ", ".join(left))


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


async def unregister(store: Store, name: str) -> int:
    """Take a source out of every partition, for good: it fires no more, and what is open of it leaves the agendas of all boards.

    What runs goes on to its end. What it has fired on is kept, so that it fires on nothing twice should it be registered again.
    Returns how many boards were looked at. Whoever dies in the middle of this leaves the rest to the next call. Raises
    UnknownSource, and SourceInUse when a program registers it meanwhile or a board is being undone by its compensations.
    """
    cards = [(partition, (await partition.cards()).get(name)) for partition in store.partitions]
    if all(card is None for _, card in cards):
        raise UnknownSource(name, tuple(sorted(await store.partitions[0].source_names())))
    for partition, card in cards:
        if card is not None and card.get("compensation"):
            await _refuse_if_undoing(partition, name)
    return sum([await _unregister(partition, name, card) for partition, card in cards if card is not None])


async def _unregister(partition: Partition, name: str, card: Mapping[str, Any]) -> int:
    # A trigger that can never hold takes the place of its own: all that follows from that is what a registration does. What
    # becomes of what still runs is as it was.
    kept = {policy: value for policy, value in card.get("trigger", {}).items() if policy in KEPT}
    never = json.dumps({"s": name, "p": [{"k": NEVER, "m": "e", "a": NEVER}], **kept}, separators=(",", ":"))
    revision, _ = await partition.register("", [(name, json.dumps(card), never, [])])
    moved = await rematch(partition, revision)
    if await partition.forget(name, never) == "again":
        raise SourceInUse(name, "a program has registered it again meanwhile")
    return moved


async def _refuse_if_undoing(partition: Partition, name: str) -> None:
    for board in await partition.boards():
        if await partition.saga(board) in GOES_ON:
            raise SourceInUse(name, f"board {board} is being undone, and its compensation may be needed for that")


def _name(kind: type[Entry]) -> str:
    return kind.__kind__


def _card(source: KnowledgeSource[..., Any]) -> tuple[str, str, str, list[str]]:
    trigger = source.compile()
    kinds = {pattern["k"] for pattern in trigger.get("p", [])} | {counted["k"] for counted in trigger.get("c", [])}
    kinds |= set(trigger.get("wk", []))
    listed = sorted(kinds) + ([QUIESCENT] if trigger.get("q") else [])
    text = json.dumps(trigger, ensure_ascii=False, separators=(",", ":"))
    return source.name, source.card().to_json(), text, listed

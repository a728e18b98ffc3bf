"""Entries of another schema version than the one their kind is matched by, and who is to bring them forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from blackboard.cli.output import summary
from blackboard.facts.workers import known_workers

if TYPE_CHECKING:
    from blackboard.application import Blackboard  # loaded when a verb runs
    from blackboard.store.board_facts import BoardFacts
    from blackboard.store.partition import Partition

NOBODY = "a worker of the newest release: none is alive. Start one: blackboard worker module:object"


async def behind_rows(bb: Blackboard, facts: BoardFacts) -> list[dict[str, Any]]:
    """The kinds of which a board has entries of another schema version, how many, and what they wait for."""
    if not facts.behind:
        return []
    partition, alive = bb.store().partition(facts.board), await living_crews(bb)
    old, new = await partition.odd(facts.board)
    rows = []
    for kind, count in sorted(old.items()):
        chore = await partition.activations([f"{facts.board}\x1e@shape/{kind}\x1e"])
        problem = summary(chore[0].problem) if chore and chore[0].problem else ""
        waits = problem or (await _who(partition, kind, alive))
        rows.append({"kind": kind, "entries": count, "is": "older", "waits_for": waits, "problem": problem or None})
    for kind, count in sorted(new.items()):
        waits = "sources that know it: no release that does has registered any"
        rows.append({"kind": kind, "entries": count, "is": "newer", "waits_for": waits, "problem": None})
    return rows


async def _who(partition: Partition, kind: str, alive: frozenset[str]) -> str:
    [crews] = (await partition.crews([f"@shape/{kind}"])).values()
    return "its turn" if alive.intersection(crews) else NOBODY


async def living_crews(bb: Blackboard) -> frozenset[str]:
    """The groups of workers of which one lives."""
    return frozenset(each["crew"] for each in await known_workers(bb) if each["alive"] and each["crew"])


async def undone(bb: Blackboard) -> dict[str, int]:
    """Kinds that nobody alive can bring forward, and on how many boards entries of them wait for it."""
    alive, found = await living_crews(bb), dict[str, int]()
    for partition in bb.store().partitions:
        for kind, boards in (await partition.unshaped()).items():
            if await _who(partition, kind, alive) == NOBODY:
                found[kind] = found.get(kind, 0) + boards
    return found


def outdated(cards: Mapping[str, Any]) -> Sequence[str]:
    """Sources that read a kind in an older version than another source does."""
    newest: dict[str, int] = {}
    for card in cards.values():
        for kind in card.get("reads", ()):
            newest[kind["kind"]] = max(newest.get(kind["kind"], 1), kind["version"])
    return sorted(
        name for name, card in cards.items() if any(k["version"] < newest[k["kind"]] for k in card.get("reads", ()))
    )

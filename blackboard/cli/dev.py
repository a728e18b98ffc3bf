"""dev."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

import click

from blackboard.cli.events import print_event
from blackboard.cli.failures import FAILURE
from blackboard.cli.options import Options
from blackboard.cli.output import format_of, say
from blackboard.cli.processes import RELOAD_MISSING, Process, can_reload, end_worker, on_signals, start_worker
from blackboard.cli.session import application, run
from blackboard.cli.verb import verb

if TYPE_CHECKING:
    from blackboard.application import Blackboard  # loaded when the verb runs

LOOK_SECONDS = 0.3
"""How often it looks for new boards."""

DRAIN_SECONDS = 5.0


@verb(example="blackboard dev app:bb\nblackboard dev app:bb -c 4 --no-reload")
@click.argument("application_name", metavar="[MODULE:OBJECT]", required=False, help="The application; alone it is :bb.")
@click.option("-c", "--concurrency", type=click.IntRange(1), default=8, show_default=True, help="Activations at once.")
@click.option(
    "--reload/--no-reload", default=None, help="Start the worker again when a file changes. [default: if it can]"
)
def dev(options: Options, application_name: str | None, concurrency: int, reload: bool | None) -> int:
    """Run store, workers, a controller and a tail of events.

    The embedded store is started if it is needed. Every event of every board is told as it happens. Ctrl-C ends it all, but
    the store, which keeps the boards.
    """
    options.app = application_name or options.app
    if options.app is None:
        raise click.UsageError("say which application: blackboard dev module:object, or BLACKBOARD_APP.")
    if reload and not can_reload():
        raise click.UsageError(RELOAD_MISSING)
    options.enter()
    return run(_dev(options, concurrency, can_reload() if reload is None else reload), options)


async def _dev(options: Options, concurrency: int, reload: bool) -> int:
    async with application(options) as bb:
        words = [options.app or "", *(["--reload"] if reload else []), *options.repeated()]
        processes = [
            await start_worker([*words, f"--concurrency={concurrency}"]),
            await start_worker([*words, "--log-level=warning"], verb="controller"),
        ]
        say(options, _greeting(options, bb, reload=reload))
        try:
            await _until_told(bb, processes, format_of(options))
        finally:
            await asyncio.gather(*(end_worker(process, DRAIN_SECONDS) for process in processes))
        return FAILURE if any((process.returncode or 0) > 0 for process in processes) else 0


def _greeting(options: Options, bb: Blackboard, *, reload: bool) -> str:
    files = "a changed file restarts both" if reload else "start again after changes (--reload needs watchfiles)"
    kind = next(iter(bb.kinds), "KIND")
    return (
        f"{bb.name} on {bb.store().clients.url}; {files}. Ctrl-C ends it.\n"
        f"In another terminal: blackboard --app {options.app} post BOARD {kind} JSON"
    )


async def _until_told(bb: Blackboard, processes: Sequence[Process], form: str) -> None:
    """Tell all boards' events until a signal, or the end of the worker or the controller."""
    told = asyncio.Event()
    on_signals(lambda _: told.set())
    tasks = {
        asyncio.create_task(_tell_all(bb, form)),
        *(asyncio.create_task(process.wait()) for process in processes),
        asyncio.create_task(told.wait()),
    }
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _tell_all(bb: Blackboard, form: str) -> None:
    """Follow every board from now on, and every new one from its beginning."""
    known: dict[str, int] = {}
    for board in await bb.boards():
        facts = await bb.store().partition(board).facts(board)
        known[board] = facts.seq if facts else 0
    async with asyncio.TaskGroup() as group:
        for board, seq in known.items():
            group.create_task(_tell(bb, board, seq, form))
        while True:
            for board in await bb.boards():
                if board not in known:
                    known[board] = 0
                    group.create_task(_tell(bb, board, 0, form))
            await asyncio.sleep(LOOK_SECONDS)


async def _tell(bb: Blackboard, board: str, since: int, form: str) -> None:
    async with aclosing(bb.board(board).events(since, follow=True)) as events:
        async for event in events:
            print_event(event, form, board=True)

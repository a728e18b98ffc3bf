"""worker."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from blackboard.cli.duration import Span
from blackboard.cli.failures import NO
from blackboard.cli.options import Options
from blackboard.cli.output import Column, print_rows, say
from blackboard.cli.session import application, log_to_stderr
from blackboard.cli.verb import verb
from blackboard.measure import YEAR

if TYPE_CHECKING:
    from blackboard import Blackboard, Worker  # the application loads it when the verb runs

logger = logging.getLogger(__name__)

LEVELS = ("debug", "info", "warning", "error")

CHECKED = (Column("source"), Column("style"), Column("reads"), Column("when"), Column("writes"))


@dataclass(frozen=True, slots=True)
class Wishes:
    """How to work, as the command line says it; times are seconds."""

    concurrency: int
    only: tuple[str, ...]
    burst: bool
    max_idle: float | None
    lease: float | None
    log_level: str

    def words(self, options: Options) -> list[str]:
        """The same wishes for a process of its own."""
        words = [options.app or "", f"--concurrency={self.concurrency}", f"--log-level={self.log_level}"]
        words += [f"--only={name}" for name in self.only]
        words += ["--burst"] if self.burst else []
        words += [f"--max-idle={self.max_idle}"] if self.max_idle is not None else []
        words += [f"--lease={self.lease}"] if self.lease is not None else []
        words += ["--debug"] if options.debug else []
        return words + options.repeated()


class Crew:
    """A worker as a process serves with it."""

    def __init__(self, bb: Blackboard, worker: Worker) -> None:
        self._bb = bb
        self._worker = worker
        self._told = False

    async def run(self, ready: asyncio.Event) -> None:
        """Work until told to stop, or as the options say; a burst that ends by itself says what guards have held back."""
        await self._worker.run(ready)
        if self._worker.options.burst and not self._told:
            await self._tell_what_is_left()

    async def _tell_what_is_left(self) -> None:
        from blackboard.cli.tripped import left_over
        from blackboard.errors import StoreError

        with contextlib.suppress(StoreError):  # the work is done, whether this can be said or not
            if said := await left_over(self._bb):
                logger.warning("%s", said)

    def drain(self) -> None:
        """Take no more work, finish what runs, then end."""
        self._told = True
        self._worker.drain()

    def abort(self) -> None:
        """End now."""
        self._told = True
        self._worker.abort()

    @property
    def opening(self) -> str:
        """Who it is, and what it runs."""
        worker = self._worker
        runs = f"runs {len(worker.sources)} sources of {self._bb.name}"
        return f"worker {worker.id} {runs}, {worker.options.concurrency} at once"

    @property
    def closing(self) -> str:
        """What it did."""
        return f"worker {self._worker.id} ended; activations committed: {self._worker.finished}"


@verb(
    example="blackboard worker app:bb\n"
    "blackboard worker app:bb -c 64 -p 2 --only decide\n"
    "blackboard worker app:bb --check"
)
@click.argument(
    "application_name", metavar="[MODULE:OBJECT]", required=False, help="The application; without :object it is :bb."
)
@click.option("-c", "--concurrency", type=click.IntRange(1), default=32, show_default=True, help="Activations at once.")
@click.option("-p", "--processes", type=click.IntRange(1), default=1, show_default=True, help="Processes, kept alive.")
@click.option("--only", multiple=True, metavar="SOURCE", help="Run only this source; may be repeated.")
@click.option("--burst", is_flag=True, help="End when nothing is left to do.")
@click.option("--max-idle", type=Span(0, YEAR), metavar="SECONDS", help="End after so long without work.")
@click.option(
    "--lease", type=Span(0.1, YEAR), metavar="SECONDS", help="After which the work of a dead worker moves on."
)
@click.option("--reload", is_flag=True, help="Start again when a Python file below the working directory changes.")
@click.option(
    "--check",
    is_flag=True,
    help="Only import, compile and list the sources; exit code 3 if one cannot work. Needs no store.",
)
@click.option(
    "--log-level", type=click.Choice(LEVELS), default="info", show_default=True, help="What is logged, to stderr."
)
@click.option("--supervised", is_flag=True, hidden=True)
def worker(
    options: Options,
    application_name: str | None,
    concurrency: int,
    processes: int,
    only: tuple[str, ...],
    burst: bool,
    max_idle: float | None,
    lease: float | None,
    reload: bool,
    check: bool,
    log_level: str,
    supervised: bool,
) -> int:
    """Run the knowledge sources of an application.

    SIGTERM or Ctrl-C drains: what runs is finished, nothing new is taken, unstarted work is given back. A second one aborts:
    what runs is given back too, and nothing of it counts as an attempt. A process that dies is started again.
    """
    options.app = application_name or options.app
    if options.app is None:
        raise click.UsageError("say which application: blackboard worker module:object, or BLACKBOARD_APP.")
    options.enter()
    if check:
        return _check(options, only)
    wishes = Wishes(concurrency, only, burst, max_idle, lease, log_level)
    log_to_stderr(options, getattr(logging, log_level.upper()))
    if reload or processes > 1:
        return _supervise(options, wishes, processes, reload)
    return asyncio.run(_serve(options, wishes, supervised))


def _check(options: Options, only: tuple[str, ...]) -> int:
    from blackboard.cli.sources import source_row

    bb = application(options)
    bb.workers(only=only or None)
    found = [source for name, source in bb.sources.items() if not only or name in only]
    rows = [source_row(source.card()) for source in found]
    print_rows(
        options, rows, CHECKED, f"{options.app} has no knowledge sources. Decorate a function with @bb.knowledge_source"
    )
    say(options, f"{bb.name}: {len(rows)} sources, {len(bb.kinds)} kinds. All compile.")
    listed = {source.name for source in found}
    faults = [doubt for doubt in bb.check().doubts if doubt.fatal and doubt.subject in listed]
    for fault in faults:
        say(options, f"{fault} (blackboard check {options.app})")
    return NO if faults else 0


def _supervise(options: Options, wishes: Wishes, processes: int, reload: bool) -> int:
    from blackboard.cli.processes import RELOAD_MISSING, Supervisor, can_reload

    if reload and not can_reload():
        raise click.UsageError(RELOAD_MISSING)
    if not reload:
        application(options).workers(
            only=wishes.only or None
        )  # what is wrong with it is said once, not by every process

    async def supervise() -> int:
        return await Supervisor(wishes.words(options), processes, reload=reload).run()

    return asyncio.run(supervise())


async def _serve(options: Options, wishes: Wishes, supervised: bool) -> int:
    from blackboard.cli.serving import Serving

    bb = application(options)
    if wishes.lease is not None:
        bb.lease = wishes.lease
    crew = bb.workers(wishes.concurrency, only=wishes.only or None, burst=wishes.burst, max_idle=wishes.max_idle)
    return await Serving(bb, Crew(bb, crew)).serve(supervised=supervised)

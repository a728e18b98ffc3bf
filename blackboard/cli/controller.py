"""controller."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from blackboard.cli.duration import Span
from blackboard.cli.options import Options
from blackboard.cli.output import print_one, say
from blackboard.cli.session import application, log_to_stderr
from blackboard.cli.verb import verb
from blackboard.cli.worker import LEVELS
from blackboard.measure import YEAR

if TYPE_CHECKING:
    from blackboard import Blackboard, Controller  # the application loads them when the verb runs


@dataclass(frozen=True, slots=True)
class Wishes:
    """How to decide, as the command line says it."""

    lease: float | None
    log_level: str

    def words(self, options: Options) -> list[str]:
        """The same wishes for a process of its own."""
        words = [options.app or "", f"--log-level={self.log_level}"]
        words += [f"--lease={self.lease}"] if self.lease is not None else []
        words += ["--debug"] if options.debug else []
        return words + options.repeated()


class Chair:
    """A controller as a process serves with it."""

    def __init__(self, namespace: str, controller: Controller) -> None:
        self._namespace = namespace
        self._controller = controller
        self._deciding: asyncio.Task[None] | None = None

    @property
    def opening(self) -> str:
        """Who it is."""
        return f"controller {self._controller.id} decides for the orchestrated boards of {self._namespace}"

    @property
    def closing(self) -> str:
        """What it did."""
        return f"controller {self._controller.id} ended after {self._controller.decisions} decisions"

    async def run(self, ready: asyncio.Event) -> None:
        """Decide until told to stop."""
        self._deciding = asyncio.create_task(self._controller.run(ready))
        await self._deciding

    def drain(self) -> None:
        """Claim no more boards; what is decided goes out."""
        self._controller.drain()

    def abort(self) -> None:
        """End now: another controller decides for what was claimed, after a lease."""
        if self._deciding is not None:
            self._deciding.cancel()


@verb(
    example="blackboard controller app:bb\nblackboard controller app:bb -p 2\nblackboard controller app:bb --check",
)
@click.argument(
    "application_name", metavar="[MODULE:OBJECT]", required=False, help="The application; without :object it is :bb."
)
@click.option("-p", "--processes", type=click.IntRange(1), default=1, show_default=True, help="Processes, kept alive.")
@click.option(
    "--lease", type=Span(0.1, YEAR), metavar="SECONDS", help="After which another decides for a dead controller."
)
@click.option("--reload", is_flag=True, help="Start again when a Python file below the working directory changes.")
@click.option("--check", is_flag=True, help="Only import, and check its own strategy. Needs no store.")
@click.option(
    "--log-level", type=click.Choice(LEVELS), default="info", show_default=True, help="What is logged, to stderr."
)
@click.option("--supervised", is_flag=True, hidden=True)
def controller(
    options: Options,
    application_name: str | None,
    processes: int,
    lease: float | None,
    reload: bool,
    check: bool,
    log_level: str,
    supervised: bool,
) -> int:
    """Decide who runs next on orchestrated boards.

    The application must define or import the strategies that its boards are handed to, unless they are those of the library.
    Any number of controllers may run, anywhere; one that dies is replaced within its lease. SIGTERM or Ctrl-C drains: what is
    decided goes out. A second one aborts. A process that dies is started again.
    """
    options.app = application_name or options.app
    if options.app is None:
        raise click.UsageError("say which application: blackboard controller module:object, or BLACKBOARD_APP.")
    options.enter()
    if check:
        return _check(options)
    wishes = Wishes(lease, log_level)
    log_to_stderr(options, getattr(logging, log_level.upper()))
    if reload or processes > 1:
        return _supervise(options, wishes, processes, reload)
    return asyncio.run(_serve(options, wishes, supervised))


def _check(options: Options) -> int:
    bb = application(options)
    print_one(options, _facts(bb))
    say(options, f"{bb.name}: all is well.")
    return 0


def _facts(bb: Blackboard) -> dict[str, Any]:
    from blackboard.cli.strategies import check_sources
    from blackboard.facts.control import as_text

    if bb.strategy is not None:
        check_sources(bb.strategy, tuple(bb.sources))
    strategy = as_text(bb.strategy) if bb.strategy is not None else None
    return {"application": bb.name, "sources": sorted(bb.sources), "strategy": strategy}


def _supervise(options: Options, wishes: Wishes, processes: int, reload: bool) -> int:
    from blackboard.cli.processes import RELOAD_MISSING, Supervisor, can_reload

    if reload and not can_reload():
        raise click.UsageError(RELOAD_MISSING)
    if not reload:
        application(options)  # what is wrong with it is said once, not by every process

    async def supervise() -> int:
        return await Supervisor(wishes.words(options), processes, reload=reload, verb="controller").run()

    return asyncio.run(supervise())


async def _serve(options: Options, wishes: Wishes, supervised: bool) -> int:
    from blackboard.cli.serving import Serving

    bb = application(options)
    if wishes.lease is not None:
        bb.lease = wishes.lease
    return await Serving(bb, Chair(bb.name, bb.controller())).serve(supervised=supervised)

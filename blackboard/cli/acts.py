"""grant, veto, pause, resume, step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import click

from blackboard.cli.duration import TIMEOUT, Duration
from blackboard.cli.events import must_exist, print_events
from blackboard.cli.failures import NO
from blackboard.cli.options import Options
from blackboard.cli.output import Column, print_one, print_rows, say
from blackboard.cli.session import AUTHOR, board_of, connected, run
from blackboard.cli.sources import warn_if_unattended
from blackboard.cli.verb import verb

if TYPE_CHECKING:
    from blackboard.application import Blackboard  # loaded when a verb runs
    from blackboard.board import Board
    from blackboard.event import Event
    from blackboard.mode import Switch

F = TypeVar("F", bound=Callable[..., Any])

Span = Literal["firing", "event", "quiescence"]

SUSPENDED = (Column("source"), Column("paused"), Column("changed"))


def why_option(function: F) -> F:
    """Add the reason, which every act of control has."""
    return click.option("--why", default="", metavar="TEXT", help="Why; it stands in the event of this act.")(function)


# ---------------------------------------------------------------------------- grant, veto


@verb(example='blackboard grant claim-42 decide#17\nblackboard grant claim-42 17 --epoch 3 --why "checked by hand"')
@click.argument("board", help="The id of a board.")
@click.argument("activation", help="Its name, such as decide#17, or its number.")
@why_option
@click.option("--epoch", type=click.IntRange(0), metavar="N", help="Only in this epoch; in another it is a conflict.")
def grant(options: Options, board: str, activation: str, why: str, epoch: int | None) -> None:
    """Let one held activation start.

    On an orchestrated board, whatever its strategy says, and on a paused one. Exit code 3 when it is not held, 4 when
    it is not on the agenda, 5 when the board is in another epoch.
    """
    print_one(options, run(_grant(options, board, activation, why, epoch), options))


async def _grant(options: Options, board: str, activation: str, why: str, epoch: int | None) -> dict[str, Any]:
    async with connected(options) as bb:
        on = board_of(bb, board)
        await must_exist(on)
        now = await on.grant(activation, why, epoch=epoch)
        return {"board": board, "activation": activation, "outcome": "granted", "epoch": now}


@verb(example='blackboard veto claim-42 decide#17 --why "the claimant withdrew"')
@click.argument("board", help="The id of a board.")
@click.argument("activation", help="Its name, such as decide#17, or its number.")
@why_option
def veto(options: Options, board: str, activation: str, why: str) -> None:
    """Forbid one open activation that has not started.

    It is kept with the dead; blackboard retry brings it back. Exit code 3 when it runs already, 4 when it is not on the
    agenda.
    """
    print_one(options, run(_veto(options, board, activation, why), options))


async def _veto(options: Options, board: str, activation: str, why: str) -> dict[str, Any]:
    async with connected(options) as bb:
        on = board_of(bb, board)
        await must_exist(on)
        await on.veto(activation, why)
        return {"board": board, "activation": activation, "outcome": "vetoed"}


# ---------------------------------------------------------------------------- pause, resume


def target_options(function: F) -> F:
    """Add what can be paused: a board, sources on all boards, or everything."""
    every = click.option("--all", "every", is_flag=True, help="Every source, on all boards.")
    sources = click.option(
        "--ks", "sources", multiple=True, metavar="NAME", help="A source, on all boards; repeatable."
    )
    board = click.argument("board", required=False, help="The id of a board.")
    return board(sources(every(function)))


@verb(
    example='blackboard pause claim-42 --why "the claimant calls"\n'
    "blackboard pause --ks check_history --ks decide\n"
    "blackboard pause --all"
)
@target_options
@why_option
def pause(options: Options, board: str | None, sources: tuple[str, ...], every: bool, why: str) -> int:
    """Pause a board, sources, or everything.

    What runs goes on, and nothing of what is paused starts. On a paused board, single activations can be granted by hand.
    Exit code 3 when all of it was paused before.
    """
    return _hold(options, board, _named(board, sources, every), why, on=True)


def limit_options(function: F) -> F:
    """Add the limits that a board can be given when it is resumed."""
    whole = click.IntRange(1)
    for name, what in (
        ("budget", "Its limit for activations of the source whose budget was spent."),
        ("alternations", "Its limit for returns to a state that it was in before."),
        ("activations", "Its limit for activations from its first to its last."),
        ("depth", "Its limit for the length of a chain of activations."),
    ):
        function = click.option(f"--{name}", type=whole, metavar="N", help=what)(function)
    wall = click.option("--wall", type=Duration(), metavar="TIME", help="Its limit for the time since it began: 2h.")
    return wall(function)


@verb(
    example="blackboard resume claim-42\n"
    "blackboard resume claim-42 --depth 20000\n"
    "blackboard resume --ks check_history --ks decide\n"
    "blackboard resume --all"
)
@target_options
@why_option
@limit_options
def resume(
    options: Options, board: str | None, sources: tuple[str, ...], every: bool, why: str, **limits: float | None
) -> int:
    """End a pause of a board, of sources, or of everything.

    A board that a guard has paused goes on only with a higher limit, which is its own from then on; blackboard mode says which.
    A source that was paused by name stays so when everything is resumed. Exit code 3 when nothing of it was paused, and when
    a guard's limit is still exceeded.
    """
    raised: dict[str, Any] = {name: value for name, value in limits.items() if value is not None}
    if raised and board is None:
        raise click.UsageError("limits are those of one board: name it.")
    if "wall" in raised:
        raised["wall"] = timedelta(seconds=raised["wall"])
    return _hold(options, board, _named(board, sources, every), why, on=False, raised=raised)


def _named(board: str | None, sources: tuple[str, ...], every: bool) -> tuple[str, ...]:
    """The sources that are meant; none for a board. Raises click.UsageError unless exactly one of the three is said."""
    if sum((board is not None, bool(sources), every)) != 1:
        raise click.UsageError("say one of the three: a BOARD, or --ks NAME for sources, or --all for every source.")
    return ("*",) if every else sources


def _hold(
    options: Options,
    board: str | None,
    sources: tuple[str, ...],
    why: str,
    *,
    on: bool,
    raised: Mapping[str, Any] | None = None,
) -> int:
    if board is None:
        rows = run(_suspend(options, sources, why, on), options)
        print_rows(options, rows, SUSPENDED)
        changed = any(row["changed"] for row in rows)
    else:
        row = run(_pause(options, board, why, on, raised or {}), options)
        print_one(options, row)
        changed = row["changed"]
    if not changed:
        say(options, "It was paused before." if on else "It was not paused.")
        return NO
    return 0


async def _pause(options: Options, board: str, why: str, on: bool, raised: Mapping[str, Any]) -> dict[str, Any]:
    async with connected(options) as bb:
        here = board_of(bb, board)
        before = (await here.status()).paused
        switch = await here.pause(why) if on else await _resume(here, why, raised)
        moved = {"held": switch.moved, "running": list(switch.running)} if on else {"freed": switch.moved}
        return {"board": board, "paused": on, "epoch": switch.epoch, "changed": before is not on, **moved}


async def _resume(board: Board, why: str, raised: Mapping[str, Any]) -> Switch:
    """End the pause of a board. Raises GuardTripped with what to type, instead of what a program would call."""
    from blackboard.errors import GuardTripped

    try:
        return await board.resume(why, **raised)
    except GuardTripped as error:
        tripped = (await board.mode()).tripped
        if tripped is None:  # somebody else has resumed it meanwhile
            raise
        raise GuardTripped(board.id, error.guard, error.problem, tripped.on_command_line(board.id)) from error


async def _suspend(options: Options, sources: tuple[str, ...], why: str, on: bool) -> list[dict[str, Any]]:
    from blackboard.errors import UnknownSource

    async with connected(options) as bb:
        known = await bb.store().partitions[0].cards()
        for name in sources:
            if name not in {*known, "*"}:
                raise UnknownSource(name, tuple(sorted(known)))
        return [
            {"source": name, "paused": on, "changed": await _suspend_one(bb, name, why, on)}
            for name in dict.fromkeys(sources)
        ]


async def _suspend_one(bb: Blackboard, source: str, why: str, on: bool) -> bool:
    """Pause or resume one source, as the command line's act, and say whether that changed anything."""
    answers = [await partition.suspend(source, on, AUTHOR, why) for partition in bb.store().partitions]
    return "ok" in answers


# ---------------------------------------------------------------------------- step


@verb(example="blackboard step claim-42\nblackboard step claim-42 --until quiescence --timeout 60")
@click.argument("board", help="The id of a board.")
@click.option(
    "--until",
    type=click.Choice(["firing", "event", "quiescence"]),
    default="firing",
    show_default=True,
    help="One activation has ended, one event more has happened, or nothing is left to do.",
)
@click.option(
    "--timeout",
    type=TIMEOUT,
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Exit code 124 then.",
)
@why_option
def step(options: Options, board: str, until: str, timeout: float, why: str) -> None:
    """Let a paused board go one step.

    What goes is what the strategy grants, on a choreographed board the first of the agenda. A board that is not paused is paused
    first. Tells the events that the step brought. Exit code 3 when nothing can go.
    """
    brought = run(_step(options, board, cast("Span", until), timeout, why), options)
    print_events(options, brought)
    if not brought:
        say(options, f"Nothing is left to do on {board}.")


async def _step(options: Options, board: str, until: Span, timeout: float, why: str) -> Sequence[Event]:
    async with connected(options) as bb:
        on = board_of(bb, board)
        before = await on.status()
        if before.mode == "orchestration":
            await warn_if_unattended(options, bb)
        last = await on.step(until, why=why or "step", timeout=timeout)
        return [event async for event in on.events(before.seq) if event.seq <= last]

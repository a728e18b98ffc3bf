"""mode, plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from blackboard.cli.acts import why_option
from blackboard.cli.duration import Duration
from blackboard.cli.events import must_exist
from blackboard.cli.options import Options
from blackboard.cli.output import Column, format_of, print_one, print_rows, say, shorten, shown
from blackboard.cli.session import application, board_of, connected, run
from blackboard.cli.sources import controllers, known_workers, warn_if_unattended
from blackboard.cli.verb import verb

if TYPE_CHECKING:
    from blackboard.application import Blackboard  # loaded when a verb runs
    from blackboard.board import Board
    from blackboard.control.strategy import Strategy
    from blackboard.event import Event, EventType
    from blackboard.steering import Mode, Planned, Switch
    from blackboard.store.partition import BoardFacts

CHOREOGRAPHY, ORCHESTRATION = "choreography", "orchestration"

NAME_THE_APP = "Here, name the application that defines it with --app."

PAGE, PAGES = 500, 10
"""How far back the latest act of control is looked for."""

PLANNED = (
    Column("rank", right=True),
    Column("activation"),
    Column("state"),
    Column("effect"),
    Column("priority", right=True),
    Column("rating", table=lambda value: f"{value:g}", right=True),
    Column("addresses", table=lambda value: shorten(shown(value), 60)),
)


# ---------------------------------------------------------------------------- mode


@verb(
    example="blackboard mode claim-42\n"
    'blackboard mode claim-42 orchestration sequential:check_text,check_history,decide --why "one by one"\n'
    "blackboard mode claim-42 orchestration priority:order=lex,limit=2 --dry-run\n"
    "blackboard mode claim-42 choreography --drain --timeout 30"
)
@click.argument("board", help="The id of a board.")
@click.argument(
    "new",
    metavar="[orchestration|choreography]",
    type=click.Choice([ORCHESTRATION, CHOREOGRAPHY]),
    required=False,
    help="The mode to switch to; without it, the mode is shown.",
)
@click.argument(
    "strategy",
    metavar="[STRATEGY]",
    required=False,
    help="Who decides in orchestration.",
)
@why_option
@click.option("--drain", is_flag=True, help="Wait for what is running to end.")
@click.option(
    "--epoch", type=click.IntRange(0), metavar="N", help="Only from this epoch; from another it is a conflict."
)
@click.option(
    "--unattended",
    type=Duration(),
    metavar="TIME",
    help="Choreograph it again after so long without a controller: 30s.",
)
@click.option("--dry-run", is_flag=True, help="Only list what the switch would hold back or start.")
@click.option("--timeout", type=click.FloatRange(0), metavar="SECONDS", help="Drain no longer; exit code 124 then.")
def mode(
    options: Options,
    board: str,
    new: str | None,
    strategy: str | None,
    why: str,
    drain: bool,
    epoch: int | None,
    unattended: float | None,
    dry_run: bool,
    timeout: float | None,
) -> None:
    """Show who steers a board, or switch its mode.

    In orchestration nothing starts that the strategy does not grant; a controller asks it. In choreography whatever is
    triggered may start. A switch is one step: what runs goes on and is listed. A board that does not exist is
    created, held from its first moment. Exit code 5 when the board is in another epoch.

    A STRATEGY is sequential:a,b parallel:4 priority round-robin random:7 router:a supervisor:a swarm:a plan-execute:a or
    manual, where a and b are sources, and what follows the colon stands in the parentheses of the class; or the module:object
    of one; or JSON, as the mode is shown with -o json under notation.
    """
    _check_words(new, strategy, switching=bool(why or drain or epoch is not None or dry_run), unattended=unattended)
    if new is None:
        row = run(_shown(options, board), options)
        print_one(options, _for_people(row) if format_of(options) == "table" else row)
        return
    chosen = _strategy(options, strategy) if strategy else None
    if dry_run:
        _print_plan(options, board, run(_plan(options, board, chosen), options))
        return
    how: dict[str, Any] = {"why": why, "drain": drain, "epoch": epoch, "timeout": timeout}
    how |= {"unattended": unattended} if chosen is not None else {}
    print_one(options, run(_switch(options, board, chosen, how), options))


def _check_words(new: str | None, strategy: str | None, *, switching: bool, unattended: float | None) -> None:
    if new is None and (switching or unattended is not None):
        raise click.UsageError("say which mode to switch to: orchestration STRATEGY, or choreography.")
    if new == ORCHESTRATION and strategy is None:
        raise click.UsageError("say by which strategy, such as parallel:4, or manual: orchestration STRATEGY.")
    if new == CHOREOGRAPHY and (strategy is not None or unattended is not None):
        raise click.UsageError("choreography has neither a strategy nor --unattended; leave them out.")


def _strategy(options: Options, word: str) -> Strategy:
    """The strategy that a word means; the application may define its class."""
    from blackboard.cli.strategies import strategy_of

    options.enter()
    if options.app:
        application(options)
    return strategy_of(word)


async def _switch(options: Options, board: str, strategy: Strategy | None, how: dict[str, Any]) -> dict[str, Any]:
    async with connected(options, create=True) as bb:
        on = board_of(bb, board)
        if strategy is None:
            await must_exist(on)
            return _switched(board, CHOREOGRAPHY, await on.choreograph(**how))
        await _check_sources(bb, strategy)
        switch = await on.orchestrate(strategy, **how)
        if type(strategy).__name__ != "Manual":  # which grants nothing, whoever asks it
            await warn_if_unattended(options, bb)
        return _switched(board, ORCHESTRATION, switch)


def _switched(board: str, mode: str, switch: Switch) -> dict[str, Any]:
    moved = "held" if mode == ORCHESTRATION else "freed"
    return {
        "board": board,
        "mode": mode,
        "epoch": switch.epoch,
        moved: switch.moved,
        "running": list(switch.running),
    }


async def _check_sources(bb: Blackboard, strategy: Strategy) -> None:
    from blackboard.cli.strategies import check_sources

    check_sources(strategy, tuple(await bb.store().partitions[0].cards()))


# ---------------------------------------------------------------------------- how it is steered now


async def _shown(options: Options, board: str) -> dict[str, Any]:
    async with connected(options) as bb:
        row = await control_row(bb, board_of(bb, board))
        if row["mode"] == ORCHESTRATION and not row["controllers"]:
            await warn_if_unattended(options, bb)
        return row


async def control_row(bb: Blackboard, board: Board) -> dict[str, Any]:
    """How a board is steered, as a row: by what, since when, by whose will, and how much it holds."""
    from blackboard.activation import ActivationState
    from blackboard.cli.strategies import as_text
    from blackboard.control.notation import to_data
    from blackboard.event import EventType

    facts, found = await board.status(), await board.mode()
    agenda = await board.agenda()
    switched = await _latest(bb, facts, EventType.SWITCHED)
    paused = await _latest(bb, facts, EventType.PAUSED) if facts.paused else None
    return {
        "board": board.id,
        "mode": found.mode,
        "epoch": found.epoch,
        "strategy": as_text(found.strategy) if found.strategy else _unknown(found, switched),
        "says": _says(found),
        "since": switched.at if switched else None,
        "by": switched.by if switched else None,
        "why": switched.reason if switched else None,
        "paused": found.paused,
        "paused_since": paused.at if paused else None,
        "paused_by": paused.by if paused else None,
        "paused_why": paused.reason if paused else None,
        "guard": found.tripped.guard if found.tripped else None,
        "go_on": found.tripped.on_command_line(board.id) if found.tripped else None,
        "held": sum(each.state is ActivationState.HELD for each in agenda),
        "running": [each.name for each in agenda if each.state is ActivationState.RUNNING],
        "controllers": controllers(await known_workers(bb)),
        "unattended": found.unattended,
        "notation": to_data(found.strategy) if found.strategy else None,
    }


def _says(found: Mode) -> str | None:
    """What the strategy says of itself, or why it cannot be asked, with what to do about that."""
    return f"{found.said} {NAME_THE_APP}" if found.said and found.strategy is None else found.said or None


def _unknown(found: Mode, switched: Event | None) -> str | None:
    """The name of a strategy whose class is not known here."""
    return switched.strategy if switched and found.mode == ORCHESTRATION else None


def _for_people(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None and name != "notation"}


async def _latest(bb: Blackboard, facts: BoardFacts, kind: EventType) -> Event | None:
    """The latest event of a type, unless it is long ago."""
    partition, end = bb.store().partition(facts.board), facts.seq
    for _ in range(PAGES):
        start = max(0, end - PAGE)
        for event in reversed(await partition.events(facts.board, start, end - start)):
            if event.type is kind:
                return event
        if start == 0:
            break
        end = start
    return None


# ---------------------------------------------------------------------------- plan


@verb(
    example="blackboard plan claim-42\n"
    "blackboard plan claim-42 sequential:check_text,decide\n"
    "blackboard plan claim-42 choreography"
)
@click.argument("board", help="The id of a board.")
@click.argument(
    "strategy",
    metavar="[STRATEGY]",
    required=False,
    help="A strategy, as for blackboard mode, or the word choreography. [default: what the board has]",
)
def plan(options: Options, board: str, strategy: str | None) -> None:
    """Show what a strategy would grant, or what a switch would do.

    Nothing is changed. For the board's own strategy it is what would be granted next; for another, and for choreography, what
    the switch would start, hold back or leave as it is.
    """
    named = strategy not in {None, CHOREOGRAPHY}
    chosen = _strategy(options, str(strategy)) if named else None
    own = strategy is None
    _print_plan(options, board, run(_plan(options, board, chosen, own=own), options))


async def _plan(options: Options, board: str, strategy: Strategy | None, *, own: bool = False) -> tuple[Planned, ...]:
    async with connected(options) as bb:
        on = board_of(bb, board)
        await on.status()
        if strategy is not None:
            await _check_sources(bb, strategy)
        elif own:
            strategy = await _own_strategy(on)
        return await on.plan(strategy)


async def _own_strategy(board: Board) -> Strategy | None:
    found = await board.mode()
    if found.mode == ORCHESTRATION and found.strategy is None:
        raise click.ClickException(f"{found.said} {NAME_THE_APP}")
    return found.strategy


def _print_plan(options: Options, board: str, planned: tuple[Planned, ...]) -> None:
    rows = [_planned_row(rank, each) for rank, each in enumerate(planned, 1)]
    print_rows(options, rows, PLANNED, f"Nothing is open on {board}.")
    if rows:
        effects = [each.effect for each in planned]
        counted = ", ".join(f"{effects.count(effect)} {effect}" for effect in dict.fromkeys(effects))
        say(options, f"{counted}. Nothing was changed.")


def _planned_row(rank: int, planned: Planned) -> dict[str, Any]:
    found = planned.activation
    return {
        "rank": rank,
        "activation": found.name,
        "state": found.state.value,
        "effect": planned.effect,
        "priority": found.priority,
        "rating": found.rating,
        "addresses": list(found.addresses),
    }

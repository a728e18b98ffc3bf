"""mode, plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from blackboard.cli.acts import why_option
from blackboard.cli.duration import TIMEOUT, Duration
from blackboard.cli.events import must_exist
from blackboard.cli.options import Options
from blackboard.cli.output import Column, format_of, print_one, print_rows, say, shorten, shown
from blackboard.cli.session import application, board_of, connected, run
from blackboard.cli.sources import warn_if_unattended
from blackboard.cli.verb import verb

if TYPE_CHECKING:
    from blackboard.application import Blackboard  # loaded when a verb runs
    from blackboard.board import Board
    from blackboard.control.strategy import Strategy
    from blackboard.mode import Planned, Switch

CHOREOGRAPHY, ORCHESTRATION = "choreography", "orchestration"


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
@click.option("--timeout", type=TIMEOUT, metavar="SECONDS", help="Drain no longer; exit code 124 then.")
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
    from blackboard.facts.control import control_row

    async with connected(options) as bb:
        row = await control_row(bb, board_of(bb, board))
        if row["mode"] == ORCHESTRATION and not row["controllers"]:
            await warn_if_unattended(options, bb)
        return row


def _for_people(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None and name != "notation"}


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
        from blackboard.facts.control import NAME_THE_APP

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

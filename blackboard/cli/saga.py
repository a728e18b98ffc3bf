"""compensate, savepoint, skip."""

from __future__ import annotations

from shlex import quote
from typing import Any

import click

from blackboard.cli.acts import why_option
from blackboard.cli.options import Options
from blackboard.cli.output import print_one, say
from blackboard.cli.session import board_of, connected, run
from blackboard.cli.verb import verb


@verb(
    example='blackboard compensate order-42 --why "the customer withdrew"\n'
    'blackboard compensate order-42 --to "before shipping" --why "wrong parcel"'
)
@click.argument("board", help="The id of a board.")
@click.option("--to", metavar="MARK", help="A savepoint, by name or event number: only what came after it.")
@why_option
def compensate(options: Options, board: str, to: str | None, why: str) -> None:
    """Undo what was committed on a board.

    Effects come before their causes. Without --to nothing starts on the board any more, and in the end it is over; with it, the
    board is paused meanwhile and goes on afterwards. blackboard show says how far it is. Exit code 4 for an unknown savepoint,
    5 for a board that is closed, or goes back to a savepoint already.
    """
    row = run(_compensate(options, board, to, why), options)
    print_one(options, row)
    if row["state"] == "stuck":
        say(options, f"The undoing is stuck: blackboard show {quote(board)} says at what, and how it goes on.")
    if row["state"] == "undoing" and row["workers"] == 0:
        say(options, "No worker is alive, and workers undo. Start one: blackboard worker module:object")


async def _compensate(options: Options, board: str, to: str | None, why: str) -> dict[str, Any]:
    from blackboard.facts.workers import known_workers

    async with connected(options) as bb:
        on = board_of(bb, board)
        began = await on.compensate(why, to=await _mark(on, to))
        alive = [each for each in await known_workers(bb) if each["alive"] and each["role"] == "worker"]
        saga = await on.saga()
        return {"board": board, "state": saga.state, "began": began, "savepoint": saga.savepoint, "workers": len(alive)}


async def _mark(on: Any, said: str | None) -> int | str | None:
    """The savepoint that is meant: a name comes before a number."""
    if said is None or not said.isdecimal():
        return said
    return said if await on.has_savepoint(said) else int(said)


@verb(example='blackboard savepoint order-42 "before shipping"')
@click.argument("board", help="The id of a board.")
@click.argument("name", help="What it is called; a name given before means the new mark from now on.")
def savepoint(options: Options, board: str, name: str) -> None:
    """Mark how far a board has come.

    What is committed afterwards can be undone alone: blackboard compensate BOARD --to NAME.
    """
    print_one(options, run(_savepoint(options, board, name), options))


async def _savepoint(options: Options, board: str, name: str) -> dict[str, Any]:
    async with connected(options) as bb:
        return {"board": board, "savepoint": name, "event": await board_of(bb, board).savepoint(name)}


@verb(example='blackboard skip order-42 take_payment#17 --why "paid back by hand"')
@click.argument("board", help="The id of a board.")
@click.argument("activation", help="What was to be undone, such as take_payment#17, or its compensation.")
@why_option
def skip(options: Options, board: str, activation: str, why: str) -> None:
    """Do without one compensation, so that the undoing goes on.

    What it was to undo stays as it is. blackboard show names what a board is stuck at; blackboard retry tries it again. Exit code
    3 when it runs, 4 when it is not being undone.
    """
    print_one(options, run(_skip(options, board, activation, why), options))


async def _skip(options: Options, board: str, activation: str, why: str) -> dict[str, Any]:
    async with connected(options) as bb:
        on = board_of(bb, board)
        await on.status()
        await on.skip(activation, why)
        return {"board": board, "activation": activation, "outcome": "skipped"}

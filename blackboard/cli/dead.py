"""dead, retry."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from blackboard.cli.events import must_exist
from blackboard.cli.failures import NO
from blackboard.cli.options import Options
from blackboard.cli.output import Column, print_rows, say, shorten, shown, summary
from blackboard.cli.session import board_of, connected, run
from blackboard.cli.verb import verb

if TYPE_CHECKING:
    from blackboard.board import Board  # loaded when a verb runs

DEAD = (
    Column("board"),
    Column("activation"),
    Column("died"),
    Column("attempts", right=True),
    Column("crashes", right=True),
    Column("addresses", table=lambda value: shorten(shown(value), 60)),
    Column("problem", table=lambda value: shorten(shown(summary(value)), 100)),
)


@verb(example="blackboard dead\nblackboard dead claim-42 -o json | jq -r '.[].problem'")
@click.argument("board", required=False, help="The id of a board; all of them when left out.")
def dead(options: Options, board: str | None) -> None:
    """List the activations whose attempts are spent.

    A table has the last line of the error, JSON all of it. They can be tried again: blackboard retry.
    """
    rows = run(_dead(options, board), options)
    print_rows(options, rows, DEAD, "Nothing is dead.")
    if rows:
        say(options, f"To try one again: blackboard retry {quote(rows[0]['board'])} {rows[0]['activation']}")


async def _dead(options: Options, board: str | None) -> list[dict[str, Any]]:
    async with connected(options) as bb:
        if board is not None:
            await must_exist(board_of(bb, board))
            found = await board_of(bb, board).dead()
        else:
            found = [each for partition in bb.store().partitions for each in await partition.dead()]
        return [
            {
                "board": each.board,
                "activation": each.name,
                "died": each.died_at,
                "attempts": each.attempts,
                "crashes": each.crashes,
                "addresses": list(each.addresses),
                "problem": each.problem,
            }
            for each in found
        ]


RETRIED = (Column("board"), Column("activation"), Column("outcome"))


@verb(example="blackboard retry claim-42 decide#17\nblackboard retry claim-42 --all --fresh")
@click.argument("board", help="The id of a board.")
@click.argument("activation", required=False, help="Its name, such as decide#17, or its number.")
@click.option("--all", "every", is_flag=True, help="All dead activations of the board.")
@click.option("--fresh", is_flag=True, help="From their beginning: the steps that they have recorded are forgotten.")
def retry(options: Options, board: str, activation: str | None, every: bool, fresh: bool) -> int:
    """Try dead activations again.

    They get fresh attempts, and go on after the last step that they have recorded. One whose outcome is unknown may be named
    too: it runs again. One whose trigger no longer holds leaves the agenda instead; when that is so for every one of them, the
    exit code is 3. On a board that is being undone, only what was to undo can be tried again.
    """
    if every == bool(activation):
        raise click.UsageError("say which activation, such as decide#17, or --all. blackboard dead lists them.")
    rows = run(_retry(options, board, activation, fresh), options)
    print_rows(options, rows, RETRIED, f"Nothing is dead on {board}.")
    if rows and all(row["outcome"] == "obviated" for row in rows):
        say(options, "Nothing to try: what triggered it has changed since.")
        return NO
    return 0


async def _revivable(board: Board) -> list[str]:
    """What is dead on a board and can be tried again: of one of which all is undone, the compensations alone."""
    is_open = (await board.status()).status == "open"
    return [each.name for each in await board.dead() if is_open or each.source != each.agent]


async def _retry(options: Options, board: str, activation: str | None, fresh: bool) -> list[dict[str, Any]]:
    async with connected(options) as bb:
        on = board_of(bb, board)
        await must_exist(on)
        names = await _revivable(on) if activation is None else [activation]
        rows = []
        for name in names:
            revived = await on.retry(name, fresh=fresh)
            rows.append({"board": board, "activation": name, "outcome": "revived" if revived else "obviated"})
        return rows

"""agenda."""

from __future__ import annotations

from shlex import quote
from typing import Any

import click

from blackboard.cli.options import Options
from blackboard.cli.output import Column, lasting, print_rows, shorten, shown
from blackboard.cli.session import board_of, connected, run
from blackboard.cli.verb import verb

AGENDA = (
    Column("rank", right=True),
    Column("activation"),
    Column("state"),
    Column("priority", right=True),
    Column("rating", table=lambda value: f"{value:g}", right=True),
    Column("age", table=lasting, right=True),
    Column("addresses", table=lambda value: shorten(shown(value), 40)),
    Column("waits_for"),
)


@verb(example="blackboard agenda claim-42\nblackboard agenda claim-42 --all -o jsonl | jq -r .waits_for")
@click.argument("board", help="The id of a board.")
@click.option("--all", "every", is_flag=True, help="The dead too, which wait for a retry.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most so many.")
def agenda(options: Options, board: str, every: bool, limit: int | None) -> None:
    """List what is open on a board, and what each waits for.

    In the order of the agenda: priority, then rating, then age. That is the order in which a choreographed board runs them,
    and in which strategies see them.
    """
    rows, dead = run(_agenda(options, board, every), options)
    kept = f", and {dead} dead: blackboard dead {quote(board)}" if dead else ""
    nothing = f"Nothing is open on {board}{kept}. What happened there: blackboard tail {quote(board)}"
    print_rows(options, rows[:limit], AGENDA, nothing)


async def _agenda(options: Options, board: str, every: bool) -> tuple[list[dict[str, Any]], int]:
    """What is open, with ``every`` what is dead, too; and how many are."""
    from blackboard.facts.activations import dead_rows, open_rows

    async with connected(options) as bb:
        on = board_of(bb, board)
        rows, dead = await open_rows(bb, await on.status()), await on.dead()
        return rows + (await dead_rows(bb, await on.status(), dead) if every else []), len(dead)

"""agenda."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from blackboard.cli.options import Options
from blackboard.cli.output import Column, lasting, print_rows, shorten, shown
from blackboard.cli.session import board_of, connected, run
from blackboard.cli.verb import verb

if TYPE_CHECKING:
    pass

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
    rows = run(_agenda(options, board, every), options)
    print_rows(
        options, rows[:limit], AGENDA, f"Nothing is open on {board}. What happened there: blackboard tail {board}"
    )


async def _agenda(options: Options, board: str, every: bool) -> list[dict[str, Any]]:
    from blackboard.facts.activations import dead_rows, open_rows

    async with connected(options) as bb:
        on = board_of(bb, board)
        rows = await open_rows(bb, await on.status())
        return rows + (await dead_rows(bb, await on.status()) if every else [])

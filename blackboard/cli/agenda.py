"""agenda."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from blackboard.cli.options import Options
from blackboard.cli.output import Column, lasting, print_rows, shorten, shown
from blackboard.cli.session import board_of, connected, run
from blackboard.cli.verb import verb

if TYPE_CHECKING:
    from blackboard.activation import Activation  # loaded when a verb runs
    from blackboard.application import Blackboard
    from blackboard.cli.waiting import Surroundings
    from blackboard.store.partition import BoardFacts

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
    async with connected(options) as bb:
        on = board_of(bb, board)
        rows = await open_rows(bb, await on.status())
        return rows + (await dead_rows(bb, await on.status()) if every else [])


async def open_rows(bb: Blackboard, facts: BoardFacts) -> list[dict[str, Any]]:
    """What is open on a board, in the order of its agenda, as rows."""
    from blackboard.cli.waiting import surroundings
    from blackboard.control.view import in_rank_order

    found = in_rank_order(await bb.store().partition(facts.board).agenda(facts.board))
    around = await surroundings(bb, facts)
    return [_row(each, around) | {"rank": rank} for rank, each in enumerate(found, 1)]


async def dead_rows(bb: Blackboard, facts: BoardFacts) -> list[dict[str, Any]]:
    """What died on a board, as rows."""
    from blackboard.cli.waiting import surroundings

    around = await surroundings(bb, facts)
    return [_row(each, around) for each in await bb.store().partition(facts.board).dead(facts.board)]


def _row(found: Activation, around: Surroundings) -> dict[str, Any]:
    """An activation as a row."""
    from blackboard.cli.waiting import waits_for
    from blackboard.clock import to_datetime

    row = {
        "rank": None,
        "activation": found.name,
        "state": found.state.value,
        "waits_for": waits_for(found, around),
        "priority": found.priority,
        "rating": found.rating,
        "age": max(0.0, (around.now - found.since) / 1000),
        "addresses": list(found.addresses),
        "attempts": found.attempts,
        "crashes": found.crashes,
        "since": to_datetime(found.since) if found.since else None,
        "due": found.due_at,
        "owner": found.owner,
        "problem": found.problem,
    }
    if found.kept:
        row["steps"] = found.kept
    if progress := around.progress.get(found.name):
        row["progress"] = str(progress)
    return row | ({"handed_over_by_event": found.handed, "note": found.note} if found.handed else {})

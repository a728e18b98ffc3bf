"""entries, get."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from blackboard.cli.events import must_exist, print_entry
from blackboard.cli.options import Options
from blackboard.cli.output import Column, print_rows, shorten, shown, to_json
from blackboard.cli.session import board_of, connected, run
from blackboard.cli.verb import verb
from blackboard.facts.entries import entry_row

if TYPE_CHECKING:
    from blackboard.activation import StoredEntry  # loaded when a verb runs

COLUMNS = (
    Column("address"),
    Column("version", right=True),
    Column("schema", right=True),
    Column("event", right=True),
    Column("data", table=lambda value: shorten(shown(value), 100)),
)


@verb(example="blackboard entries claim-42\nblackboard entries claim-42 finding -o jsonl | jq .data.risk")
@click.argument("board", help="The id of a board.")
@click.argument("kind", required=False, help="Only entries of this kind.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most so many.")
def entries(options: Options, board: str, kind: str | None, limit: int | None) -> None:
    """List the entries of a board.

    In the order of their addresses. The version counts an entry's revisions; schema is the version of its kind's shape. JSON has
    the whole data of each, a table its beginning.
    """
    found = run(_entries(options, board, kind), options)
    rows = [entry_row(entry) for entry in found[:limit]]
    what = f"entries of kind {kind}" if kind else "entries"
    print_rows(options, rows, COLUMNS, f"No {what} on {board}. What happened there: blackboard tail {board}")


async def _entries(options: Options, board: str, kind: str | None) -> list[StoredEntry]:
    async with connected(options) as bb:
        on = board_of(bb, board)
        await must_exist(on)
        return await on.entries(kind)


# ---------------------------------------------------------------------------- get


@verb(example="blackboard get claim-42 decision\nblackboard get claim-42 report --field markdown > report.md")
@click.argument("board", help="The id of a board.")
@click.argument("address", help="A kind, or kind/key.")
@click.option("--field", metavar="NAME", help="Print only this field; text as it is, anything else as JSON.")
def get(options: Options, board: str, address: str, field: str | None) -> None:
    """Print an entry.

    Its fields, a line each; with -o json its address too, its version (which counts its revisions) and its schema (the version of
    its kind's shape).
    """
    found = run(_get(options, board, address), options)
    if field is None:
        print_entry(options, found)
        return
    data = entry_row(found)["data"]
    if field not in data:
        raise click.UsageError(f"{address} has no field {field}; it has: {', '.join(data)}.")
    value = data[field]
    text = value if isinstance(value, str) else to_json(value)
    click.echo(text, nl=not text.endswith("\n"))


async def _get(options: Options, board: str, address: str) -> StoredEntry:
    from blackboard.errors import EntryNotFound

    async with connected(options) as bb:
        on = board_of(bb, board)
        await must_exist(on)
        found = await on.get(address)
    if found is None:
        raise EntryNotFound(board, address)
    return found

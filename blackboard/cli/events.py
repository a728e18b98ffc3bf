"""tail, wait."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from blackboard.cli.duration import TIMEOUT
from blackboard.cli.options import Options
from blackboard.cli.output import format_of, print_one, print_rows, print_tsv, say, to_json
from blackboard.cli.session import board_of, connected, run
from blackboard.cli.verb import verb

if TYPE_CHECKING:
    from blackboard.activation import StoredEntry  # loaded when a verb runs
    from blackboard.board import Board
    from blackboard.event import Event

TSV = ("seq", "time", "type", "by", "subject", "what")


@verb(example="blackboard tail claim-42\nblackboard tail claim-42 --since 100 -f\nblackboard tail claim-42 -o jsonl")
@click.argument("board", help="The id of a board.")
@click.option("--since", type=click.IntRange(0), default=0, help="Only events after this number.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until the board is closed.")
def tail(options: Options, board: str, since: int, follow: bool) -> None:
    """Tell the life of a board, event by event."""
    if follow and options.output == "json":
        raise click.UsageError("a JSON list has an end and --follow has none; use -o jsonl.")
    run(_tail(options, board, since, follow), options)


async def _tail(options: Options, board: str, since: int, follow: bool) -> None:
    from blackboard.facts.story import as_row

    kept: list[dict[str, Any]] = []
    form = format_of(options)
    if form == "tsv":
        print_tsv([TSV])
    async with connected(options) as bb:
        on = board_of(bb, board)
        if not follow:
            await must_exist(on)
        async with aclosing(on.events(since=since, follow=follow)) as events:  # also when our reader is gone
            async for event in events:
                if form == "json":
                    kept.append(as_row(event))
                else:
                    print_event(event, form)
    if form == "json":
        print_rows(options, kept, ())


def print_event(event: Event, form: str, *, board: bool = False) -> None:
    """Print an event as a line of a story, of TSV or of JSON lines."""
    from blackboard.cli.story import as_line
    from blackboard.facts.story import as_row

    if form == "jsonl":
        click.echo(to_json(as_row(event)))
    elif form == "tsv":
        row = as_row(event)
        print_tsv([[row[name] for name in TSV]])
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        click.echo(as_line(event, width, board=board))


def print_events(options: Options, events: Sequence[Event]) -> None:
    """Print events that have happened, as `tail` does."""
    from blackboard.facts.story import as_row

    form = format_of(options)
    if form == "json":
        print_rows(options, [as_row(event) for event in events], ())
        return
    if form == "tsv":
        print_tsv([TSV])
    for event in events:
        print_event(event, form)


async def must_exist(board: Board) -> None:
    """Raise BoardNotFound when nothing was ever written on the board."""
    from blackboard.errors import BoardNotFound

    async with aclosing(board.events()) as events:
        async for _ in events:
            return
    raise BoardNotFound(board.id)


# ---------------------------------------------------------------------------- wait


@verb(example="blackboard wait claim-42 decision --timeout 60\nblackboard wait claim-42 --settled")
@click.argument("board", help="The id of a board.")
@click.argument("what", metavar="[KIND|ADDRESS]", required=False, help="A kind, or an address such as finding/history.")
@click.option("--settled", is_flag=True, help="Wait until nothing will happen without input from outside.")
@click.option("--timeout", type=TIMEOUT, metavar="SECONDS", help="Give up, with exit code 124.")
def wait(options: Options, board: str, what: str | None, settled: bool, timeout: float | None) -> None:
    """Wait until a board has an entry, or has settled.

    Prints the entry: its fields, or with -o json all that is known of it. Of several, the one that was there first. A board
    that is closed without such an entry is a conflict, exit code 5.
    """
    if settled == bool(what):
        raise click.UsageError("say either a KIND to wait for, or --settled.")
    if what is None:
        seq = run(_settled(options, board, timeout), options)
        print_one(options, {"board": board, "settled": True, "events": seq})
        return
    found = run(_entry(options, board, what, timeout), options)
    print_entry(options, found)


async def _settled(options: Options, board: str, timeout: float | None) -> int:
    async with connected(options) as bb:
        on = board_of(bb, board)
        await must_exist(on)
        return await on.settled(timeout)


async def _entry(options: Options, board: str, what: str, timeout: float | None) -> StoredEntry:
    from blackboard.errors import TimedOut
    from blackboard.standstill import why_not

    async with connected(options) as bb:
        on = board_of(bb, board)
        try:
            async with asyncio.timeout(timeout):
                facts = await bb.store().partition(board).facts(board)  # before the look: what comes later is followed
                return await _first(on, what, facts.seq if facts else 0)
        except TimeoutError as error:
            if isinstance(error, TimedOut):
                raise
            state = await why_not(bb.store().partition(board), board)
            raise TimedOut(f"{what} on board {board}", timeout or 0.0, state) from error


async def _first(board: Board, what: str, since: int) -> StoredEntry:
    from blackboard.errors import BoardClosed

    if (found := await _look(board, what)) is not None:
        return found
    async with aclosing(board.events(since, follow=True)) as events:
        async for event in events:
            concerns = what in {event.kind, event.address} and event.payload is not None
            if concerns and event.address and (found := await board.get(event.address)) is not None:
                return found
    raise BoardClosed(board.id, f"it closed without {what}")


async def _look(board: Board, what: str) -> StoredEntry | None:
    if "/" in what:
        return await board.get(what)
    return next(iter(await board.entries(what)), None)


def print_entry(options: Options, entry: StoredEntry) -> None:
    """Print an entry: its fields for people, address and versions too for programs."""
    from blackboard.facts.entries import entry_row

    row = entry_row(entry)
    if format_of(options) in {"table", "tsv"}:
        say(options, f"{entry.address}, version {entry.version} (schema version {entry.schema})")
        print_one(options, row["data"])
    else:
        print_one(options, row)

"""deadline, export, import."""

from __future__ import annotations

import gzip
import re
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from blackboard.cli.acts import why_option
from blackboard.cli.options import Options
from blackboard.cli.output import print_one, say
from blackboard.cli.session import board_of, connected, run
from blackboard.cli.verb import verb

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
"""Seconds of each."""

GZIP = b"\x1f\x8b"
"""How a packed file begins."""


class When(click.ParamType[Any]):
    """A time, a duration, or `none`."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A datetime, a timedelta, or None."""
        if not isinstance(value, str) or value == "none":
            return None if value == "none" else value
        if found := re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", value):
            try:
                return timedelta(seconds=float(found[1]) * UNITS[found[2]])
            except OverflowError:
                self.fail(f"{value!r} is longer than a calendar can say.", param, ctx)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is neither a duration such as 90s, 30m, 8h or 2d nor a time in ISO 8601.", param, ctx)
        return moment if moment.tzinfo else moment.astimezone()


@verb(
    example='blackboard deadline claim-42 30m --why "the auction ends"\n'
    "blackboard deadline claim-42 2030-01-31T12:00:00Z --action close\n"
    "blackboard deadline claim-42 none"
)
@click.argument("board", help="The id of a board.")
@click.argument("when", type=When(), help="So long from now (90s, 30m, 8h, 2d), a time in ISO 8601, or none.")
@click.option(
    "--action",
    type=click.Choice(["pause", "close"]),
    default="pause",
    show_default=True,
    help="What is done with the board then.",
)
@why_option
def deadline(options: Options, board: str, when: Any, action: Any, why: str) -> None:
    """Say until when anything may start on a board.

    After its deadline nothing starts any more; what runs may end. A paused board that is resumed goes on without a deadline. A
    time without a time zone is one of this machine's.
    """
    print_one(options, run(_deadline(options, board, when, action, why), options))


async def _deadline(options: Options, board: str, when: Any, action: Any, why: str) -> dict[str, Any]:
    async with connected(options) as bb:
        found = await board_of(bb, board).deadline(when, why=why, action=action)
        return {"board": board, "deadline": found, "action": action if found else None}


# ---------------------------------------------------------------------------- export


@verb(
    example="blackboard export claim-42 --out claim-42.jsonl.gz\n"
    "blackboard export claim-42 | jq -c 'select(.event) | [.event, .type]'"
)
@click.argument("board", help="The id of a board.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write to this file, packed if its name ends in .gz; it must be new. [default: stdout]",
)
def export(options: Options, board: str, out: Path | None) -> None:
    """Write a board as lines of JSON.

    A header, then its entries with their versions, what fired, its open and dead activations, and its whole log; the last line
    says how many there were. The board goes on: what is written is the board as of one moment.
    """
    lines = run(_export(options, board), options)
    if out is None:
        for line in lines:
            click.echo(line)
        return
    text = "".join(f"{line}\n" for line in lines).encode()
    try:
        with out.open("xb") as file:
            file.write(gzip.compress(text) if out.suffix == ".gz" else text)
    except OSError as error:
        raise click.UsageError(f"{out} cannot be written: {error.strerror}.") from error
    say(options, f"{len(lines)} lines are in {out}.")


async def _export(options: Options, board: str) -> list[str]:
    from blackboard.archive import to_text

    async with connected(options) as bb:
        return [to_text(line) async for line in board_of(bb, board).export()]


# ---------------------------------------------------------------------------- import


@verb(
    name="import",
    example="blackboard import claim-42.jsonl.gz --as claim-42-again\nblackboard import --as copy < claim-42.jsonl",
)
@click.argument(
    "file", required=False, type=click.Path(path_type=Path), help="A file, packed or not; stdin when left out."
)
@click.option("--as", "board", metavar="BOARD", help="The id of the new board. [default: the one that was exported]")
def import_(options: Options, file: Path | None, board: str | None) -> None:
    """Make a board of the lines of an export.

    It has the same entries with the same versions, the same history, mode and open activations; nothing that has fired fires
    again. A board that is there already is a conflict, exit code 5; a line that cannot be read is named, and nothing is written.
    """
    try:
        lines = list(_lines(file))
    except (OSError, EOFError) as error:
        raise click.UsageError(f"{file or 'stdin'} cannot be read: {error}.") from error
    print_one(options, run(_import(options, lines, board), options))


def _lines(file: Path | None) -> Iterator[bytes]:
    text = sys.stdin.buffer.read() if file is None else file.read_bytes()
    return iter((gzip.decompress(text) if text.startswith(GZIP) else text).splitlines())


async def _import(options: Options, lines: list[bytes], board: str | None) -> dict[str, Any]:
    async with connected(options, create=True) as bb:
        made = await bb.import_board(lines, board)
        facts = await made.status()
        return {"board": made.id, "status": facts.status, "events": facts.seq, "entries": facts.entries}

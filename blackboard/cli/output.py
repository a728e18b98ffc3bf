"""How results are printed: a table for people, tab-separated values, JSON or JSON lines for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

from blackboard.cli.options import Format, Options
from blackboard.facts.words import ago, iso, lasting, shorten, shown, summary, to_json

__all__ = [
    "Column",
    "ago",
    "format_of",
    "iso",
    "lasting",
    "print_one",
    "print_rows",
    "print_tsv",
    "say",
    "shorten",
    "shown",
    "summary",
    "to_json",
]

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: the row's value of this name. `table` says how it reads for people, if not as it is."""

    name: str
    table: Callable[[Any], str] | None = None
    right: bool = False


def format_of(options: Options) -> Format:
    """The form of the result: what was asked for, else a table on a terminal and TSV in a pipe."""
    return options.output or ("table" if sys.stdout.isatty() else "tsv")


def print_rows(options: Options, rows: Sequence[Row], columns: Sequence[Column], nothing: str = "") -> None:
    """Print rows. JSON has all that is in them, a table and TSV the columns; `nothing` goes to stderr when there are none."""
    if not rows and nothing:
        say(options, nothing)
    match format_of(options):
        case "json":
            click.echo(to_json(list(rows), indent=2))
        case "jsonl":
            for row in rows:
                click.echo(to_json(row))
        case "tsv":
            print_tsv([[column.name for column in columns], *([row.get(c.name) for c in columns] for row in rows)])
        case "table" if rows:
            _print_table(rows, columns)


def print_one(options: Options, row: Row) -> None:
    """Print one thing: its fields, a line each, or as JSON."""
    match format_of(options):
        case "json":
            click.echo(to_json(row, indent=2))
        case "jsonl":
            click.echo(to_json(row))
        case "tsv":
            print_tsv([[name, value] for name, value in row.items()])
        case "table":
            width = max(map(len, row), default=0)
            for name, value in row.items():
                click.echo(f"{click.style(name.ljust(width), dim=True)}  {_block(value)}")


def print_tsv(lines: Sequence[Sequence[Any]]) -> None:
    """Print tab-separated lines; tabs and line breaks in values are escaped as in JSON."""
    for line in lines:
        click.echo("\t".join(_plain(value) for value in line))


def say(options: Options, message: str) -> None:
    """A message for people, on stderr; -q keeps it back."""
    if not options.quiet:
        click.echo(message, err=True)


def _block(value: Any) -> str:
    """A value for people, over several lines when it is a text of several."""
    if not isinstance(value, str) or "\n" not in value:
        return shown(value)
    return "".join(f"\n    {shown(line)}" for line in value.rstrip().split("\n"))


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, str):
        return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in value)
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return ", ".join(map(_plain, value))
    return to_json(value)


def _print_table(rows: Sequence[Row], columns: Sequence[Column]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        name = column.name.replace("_", " ").upper()
        table.add_column(name, justify="right" if column.right else "left", overflow="fold")
    for row in rows:
        cells = [(column.table or shown)(row.get(column.name)) for column in columns]
        table.add_row(*map(Text, cells))
    console = Console(file=sys.stdout, highlight=False)
    if not sys.stdout.isatty():
        console.width = 200  # no terminal to fit in
    console.print(table)

"""doctor."""

from __future__ import annotations

import click

from blackboard.cli.failures import FAILURE
from blackboard.cli.options import Options
from blackboard.cli.output import Column, format_of, print_rows, say
from blackboard.cli.session import run
from blackboard.cli.verb import verb

CHECKS = (Column("check"), Column("verdict"), Column("finding"), Column("remedy"))

MARKS = {"ok": ("ok  ", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "red")}


@verb(
    example="blackboard doctor\nblackboard doctor -n claims\nblackboard doctor -o json | jq '.[] | select(.verdict != \"ok\")'"
)
def doctor(options: Options) -> int:
    """Check the store, its durability and this installation.

    Says what a crash of the server or of its machine can lose, as it is set up now, and what to do about what is found. With -n
    it looks at that namespace only, else at all. Nothing is changed or started. Exit code 1 when a check fails.
    """
    from blackboard.cli.checks import examine

    options.enter()
    findings = run(examine(options), options)
    if format_of(options) == "table":
        for found in findings:
            mark, colour = MARKS[found.verdict]
            click.echo(
                f"{click.style(mark, fg=colour)}  {click.style(found.check.ljust(12), bold=True)}  {found.finding}"
            )
            if found.remedy:
                click.echo(f"{'':20}→ {found.remedy}")
    else:
        print_rows(options, [found.as_row() for found in findings], CHECKS)
    failed = [found.check for found in findings if found.verdict == "fail"]
    if failed:
        say(options, f"Failed: {', '.join(failed)}.")
        return FAILURE
    return 0

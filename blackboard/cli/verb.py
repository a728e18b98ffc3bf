"""What a verb of the command line is: a command with the shared options and an example in its help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from blackboard.cli.options import SharedOption, shared_options


class Verb(click.Command):
    """A command whose help ends with examples, and shows the options of every verb apart from its own."""

    def __init__(self, *args: Any, example: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.example = example

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Its own options first."""
        params = [param for param in self.get_params(ctx) if not isinstance(param, click.Argument)]
        shared = [param for param in params if isinstance(param, SharedOption)]
        own = [param for param in params if not isinstance(param, SharedOption)]
        for title, group in (("Options", own), ("Options of every verb", shared)):
            rows = [row for param in group if (row := param.get_help_record(ctx)) is not None]
            with formatter.section(title):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, one a line."""
        with formatter.section("Example"):
            for line in self.example.splitlines():
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


def verb(*, example: str, name: str | None = None) -> Callable[[Callable[..., Any]], Verb]:
    """Make a function a verb. It gets the shared `Options` first, and returns its exit code, None for 0."""

    def make(function: Callable[..., Any]) -> Verb:
        command = click.command(name, cls=Verb, example=example)
        return command(shared_options()(click.pass_obj(function)))

    return make

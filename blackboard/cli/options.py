"""The options that every verb has, before or after its name, and what they come to."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

Format = Literal["table", "tsv", "json", "jsonl"]

NAMES = ("url", "dir", "namespace", "app", "output", "debug", "quiet", "verbose")


@dataclass(slots=True)
class Options:
    """What was said before or after the verb; the later word counts."""

    url: str | None = None
    dir: str | None = None
    namespace: str | None = None
    app: str | None = None
    output: Format | None = None
    debug: bool = False
    quiet: bool = False
    verbose: int = 0
    explicit: set[str] = field(default_factory=set)
    """The names of those given on the command line itself."""

    def enter(self) -> None:
        """Let an application that is loaded here, and every process started from here, find the same store."""
        if "dir" in self.explicit and "url" not in self.explicit:
            self.url = None
            os.environ.pop("BLACKBOARD_URL", None)
        if self.dir:
            os.environ["BLACKBOARD_DIR"] = self.dir
        if self.url:
            os.environ["BLACKBOARD_URL"] = self.url

    def repeated(self) -> list[str]:
        """The options as they must be said again in another command of the same user."""
        words = []
        for name in ("url", "dir"):
            if name in self.explicit and (value := getattr(self, name)):
                words += [f"--{name}", value]
        return words


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    source = ctx.get_parameter_source(str(param.name))
    if source is None or source is click.core.ParameterSource.DEFAULT:
        return
    options = ctx.ensure_object(Options)
    setattr(options, str(param.name), value)
    if source is click.core.ParameterSource.COMMANDLINE:
        options.explicit.add(str(param.name))


class SharedOption(click.Option):
    """One of the options that every verb has; the help of a verb shows them apart from its own."""


_DECLARED: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("--url",), {"help": "The store: redis://, rediss://, unix://, redis+sentinel://, redis+cluster://."}),
    (("--dir",), {"help": "Where the embedded store lives, which is used without a URL.", "metavar": "PATH"}),
    (("-n", "--namespace"), {"help": "The namespace; the only one of the store when left out.", "metavar": "NAME"}),
    (("--app",), {"help": "The application, module:object; its kinds check what is posted.", "metavar": "APP"}),
    (("-o", "--output"), {"type": click.Choice(["table", "tsv", "json", "jsonl"]), "help": "The form of the result."}),
    (("--debug",), {"is_flag": True, "help": "Show tracebacks."}),
    (("-q", "--quiet"), {"is_flag": True, "help": "No messages but errors."}),
    (("-v", "--verbose"), {"count": True, "help": "More messages; twice for all."}),
)


def shared_options(*, outermost: bool = False) -> Callable[[F], F]:
    """Add the shared options to a verb, or to the group of all, which alone looks at the environment."""

    def add(function: F) -> F:
        for names, facts in reversed(_DECLARED):
            own = dict(facts)
            own["allow_from_autoenv"] = outermost
            own["show_envvar"] = outermost and names[0] in {"--url", "--dir", "-n", "--app"}
            option = click.option(*names, cls=SharedOption, expose_value=False, callback=_remember, **own)
            function = option(function)
        return function

    return add

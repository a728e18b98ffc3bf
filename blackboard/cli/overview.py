"""All verbs by family, each loaded from its file when it is used, and the options that stand before them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from typing import Any, NoReturn

import click

from blackboard.cli import failures
from blackboard.cli.options import NAMES, Options, shared_options

SETTINGS_FILE = "blackboard.toml"

FAMILIES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Start here": {
        "demo": ("demo", "Audit a Python source tree with a dozen agents."),
        "dev": ("dev", "Run store, workers, a controller and a tail of events."),
        "check": ("check", "Draw how kinds and sources hang together."),
        "worker": ("worker", "Run the knowledge sources of an application."),
        "web": ("web", "Show boards in a browser, while things happen on them."),
    },
    "Boards": {
        "boards": ("boards", "List the boards."),
        "show": ("boards", "Show a board: control, entries, agenda, what died, latest events."),
        "tail": ("events", "Tell the life of a board, event by event."),
        "wait": ("events", "Wait until a board has an entry, or has settled."),
        "close": ("boards", "Close a board for good."),
        "deadline": ("life", "Say until when anything may start on a board."),
        "export": ("life", "Write a board as lines of JSON."),
        "import": ("life", "Make a board of the lines of an export."),
    },
    "Entries": {
        "entries": ("entries", "List the entries of a board."),
        "get": ("entries", "Print an entry."),
        "post": ("writing", "Post new entries of a kind."),
        "revise": ("writing", "Replace or change an entry."),
        "retract": ("writing", "Take entries off a board."),
    },
    "Control": {
        "mode": ("mode", "Show who steers a board, or switch its mode."),
        "plan": ("mode", "Show what a strategy would grant, or what a switch would do."),
        "agenda": ("agenda", "List what is open on a board, and what each waits for."),
        "grant": ("acts", "Let one held activation start."),
        "veto": ("acts", "Forbid one open activation that has not started."),
        "pause": ("acts", "Pause a board, sources, or everything."),
        "resume": ("acts", "End a pause of a board, of sources, or of everything."),
        "step": ("acts", "Let a paused board go one step."),
        "controller": ("controller", "Decide who runs next on orchestrated boards."),
    },
    "Undoing": {
        "compensate": ("saga", "Undo what was committed on a board."),
        "savepoint": ("saga", "Mark how far a board has come."),
        "skip": ("saga", "Do without one compensation, so that the undoing goes on."),
    },
    "People": {
        "approvals": ("approvals", "List what activations wait for people to answer."),
        "approve": ("approvals", "Approve what an activation asks."),
        "reject": ("approvals", "Reject what an activation asks."),
        "answer": ("approvals", "Answer what an activation asks, with one of its choices."),
        "edit": ("approvals", "Approve what an activation asks, with another value than proposed."),
    },
    "Operations": {
        "ks": ("sources", "List the knowledge sources and who runs them."),
        "unregister": ("sources", "Take sources out of the store that the code has no more."),
        "workers": ("sources", "List the workers and controllers."),
        "breaker": ("limits", "Show the breakers of sources, or close one."),
        "dead": ("dead", "List the activations whose attempts are spent."),
        "retry": ("dead", "Try dead activations again."),
        "unknown": ("unknown", "List the activations whose outcome nobody knows."),
        "resolve": ("unknown", "Say what became of an activation whose outcome is unknown."),
        "schema": ("schema", "Show kinds, and whether a program can read what is stored."),
        "store": ("store", "Start, stop or look at the embedded store."),
        "doctor": ("doctor", "Check the store, its durability and this installation."),
        "completion": ("completion", "Print the completion script of a shell."),
    },
}
"""Family → verb → its module in this package, and its summary: the help of all verbs without loading one."""

WIDEST = 10
"""Letters of the longest verb, so that the summaries of all families stand below each other."""

VERBS = {verb: facts for family in FAMILIES.values() for verb, facts in family.items()}


class Overview(click.Group):
    """The group of all verbs. It loads them late, and ends every run in one place."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, in the order of the families."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb of this name, imported now."""
        if cmd_name not in VERBS:
            return None
        module = import_module(f"{__package__}.{VERBS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb to run; an unknown one is answered with the nearest."""
        name = args[0]
        if name not in VERBS and not ctx.resilient_parsing:
            raise click.NoSuchCommand(name, possibilities=list(VERBS), ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs first: who asks for help wants to know what there is to do."""
        self.format_commands(ctx, formatter)
        click.Command.format_options(self, ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One section for each family."""
        for family, verbs in FAMILIES.items():
            with formatter.section(family):
                formatter.write_dl([(verb.ljust(WIDEST), summary) for verb, (_, summary) in verbs.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; whoever stopped reading our output ends it without a word."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            failures.close_output()
            return failures.BROKEN_PIPE

    # The signature is click's, whose overloads add nothing here.
    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> NoReturn:  # type: ignore[override]
        """Run, and end the process with the exit code that the outcome stands for."""
        options = Options()
        failures.end(lambda: self._run(args, prog_name, options), options)

    def _run(self, args: Sequence[str] | None, prog_name: str | None, options: Options) -> Any:
        extra: dict[str, Any] = {"obj": options, "default_map": _settings(Path(SETTINGS_FILE))}
        return super().main(args, prog_name, standalone_mode=False, **extra)


def _settings(file: Path) -> dict[str, Any]:
    """Defaults from the settings file: the options before the verb, and a table for each verb."""
    if not file.is_file():
        return {}
    import tomllib

    try:
        settings = tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise click.UsageError(f"{file} cannot be read: {error}. Correct it, or move it away.") from error
    for name in _strangers(settings):
        known = ", ".join((*NAMES, *(f"[{verb}]" for verb in VERBS)))
        raise click.UsageError(f"{file} says {name}, which means nothing. It may say: {known}.")
    return settings


def _strangers(settings: Mapping[str, Any]) -> Iterator[str]:
    for name, value in settings.items():
        if isinstance(value, dict) != (name in VERBS) or name not in {*NAMES, *VERBS}:
            yield name


def _version(_: click.Context) -> str:
    from blackboard import __version__

    return f"blackboard {__version__}"


@click.group(
    cls=Overview,
    context_settings={
        "auto_envvar_prefix": "BLACKBOARD",
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
    },
    epilog="Each verb has its own help with an example: blackboard post --help. Results go to stdout, as a table on a "
    "terminal and tab-separated when piped; messages go to stderr. Exit codes: 0 ok, 1 failure, 2 usage, 3 the answer is "
    "no, 4 not found, 5 conflict, 69 no store, 124 timed out, 130 interrupted. Defaults may stand in blackboard.toml.",
)
@shared_options(outermost=True)
@click.custom_version_option(_version)
def cli() -> None:
    """Agents that solve a problem together on a shared, durable board.

    New here? Run: blackboard demo
    """

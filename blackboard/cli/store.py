"""store start, store stop, store status."""

from __future__ import annotations

from typing import Any

import click

from blackboard.cli.failures import NO
from blackboard.cli.options import Options
from blackboard.cli.output import print_one, say
from blackboard.cli.session import log_to_stderr
from blackboard.cli.verb import verb


@click.group()
def store() -> None:
    """Start, stop or look at the embedded store.

    It is a server of this machine, shared by every process that names the same directory (--dir, BLACKBOARD_DIR, else
    .blackboard). Whoever needs it starts it, so these verbs are seldom needed.
    """


@verb(example="blackboard store start\nblackboard --dir /var/lib/claims store start")
def start(options: Options) -> None:
    """Start the store, unless it runs."""
    _start(options)


@verb(example="blackboard store stop")
def stop(options: Options) -> int:
    """Stop the store, with everything on disk. Exit code 3 when it was not running."""
    import logging

    from blackboard.store import embedded

    log_to_stderr(options, logging.WARNING)
    _enter(options)
    others = _connected()
    if not embedded.stop():
        say(options, f"No store is running in {embedded.default_directory()}.")
        return NO
    if others:
        say(
            options,
            f"Stopped, while {others} connections to it were open: those programs start it again. End them first.",
        )
    else:
        say(options, "Stopped. The next command that needs it starts it again; nothing is lost.")
    return 0


@verb(example="blackboard store status -o json")
def status(options: Options) -> int:
    """Show whether the store runs, and what it is. Exit code 3 when it does not run."""
    _enter(options)
    found = _facts()
    print_one(options, found)
    if not found["running"]:
        say(options, "It does not run. Start it with: blackboard store start")
        return NO
    return 0


def _connected() -> int:
    """How many connections others have to the store; 0 where that cannot be told."""
    from contextlib import suppress

    from blackboard.store import embedded, server_process

    with suppress(OSError, server_process.ErrorReply):
        info = server_process.ask(embedded.status().socket, "INFO", "clients")
        found = [line.partition(":")[2] for line in str(info).splitlines() if line.startswith("connected_clients:")]
        return int(found[0]) - 1 if found else 0
    return 0


def _start(options: Options) -> None:
    import logging

    from blackboard.store import embedded

    log_to_stderr(options, logging.WARNING)
    _enter(options)
    embedded.ensure()
    print_one(options, _facts())


def _enter(options: Options) -> None:
    """These verbs are about the embedded store, whatever URL is set."""
    if "url" in options.explicit:
        raise click.UsageError("the store at a URL is not ours to start or stop; leave --url out.")
    options.url = None
    options.enter()


def _facts() -> dict[str, Any]:
    from dataclasses import asdict
    from urllib.parse import quote

    from blackboard.store import embedded

    facts = asdict(embedded.status())
    facts = {name: str(value) if name in {"directory", "socket"} else value for name, value in facts.items()}
    return facts | {"url": f"unix://{quote(facts['socket'])}"}


for _command in (start, stop, status):
    store.add_command(_command)

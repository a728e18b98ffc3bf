"""From options to a connected blackboard: which store, which namespace, which application."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from blackboard.cli.failures import NO_STORE
from blackboard.cli.loading import load_application
from blackboard.cli.options import Options

if TYPE_CHECKING:
    from blackboard import Blackboard  # takes long to load; the functions below import it when they run
    from blackboard.board import Board
    from blackboard.store.connection import Clients

T = TypeVar("T")

AUTHOR = "@cli"

PATIENCE = 3.0
"""Seconds that a verb waits for a store that does not answer. Workers wait longer: they outlive restarts of the store."""


class NoStore(click.ClickException):
    """No URL was given, and there is no embedded store in the directory either."""

    exit_code = NO_STORE


def run(work: Coroutine[Any, Any, T], options: Options, level: int = logging.ERROR) -> T:
    """Run a verb's coroutine, with the log on stderr from this level on, or as -q and -v say."""
    log_to_stderr(options, level)
    return asyncio.run(work)


def log_to_stderr(options: Options, level: int) -> None:
    """Send the log to stderr."""
    if options.quiet:
        level = logging.ERROR
    elif options.verbose:
        level = logging.INFO if options.verbose == 1 else logging.DEBUG
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("blackboard")
    logger.handlers = [handler]
    logger.setLevel(level)
    logger.propagate = False
    # What asyncio has to say about a run that ends early is a traceback.
    logging.getLogger("asyncio").setLevel(logging.ERROR if options.debug else logging.CRITICAL)


@asynccontextmanager
async def connected(options: Options, *, create: bool = False) -> AsyncIterator[Blackboard]:
    """The blackboard that the options mean, connected. With `create`, an application's first verb makes its embedded store.

    Raises NoStore or StoreUnreachable soon, and a click.UsageError when it is not clear which namespace is meant.
    """
    from blackboard.application import Blackboard

    options.enter()
    if options.app:
        bb = application(options)
        await check_store(bb.url, create=create)
    else:
        bb = Blackboard(_chosen(await check_store(options.url), options), options.url)
    async with bb:
        if not options.app:
            await _keep_as_agreed(bb)
        yield bb


async def _keep_as_agreed(bb: Blackboard) -> None:
    """Who closes a board without the application keeps it for as long as the application would."""
    from datetime import timedelta

    agreed = await bb.store().partitions[0].retention()
    if agreed is not None:
        bb.retention = timedelta(milliseconds=agreed) if agreed else None


def board_of(bb: Blackboard, board: str) -> Board:
    """The board of this id, whose events shall name the command line as who did it."""
    from blackboard.board import Board

    return Board(board, bb, author=AUTHOR)


def application(options: Options) -> Blackboard:
    """The application that --app names, with the store that the options name, if they do."""
    bb = load_application(options.app or "")
    if "namespace" in options.explicit and options.namespace != bb.name:
        raise click.UsageError(f"{options.app} has the namespace {bb.name}, not {options.namespace}; leave -n out.")
    if "url" in options.explicit:
        bb.url = options.url
    elif "dir" in options.explicit:
        bb.url = None
    return bb


def _chosen(names: list[str], options: Options) -> str:
    listed = ", ".join(names)
    if options.namespace in names:
        return options.namespace
    if options.namespace is not None:
        raise click.UsageError(f"the store has no namespace {options.namespace}; it has: {listed or 'none yet'}.")
    if not names:
        raise click.UsageError(
            "the store is empty. Start something on it: blackboard demo, or blackboard worker module:object."
        )
    if len(names) > 1:
        raise click.UsageError(f"the store has several namespaces; name one with -n or BLACKBOARD_NAMESPACE: {listed}.")
    return names[0]


async def check_store(url: str | None, *, create: bool = False) -> list[str]:
    """Look whether the store is there, and which namespaces it has, in alphabetical order."""
    from blackboard.store.calls import Calls
    from blackboard.store.connection import wait_until_ready
    from blackboard.store.store import namespaces

    clients = await connect(url, create=create)
    try:
        await wait_until_ready(clients, PATIENCE)
        return sorted(await namespaces(Calls(clients)))
    finally:
        await clients.aclose()


async def connect(url: str | None, *, create: bool = False) -> Clients:
    """Clients of the store at the URL, or of the embedded store, which is made only with `create`; else raises NoStore."""
    from blackboard.store import connection, embedded

    if url is None and not os.environ.get("BLACKBOARD_URL") and not create:
        directory = embedded.default_directory()
        if not (directory / "launch.lock").exists():
            raise NoStore(
                f"there is no store in {directory} yet. Start something on it (blackboard demo, blackboard dev module:object), "
                "or name another one with --dir or --url."
            )
    return await connection.connect(url)

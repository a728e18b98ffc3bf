"""web."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import click

from blackboard.cli.options import Options
from blackboard.cli.output import say
from blackboard.cli.processes import on_signals
from blackboard.cli.session import application, connected, run
from blackboard.cli.verb import verb

if TYPE_CHECKING:
    from blackboard.web.server import Server  # an extra: loaded when the verb runs

PORT = 8420

EXTRA = ("starlette", "sse_starlette", "uvicorn")

EXTRA_MISSING = "the web inspector needs {missing}; install it: pip install 'blackboard-runtime[web]'."


@verb(example="blackboard web\nblackboard web app:bb --port 9000\nblackboard web -n claims --host 0.0.0.0")
@click.argument(
    "application_name",
    metavar="[MODULE:OBJECT]",
    required=False,
    help="The application; alone it is :bb. Names store and namespace.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="The port; 0 for any that is free."
)
@click.option("--allow-host", multiple=True, metavar="NAME", help="A name that browsers may ask for; may be repeated.")
def web(options: Options, application_name: str | None, host: str, port: int, allow_host: tuple[str, ...]) -> None:
    """Show boards in a browser, while things happen on them.

    It only reads, and asks nobody for a password: whoever can reach the port can read every board of the namespace. Browsers
    may ask for it as localhost, by an address, as --host says, or by the names of --allow-host. Ctrl-C ends it.
    """
    _check_extra()
    options.app = application_name or options.app
    options.enter()
    if options.app:
        _take_names(options)
    run(_serve(options, _listen(host, port), host, allow_host), options)


def _check_extra() -> None:
    """Raise click.ClickException where the extra is not installed."""
    from importlib import import_module

    for name in EXTRA:
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            raise click.ClickException(EXTRA_MISSING.format(missing=error.name)) from error


def _take_names(options: Options) -> None:
    """Take store and namespace from the application. It is not opened itself, since it would register its sources; but it has
    defined its strategies, so that what they say can be told."""
    bb = application(options)
    options.namespace, options.app = bb.name, None
    if bb.url is not None:
        options.url = bb.url


def _listen(host: str, port: int) -> socket.socket:
    """A socket on the port. Raises click.ClickException."""
    from blackboard.web.server import listen

    try:
        return listen(host, port)
    except OSError as error:
        why = error.strerror or str(error)
        raise click.ClickException(
            f"nothing can listen on port {port} of {host}: {why}. Name another with --port, or --host; --port 0 takes any that "
            "is free."
        ) from error


async def _serve(options: Options, listener: socket.socket, host: str, names: tuple[str, ...]) -> None:
    from blackboard.web.guard import url_host
    from blackboard.web.server import serve

    with listener:
        async with connected(options) as bb:

            def ready(server: Server) -> None:
                on_signals(lambda _: server.end())
                place = f"http://{url_host(host)}:{listener.getsockname()[1]}"
                say(options, f"{bb.name} on {bb.store().clients.url} is shown at {place}. Ctrl-C ends it.")

            await serve(bb, listener, (host, *names), ready)

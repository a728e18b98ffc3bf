"""Serving the inspector on a port of this machine."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable, Iterator, Sequence

import uvicorn

from blackboard.application import Blackboard
from blackboard.web.asgi import inspector

GRACE_SECONDS = 1
"""How long open connections may go on when the server ends."""


MOST_CONNECTIONS = 1000
"""Beyond which new ones are refused: 503."""


class Server(uvicorn.Server):
    """The server of an inspector. Whoever runs it listens to signals, and calls `end`."""

    def __init__(self, bb: Blackboard, hosts: Sequence[str] = ()) -> None:
        super().__init__(
            uvicorn.Config(
                inspector(bb, hosts),
                http="h11",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=MOST_CONNECTIONS,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        # What it would say there is said in answers, or by whoever runs it.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs it."""
        yield

    def end(self) -> None:
        """Answer what is asked, and end."""
        self.should_exit = True


async def serve(bb: Blackboard, listener: socket.socket, hosts: Sequence[str], ready: Callable[[Server], None]) -> None:
    """Serve the inspector of a blackboard on a socket until it is ended."""
    server = Server(bb, hosts)
    ready(server)
    await server.serve([listener])


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on a port; 0 is any that is free. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)

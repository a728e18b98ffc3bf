"""An inspector that is really served, and a browser to look at it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from blackboard import Blackboard
from blackboard.web.server import Server, listen, serve
from tests.web.browser import Browser

Show = Callable[..., AbstractAsyncContextManager[Browser]]


@asynccontextmanager
async def shown(bb: Blackboard, hosts: Sequence[str] = (), buffer: int = 0) -> AsyncIterator[Browser]:
    """Serve the inspector of a blackboard on a free port of this machine."""
    with listen("127.0.0.1", 0) as listener:
        if buffer:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        servers: list[Server] = []
        serving = asyncio.create_task(serve(bb, listener, hosts, servers.append))
        await asyncio.sleep(0)
        try:
            yield Browser(listener.getsockname()[1])
        finally:
            servers[0].end()
            async with asyncio.timeout(20):
                await serving


@pytest.fixture
def bb(namespace: str) -> Blackboard:
    """A blackboard without sources, in memory; where the store's commands matter, a file has one on each store."""
    return Blackboard(namespace, url=f"memory://{namespace}")


@pytest.fixture
async def browser(bb: Blackboard) -> AsyncIterator[Browser]:
    """A browser that looks at it; it is open."""
    async with bb, shown(bb) as found:
        yield found

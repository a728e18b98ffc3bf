"""A service: what works in this process from the moment it is entered until it is drained."""

from __future__ import annotations

import asyncio
from typing import Self

from blackboard.ids import worker_id


class Service:
    """What a worker and a controller have in common. An asynchronous context manager."""

    def __init__(self) -> None:
        self.id = worker_id()
        self._main: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        ready = asyncio.Event()
        self._main = asyncio.create_task(self.run(ready), name=f"blackboard-{type(self).__name__.lower()}-{self.id}")
        waiting = asyncio.create_task(ready.wait())
        try:
            await asyncio.wait([waiting, self._main], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._main.cancel()
            raise
        finally:
            waiting.cancel()
        if self._main.done():
            await self._main
        return self

    async def __aexit__(self, *_: object) -> None:
        self.drain()
        if self._main is not None:
            await self._main

    async def run(self, ready: asyncio.Event | None = None) -> None:
        """Work until drained; ``ready`` is set when the work has begun."""
        raise NotImplementedError

    def drain(self) -> None:
        """Begin nothing more, finish what is under way, then end."""
        raise NotImplementedError

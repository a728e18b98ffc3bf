"""Controllers: what decides for orchestrated boards, in this process."""

from __future__ import annotations

import asyncio
from typing import Self

from blackboard.board import Host
from blackboard.helm import Helm
from blackboard.ids import worker_id
from blackboard.tasks import end_all


class Controller:
    """Decides who may run next on the orchestrated boards of a blackboard. An asynchronous context manager.

    Any number may work at once, in any processes; none is elected. One that dies is replaced within its lease.
    """

    def __init__(self, host: Host, lease: float) -> None:
        self.id = worker_id()
        self._host = host
        self._lease = lease
        self._helms: list[Helm] = []
        self._main: asyncio.Task[None] | None = None
        self._ended = False

    async def __aenter__(self) -> Self:
        ready = asyncio.Event()
        self._main = asyncio.create_task(self.run(ready), name=f"blackboard-controller-{self.id}")
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
        """Decide until drained."""
        store = self._host.store()
        self._helms = [Helm(self.id, store, partition, self._lease) for partition in store.partitions]
        if ready is not None:
            ready.set()
        if self._ended:  # told to stop before it had begun
            return
        tasks = [asyncio.create_task(helm.work()) for helm in self._helms]
        try:
            await asyncio.gather(*tasks)
        finally:
            await end_all(tasks)

    def drain(self) -> None:
        """Claim no more boards, send out what was decided, then end."""
        self._ended = True
        for helm in self._helms:
            helm.drain()

    @property
    def decisions(self) -> int:
        """Decisions that this controller made and the store applied."""
        return sum(helm.decisions for helm in self._helms)

"""Controllers: what decides for orchestrated boards, in this process."""

from __future__ import annotations

import asyncio

from blackboard.board import Host
from blackboard.helm import Helm
from blackboard.service import Service
from blackboard.tasks import all_together


class Controller(Service):
    """Decides who may run next on the orchestrated boards of a blackboard. An asynchronous context manager.

    Any number may work at once, in any processes; none is elected. One that dies is replaced within its lease.
    """

    def __init__(self, host: Host, lease: float) -> None:
        super().__init__()
        self._host = host
        self._lease = lease
        self._helms: list[Helm] = []
        self._ended = False

    async def run(self, ready: asyncio.Event | None = None) -> None:
        """Decide until drained."""
        store = self._host.store()
        self._helms = [Helm(self.id, store, partition, self._lease) for partition in store.partitions]
        if ready is not None:
            ready.set()
        if self._ended:  # told to stop before it had begun
            return
        await all_together(helm.work() for helm in self._helms)

    def drain(self) -> None:
        """Claim no more boards, send out what was decided, then end."""
        self._ended = True
        for helm in self._helms:
            helm.drain()

    @property
    def decisions(self) -> int:
        """Decisions that this controller made and the store applied."""
        return sum(helm.decisions for helm in self._helms)

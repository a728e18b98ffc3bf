"""Workers: what runs the activations of a blackboard's sources, in this process."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from blackboard import withdrawal
from blackboard.board import Host
from blackboard.compensating import CHORE, Compensating
from blackboard.duty import Chore, Duty, Source, WorkerOptions
from blackboard.entry import Entry
from blackboard.registration import register
from blackboard.reshaping import SHAPE, bring_forward
from blackboard.service import Service
from blackboard.shift import Shift
from blackboard.tasks import all_together
from blackboard.timekeeping import CLOCK, Timekeeper

__all__ = ["Worker", "WorkerOptions"]

CHORES: Mapping[str, Chore] = {withdrawal.CHORE: withdrawal.withdraw}
"""What every worker does besides its sources, by the name of the chore."""

LEFT_BEHIND = 64
"""Threads beyond the concurrency: a plain function cannot be stopped, and must not hold up those that come after it."""


class Worker(Service):
    """Runs activations of a blackboard's sources until it is told to stop. An asynchronous context manager."""

    def __init__(self, host: Host, sources: Mapping[str, Source], options: WorkerOptions) -> None:
        super().__init__()
        self._host = host
        self._sources = {name: s for name, s in sources.items() if options.only is None or name in options.only}
        self._options = options
        self._shifts: list[Shift] = []
        self._ended = False

    async def run(self, ready: asyncio.Event | None = None) -> None:
        """Work until drained, or as the options say. Registers the sources first."""
        store = self._host.store()
        crew = _crew(self._sources.values())
        threads = ThreadPoolExecutor(self._options.concurrency + LEFT_BEHIND, thread_name_prefix="blackboard-agent")
        try:
            await register(store, crew, self._sources.values())
            chores: dict[str, Chore] = {
                **CHORES,
                CHORE: Compensating(self._host),
                CLOCK: Timekeeper(self._host),
                SHAPE: partial(bring_forward, _kinds(self._sources.values())),
            }
            runs = self._sources | _compensations(self._sources)
            duty = Duty(self.id, self._host, runs, tuple(self._sources), crew, threads, self._options, chores)
            self._shifts = [Shift(duty, store, partition) for partition in store.partitions]
            if self._ended:  # told to stop before it had begun
                return
            if ready is not None:
                ready.set()
            await all_together(shift.work() for shift in self._shifts)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)

    def drain(self) -> None:
        """Take no more work, finish what runs, then end."""
        self._ended = True
        for shift in self._shifts:
            shift.drain()

    def abort(self) -> None:
        """End now: what runs is cancelled and given back without charge."""
        self._ended = True
        for shift in self._shifts:
            shift.abort()

    @property
    def finished(self) -> int:
        """Activations committed by this worker."""
        return sum(shift.finished for shift in self._shifts)

    @property
    def options(self) -> WorkerOptions:
        """How it works."""
        return self._options

    @property
    def sources(self) -> Mapping[str, Source]:
        """The sources it runs, by name."""
        return self._sources


def _compensations(sources: Mapping[str, Source]) -> dict[str, Source]:
    """What undoes these sources, by the names that the store has for it."""
    return {source.compensator.name: source.compensator for source in sources.values() if source.compensator}


def _crew(sources: Iterable[Source]) -> str:
    """The name of the group of workers that run the same sources, and so share a doorbell.

    Releases that know their kinds in other versions are groups of their own: what one of them can read, another cannot.
    """
    known = sorted(
        (source.name, *(f"{kind}/{version}" for kind, version in source.versions.items())) for source in sources
    )
    return hashlib.sha256("\n".join(map(" ".join, known)).encode()).hexdigest()[:8]


def _kinds(sources: Iterable[Source]) -> dict[str, type[Entry]]:
    """The kinds that sources read, by name."""
    return {kind.__kind__: kind for source in sources for kind in source.reads}

"""A worker's duty: who it is, what it runs, and how; each of its shifts has it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from blackboard.activation import Claimed
from blackboard.board import Host
from blackboard.knowledge_source import KnowledgeSource
from blackboard.store.partition import Partition

Source = KnowledgeSource[..., Any]

Chore = Callable[[Claimed, Partition], Awaitable[None]]
"""Does what a board needs done that is no source's work, and says so to the store; fenced by the claim."""

GRACE = 30.0
"""Seconds that a draining worker gives to what runs."""


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker works. Times are seconds.

    ``concurrency`` activations run at once; ``only`` names the sources to run (all by default); ``burst`` ends when nothing is
    left to do, ``max_idle`` after so long without work. What still runs ``grace`` after the worker was told to stop is given
    back.
    """

    concurrency: int = 32
    only: frozenset[str] | None = None
    burst: bool = False
    max_idle: float | None = None
    lease: float = 10.0
    grace: float = GRACE


@dataclass(frozen=True, slots=True)
class Duty:
    """What every shift of a worker shares: who it is, what it runs, and how."""

    worker: str
    host: Host
    sources: Mapping[str, Source]
    names: Sequence[str]
    crew: str
    threads: ThreadPoolExecutor
    options: WorkerOptions
    chores: Mapping[str, Chore]

    @property
    def asks_people(self) -> bool:
        """Whether a person is asked what became of an activation that went to a worker which had just died."""
        sources = self.sources.values()
        return any(source.policies.effects == "external" and source.reconcile is None for source in sources)

    def facts(self) -> dict[str, Any]:
        """What `blackboard workers` shows, besides the process."""
        return {"crew": self.crew, "sources": sorted(self.names), "concurrency": self.options.concurrency}

"""Durability: what must be true of a write before whoever made it is told that it was carried out.

`memory`: the server has carried it out; its disk and its replicas follow in their own time. `fsync`: the server's append-only
file has reached the disk. `replicated`, `replicated:2`: so many replicas have it in their memory, too.

WAIT and WAITAOF speak of all that the server had written when the command in front of them, on the same connection, was
answered. So a repeated write that changes nothing waits for the first one as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from blackboard.errors import InvalidSource, NotDurable
from blackboard.store.address import Deployment
from blackboard.store.lines import Argument
from blackboard.store.server_check import ServerFacts

__all__ = ["LEVELS", "Durability"]

LEVELS = "memory, fsync, replicated, or replicated:N with N from 1 to 99"

SHARE_OF_TIMEOUT = 0.8
"""So much of the time that a reply may take is left to the disk, or the replicas."""

OLDEST = {"redis": (7, 2)}
"""From when on a server knows WAITAOF."""


@dataclass(frozen=True, slots=True)
class Durability:
    """What is waited for: the disk of the server, or so many replicas."""

    replicas: int = 0
    """0: none, but the disk."""

    @classmethod
    def parse(cls, level: object) -> Durability | None:
        """The durability of this name; None where nothing is waited for. Raises InvalidSource."""
        found = re.fullmatch(r"memory|fsync|replicated(?::([1-9]\d?))?", level) if isinstance(level, str) else None
        if found is None:
            raise InvalidSource("blackboard", f"durability={level!r} cannot work", f"Give it one of: {LEVELS}")
        if level == "memory":
            return None
        return cls(0 if level == "fsync" else int(found[1] or 1))

    def objection(self, deployment: Deployment, facts: ServerFacts) -> tuple[str, str] | None:
        """Why a store cannot give that, and what to do; None if it can."""
        if deployment in {Deployment.CLUSTER, Deployment.SENTINEL}:
            problem = "durability is waited for on one connection to one server, and here there are several"
            return (
                problem,
                "Connect to the primary itself, or have the servers see to it (min-replicas-to-write, appendfsync)",
            )
        if self.replicas:
            return self._lacks_replicas(facts)
        if facts.append_only is False:
            return (
                "it keeps no append-only file, so nothing reaches its disk in time",
                "Set appendonly yes on the server",
            )
        if facts.fsync != "always" and not _knows_waitaof(facts):
            problem = f"{facts.name} {facts.version} cannot say when a write has reached the disk"
            return problem, "Set appendfsync always on the server, or use Redis 7.2 or later, or Valkey"
        return None

    def _lacks_replicas(self, facts: ServerFacts) -> tuple[str, str] | None:
        if facts.replicas is None or facts.replicas >= self.replicas:
            return None
        problem = f"it has {facts.replicas} replicas, and {self.replicas} shall have every write"
        return problem, f"Attach replicas, or ask for less: {LEVELS}"

    def awaits(self, facts: ServerFacts) -> bool:
        """Whether anything is to be waited for: a server that writes to the disk before it answers needs no asking."""
        return self.replicas > 0 or facts.fsync != "always"

    def words(self, timeout: float) -> tuple[Argument, ...]:
        """The command that waits, within a call that takes at most ``timeout`` seconds."""
        milliseconds = max(1, round(1000 * timeout * SHARE_OF_TIMEOUT))
        return ("WAIT", self.replicas, milliseconds) if self.replicas else ("WAITAOF", 1, 0, milliseconds)

    @property
    def probe(self) -> tuple[Argument, ...]:
        """A command that asks for nothing: whether the server lets its user wait at all."""
        return ("WAIT", 0, 1) if self.replicas else ("WAITAOF", 0, 0, 1)

    def confirm(self, url: str, reply: Any) -> None:
        """Raises NotDurable unless the answer to the command that waits says that enough have the write."""
        if isinstance(reply, Exception):
            raise NotDurable(url, f"it does not say whether it is ({reply})")
        found = reply if self.replicas else reply[0]
        if self.replicas and found < self.replicas:
            raise NotDurable(url, f"{found} of {self.replicas} replicas have it")
        if not self.replicas and found < 1:
            raise NotDurable(url, "its append-only file has not reached the disk")


def _knows_waitaof(facts: ServerFacts) -> bool:
    oldest = OLDEST.get(facts.name)
    if oldest is None or facts.version is None:
        return True
    return tuple(int(number) for number in re.findall(r"\d+", facts.version)[:2]) >= oldest

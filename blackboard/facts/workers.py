"""The workers and controllers that a namespace knows, and which of them live."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from blackboard.clock import to_datetime
from blackboard.pulse import STALLED

if TYPE_CHECKING:
    from blackboard.application import Blackboard  # takes long to load, and the caller has done so


SIGNS_MISSED = 1.5
"""A worker signs three times in a lease; without a sign for so many leases it is held to be gone."""


def controllers(rows: Sequence[Mapping[str, Any]]) -> int:
    """How many of these workers are controllers that live."""
    return sum(row["alive"] and row["role"] == "controller" for row in rows)


def stalled_workers(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The workers that live, and whose event loop did not go on when they gave their last sign."""
    return [row["worker"] for row in rows if row["alive"] and row["stalled"] >= STALLED]


async def known_workers(bb: Blackboard) -> list[dict[str, Any]]:
    """The workers that the namespace knows, with whether they live, by host and process."""
    found: dict[str, dict[str, Any]] = {}
    for partition in bb.store().partitions:
        for name, facts in (await partition.workers()).items():
            running = facts.get("running", 0) + found.get(name, {}).get("running", 0)
            found[name] = {
                "worker": name,
                "role": facts.get("role", "worker"),
                "crew": facts.get("crew"),
                "host": facts.get("host"),
                "pid": facts.get("pid"),
                "sources": facts.get("sources", []),
                "concurrency": facts.get("concurrency"),
                "running": running,
                "started": to_datetime(facts.get("started", 0)),
                "seen": to_datetime(facts.get("seen", 0)),
                "stalled": max(facts.get("stalled", 0), found.get(name, {}).get("stalled", 0)),
                "alive": time.time() - facts.get("seen", 0) / 1000 <= facts.get("lease", 10.0) * SIGNS_MISSED,
            }
    return sorted(found.values(), key=lambda row: (str(row["host"]), row["pid"] or 0))

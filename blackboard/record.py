"""Records: what a running activation keeps of itself, so that another run of it goes on where this one was.

A record is found by its place: the steps of one run are counted 1, 2, 3 … in the order in which they are called.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from blackboard.activation import StoredEntry


@dataclass(frozen=True, slots=True)
class Record:
    """What came of one step: a function's result, the time at which a sleep ends, a person's answer. ``result`` is JSON.

    ``arguments`` and ``binding`` are fingerprints: of what the step was called with, and of the versions of the entries that
    the activation was bound to.
    """

    place: int
    kind: str
    name: str
    arguments: str
    binding: str
    result: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running activation is: from 0 to 1, or None when it cannot say; ``done`` of ``total``; in words. Times in ms."""

    fraction: float | None = None
    done: float | None = None
    total: float | None = None
    text: str = ""

    def __str__(self) -> str:
        share = None if self.fraction is None else f"{self.fraction:.0%}"
        count = None if self.total is None else f"({self.done:g} of {self.total:g})"
        return " ".join(part for part in (share, count, self.text) if part)


def of_arguments(arguments: Sequence[Any], keywords: Mapping[str, Any]) -> str:
    """The fingerprint of a call's arguments. What has no JSON counts by its `repr`: at worst, equal arguments seem to differ."""
    return fingerprint(to_json([list(arguments), dict(sorted(keywords.items()))], fallback=repr))


def of_binding(bindings: Sequence[Sequence[StoredEntry]]) -> str:
    """The fingerprint of the entries that an activation is bound to, with their versions."""
    return fingerprint(to_json([[(each.address, each.version) for each in binding] for binding in bindings]))


def fingerprint(text: bytes) -> str:
    """A short digest."""
    return hashlib.sha256(text).hexdigest()[:16]

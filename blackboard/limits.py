"""How much a board may hold: beyond it writes are refused whole, with Overloaded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of every board of a blackboard."""

    entries: int = 1_000_000
    """Entries that a board holds at once."""
    open_activations: int = 100_000
    """Open activations at which a board takes no more writes; one contribution may go beyond it."""
    writes: int = 10_000
    """Posts, revisions and retractions in one contribution."""
    entry_bytes: int = 1_048_576
    """Bytes of an entry's JSON, and of what a durable step returns."""
    records: int = 10_000
    """Durable steps of one activation."""

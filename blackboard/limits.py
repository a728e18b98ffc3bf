"""Limits: how much a board may hold, beyond which writes are refused whole with Overloaded, and how far a storm may go.

A guard that trips pauses its board with everything kept. What was written stays written; what is triggered is held until the
board is resumed under a higher limit (`Board.resume`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from shlex import quote
from typing import Any

from blackboard.errors import GuardTripped, InvalidSource
from blackboard.measure import is_span, is_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of every board of a blackboard. Raises InvalidSource for a limit that is none, or would stop every board."""

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

    depth: int = 10_000
    """Guard: activations in a chain, of which each caused the next."""
    activations: int = 1_000_000
    """Guard: activations of a board from its first to its last."""
    alternations: int = 100
    """Guard: how often a board may come back, in one chain of causes, to a state that it was in before."""
    wall: timedelta | None = None
    """Guard: the time since a board began after which nothing more is triggered; None for no such limit."""

    def __post_init__(self) -> None:
        for each in fields(self):
            if each.name != "wall":
                check_limit(each.name, getattr(self, each.name))
        milliseconds(self.wall)


def check_limit(name: str, value: Any) -> int:
    """A limit, if it is one. Raises InvalidSource."""
    if not is_whole(value):
        raise InvalidSource("limits", f"{name}={value!r} can be no limit", f"Give {name} a whole number from 1 up")
    return int(value)


def milliseconds(wall: timedelta | None) -> int:
    """A limit of time as the store takes it; 0 for none. Raises InvalidSource."""
    if wall is None:
        return 0
    if not is_span(wall):
        remedy = "Give wall a timedelta from 1 ms to 100 years"
        raise InvalidSource("limits", f"wall={wall!r} can be no limit", remedy)
    return round(wall.total_seconds() * 1000)


@dataclass(frozen=True, slots=True)
class Tripped:
    """Which guard paused a board, and why.

    ``guard`` is ``depth``, ``activations``, ``alternations``, ``wall`` (in milliseconds) or ``budget`` (of ``source``);
    ``chain`` the sources and entries that led to it, with their repetition once.
    """

    guard: str
    limit: int
    reached: int
    source: str
    chain: str

    def __str__(self) -> str:
        of = f" of {self.source}" if self.source else ""
        return f"{self.guard}{of} {self._said(self.reached)} > {self._said(self.limit)}: {self.chain}"

    @property
    def enough(self) -> int | timedelta:
        """A limit under which the board goes on for as long again."""
        return timedelta(seconds=-(-2 * self.reached // 1000)) if self.guard == "wall" else 2 * self.limit

    @property
    def remedy(self) -> str:
        """What to call."""
        enough = f"timedelta(seconds={self._seconds:.0f})" if self.guard == "wall" else f"{self.enough}"
        return f"board.resume({self.guard}={enough})"

    @property
    def command(self) -> str:
        """The option of `blackboard resume` that raises the limit."""
        return f"--{self.guard} {self._seconds:.0f}s" if self.guard == "wall" else f"--{self.guard} {self.enough}"

    def on_command_line(self, board: str) -> str:
        """What to type."""
        return f"blackboard resume {quote(board)} {self.command}"

    def refusal(self, board: str) -> GuardTripped:
        """The error that says so."""
        return GuardTripped(board, self.guard, str(self), self.remedy)

    @property
    def _seconds(self) -> float:
        return self.enough.total_seconds() if isinstance(self.enough, timedelta) else 0.0

    def _said(self, value: int) -> str:
        return f"{value / 1000:g} s" if self.guard == "wall" else str(value)

"""Limits of a source, whoever runs it: how many at once, how fast, and when to leave it alone. Pure: the store keeps to them.

They hold over all workers of a partition of the namespace; with several partitions, for each.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from blackboard.clock import to_seconds
from blackboard.errors import InvalidSource
from blackboard.measure import is_duration, is_whole
from blackboard.term import Field, Operand, term_of

MOST: Final = 1_000_000
"""The largest number of starts or runs that a limit can be about."""


def _require(subject: str, holds: bool, given: str, wanted: str) -> None:
    if not holds:
        raise InvalidSource(subject, f"{given} is not {wanted}", f"Give it {wanted}")


def _is_count(value: object) -> bool:
    return is_whole(value, 1, MOST)


_COUNT: Final = "a whole number from 1 to 1,000,000"
_DURATION: Final = "a duration from 1 ms to a year, in seconds or as a timedelta"


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many of a source's activations run at once: `limit` altogether, or for each value of the field `per`.

    The field is one of an entry that a parameter binds one at a time, written as in a clause: ``Order.customer``. Entries
    without a value there, and those whose value is a list or a model, count as one.

    Raises InvalidSource when the number is none, InvalidTrigger when `per` is no field.
    """

    limit: int
    per: Any = None

    def __post_init__(self) -> None:
        _require("Concurrency", _is_count(self.limit), f"limit={self.limit!r}", _COUNT)
        per = term_of(self.per) if isinstance(self.per, Operand) else self.per
        wanted = "a field of a kind, such as Order.customer, or None"
        _require("Concurrency", per is None or isinstance(per, Field), f"per={self.per!r}", wanted)
        object.__setattr__(self, "per", per)

    @property
    def term(self) -> Field | None:
        """The field as a term."""
        found: Field | None = self.per
        return found


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast a source's activations start: `count` in `per` seconds (or a timedelta), a token bucket.

    Unused starts are saved up to `burst` (as many as `count` when None), so that in any time t at most
    ``burst + count * t / per`` start. ``burst=1`` spaces them evenly.

    Raises InvalidSource when a number makes no sense.
    """

    count: int
    per: float = 1.0
    burst: int | None = None

    def __post_init__(self) -> None:
        _require("Rate", _is_count(self.count), f"count={self.count!r}", _COUNT)
        _require("Rate", is_duration(self.per), f"per={self.per!r}", _DURATION)
        _require("Rate", self.burst is None or _is_count(self.burst), f"burst={self.burst!r}", f"{_COUNT}, or None")
        object.__setattr__(self, "per", to_seconds(self.per))

    def __str__(self) -> str:
        unit = next((unit for unit, seconds in _UNITS.items() if seconds == self.per), f"{self.per:g} s")
        burst = "" if self.burst is None else f", burst {self.burst}"
        return f"{self.count}/{unit}{burst}"

    def compile(self) -> list[int]:
        """The rate as the store reads it: count, per (ms), burst."""
        return [self.count, round(self.per * 1000), self.burst or self.count]

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """The rate that a text such as ``10/s``, ``100/m`` or ``5/30s`` says. Raises InvalidSource."""
        found = _RATE.fullmatch(text)
        _require("Rate", found is not None, repr(text), "a text like 10/s, 100/m, 1000/h or 5/30s")
        assert found is not None  # noqa: S101  # for checkers
        return cls(int(found["count"]), int(found["times"] or 1) * _UNITS[found["unit"]])


_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_RATE: Final = re.compile(r"\s*(?P<count>\d{1,7})\s*/\s*(?P<times>\d{1,7})?\s*(?P<unit>[smhd])\s*")


@dataclass(frozen=True, slots=True)
class Breaker:
    """When to leave a source alone: after `failures` in a row, over all boards, none starts for `cooldown` seconds.

    Then one at a time is let through as a probe. The first good one closes the breaker, a failed one opens it again.
    (M. T. Nygard, Release It!, 2007.)

    Raises InvalidSource when a number makes no sense.
    """

    failures: int = 5
    cooldown: float = 30.0

    def __post_init__(self) -> None:
        _require("Breaker", _is_count(self.failures), f"failures={self.failures!r}", _COUNT)
        _require("Breaker", is_duration(self.cooldown), f"cooldown={self.cooldown!r}", _DURATION)
        object.__setattr__(self, "cooldown", to_seconds(self.cooldown))

    def __str__(self) -> str:
        return f"opens after {self.failures} failure{'s' if self.failures > 1 else ''}, for {self.cooldown:g} s"

    def compile(self) -> list[int]:
        """The breaker as the store reads it: failures, cooldown (ms)."""
        return [self.failures, round(self.cooldown * 1000)]


class BreakerState(StrEnum):
    """What a breaker lets through: everything, nothing, or one probe at a time."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class Gauge:
    """Where the limits of a source stand; None for a limit that it does not have. Times are the store's, in milliseconds."""

    running: int | None = None
    """How many run that count, and wait for their turn, under a limit of concurrency."""
    waiting: int | None = None
    breaker: BreakerState | None = None
    failures: int = 0
    """Failures in a row."""
    opened: int = 0
    """When its breaker opened, unless that is closed."""
    probe_at: int = 0
    """When its breaker lets a probe through, unless that is closed."""
    next_start: int | None = None
    """When its rate lets the next start."""

    def __add__(self, other: "Gauge") -> "Gauge":
        """Both together, of two partitions: what runs is added up, of breakers the one that lets less through is told."""
        worse = max(self, other, key=lambda each: (each.probe_at, each.failures))
        starts = [each.next_start for each in (self, other) if each.next_start is not None]
        return Gauge(
            running=None if self.running is None else self.running + (other.running or 0),
            waiting=None if self.waiting is None else self.waiting + (other.waiting or 0),
            breaker=worse.breaker,
            failures=worse.failures,
            opened=worse.opened,
            probe_at=worse.probe_at,
            next_start=min(starts, default=None),
        )


# ---------------------------------------------------------------------------- what a source is told


def concurrency_of(given: object) -> Concurrency | None:
    """What ``concurrency=`` says: a number, a `Concurrency` or nothing. Raises InvalidSource."""
    if given is None or isinstance(given, Concurrency):
        return given
    _require("concurrency", _is_count(given), repr(given), f"{_COUNT}, or Concurrency(1, per=Order.customer)")
    return Concurrency(given)  # type: ignore[arg-type]  # it counts


def rate_of(given: object) -> Rate | None:
    """What ``rate=`` says: a text, a `Rate` or nothing. Raises InvalidSource."""
    if given is None or isinstance(given, Rate):
        return given
    _require("rate", isinstance(given, str), repr(given), 'a Rate, or a text like "10/s"')
    return Rate.parse(str(given))


def breaker_of(given: object) -> Breaker | None:
    """What ``breaker=`` says: a number of failures, a `Breaker` or nothing. Raises InvalidSource."""
    if given is None or isinstance(given, Breaker):
        return given
    _require("breaker", _is_count(given), repr(given), "a Breaker, or a number of failures")
    return Breaker(given)  # type: ignore[arg-type]  # it counts


def compile_limits(concurrency: int | None, rate: Rate | None, breaker: Breaker | None, fair: bool) -> dict[str, Any]:
    """The limits as the store reads them; what says nothing is empty."""
    return {"cn": concurrency, "rl": rate and rate.compile(), "bk": breaker and breaker.compile(), "fr": int(fair)}

"""Time, as milliseconds since 1970 in UTC: the unit of everything stored, sent or compared."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Clock(Protocol):
    """Whoever needs the time asks one of these, so that tests can say what time it is."""

    def now(self) -> int:
        """The time now, in milliseconds since 1970."""
        ...


class SystemClock:
    """The clock of this machine. Promises are kept by the store's clock; this one is for waits and for display."""

    def now(self) -> int:
        """The time now, in milliseconds since 1970."""
        return time.time_ns() // 1_000_000


def to_datetime(milliseconds: int) -> datetime:
    """The moment as a datetime in UTC, exact to the millisecond."""
    return _EPOCH + milliseconds * _MILLISECOND


def to_milliseconds(moment: datetime) -> int:
    """The moment as milliseconds since 1970, rounded down.

    Raises ValueError for a datetime without a time zone: it may mean any of 38 moments.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone; say which: datetime(…, tzinfo=UTC)")
    return (moment - _EPOCH) // _MILLISECOND


def to_seconds(duration: timedelta | float) -> float:
    """The duration in seconds, given as such or as a timedelta."""
    return duration.total_seconds() if isinstance(duration, timedelta) else float(duration)

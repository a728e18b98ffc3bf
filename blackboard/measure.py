"""What a number or a duration that a program gives may be. The tests answer for whatever they are given, and never raise.

True and False are no numbers here: who writes ``retries=True`` means something else than 1.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

HIGHEST = 2**50
"""Beyond it, numbers in the store would no longer be exact."""

YEAR = 366 * 86400.0
CENTURY = timedelta(days=36525)


def is_whole(value: Any, lowest: int = 1, highest: int = HIGHEST) -> bool:
    """Whether something is a whole number from the lowest to the highest."""
    return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest


def is_number(value: Any, lowest: float, highest: float) -> bool:
    """Whether something is a number from the lowest to the highest; what is no number of its kind (nan) is in no range."""
    return isinstance(value, int | float) and not isinstance(value, bool) and lowest <= value <= highest


def is_span(value: Any, longest: timedelta = CENTURY) -> bool:
    """Whether something is a timedelta from 1 ms up."""
    return isinstance(value, timedelta) and timedelta(milliseconds=1) <= value <= longest


def is_duration(value: Any, shortest: float = 0.001, longest: float = YEAR) -> bool:
    """Whether something is a duration of this length, in seconds or as a timedelta."""
    return is_number(value.total_seconds() if isinstance(value, timedelta) else value, shortest, longest)

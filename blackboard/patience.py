"""Patience: how long somebody waits for a board, as the verbs that wait take it in ``timeout=``."""

from __future__ import annotations

from typing import Any

from blackboard.clock import to_seconds
from blackboard.errors import InvalidSource
from blackboard.measure import CENTURY, is_duration


def patience(timeout: Any) -> float | None:
    """The seconds that a wait may take; None for one that never ends by itself. Raises InvalidSource.

    It is asked before anything is written: nan would make a wait that never ends, with nothing said.
    """
    if timeout is None:
        return None
    if not is_duration(timeout, 0, CENTURY.total_seconds()):
        remedy = "Give it seconds or a timedelta, from 0 to 100 years, or None to wait for ever"
        raise InvalidSource("timeout", f"{timeout!r} is no time to wait", remedy)
    return to_seconds(timeout)

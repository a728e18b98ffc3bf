"""The pulse of an event loop: whether it goes on, felt by another thread."""

from __future__ import annotations

import asyncio
import contextlib
import time

__all__ = ["STALLED", "Pulse"]

STALLED = 5.0
"""Seconds after which an event loop that has not gone on counts as blocked."""


class Pulse:
    """Asks a loop to say that it goes on, and knows for how long it has not answered."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._asked: float | None = None

    def feel(self) -> float:
        """For how many seconds the loop has not gone on since it was asked; 0 when it has. It is asked again then."""
        asked = self._asked
        if asked is not None:
            return time.monotonic() - asked
        self._asked = time.monotonic()
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._beat)
        return 0.0

    def _beat(self) -> None:
        self._asked = None

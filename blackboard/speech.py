"""Speech: what an agent says of its progress, gathered, and sent on about once a second."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any

from blackboard.record import Progress

logger = logging.getLogger(__name__)

PAUSE = 1.0
"""Seconds between two tellings."""

MOST_AT_ONCE, MOST_IN_ALL = 100, 1000
"""Lines that one telling, and one run, keep; the others are counted."""

LONGEST_LINE = 500

LAST_WORDS = 2.0
"""Seconds that an agent that has ended waits for what it had to say."""

Speak = Callable[[str, str, Sequence[str]], Awaitable[None]]
"""Tells the store: a mark that differs each time, the progress as JSON (empty: as before), and lines."""


class Speech:
    """Gathers what is said, from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, speak: Speak) -> None:
        self._loop = loop
        self._speak = speak
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._left_out = self._said = self._tellings = 0
        self._progress: Progress | None = None
        self._tenth = -1
        self._hurry = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def say(self, line: str) -> None:
        """Take a line."""
        with self._lock:
            if len(self._lines) >= MOST_AT_ONCE or self._said >= MOST_IN_ALL:
                self._left_out += 1
            else:
                self._lines.append(_clean(line))
                self._said += 1
        self._rouse()

    def report(self, progress: Progress) -> None:
        """Take how far it is: the last counts."""
        with self._lock:
            self._progress = progress
        self._rouse()

    async def end(self) -> None:
        """Tell what is left, but wait for that no longer than it is worth."""
        self._start()
        if self._task is None:
            return
        self._hurry.set()
        task = self._task
        done, _ = await asyncio.wait([task], timeout=LAST_WORDS)
        if not done:
            logger.warning("what an agent said last is lost: the store takes too long")
            task.cancel()
            await asyncio.wait([task])
        self._hurry.clear()

    def _pending(self) -> bool:
        return bool(self._lines or self._left_out or self._progress is not None)

    def _rouse(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._start)

    def _start(self) -> None:
        if self._task is None and self._pending():
            self._task = asyncio.create_task(self._go(), name="blackboard-speech")

    async def _go(self) -> None:
        try:
            while self._pending():
                await self._tell()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._hurry.wait(), PAUSE)
        except Exception as error:  # noqa: BLE001  # what an agent says must not end what it does
            logger.warning("what an agent said is lost: %s", error)
        if self._task is asyncio.current_task():
            self._task = None
            self._start()

    async def _tell(self) -> None:
        with self._lock:
            lines, self._lines = self._lines, []
            progress, self._progress = self._progress, None
            if self._left_out:
                lines.append(f"… and {self._left_out} lines more")
                self._left_out = 0
        if progress is not None and self._is_news(progress):
            lines.append(_clean(str(progress)))
        self._tellings += 1
        text = "" if progress is None else _json(progress)
        await self._speak(str(self._tellings), text, lines)

    def _is_news(self, progress: Progress) -> bool:
        """Whether progress is worth a line in the log: with every tenth."""
        tenth = int(10 * (progress.fraction or 0))
        changed, self._tenth = tenth != self._tenth, tenth
        return changed


def _json(progress: Progress) -> str:
    facts: dict[str, Any] = {name: value for name, value in asdict(progress).items() if value not in {None, ""}}
    return json.dumps(facts | {"text": _clean(progress.text)}, ensure_ascii=False, separators=(",", ":"))


def _clean(text: str) -> str:
    line = "".join(c if c.isprintable() else " " for c in str(text))
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"

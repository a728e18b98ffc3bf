"""What a running board comes to so far, and showing it on stderr: alive on a terminal, in plain lines elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections import Counter, deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from blackboard.cli.options import Options
from blackboard.cli.output import say
from blackboard.cli.story import as_line
from blackboard.event import Event, EventType

if TYPE_CHECKING:
    from rich.console import RenderableType  # only a terminal pays for loading it

FRAMES_PER_SECOND = 8
PLAIN_SECONDS = 1.0
LATEST = 6

ENDS = frozenset({EventType.FIRED, EventType.OBVIATED, EventType.DIED})
"""How an activation leaves the agenda."""


@dataclass(slots=True)
class Tally:
    """Counts of a board's events: entries by kind, activations by source."""

    seq: int = 0
    entries: Counter[str] = field(default_factory=Counter)
    triggered: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    fired: int = 0
    failed: int = 0
    latest: deque[Event] = field(default_factory=lambda: deque(maxlen=LATEST))
    remark: str = ""
    """What else is to be said, once."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, event: Event) -> None:
        """Count one event."""
        self.seq = event.seq
        self._news.set()
        self.latest.append(event)
        if event.type is EventType.POSTED and event.kind:
            self.entries[event.kind] += 1
        elif event.type is EventType.RETRACTED and event.kind:
            self.entries[event.kind] -= 1
        elif event.type is EventType.TRIGGERED and event.source:
            self.triggered[event.source] += 1
        elif event.type in ENDS and event.source:
            self.ended[event.source] += 1
        self.fired += event.type is EventType.FIRED
        self.failed += event.type in {EventType.FAILED, EventType.DIED}

    async def caught_up(self, seq: int, seconds: float = 2.0) -> None:
        """Wait until so many events are counted, but not for long: it is only for the looks."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.seq < seq:
                    self._news.clear()
                    await self._news.wait()

    def summary(self) -> str:
        """Everything in one line."""
        failures = f", {self.failed} failures" if self.failed else ""
        return f"{self.seq} events, {sum(self.entries.values())} entries, {self.fired} activations fired{failures}"


@contextlib.asynccontextmanager
async def progress(tally: Tally, options: Options) -> AsyncIterator[None]:
    """Show a tally while the body runs."""
    if options.quiet:
        yield
        return
    show = _live(tally) if sys.stderr.isatty() else _plain(tally, options)
    showing = asyncio.create_task(show)
    try:
        yield
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)


async def _plain(tally: Tally, options: Options) -> None:
    started, told, last = time.monotonic(), "", 0.0
    try:
        while True:
            if tally.remark != told:
                told = tally.remark
                say(options, told)
            if time.monotonic() - last >= PLAIN_SECONDS:
                last = time.monotonic()
                say(options, f"{last - started:5.1f} s  {tally.summary()}")
            await asyncio.sleep(0.05)
    finally:
        if tally.remark != told:
            say(options, tally.remark)


async def _live(tally: Tally) -> None:
    from rich.console import Console
    from rich.live import Live

    started = time.monotonic()
    console = Console(stderr=True, highlight=False)
    with Live(console=console, auto_refresh=False, transient=False) as live:
        try:
            while True:
                live.update(_frame(tally, time.monotonic() - started, console.width), refresh=True)
                await asyncio.sleep(1 / FRAMES_PER_SECOND)
        finally:
            live.update(_frame(tally, time.monotonic() - started, console.width), refresh=True)


def _frame(tally: Tally, seconds: float, width: int) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    lines: list[Any] = [Text(f"{seconds:5.1f} s  {tally.summary()}", style="bold")]
    if tally.remark:
        lines.append(Text(tally.remark, style="bold red"))
    lines.append(_sources(tally))
    lines += [Text.from_ansi(as_line(event, width - 1), no_wrap=True, overflow="ellipsis") for event in tally.latest]
    return Group(*lines)


def _sources(tally: Tally) -> RenderableType:
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=True)
    for source, total in tally.triggered.items():
        done = tally.ended[source]
        table.add_row(source, ProgressBar(total=total, completed=done, width=30), f"{done}/{total}")
    return table

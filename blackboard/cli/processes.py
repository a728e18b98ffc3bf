"""Processes of workers and controllers: starting them, keeping them alive, and ending them with whoever started them."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import IO, Any

from blackboard.cli.failures import NOT_FOUND, OK, USAGE

logger = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
HEALTHY = 60.0
"""Seconds after which a process counts as having worked, so that its end is the first one again."""

RELOAD_GRACE = 5.0
"""Seconds that agents have to finish when the program has changed."""

RELOAD_MISSING = "--reload needs watchfiles; install it: pip install 'blackboard-runtime[reload]'."

FINAL = frozenset({OK, USAGE, NOT_FOUND})
"""Exit codes that another start would only repeat."""

Process = asyncio.subprocess.Process


async def start_worker(words: Sequence[str], log: IO[bytes] | None = None, *, verb: str = "worker") -> Process:
    """Start `blackboard worker …` as a process of its own, which drains when this one ends, however it ends.

    It is out of the terminal's reach, so that Ctrl-C comes to it once, from here. `log` takes its stderr; what agents print goes
    where ours goes.
    """
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # the working directory must not hide an installed package from the worker's own imports
        "-m",
        "blackboard",
        verb,
        "--supervised",
        *words,
        stdin=asyncio.subprocess.PIPE,
        stderr=log,
        start_new_session=True,
    )


async def end_worker(process: Process, grace: float) -> None:
    """Let a worker drain for so many seconds, then abort it, then kill it."""
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGTERM, 2.0), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await process.wait()
                return


def on_signals(handler: Callable[[signal.Signals], None]) -> None:
    """Call the handler, on the running loop, for each SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C then ends the loop as ever
            loop.add_signal_handler(number, handler, number)


class Supervisor:
    """Keeps a number of processes of a verb alive until it is told to stop."""

    def __init__(self, words: Sequence[str], count: int, *, reload: bool = False, verb: str = "worker") -> None:
        self._verb = verb
        self._words = words
        self._count = count
        self._reload = reload
        self._processes: dict[int, Process] = {}
        self._signals = 0
        self._changed = asyncio.Event()

    async def run(self) -> int:
        """Start the processes and see to them until all have ended; returns the exit code, the worst of theirs."""
        on_signals(self._stop)
        watching = asyncio.create_task(self._watch()) if self._reload else None
        try:
            codes = await asyncio.gather(*(self._keep(number) for number in range(self._count)))
        finally:
            if watching is not None:
                watching.cancel()
        return max(codes)

    def _told(self) -> bool:
        return self._signals > 0

    def _stop(self, number: signal.Signals) -> None:
        self._signals += 1
        self._changed.set()
        words = ("draining; once more to abort", "aborting; once more to kill", "killing")
        logger.info("%s: %s", number.name, words[min(self._signals, 3) - 1])
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM if self._signals < 3 else signal.SIGKILL)

    async def _keep(self, number: int) -> int:
        pause, code = FIRST_PAUSE, OK
        while not self._told():
            started = time.monotonic()
            process = self._processes[number] = await start_worker(self._words, verb=self._verb)
            code = await process.wait()
            if self._told():
                break
            if self._reload:
                await self._until_changed(code)
                continue
            if code in FINAL:
                return code
            pause = FIRST_PAUSE if time.monotonic() - started >= HEALTHY else pause
            logger.warning(
                "%s process %d ended with %s; it starts again in %g s", self._verb, process.pid, _ending(code), pause
            )
            await self._sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        return OK if code < 0 or self._signals == 1 else code

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but not through a signal."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    # ------------------------------------------------------------------ reload

    async def _until_changed(self, code: int) -> None:
        if code != OK and not self._changed.is_set():
            logger.warning("the %s ended with %s; it starts again when a file changes", self._verb, _ending(code))
        await self._changed.wait()
        if not self._told():
            self._changed.clear()

    async def _watch(self) -> None:
        async for files in _changes(Path.cwd()):
            logger.info("changed: %s; starting again", ", ".join(files))
            self._changed.set()
            await asyncio.gather(*(end_worker(process, RELOAD_GRACE) for process in self._processes.values()))


def can_reload() -> bool:
    """Whether the package that watches files is installed."""
    return importlib.util.find_spec("watchfiles") is not None


async def _changes(directory: Path) -> AsyncIterator[list[str]]:
    """The names of changed Python files, whenever some have changed."""
    watchfiles: Any = importlib.import_module("watchfiles")  # an extra: not there for checkers either
    async for changes in watchfiles.awatch(directory, watch_filter=watchfiles.PythonFilter(), recursive=True):
        yield sorted({Path(file).name for _, file in changes})


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name

"""What the chaos tests share: worker processes, a server of their own, and a namespace whose keys are checked."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from blackboard.store import embedded
from tests.conftest import empty_namespace, key_faults

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 30.0
"""For a Python process to start and connect, on a busy machine."""


class Child:
    """A worker in a process of its own (child.py)."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    async def says(self, words: str) -> None:
        """Wait until it says these words."""
        assert self._process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            while line := (await self._process.stdout.readline()).decode().strip():
                if line == words:
                    return
        pytest.fail(f"the worker ended and never said {words!r}; its log: {self.log}")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    async def ends(self) -> int:
        """Wait until it has ended; how, as the operating system says it."""
        async with asyncio.timeout(START_SECONDS):
            await self._process.communicate()
        assert self._process.returncode is not None
        return self._process.returncode

    async def kill(self) -> None:
        """End it at once, if it lives."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.communicate()

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return self._log.read_text()


Hire = Callable[..., Awaitable[Child]]


@pytest.fixture
async def hire(namespace: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[Hire]:
    """Return a function that starts a worker process; all are killed in the end."""
    children: list[Child] = []

    async def start(
        cut: str = "",
        mode: str = "kill",
        lease: float = 1.0,
        after: int = 1,
        role: str = "worker",
        release: int = 0,
        url: str = valkey_url,
    ) -> Child:
        order = {"namespace": namespace, "url": url, "lease": lease, "cut": cut, "mode": mode, "after": after}
        order |= {"role": role, "release": release}
        log = tmp_path / f"worker{len(children)}.log"
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.chaos.child", json.dumps(order),
                cwd=REPOSITORY, env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
                stdout=asyncio.subprocess.PIPE, stderr=errors,
            )  # fmt: skip
        children.append(Child(process, log))
        return children[-1]

    yield start
    for child in children:
        await child.kill()


@pytest.fixture(autouse=True)
def checked_namespace(request: pytest.FixtureRequest, namespace: str) -> Iterator[None]:
    """After a test on the session's server: no key may be left that the map does not know."""
    yield
    if "valkey_url" in request.fixturenames:
        faults = key_faults(empty_namespace(request.getfixturevalue("valkey_url"), namespace))
        assert not faults, "\n".join(faults)


@pytest.fixture
def directory() -> Iterator[Path]:
    """Yield a data directory on a short path; its server is stopped afterwards."""
    parent = Path(tempfile.mkdtemp(prefix="bb-", dir="/tmp"))
    try:
        yield parent / "store"
    finally:
        embedded.stop(parent / "store")
        shutil.rmtree(parent)

"""An agent of twenty durable steps whose workers are killed again and again: no step is done twice but for the one that was
under way when its worker died, and what is asleep wakes when everything has been started anew.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from blackboard import Blackboard, EventType
from blackboard.activation import ActivationState
from tests.chaos.conftest import REPOSITORY
from tests.chaos.stepping import STEPS, Journey, Report, build
from tests.eventually import async_eventually

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

KILLS = 20


async def work(namespace: str, url: str, calls: Path, *cuts: str) -> list[int]:
    """Run a worker process for each of the cuts, one after the other; how each ended."""
    words = ["-m", "tests.chaos.stepping", namespace, url, str(calls), *cuts]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words,
        cwd=REPOSITORY, env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        said, _ = await process.communicate()
        return [int(line) for line in said.split()]
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def cuts(seed: int) -> list[str]:
    """Where the workers die, one after the other: within a step (at most twice), or when it is recorded and nobody knows."""
    random = Random(seed)
    places = range(1, STEPS + 1)
    points = [(place, point) for place in places for point in ("1 within", "2 within", "3 recorded")]
    return [f"{point.partition(' ')[2]} {place}" for place, point in sorted(random.sample(points, KILLS))]


async def recorded(bb: Blackboard) -> Counter[str]:
    return Counter([e.reason or "" async for e in bb.board("b").events() if e.type is EventType.STEPPED])


@pytest.mark.parametrize("seed", range(3))
async def test_twenty_steps_outlive_twenty_deaths(namespace: str, valkey_url: str, tmp_path: Path, seed: int) -> None:
    """Each step's function is called once more than recorded for every death within it, and no more."""
    calls, deaths = tmp_path / "calls", cuts(seed)
    async with build(namespace, valkey_url, calls) as bb:
        board = bb.board("b")
        await board.post(Journey(length=STEPS))
        ends = await work(namespace, valkey_url, calls, *deaths, "none")
        assert ends == [*([-signal.SIGKILL] * KILLS), 0]
        assert await board.read(Report) == Report(visited=list(range(1, STEPS + 1)))
        assert await recorded(bb) == Counter(f"step {place}" for place in range(1, STEPS + 1))

        called = Counter(calls.read_text().split())
        within = Counter(cut.partition(" ")[2] for cut in deaths if cut.startswith("within"))
        assert called == Counter(str(place) for place in range(1, STEPS + 1)) + within
        assert (await board.status()).settled


async def test_who_sleeps_wakes_although_everything_was_started_anew(
    namespace: str, valkey_url: str, tmp_path: Path
) -> None:
    """The worker is killed as soon as the activation is parked; another goes on behind the sleep."""
    calls = tmp_path / "calls"
    async with build(namespace, valkey_url, calls) as bb:
        board = bb.board("b")
        await board.post(Journey(length=2, sleep=1.5))
        assert await work(namespace, valkey_url, calls, "parked 0") == [-signal.SIGKILL]

        async def asleep() -> bool:
            return [each.state for each in await board.agenda()] == [ActivationState.SLEEPING]

        await async_eventually(asleep, 10, "it is asleep")
        assert await work(namespace, valkey_url, calls, "none") == [0]
        assert await board.read(Report) == Report(visited=[1, 2])
        assert calls.read_text().split() == ["1", "2"]

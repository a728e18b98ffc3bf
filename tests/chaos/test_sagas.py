"""An order that nobody ships, in both modes, with workers that die at any step: refunded once, and restocked once."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blackboard import Blackboard
from blackboard.store.partition import Partition
from examples import order_fulfilment as example
from tests.chaos.conftest import REPOSITORY, START_SECONDS
from tests.chaos.orders import SEQUENCE, Books, blackboard_of, judge

pytestmark = pytest.mark.chaos

MODES = ["choreography", "orchestration"]

CALLS = ("claim", "commit", "fail", "release", "undo")
"""What a worker says to the store; it may die before any of it, or before it hears the answer."""


@pytest.fixture(autouse=True)
def own_example(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the example back as it was."""
    for name in ("name", "url", "lease"):
        monkeypatch.setattr(example.bb, name, getattr(example.bb, name))
    for name in ("bank", "shelf"):
        monkeypatch.setattr(example, name, example.Book())


# ---------------------------------------------------------------------------- deaths in this process


class Life:
    """A worker that dies at its so-manieth step: its tasks end at once, and it tells nobody."""

    def __init__(self, bb: Blackboard, steps: int | None) -> None:
        context = contextvars.copy_context()
        context.run(LIFE.set, self)  # whatever the worker does knows whose step it is
        self.task = asyncio.create_task(bb.workers(concurrency=4).run(), context=context)
        self._left = steps

    async def step(self) -> None:
        """One step more; a dying worker comes no further."""
        if self._left is None:
            return
        self._left -= 1
        if self._left <= 0:
            self.task.cancel()
            await asyncio.Event().wait()

    @property
    def died(self) -> bool:
        """Whether it has come to its last step."""
        return self._left is not None and self._left <= 0

    async def end(self) -> None:
        """Let it die now, if it has not."""
        self.task.cancel()
        await asyncio.wait([self.task])


LIFE: contextvars.ContextVar[Life | None] = contextvars.ContextVar("LIFE", default=None)


async def step() -> None:
    """The worker that does this takes a step; of anybody else it is none."""
    if (life := LIFE.get()) is not None:
        await life.step()


def stepping(call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """A call to the store, before and after which a worker may die."""

    async def called(*args: Any, **kwargs: Any) -> Any:
        await step()
        answer = await call(*args, **kwargs)
        await step()
        return answer

    return called


def acting(function: Callable[..., Any]) -> Callable[..., Any]:
    """An agent's function, after which its worker may die: it has acted outside, and nobody knows."""

    async def acted(**arguments: Any) -> Any:
        done = function(**arguments)
        result = await done if asyncio.iscoroutine(done) else done
        await step()
        return result

    return acted


@contextlib.contextmanager
def steps_taken() -> Iterator[None]:
    """Make steps of what workers say to the store, and of what their agents do outside."""
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(Partition, name, stepping(getattr(Partition, name)))
        for source in example.bb.sources.values():
            for each in filter(None, (source, source.compensator)):
                patch.setattr(each, "function", acting(each.function))
        yield


async def live(mode: str, deaths: list[int]) -> bool:
    """An order from its post to its end, by workers that die after so many steps each, and one that does not.

    Whether all of those that were to die came to that.
    """
    died = True
    example.bank, example.shelf = example.Book(), example.Book()
    name = f"t{uuid4().hex[:12]}"
    with steps_taken():
        async with blackboard_of(name, f"memory://{name}", lease=0.25) as bb:
            board = bb.board("b")
            if mode == "orchestration":
                await board.orchestrate(SEQUENCE)
            await board.post(example.an_order("anvil"))
            async with bb.controller() if mode == "orchestration" else contextlib.nullcontext():
                settled = asyncio.create_task(board.settled(20))
                for steps in [*deaths, None]:
                    life = Life(bb, steps)
                    await asyncio.wait([settled, life.task], return_when="FIRST_COMPLETED")
                    died = died and (steps is None or life.died)
                    await life.end()
                await settled
            await judge(board, sorted(example.bank.bookings.values()), sorted(example.shelf.bookings.values()))
    return died


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", MODES)
@given(deaths=st.lists(st.integers(1, 25), max_size=3))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_workers_die_anywhere(mode: str, deaths: list[int]) -> None:
    """Three of them at most: one more could be held to be the fault of the activation, and bury it."""
    asyncio.run(live(mode, deaths))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", MODES)
def test_a_worker_dies_at_each_step_in_turn(mode: str) -> None:
    """From its first to the last that a whole order takes."""
    last = next(steps for steps in count(1) if not asyncio.run(live(mode, [steps])))
    assert last > 20


# ---------------------------------------------------------------------------- real deaths


@pytest.fixture
async def dying(namespace: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[int]]]:
    """Return a function that starts a worker process which kills itself at a cut, and waits for its death."""
    started: list[asyncio.subprocess.Process] = []

    async def die(cut: str, after: int) -> int:
        order = {"namespace": namespace, "url": valkey_url, "books": str(tmp_path), "cut": cut, "after": after}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.chaos.orders", json.dumps(order),
            cwd=REPOSITORY, env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        started.append(process)
        async with asyncio.timeout(START_SECONDS):
            await process.communicate()
        assert process.returncode is not None
        return process.returncode

    yield die
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("cut", "after"),
    [("booked", 1), ("booked", 2), ("booked", 3), ("booked", 4), ("planning", 1), ("planned", 1), ("failed", 1)],
)
async def test_a_worker_is_killed(
    namespace: str,
    valkey_url: str,
    tmp_path: Path,
    dying: Callable[..., Awaitable[int]],
    mode: str,
    cut: str,
    after: int,
) -> None:
    """With a signal that nobody can catch: when it has booked, when it plans, and when what it did was never heard of."""
    bank, shelf = Books(tmp_path / "bank"), Books(tmp_path / "shelf")
    example.bank, example.shelf = bank, shelf
    async with blackboard_of(namespace, valkey_url) as bb:
        board = bb.board("b")
        if mode == "orchestration":
            await board.orchestrate(SEQUENCE)
        await board.post(example.an_order("anvil"))
        async with bb.controller() if mode == "orchestration" else contextlib.nullcontext():
            assert await dying(cut, after) == -signal.SIGKILL
            async with bb.workers():
                await board.settled(timeout=20)
        await judge(board, bank.balance(), shelf.balance())

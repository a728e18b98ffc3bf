"""What control costs: a controlled chain beside the choreographed one, a switch of a large board, a fair share of many boards."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import redis

from benchmarks.application import ASKED, CHAIN, Start, Task, chain, grown
from benchmarks.scenarios import Numbers, fill, name
from benchmarks.worker import CONCURRENCY
from blackboard import Worker
from blackboard.control import Manual, Strategy


@contextlib.contextmanager
def controllers(namespace: str, url: str, count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Controller processes, ready to decide; what each did is on its standard output when they have ended."""
    command = [sys.executable, "-m", "benchmarks.worker", namespace, url, "--control"]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) for _ in range(count)
    ]
    for each in started:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    try:
        yield started
    finally:
        for each in started:
            each.terminate()
            each.wait()


async def _chains(url: str, boards: int, strategy: Strategy | None) -> float:
    """Activations per second of one worker in this process, with a controller in another if there is a strategy."""
    namespace = name()
    async with chain(namespace, url) as bb:
        if strategy is not None:
            for first in range(0, boards, 50):
                numbers = range(first, first + 50)
                await asyncio.gather(*(bb.board(f"b{number}").orchestrate(strategy) for number in numbers))
        await fill(bb, boards, lambda: Start(n=0))
        with controllers(namespace, url, int(strategy is not None)):
            begun = time.perf_counter()
            async with bb.workers(concurrency=CONCURRENCY) as worker:
                await finishing(worker, 5 * boards)
                return 5 * boards / (time.perf_counter() - begun)


async def finishing(worker: Worker, activations: int) -> None:
    """Wait until a worker has finished so many; looking at a number costs the measured nothing."""
    async with asyncio.timeout(120):
        while worker.finished < activations:  # noqa: ASYNC110  # a signal with each would cost the measured more
            await asyncio.sleep(0.005)


def controlled_share(url: str, strategy: Strategy = CHAIN, boards: int = 600) -> Numbers:
    """The rate of a chain of five under a strategy over that of the choreographed chain."""
    free = asyncio.run(_chains(url, boards, None))
    led = asyncio.run(_chains(url, boards, strategy))
    return {"choreographed": free, "controlled": led, "share": led / free}


async def switch_time(url: str, path: str, activations: int = 1000, times: int = 5) -> Numbers:
    """Milliseconds of a switch of a board with 1,000 open activations: for the caller, and in the server."""
    waited, worked = [], []
    async with grown(name(), url, 1) as bb:
        board = bb.board("large")
        await board.post(*(Task(number=i) for i in range(activations)))
        with redis.Redis(unix_socket_path=path) as client:
            for turn in range(2 * times):
                before = _busy(client)
                begun = time.perf_counter()
                switch = await (board.choreograph() if turn % 2 else board.orchestrate(Manual()))
                waited.append(1000 * (time.perf_counter() - begun))
                worked.append((_busy(client) - before) / 1000)
                assert switch.moved == activations
    return {"caller_ms": statistics.median(waited), "server_ms": statistics.median(worked)}


def _busy(client: redis.Redis) -> float:
    """Microseconds that the server has spent in functions."""
    return float(client.info("commandstats").get("cmdstat_fcall", {"usec": 0})["usec"])


def shared_evenly(url: str, boards: int = 1000, processes: int = 3) -> Numbers:
    """The least share of the decisions that one of three controllers made for 1,000 boards, over the fair share."""
    namespace = name()

    async def run() -> None:
        async with chain(namespace, url) as bb:
            for first in range(0, boards, 50):
                numbers = range(first, first + 50)
                await asyncio.gather(*(bb.board(f"b{number}").orchestrate(ASKED) for number in numbers))
            await fill(bb, boards, lambda: Start(n=0))
            async with bb.workers(concurrency=CONCURRENCY) as worker:
                await finishing(worker, 5 * boards)

    with controllers(namespace, url, processes) as started:
        asyncio.run(run())
    counts = [int((each.stdout.read() if each.stdout else "").split()[-1]) for each in started]
    return {"least_share": min(counts) * processes / sum(counts), "decisions": sum(counts)}

"""What is measured: each scenario takes the URL of a server of its own and returns its numbers."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from uuid import uuid4

import redis

from benchmarks.application import FAN, Clocked, End, Start, Sum, Task, chain, clocked_chain, fan, grown
from blackboard import Blackboard, Entry
from blackboard.cli.serving import settle_in

Numbers = dict[str, float]


def name() -> str:
    """A namespace that nothing else uses."""
    return f"bench-{uuid4().hex[:8]}"


async def fill(bb: Blackboard, boards: int, entry: Callable[[], Entry], together: int = 50) -> None:
    """Post an entry on each of many boards."""
    for first in range(0, boards, together):
        await asyncio.gather(*(bb.board(f"b{number}").post(entry()) for number in range(first, first + together)))


def chain_rate(url: str, boards: int = 3000) -> Numbers:
    """Activations per second of one worker process on many chains of five."""
    return processes_rate(url, 1, boards)


def fan_rate(url: str, boards: int = 800) -> Numbers:
    """Activations per second of one worker process with a fan-out of twenty and a fan-in."""
    namespace = name()
    asyncio.run(_fill(fan, namespace, url, boards))
    rate = _burst(namespace, url, "--fan", 1, (FAN + 2) * boards)
    asyncio.run(_check_sum(namespace, url))
    return rate


async def _check_sum(namespace: str, url: str) -> None:
    async with fan(namespace, url) as bb:
        assert await bb.board("b0").read(Sum) is not None


def processes_rate(url: str, processes: int, boards: int = 3000, *, computing: bool = False) -> Numbers:
    """Activations per second of several worker processes on many chains, of agents that compute or do next to nothing."""
    namespace = name()
    asyncio.run(_fill(chain, namespace, url, boards))
    return _burst(namespace, url, "--compute" if computing else "", processes, (2 if computing else 5) * boards)


def _burst(namespace: str, url: str, role: str, processes: int, wanted: int) -> Numbers:
    """Activations per second of worker processes that run until nothing is left."""
    command = [sys.executable, "-m", "benchmarks.worker", namespace, url, role]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    reports = [worker.communicate(timeout=300)[0].split() for worker in workers]
    finished = sum(int(report[0]) for report in reports)
    begun, ended = min(float(report[1]) for report in reports), max(float(report[2]) for report in reports)
    assert finished == wanted, f"{finished} of {wanted} activations"
    return {"activations_per_second": finished / (ended - begun)}


async def _fill(app: Callable[[str, str], Blackboard], namespace: str, url: str, boards: int) -> None:
    async with app(namespace, url) as bb:
        await fill(bb, boards, lambda: Start(n=0))


async def latency(url: str, times: int = 300) -> Numbers:
    """Milliseconds from before a post to the first line of the action, and through a chain of five, on an idle system.

    The worker is a process of its own; both read the machine's monotonic clock.
    """
    namespace = name()
    command = [sys.executable, "-m", "benchmarks.worker", namespace, url, "--serve"]
    first, through = [], []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        try:
            async with clocked_chain(namespace, url) as bb:
                for number in range(times):
                    board = bb.board(f"b{number}")
                    begun = time.monotonic()
                    await board.post(Start(n=0))
                    await board.wait_for(End, timeout=30)
                    through.append(1000 * (time.monotonic() - begun))
                    await board.settled(timeout=30)
                    first.append(1000 * ((await board.read(Clocked)).at - begun))
        finally:
            worker.terminate()
    return {
        "start_p50_ms": statistics.median(first),
        "start_p99_ms": statistics.quantiles(first, n=100)[98],
        "chain_p50_ms": statistics.median(through),
        "chain_p99_ms": statistics.quantiles(through, n=100)[98],
    }


async def growth_with_entries(url: str, small: int = 100, large: int = 100_000, commits: int = 2000) -> Numbers:
    """How much longer activations take on a board of 100,000 entries than on one of 100, in pairs."""
    namespace = name()
    async with grown(namespace, url, 1) as bb:
        sizes = {"small": small, "large": large}
        for board, size in sizes.items():
            for begin in range(0, size, 1000):
                entries = [Start(n=0)] if begin < 0 else _ballast(begin, min(1000, size - begin))
                await bb.board(board).post(*entries)
        ratios = []
        for turn in range(5):
            seconds = {}
            for board in sizes:
                first = 10_000_000 + turn * commits
                begun = time.perf_counter()
                await bb.board(board).post(*(Task(number=first + i) for i in range(commits)))
                await bb.workers(concurrency=64, burst=True).run()
                seconds[board] = time.perf_counter() - begun
            ratios.append(seconds["large"] / seconds["small"])
        return {"ratio": statistics.median(ratios)}


class Ballast(Entry, key="number"):
    number: int


def _ballast(first: int, count: int) -> list[Entry]:
    return [Ballast(number=first + i) for i in range(count)]


async def growth_with_sources(url: str, few: int = 10, many: int = 1000, commits: int = 2000) -> Numbers:
    """How much longer activations take with 1,000 registered sources than with 10, in pairs."""
    boards = {count: grown(name(), url, count) for count in (few, many)}
    ratios = []
    async with boards[few], boards[many]:
        settle_in()  # as a process does that serves: the collector need not go through a thousand classes
        for turn in range(5):
            seconds = {}
            for count, bb in boards.items():
                async with bb.workers(concurrency=64):  # registered before the clock starts
                    begun = time.perf_counter()
                    await bb.board(f"b{turn}").post(*(Task(number=i) for i in range(commits)))
                    await bb.board(f"b{turn}").settled(timeout=60)
                    seconds[count] = time.perf_counter() - begun
            ratios.append(seconds[many] / seconds[few])
    return {"ratio": statistics.median(ratios)}


async def memory(url: str, path: str, boards: int = 2000) -> Numbers:
    """Bytes of the server per finished activation of a chain of five, with its entry and its whole history."""
    with redis.Redis(unix_socket_path=path) as client:
        before = client.info("memory")["used_memory"]
        async with chain(name(), url) as bb:
            await fill(bb, boards, lambda: Start(n=0))
            await bb.workers(concurrency=64, burst=True).run()
        return {"bytes_per_activation": (client.info("memory")["used_memory"] - before) / (5 * boards)}

"""One worker process of a benchmark: works until nothing is left and prints what it did and when, or serves until killed."""

from __future__ import annotations

import asyncio
import signal
import sys
import time

from benchmarks.application import chain, clocked_chain, computing_chain, fan
from blackboard import Worker
from blackboard.cli.serving import settle_in

CONCURRENCY = 128
"""Activations at once, so that a full group (64) is on its way while as many run."""


async def burst(namespace: str, url: str) -> None:
    """Run a worker until nothing is left; print activations, begin and end (monotonic seconds)."""
    async with chain(namespace, url) as bb:
        settle_in()  # as `blackboard worker` does
        await _report(bb.workers(concurrency=CONCURRENCY, burst=True))


async def spread(namespace: str, url: str) -> None:
    """The same for the fan."""
    async with fan(namespace, url) as bb:
        settle_in()
        await _report(bb.workers(concurrency=CONCURRENCY, burst=True))


async def compute(namespace: str, url: str) -> None:
    """The same with agents that compute for a millisecond each."""
    async with computing_chain(namespace, url) as bb:
        settle_in()
        await _report(bb.workers(concurrency=16, burst=True))


async def _report(worker: Worker) -> None:
    """The end is when the last activation was committed: a worker waits for what others hold before it goes."""
    begun = ended = time.monotonic()
    finished, running = 0, asyncio.create_task(worker.run())
    while not running.done():
        if worker.finished > finished:
            finished, ended = worker.finished, time.monotonic()
        await asyncio.wait([running], timeout=0.005)
    await running
    print(worker.finished, begun, ended if worker.finished == finished else time.monotonic())


async def serve(namespace: str, url: str) -> None:
    """Run a worker until this process is ended; print when it is ready."""
    async with clocked_chain(namespace, url) as bb, bb.workers(concurrency=8):
        print("ready", flush=True)
        await asyncio.Event().wait()


async def control(namespace: str, url: str) -> None:
    """Decide until this process is told to end; print how many decisions that were."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with chain(namespace, url) as bb:
        settle_in()
        async with bb.controller() as controller:
            print("ready", flush=True)
            await ended.wait()
        print(controller.decisions, flush=True)


if __name__ == "__main__":
    roles = {"--serve": serve, "--control": control, "--compute": compute, "--fan": spread}
    role = next((roles[each] for each in sys.argv if each in roles), burst)
    asyncio.run(role(sys.argv[1], sys.argv[2]))

"""One worker process of a benchmark: works until nothing is left and prints what it did and when, or serves until killed."""

from __future__ import annotations

import asyncio
import signal
import sys
import time

from benchmarks.application import chain, clocked_chain, computing_chain


async def burst(namespace: str, url: str) -> None:
    """Run a worker until nothing is left; print activations, begin and end (monotonic seconds)."""
    async with chain(namespace, url) as bb:
        worker = bb.workers(concurrency=64, burst=True)
        begun = time.monotonic()
        await worker.run()
        print(worker.finished, begun, time.monotonic())


async def compute(namespace: str, url: str) -> None:
    """Run a worker whose agents compute for a millisecond each until nothing is left; print what `burst` does."""
    async with computing_chain(namespace, url) as bb:
        worker = bb.workers(concurrency=16, burst=True)
        begun = time.monotonic()
        await worker.run()
        print(worker.finished, begun, time.monotonic())


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
        async with bb.controller() as controller:
            print("ready", flush=True)
            await ended.wait()
        print(controller.decisions, flush=True)


if __name__ == "__main__":
    roles = {"--serve": serve, "--control": control, "--compute": compute}
    role = next((roles[each] for each in sys.argv if each in roles), burst)
    asyncio.run(role(sys.argv[1], sys.argv[2]))

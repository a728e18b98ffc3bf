"""One worker process of a benchmark: works until nothing is left and prints what it did and when, or serves until killed."""

from __future__ import annotations

import asyncio
import sys
import time

from benchmarks.application import chain, clocked_chain


async def burst(namespace: str, url: str) -> None:
    """Run a worker until nothing is left; print activations, begin and end (monotonic seconds)."""
    async with chain(namespace, url) as bb:
        worker = bb.workers(concurrency=64, burst=True)
        begun = time.monotonic()
        await worker.run()
        print(worker.finished, begun, time.monotonic())


async def serve(namespace: str, url: str) -> None:
    """Run a worker until this process is ended; print when it is ready."""
    async with clocked_chain(namespace, url) as bb, bb.workers(concurrency=8):
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run((serve if "--serve" in sys.argv else burst)(sys.argv[1], sys.argv[2]))

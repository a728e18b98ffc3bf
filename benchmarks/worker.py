"""One worker process of a benchmark: works until nothing is left and prints what it did and when."""

from __future__ import annotations

import asyncio
import sys
import time

from benchmarks.application import chain


async def main(namespace: str, url: str) -> None:
    """Run a worker in burst mode; print activations, begin and end (monotonic seconds)."""
    async with chain(namespace, url) as bb:
        worker = bb.workers(concurrency=64, burst=True)
        begun = time.monotonic()
        await worker.run()
        print(worker.finished, begun, time.monotonic())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))

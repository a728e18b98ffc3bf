"""Tasks of asyncio: running several as one, and ending them for good."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Iterable
from typing import Any

CANCEL_AGAIN = 0.05
"""Seconds after which what has not ended is cancelled again."""


async def end_all(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended: a client that is just connecting or being answered swallows a cancellation.

    Whoever is cancelled meanwhile, for the second time perhaps, ends them nevertheless: nobody else would.
    """
    pending, cut_short = set(tasks), False
    while pending:
        for task in pending:
            task.cancel()
        try:
            _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN)
        except asyncio.CancelledError:
            cut_short = True
    await asyncio.gather(*tasks, return_exceptions=True)
    if cut_short:
        raise asyncio.CancelledError


async def all_together(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all to their end; when one of them fails, end the others and raise its error."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        await end_all(tasks)

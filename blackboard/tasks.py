"""Ending tasks of asyncio for good."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

CANCEL_AGAIN = 0.05
"""Seconds after which what has not ended is cancelled again."""


async def end_all(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended: a client that is just connecting or being answered swallows a cancellation."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN)
    await asyncio.gather(*tasks, return_exceptions=True)

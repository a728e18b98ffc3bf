"""Waiting for something to become true, with a name for it, instead of sleeping and hoping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

LOOK_AGAIN_SECONDS = 0.005


def eventually(predicate: Callable[[], T], deadline: float, description: str) -> T:
    """Return what `predicate` returns as soon as that is true; fail with the description after `deadline` seconds."""
    end = time.monotonic() + deadline
    while not (found := predicate()):
        assert time.monotonic() < end, f"not within {deadline:g} s: {description}"
        time.sleep(LOOK_AGAIN_SECONDS)
    return found


async def async_eventually(predicate: Callable[[], Awaitable[T]], deadline: float, description: str) -> T:
    """Do the same with a coroutine function, without stopping the event loop."""
    end = time.monotonic() + deadline
    while not (found := await predicate()):
        assert time.monotonic() < end, f"not within {deadline:g} s: {description}"
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
    return found

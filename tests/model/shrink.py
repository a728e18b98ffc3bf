"""Makes a failing case small: fewer operations, then fewer sources, as long as it fails in the same way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from tests.model.driver import Case

Fails = Callable[[Case], Awaitable[bool]]


async def shrunk(case: Case, fails: Fails) -> Case:
    """The smallest case found that still fails; by leaving out ever smaller slices (delta debugging)."""

    async def with_operations(kept: Sequence[int]) -> bool:
        return await fails(replace(case, operations=tuple(kept)))

    case = replace(case, operations=tuple(await _fewest(case.operations, with_operations)))

    async def with_sources(kept: Sequence[int]) -> bool:
        return await fails(replace(case, sources=tuple(kept)))

    return replace(case, sources=tuple(await _fewest(case.sources, with_sources)))


async def _fewest(items: Sequence[int], fails: Callable[[Sequence[int]], Awaitable[bool]]) -> Sequence[int]:
    size = max(1, len(items) // 2)
    while True:
        before, at = len(items), 0
        while at < len(items):
            without = [*items[:at], *items[at + size :]]
            if await fails(without):
                items = without
            else:
                at += size
        if size == 1 and len(items) == before:
            return items
        size = max(1, size // 2)

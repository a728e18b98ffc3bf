"""The commands travel in two ways; a server that keeps functions must take ours, or we are slow without knowing why."""

from __future__ import annotations

import pytest

from blackboard.store.scripts import library
from tests.lua.bench import Bench
from tests.lua.life import live


@pytest.mark.parametrize("store_url", ["valkey", "redis"], indirect=True)
async def test_the_library_is_taken(bench: Bench) -> None:
    await bench.store.calls.prepare()
    assert bench.store.calls._functions
    assert await bench.command("FUNCTION LIST", "LIBRARYNAME", library().name)
    await live(bench)


async def test_a_life_as_scripts(bench: Bench) -> None:
    bench.use_scripts()
    await live(bench)

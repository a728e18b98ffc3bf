"""What is ready is found alike, whether a claim reads the few rows there are at once or goes from source to source."""

from __future__ import annotations

import random

import pytest

from blackboard.store import calls
from tests.lua.bench import CREW, Bench, each, write
from tests.lua.test_broken_variants import broken

SOURCES = ("alpha", "beta", "gamma", "delta")
EACH_ALONE = ("local FEW = 16", "local FEW = 0")


async def worked_off(bench: Bench, seed: int) -> list[tuple[str, str]]:
    """What claims of several workers got, in order, of sources with and without limits that two crews run."""
    chance = random.Random(seed)
    policies = [{"pr": chance.randint(-2, 2)} for _ in SOURCES]
    policies[0] |= {"cn": 3}
    policies[1] |= {"fr": 1}
    triggers = [each(name, name, **policy) for name, policy in zip(SOURCES, policies, strict=True)]
    await bench.register(*triggers[:3])
    await bench.register(*triggers[2:], crew="others")
    for _ in range(6):
        bench.now += chance.randint(0, 2)
        posted = {f"{chance.choice(SOURCES)}/{chance.randint(1, 9)}" for _ in range(3)}
        await bench.post(f"b{chance.randint(1, 3)}", *(write(address, chance.random()) for address in sorted(posted)))
    got = []
    for turn in range(20):
        crew = chance.choice((CREW, "others"))
        request = bench.request(chance.randint(1, 4), crew=crew, cursor=chance.choice(SOURCES), owner=f"w{turn}")
        claimed = (await bench.store.claim(request, bench.now)).claimed
        got += [(each_claim.claim.board, each_claim.claim.identity) for each_claim in claimed]
        for each_claim in claimed:
            await bench.commit(each_claim.claim)
    return got


@pytest.mark.parametrize("seed", range(12))
async def test_few_rows_are_handed_out_as_many_would_be(
    bench: Bench, namespace: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = await worked_off(bench, seed)
    assert len(at_once) > 5

    await bench.command("DEL", *bench.keys.declared, *(key for i in range(1, 4) for key in bench.keys.board(f"b{i}")))
    bench.use_scripts()
    bench.now, bench.number = 1_000, bench.number + 1_000
    monkeypatch.setattr(calls, "script", broken(*EACH_ALONE))

    assert await worked_off(bench, seed) == at_once


@pytest.mark.parametrize("rows", [15, 16, 17])
async def test_nothing_is_left_out_where_few_rows_become_many(bench: Bench, rows: int) -> None:
    await bench.register(*(each(name, name) for name in SOURCES))
    await bench.post("b", *(write(f"{SOURCES[i % len(SOURCES)]}/{i}") for i in range(rows)))

    claimed = await bench.claim(64)

    assert len({each_claim.claim.identity for each_claim in claimed}) == rows

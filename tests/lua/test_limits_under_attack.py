"""Limits where it is hard: a rate while the clock goes on, a probe whose worker dies, a board that floods two hundred others."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.lua.bench import LEASE, Bench, each, write

STARTS, PER, BURST = 3, 1000, 4
"""A rate of three starts a second, of which four may come at once."""


async def _failing(bench: Bench, *more: str) -> None:
    """A breaker that one failure opens for 100 ms, opened by it; behind it there is more to do."""
    await bench.register(each("one", "a", bk=[1, 100], cr=5))
    await bench.post("x", write("a/0"), *(write(f"a/{name}") for name in more))
    assert await bench.fail((await bench.claim_one()).claim, "dead") == "ok"


# ---------------------------------------------------------------------------- rates


@pytest.mark.parametrize("seed", range(8))
async def test_in_no_window_start_more_than_a_rate_allows_and_what_may_start_does(bench: Bench, seed: int) -> None:
    """Whatever the steps of the clock are, also backwards, and whatever becomes of what has started."""
    chance = random.Random(seed)
    await bench.register(each("one", "a", rl=[STARTS, PER, BURST]))
    await bench.post("x", *(write(f"a/{number:03d}") for number in range(60)))
    started: list[int] = []
    forward = 0
    while len(started) < 50:
        handed = await bench.handed(chance.choice([1, 2, 64]))
        started += [forward] * len(handed.claimed)
        for claimed in handed.claimed:
            if chance.random() < 0.8:
                await bench.commit(claimed.claim)
            else:
                await bench.fail(claimed.claim, "dead")
        step = chance.choice([0, 1, 7, 333, 334, 1001, handed.next_due or 1])
        if chance.random() < 0.1 and not handed.claimed:
            bench.now -= 200  # the clock was set back: nobody has waited for that
            continue
        bench.now, forward = bench.now + step, forward + step
    for first, begin in enumerate(started):
        for last in range(first, len(started)):
            assert last - first + 1 <= BURST + STARTS * (started[last] - begin) / PER


async def test_who_waits_for_a_rate_as_long_as_told_gets_one(bench: Bench) -> None:
    """Neither too late, which would waste it, nor too early, which would spin."""
    await bench.register(each("one", "a", rl=[STARTS, PER, BURST]))
    await bench.post("x", *(write(f"a/{number:02d}") for number in range(20)))
    first = await bench.claim(64)
    assert len(first) == BURST
    for claimed in first:
        await bench.commit(claimed.claim)
    for _ in range(10):
        handed = await bench.handed(64)
        assert handed.claimed == []
        bench.now += handed.next_due - 1
        assert await bench.claim(64) == []
        bench.now += 1
        (claimed,) = await bench.claim(64)
        await bench.commit(claimed.claim)


# ---------------------------------------------------------------------------- probes of a breaker


async def test_a_probe_whose_worker_dies_leaves_the_way_to_the_next(bench: Bench) -> None:
    await _failing(bench, "1", "2")
    bench.now += 100
    (probe,) = await bench.claim(5)
    assert await bench.claim(5) == []
    bench.now += LEASE
    (again,) = await bench.claim(5, owner="w2")
    assert await bench.claim(5) == []
    await bench.commit(again.claim)
    assert len(await bench.claim(5)) == 1
    assert isinstance(await bench.commit(probe.claim), Exception)


async def test_a_probe_that_kills_its_workers_opens_the_breaker_again(bench: Bench) -> None:
    await bench.register(each("one", "a", bk=[1, 100], cr=1))
    await bench.post("x", write("a/0"), write("a/1"))
    assert await bench.fail((await bench.claim_one()).claim, "dead") == "ok"
    bench.now += 100
    await bench.claim_one()
    bench.now += LEASE
    await bench.claim_one()
    bench.now += LEASE
    (poison,) = await bench.claim(5)
    assert poison.verdict == "poison"
    assert await bench.store.fail(poison.claim, "dead", 0, "crash limit", "died", bench.now) == "ok"
    await bench.post("x", write("a/2"))
    assert await bench.claim(5) == []
    bench.now += 100
    assert len(await bench.claim(5)) == 1


@pytest.mark.parametrize("end", ["closed", "aborted", "obviated", "given back", "held", "in doubt"])
async def test_a_probe_that_ends_otherwise_leaves_the_way_to_the_next(bench: Bench, end: str) -> None:
    """Its board is over, its entry is gone, it is given back, or nobody knows what became of it."""
    await bench.register(each("one", "a", bk=[1, 100], ex=1))
    await bench.post("x", write("a/0"))
    assert await bench.fail((await bench.claim_one()).claim, "dead") == "ok"
    await bench.post("x", write("a/1"))
    await bench.post("y", write("a/1"), write("a/2"))
    bench.now += 100
    (probe,) = await bench.claim(5)
    assert probe.claim.board == "x"
    match end:
        case "closed":
            assert (await bench.store.close("x", "@test", "", 0, bench.now))[0] == "ok"
        case "aborted":
            await bench.abort("x")
            assert await bench.release(probe.claim) == "ok"
            await bench.undo_once("done")
        case "obviated":
            await bench.release(probe.claim, "wait")
        case "given back":
            await bench.release(probe.claim)
            await bench.veto("x", "one a/1")
        case "held":
            await bench.pause("x")
            await bench.release(probe.claim)
        case "in doubt":
            assert await bench.store.fail(probe.claim, "unknown", 0, "cut short", "", bench.now) == "ok"
    (following,) = [claimed.claim for claimed in await bench.claim(5)]
    assert following.board == "y"
    assert await bench.claim(5) == []
    await bench.commit(following)
    assert len(await bench.claim(5)) == 1


# ---------------------------------------------------------------------------- turns


@pytest.mark.parametrize("limits", [{}, {"cn": 1, "cp": [1, "x"]}], ids=["fair", "per value"])
async def test_two_hundred_boards_have_their_turns_beside_one_that_floods(
    bench: Bench, limits: dict[str, object]
) -> None:
    """In every round each board starts one; the flood has no more than its turn, however much it brings meanwhile."""
    await bench.register(each("one", "a", fr=1, **limits))
    await bench.post("flood", *(write(f"a/{number:03d}", f"flood{number}") for number in range(300)))
    boards = [f"b{number:03d}" for number in range(200)]
    for board in boards:
        await bench.post(board, write("a/1", f"{board}1"), write("a/2", f"{board}2"))
    started: list[str] = []
    flooded = 300
    while len(started) < 2 * (len(boards) + 1):
        claims = await bench.claim(16)
        assert claims
        for claimed in claims:
            started.append(claimed.claim.board)
            await bench.commit(claimed.claim)
        if flooded < 320:
            await bench.post("flood", write(f"a/{flooded}", f"flood{flooded}"))
            flooded += 1
    for begin in (0, len(boards) + 1):
        assert Counter(started[begin : begin + len(boards) + 1]) == Counter(["flood", *boards])

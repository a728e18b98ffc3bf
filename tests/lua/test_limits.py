"""Limits of a source in the claim: how many at once, how fast, the breaker, and boards that take turns."""

from __future__ import annotations

from typing import Any

import pytest

from blackboard.activation import Claimed
from blackboard.limit import BreakerState, Gauge
from blackboard.store import codec
from blackboard.store.partition import Commit
from tests.lua.bench import LEASE, Bench, addresses, each, gone, names, write

PER_X = [1, "x"]
"""Each value of the field x of the first pattern counts for itself."""


async def commit_all(bench: Bench, claimed: list[Claimed]) -> None:
    for each_claim in claimed:
        await bench.commit(each_claim.claim)


def keys(claimed: list[Claimed]) -> list[str]:
    """Which entries were claimed, of sources that bind one."""
    return [found[0].partition("/")[2] for found in addresses(claimed)]


async def gauge(bench: Bench, **trigger: Any) -> Gauge:
    return (await bench.store.gauges({"one": trigger}, bench.now))["one"]


async def places(bench: Bench) -> list[str]:
    """Who has a place under a limit: `state value board key`."""
    rows = [row.decode() for row in await bench.command("ZRANGE", bench.keys.slots, 0, -1)]
    found = []
    for row in rows:
        state, _, token, *_, field = row.split(codec.US)
        found.append(f"{state} {token} {field.replace(codec.RS, ' ')}")
    return found


# ---------------------------------------------------------------------------- at once


async def test_no_more_run_at_once_than_there_are_places(bench: Bench) -> None:
    await bench.register(each("one", "a", cn=2), each("free", "a"))
    await bench.post("x", write("a/1"), write("a/2"), write("a/3"))
    assert sorted(names(await bench.claim(10))) == ["free", "free", "free", "one", "one"]
    assert await bench.claim(10, owner="w2") == []


@pytest.mark.parametrize("end", ["commit", "retry", "dead", "ready", "wait"])
async def test_whatever_ends_a_run_frees_its_place_and_rings(bench: Bench, end: str) -> None:
    await bench.register(each("one", "a", cn=1))
    await bench.post("x", write("a/1"), write("a/2"))
    running = (await bench.claim_one()).claim
    await bench.bell()
    if end == "commit":
        await bench.commit(running)
    elif end in {"retry", "dead"}:
        await bench.fail(running, end)
    else:
        await bench.release(running, end)
    assert await bench.bell() == 1
    assert len(await bench.claim(10)) == 1
    assert await bench.claim(10) == []


async def test_a_commit_takes_the_next_in_the_same_call(bench: Bench) -> None:
    await bench.register(each("one", "a", cn=1))
    await bench.post("x", write("a/1"), write("a/2"))
    running = await bench.claim_one()
    await bench.bell()
    _, handed = await bench.store.commit([Commit(running.claim, [])], bench.request(5), bench.now)
    assert keys(handed.claimed) == ["2"]
    assert await bench.bell() == 0, "there is nothing left that another could take"


async def test_no_bell_rings_for_what_has_no_place(bench: Bench) -> None:
    await bench.register(each("one", "a", cn=1))
    await bench.post("x", write("a/1"), write("a/2"))
    await bench.bell()
    await bench.claim_one()
    assert await bench.bell() == 0


async def test_no_bell_rings_for_a_place_that_nobody_waited_for(bench: Bench) -> None:
    await bench.register(each("one", "a", cn=3))
    await bench.post("x", write("a/1"), write("a/2"))
    claimed = await bench.claim(2)
    await bench.bell()
    await bench.commit(claimed[0].claim)
    assert await bench.bell() == 0


async def test_the_place_of_a_dead_worker_is_free_when_its_lease_is_out(bench: Bench) -> None:
    await bench.register(each("one", "a", cn=1))
    await bench.post("x", write("a/1"), write("a/2"))
    await bench.claim_one()
    bench.now += LEASE
    assert len(await bench.claim(5, owner="w2")) == 1
    assert await bench.claim(5, owner="w3") == []


async def test_poison_keeps_its_place_until_it_is_settled(bench: Bench) -> None:
    await bench.register(each("one", "a", cn=1, cr=0))
    await bench.post("x", write("a/1"), write("a/2"))
    await bench.claim_one()
    bench.now += LEASE
    (poison,) = await bench.claim(5, owner="w2")
    assert poison.verdict == "poison"
    assert await bench.claim(5, owner="w3") == []
    await bench.store.fail(poison.claim, "dead", 0, "crash limit", "", bench.now)
    assert keys(await bench.claim(5, owner="w3")) == ["2"]


async def test_a_claim_that_is_answered_again_takes_no_second_place(bench: Bench) -> None:
    await bench.register(each("one", "a", cn=2, rl=[5, 1000, 5]))
    await bench.post("x", write("a/1"), write("a/2"), write("a/3"))
    request = bench.request(1)
    first = await bench.store.claim(request, bench.now)
    before = await bench.dump()
    assert (await bench.store.claim(request, bench.now)).claimed == first.claimed
    after = await bench.dump()
    assert [after.get(key) for key in (bench.keys.slots, bench.keys.gauges)] == [
        before.get(key) for key in (bench.keys.slots, bench.keys.gauges)
    ]
    assert len(await bench.claim(5)) == 1


async def test_closing_a_board_frees_its_places(bench: Bench) -> None:
    await bench.register(each("one", "a", cn=1))
    await bench.post("x", write("a/1"))
    await bench.post("y", write("a/2"))
    await bench.claim_one()
    await bench.bell()
    await bench.store.close("x", "@test", "", 0, bench.now)
    assert await bench.bell() == 1
    assert keys(await bench.claim(5)) == ["2"]


# ---------------------------------------------------------------------------- each value for itself


@pytest.fixture
async def per(bench: Bench) -> Bench:
    await bench.register(each("one", "a", cn=1, cp=PER_X))
    return bench


async def test_each_value_has_its_places(per: Bench) -> None:
    await per.post("x", write("a/1", "ann"), write("a/2", "ann"), write("a/3", "bob"))
    assert keys(await per.claim(10)) == ["1", "3"]
    assert await per.states("x") == {"one a/1": "running", "one a/2": "limited", "one a/3": "running"}
    assert await per.claim(10) == []


async def test_what_is_blocked_keeps_nobody_behind_it_waiting(per: Bench) -> None:
    """A claim for one looks further than the first hundred, which have no place."""
    await per.post("x", *(write(f"a/{i}", "ann") for i in range(100)), write("a/b", "bob"))
    assert len(await per.claim(1)) == 1
    assert keys(await per.claim(1)) == ["b"]
    assert (await gauge(per, cn=1)).waiting == 99


async def test_a_claim_looks_only_so_far_and_calls_the_next(per: Bench) -> None:
    await per.post("x", *(write(f"a/{i}", "ann") for i in range(100, 400)), write("a/b", "bob"))
    assert keys(await per.claim(1)) == ["100"]
    await per.bell()
    assert await per.claim(1) == []
    assert await per.bell() == 1
    assert keys(await per.claim(1)) == ["b"]


async def test_the_next_of_its_value_is_called_up(per: Bench) -> None:
    await per.post("x", write("a/1", "ann"), write("a/2", "ann"), write("a/3", "bob"))
    first, _ = await per.claim(10)
    await per.bell()
    await per.commit(first.claim)
    assert await per.states("x") == {"one a/2": "ready", "one a/3": "running"}
    assert await per.bell() == 1
    assert keys(await per.claim(10)) == ["2"]


async def test_what_was_called_up_keeps_its_place_until_it_is_claimed(per: Bench) -> None:
    await per.post("x", write("a/1", "ann"), write("a/2", "ann"))
    (first,) = await per.claim(10)
    await per.post("x", write("a/0", "ann"))
    await per.commit(first.claim)
    per.now += 1
    assert keys(await per.claim(10)) == ["2"]
    assert await per.states("x") == {"one a/0": "limited", "one a/2": "running"}


@pytest.mark.parametrize("leaves", ["obviated", "vetoed", "held", "closed"])
async def test_what_was_called_up_and_leaves_gives_its_place_on(per: Bench, leaves: str) -> None:
    await per.post("x", write("a/1", "ann"))
    (first,) = await per.claim(10)
    await per.post("x", write("a/2", "ann"))
    await per.post("y", write("a/3", "ann"))
    await per.claim(10)
    await per.commit(first.claim)
    assert await per.states("x") == {"one a/2": "ready"}
    if leaves == "obviated":
        await per.post("x", gone("a/2"))
    elif leaves == "vetoed":
        await per.veto("x", "one a/2")
    elif leaves == "held":
        await per.pause("x")
    else:
        await per.store.close("x", "@test", "", 0, per.now)
    assert await per.states("y") == {"one a/3": "ready"}
    assert keys(await per.claim(10)) == ["3"]


@pytest.mark.parametrize("leaves", ["obviated", "vetoed", "held", "closed"])
async def test_what_waits_for_its_turn_can_leave(per: Bench, leaves: str) -> None:
    await per.post("y", write("a/3", "ann"))
    (first,) = await per.claim(10)
    await per.post("x", write("a/2", "ann"))
    assert await per.claim(10) == []
    assert await per.states("x") == {"one a/2": "limited"}
    if leaves == "obviated":
        await per.post("x", gone("a/2"))
    elif leaves == "vetoed":
        assert await per.veto("x", "one a/2") == "ok"
    elif leaves == "held":
        assert (await per.pause("x")).moved == 1
    else:
        await per.store.close("x", "@test", "", 0, per.now)
    assert await places(per) == ["x sann y one a/3"]
    await per.commit(first.claim)
    assert await places(per) == []
    if leaves == "held":
        await per.resume("x")
        assert keys(await per.claim(10)) == ["2"]


async def test_waiting_for_a_turn_keeps_a_board_from_quiescence(bench: Bench) -> None:
    await bench.register(each("one", "a", cn=1, cp=PER_X), {"s": "report", "q": 1})
    await bench.post("y", write("a/1", "ann"))
    (other,) = await bench.claim(10)
    await bench.post("x", write("a/1", "ann"))
    assert await bench.claim(10) == []
    assert await bench.states("x") == {"one a/1": "limited"}
    await bench.commit(other.claim)
    (mine, report) = sorted(await bench.claim(10), key=lambda found: found.claim.board)
    assert (mine.claim.board, report.claim.source) == ("x", "report")


async def test_the_best_of_those_that_wait_is_next(bench: Bench) -> None:
    await bench.register(each("one", "a", "b", cn=1, cp=[2, "x"], rt=["f", 1, "x"]))
    await bench.post("x", write("b/1", "ann"), *(write(f"a/{i}", rating) for i, rating in enumerate((1, 9, 5))))
    order = []
    while claimed := await bench.claim(10):
        order += [found[0] for found in addresses(claimed)]
        await commit_all(bench, claimed)
    assert order == ["a/1", "a/2", "a/0"]


async def test_another_value_counts_from_then_on(per: Bench) -> None:
    """What waits for ann's place is bob's after a revision, and does not wait for ann any more."""
    await per.post("x", write("a/1", "ann"), write("a/2", "ann"))
    await per.claim(10)
    await per.post("x", write("a/2", "bob"))
    assert await per.states("x") == {"one a/1": "running", "one a/2": "ready"}
    assert keys(await per.claim(10)) == ["2"]
    assert await places(per) == ["x sann x one a/1", "x sbob x one a/2"]


async def test_another_value_of_what_was_called_up(per: Bench) -> None:
    await per.post("x", write("a/1", "ann"), write("a/2", "ann"), write("a/3", "ann"))
    (first,) = await per.claim(10)
    await per.commit(first.claim)
    await per.post("x", write("a/2", "bob"))
    assert await per.states("x") == {"one a/2": "ready", "one a/3": "ready"}
    assert keys(await per.claim(10)) == ["2", "3"]


async def test_values_of_any_kind(per: Bench) -> None:
    """Numbers, texts and booleans are told apart; what is none of them counts as one."""
    values = [1, 1.0, "1", True, None, [1], {"a": 1}, "a\x1fb", "a\x1eb"]
    await per.post("x", *(write(f"a/{i}", value) for i, value in enumerate(values)))
    assert keys(await per.claim(20)) == ["0", "2", "3", "4", "7", "8"]


async def test_a_crash_gives_the_place_to_who_is_first(per: Bench) -> None:
    await per.post("x", write("a/1", "ann"))
    await per.claim(1)
    await per.post("x", write("a/2", "ann"))
    assert await per.claim(1) == []
    per.now += LEASE
    (second,) = await per.claim(5, owner="w2")
    assert keys([second]) == ["2"]
    assert await per.states("x") == {"one a/1": "limited", "one a/2": "running"}
    await per.commit(second.claim)
    assert keys(await per.claim(5, owner="w2")) == ["1"]


async def test_what_fires_once_is_counted_by_what_it_is_bound_to(bench: Bench) -> None:
    await bench.register(each("one", "a", cn=1, cp=PER_X, rf="o"))
    await bench.post("x", write("a/1", "ann"))
    await bench.post("y", write("a/1", "ann"))
    (first,) = await bench.claim(5)
    await bench.commit(first.claim)
    (second,) = await bench.claim(5)
    assert {first.claim.board, second.claim.board} == {"x", "y"}


# ---------------------------------------------------------------------------- registration


async def test_a_lower_limit_counts_what_runs(bench: Bench) -> None:
    await bench.register(each("one", "a", cn=3))
    await bench.post("x", *(write(f"a/{i}") for i in range(5)))
    claimed = await bench.claim(10)
    revision, _ = await bench.register(each("one", "a", cn=1))
    await bench.rematch("x", revision)
    await commit_all(bench, claimed[:2])
    assert await bench.claim(10) == []
    await commit_all(bench, claimed[2:])
    assert len(await bench.claim(10)) == 1


async def test_a_limit_that_is_new_counts_what_runs(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.post("x", write("a/1", "ann"), write("a/2", "ann"))
    running = await bench.claim_one()
    revision, _ = await bench.register(each("one", "a", cn=1, cp=PER_X))
    await bench.rematch("x", revision)
    assert await places(bench) == ["x sann x one a/1"]
    assert await bench.claim(10) == []
    await bench.commit(running.claim)
    assert keys(await bench.claim(10)) == ["2"]


@pytest.mark.parametrize(
    ("then", "freed"),
    [({}, 3), ({"cn": 2, "cp": PER_X}, 1), ({"cn": 3}, 2), ({"cn": 1}, 0), ({"cn": 1, "cp": [1, "y"]}, 0)],
)
async def test_what_waited_is_counted_as_the_new_limit_says(per: Bench, then: dict[str, Any], freed: int) -> None:
    await per.post("x", *(write(f"a/{i}", "ann") for i in range(4)))
    running = await per.claim(10)
    revision, _ = await per.register(each("one", "a", **then))
    await per.rematch("x", revision)
    more = await per.claim(10)
    assert len(more) == freed
    done = running + more
    for _ in range(4):
        await commit_all(per, done)
        done = await per.claim(10)
    assert (await per.states("x"), await places(per)) == ({}, [])


# ---------------------------------------------------------------------------- rate


async def test_no_more_start_than_the_bucket_holds(bench: Bench) -> None:
    await bench.register(each("one", "a", rl=[2, 1000, 3]))
    await bench.post("x", *(write(f"a/{i}") for i in range(9)))
    handed = await bench.handed(10)
    assert (keys(handed.claimed), handed.next_due) == (["0", "1", "2"], 500)
    bench.now += 499
    handed = await bench.handed(10)
    assert (handed.claimed, handed.next_due) == ([], 1)
    bench.now += 1
    assert keys(await bench.claim(10)) == ["3"]
    bench.now += 100_000
    assert len(await bench.claim(10)) == 3, "what is not used is saved up to the burst, and no further"


async def test_what_has_to_wait_for_the_rate_wakes_nobody(bench: Bench) -> None:
    await bench.register(each("one", "a", rl=[1, 1000, 1]))
    await bench.post("x", write("a/1"), write("a/2"))
    await bench.bell()
    await bench.claim(10)
    assert await bench.bell() == 0


async def test_a_clock_that_is_set_back_stops_nothing_for_long(bench: Bench) -> None:
    await bench.register(each("one", "a", rl=[1, 1000, 1]))
    await bench.post("x", write("a/1"), write("a/2"))
    bench.now += 1_000_000
    await bench.claim_one()
    bench.now -= 900_000
    assert await bench.claim(10) == []
    bench.now += 1000
    assert len(await bench.claim(10)) == 1


async def test_another_rate_counts_from_then_on(bench: Bench) -> None:
    await bench.register(each("one", "a", rl=[1, 100_000, 1]))
    await bench.post("x", *(write(f"a/{i}") for i in range(5)))
    assert len(await bench.claim(10)) == 1
    revision, _ = await bench.register(each("one", "a", rl=[10, 1000, 2]))
    await bench.rematch("x", revision)
    bench.now += 100
    assert len(await bench.claim(10)) == 2


async def test_what_does_not_start_spends_nothing(per: Bench) -> None:
    """What waits for its turn, and what is looked at again instead of being run."""
    await per.register(each("one", "a", cn=1, cp=PER_X, rl=[2, 1000, 2]))
    await per.rematch("x", 2)
    await per.post("x", write("a/1", "ann"), write("a/2", "ann"), write("a/3", "bob"))
    assert keys(await per.claim(10)) == ["1", "3"]


# ---------------------------------------------------------------------------- the breaker


@pytest.fixture
async def frail(bench: Bench) -> Bench:
    """Opens after three failures in a row, for ten seconds."""
    await bench.register(each("one", "a", bk=[3, 10_000]))
    await bench.post("x", *(write(f"a/{i}") for i in range(4)))
    await bench.post("y", *(write(f"a/{i}") for i in range(4, 8)))
    return bench


async def fail(bench: Bench, count: int, **other: Any) -> None:
    for _ in range(count):
        await bench.fail((await bench.claim_one(**other)).claim, "retry", 1_000_000)


async def state(bench: Bench) -> BreakerState | None:
    return (await gauge(bench, bk=[3, 10_000])).breaker


async def test_so_many_failures_in_a_row_open_the_breaker(frail: Bench) -> None:
    await fail(frail, 2)
    assert await state(frail) is BreakerState.CLOSED
    await fail(frail, 1)
    assert await state(frail) is BreakerState.OPEN
    handed = await frail.handed(10)
    assert (handed.claimed, handed.next_due) == ([], 10_000)


async def test_a_good_run_in_between_counts_the_failures_anew(frail: Bench) -> None:
    await fail(frail, 2)
    await frail.commit((await frail.claim_one()).claim)
    await fail(frail, 2)
    assert await state(frail) is BreakerState.CLOSED


async def test_crashes_and_what_is_given_back_are_no_failures(frail: Bench) -> None:
    await fail(frail, 2)
    await frail.release((await frail.claim_one()).claim)
    await frail.claim_one()
    frail.now += LEASE
    claimed = await frail.claim_one(owner="w2")
    assert await state(frail) is BreakerState.CLOSED
    await frail.fail(claimed.claim, "dead")
    assert await state(frail) is BreakerState.OPEN


async def test_after_its_time_it_lets_one_probe_through(frail: Bench) -> None:
    await fail(frail, 3)
    frail.now += 10_000
    assert await state(frail) is BreakerState.HALF_OPEN
    assert len(await frail.claim(10)) == 1
    assert await frail.claim(10, owner="w2") == []


async def test_a_good_probe_closes_it(frail: Bench) -> None:
    await fail(frail, 3)
    frail.now += 10_000
    probe = await frail.claim_one()
    await frail.bell()
    await frail.commit(probe.claim)
    assert await frail.bell() == 1
    assert await state(frail) is BreakerState.CLOSED
    assert len(await frail.claim(10)) == 4


async def test_a_failed_probe_opens_it_again(frail: Bench) -> None:
    await fail(frail, 3)
    frail.now += 10_000
    await fail(frail, 1)
    assert await frail.claim(10) == []
    frail.now += 9_999
    assert await frail.claim(10) == []
    frail.now += 1
    assert len(await frail.claim(10)) == 1


@pytest.mark.parametrize("end", ["ready", "wait", "crash", "obviated"])
async def test_a_probe_that_says_nothing_makes_room_for_another(frail: Bench, end: str) -> None:
    await fail(frail, 3)
    frail.now += 10_000
    probe = await frail.claim_one()
    if end == "crash":
        frail.now += LEASE
    elif end == "obviated":
        (address,) = addresses([probe])[0]
        await frail.post(probe.claim.board, gone(address))
        await frail.release(probe.claim)
    else:
        await frail.release(probe.claim, end)
    assert await state(frail) is BreakerState.HALF_OPEN
    assert len(await frail.claim(10, owner="w2")) == 1
    assert await frail.claim(10, owner="w3") == []


async def test_what_began_before_it_opened_says_nothing(frail: Bench) -> None:
    old, late, *_ = [each_claim.claim for each_claim in await frail.claim(2)]
    await fail(frail, 3)
    await frail.commit(old)
    assert await state(frail) is BreakerState.OPEN
    frail.now += 10_000
    kept, words = frail.store.renewal("w1", {late: 50_000})
    await frail.store.calls.script("renew", kept, [frail.now - 10_000, *words[1:]])
    probe = await frail.claim_one(owner="w2")
    await frail.fail(late, "retry")
    assert await state(frail) is BreakerState.HALF_OPEN
    await frail.commit(probe.claim)
    assert await state(frail) is BreakerState.CLOSED


async def test_it_is_closed_by_hand(frail: Bench) -> None:
    await fail(frail, 3)
    await frail.bell()
    assert await frail.store.reset("one", "@test", "mended", frail.now) == "ok"
    assert await frail.bell() == 1
    assert await state(frail) is BreakerState.CLOSED
    assert len(await frail.claim(10)) == 5
    assert await frail.store.reset("one", "@test", "mended", frail.now) == "done"
    assert await frail.store.reset("none", "@test", "mended", frail.now) == "absent"


async def test_its_acts_are_remembered(frail: Bench) -> None:
    await fail(frail, 3)
    opened = frail.now
    frail.now += 10_000
    await fail(frail, 1)
    frail.now += 10_000
    await frail.commit((await frail.claim_one()).claim)
    acts = await frail.store.acts()
    assert [act[:4] for act in acts] == [
        ("opened", "one", opened, "@breaker"),
        ("closed", "one", frail.now, "@breaker"),
    ]
    assert acts[0][4].startswith("failures in a row: 3; the last: one#")


async def test_a_source_without_breaker_forgets_it(frail: Bench) -> None:
    await fail(frail, 3)
    await frail.register(each("one", "a"))
    await frail.register(each("one", "a", bk=[3, 10_000]))
    assert await state(frail) is BreakerState.CLOSED


# ---------------------------------------------------------------------------- turns


async def test_boards_take_turns(bench: Bench) -> None:
    await bench.register(each("one", "a", fr=1))
    await bench.post("big", *(write(f"a/{i}") for i in range(100)))
    bench.now += 1
    for board in ("c", "d", "a"):
        await bench.post(board, write("a/1"), write("a/2"))
    turns = [(await bench.claim_one()).claim.board for _ in range(10)]
    assert turns == ["a", "big", "c", "d", "a", "big", "c", "d", "big", "big"]


@pytest.mark.parametrize("wanted", [1, 2, 3, 7, 30])
async def test_turns_within_one_claim(bench: Bench, wanted: int) -> None:
    await bench.register(each("one", "a", fr=1))
    await bench.post("big", *(write(f"a/{i:02}") for i in range(20)))
    await bench.post("c", write("a/1"), write("a/2"), write("a/3"))
    await bench.post("d", write("a/1"))
    found: list[str] = []
    while claimed := await bench.claim(wanted):
        found += [each_claim.claim.board for each_claim in claimed]
    assert sorted(found) == ["big"] * 20 + ["c"] * 3 + ["d"]
    assert found[:6] == ["big", "c", "d", "big", "c", "big"] or wanted > 30


async def test_a_turn_goes_by_rating_and_age(bench: Bench) -> None:
    await bench.register(each("one", "a", fr=1, rt=["f", 1, "x"]))
    await bench.post("x", write("a/1", 1), write("a/2", 3))
    await bench.post("y", write("a/1", 2), write("a/2", 9))
    found = await bench.claim(4)
    assert [(each_claim.claim.board, key) for each_claim, key in zip(found, keys(found), strict=True)] == [
        ("x", "2"),
        ("y", "2"),
        ("x", "1"),
        ("y", "1"),
    ]


async def test_turns_count_only_among_what_is_equally_urgent(bench: Bench) -> None:
    """Priority orders sources before turns do."""
    await bench.register(each("one", "a", fr=1), each("urgent", "a", pr=5))
    await bench.post("x", write("a/1"), write("a/2"))
    await bench.post("y", write("a/1"))
    found = [(each_claim.claim.source, each_claim.claim.board) for each_claim in await bench.claim(10)]
    assert [source for source, _ in found] == ["urgent"] * 3 + ["one"] * 3
    assert [board for _, board in found[3:]] == ["x", "y", "x"]


async def test_turns_of_what_waits_for_a_place(bench: Bench) -> None:
    """Many of one board wait for ann's only place; another board's is the second to get it."""
    await bench.register(each("one", "a", fr=1, cn=1, cp=PER_X))
    await bench.post("big", *(write(f"a/{i:02}", "ann") for i in range(20)))
    await bench.post("z", write("a/1", "ann"))
    turns = []
    for _ in range(4):
        (claimed,) = await bench.claim(1)
        turns.append(claimed.claim.board)
        await bench.commit(claimed.claim)
    assert turns == ["big", "z", "big", "big"]


@pytest.mark.parametrize(("before", "after"), [({}, {"fr": 1}), ({"fr": 1}, {})], ids=["begins", "ends"])
@pytest.mark.parametrize("rematched", [True, False])
async def test_turns_begin_and_end_with_a_registration(
    bench: Bench, before: dict[str, Any], after: dict[str, Any], rematched: bool
) -> None:
    """Whatever order a row stands in, each activation starts once."""
    await bench.register(each("one", "a", **before))
    await bench.post("x", write("a/1"), write("a/2"))
    await bench.post("y", write("a/1"), write("a/2"))
    revision, _ = await bench.register(each("one", "a", **after))
    await bench.post("x", write("a/1", 2))
    await bench.pause("y")
    if rematched:
        for board in ("x", "y"):
            await bench.rematch(board, revision)
    assert sorted(keys(await bench.claim(10))) == ["1", "2"]
    await bench.resume("y")
    assert sorted(keys(await bench.claim(10))) == ["1", "2"]
    assert await bench.claim(10) == []
    assert await bench.command("ZCARD", bench.keys.ready) == 0


# ---------------------------------------------------------------------------- with control


async def test_a_grant_waits_for_its_turn_too(per: Bench) -> None:
    await per.post("x", write("a/1", "ann"), write("a/2", "ann"))
    await per.orchestrate("x")
    await per.decide_once("one a/1", "one a/2")
    (first,) = await per.claim(10)
    assert await per.states("x") == {"one a/1": "running", "one a/2": "limited"}
    await per.commit(first.claim)
    assert keys(await per.claim(10)) == ["2"]


async def test_a_switch_takes_the_grant_of_what_waits_back(per: Bench) -> None:
    await per.post("x", write("a/1", "ann"), write("a/2", "ann"))
    (first,) = await per.claim(10)
    assert (await per.orchestrate("x")).moved == 1
    assert await per.states("x") == {"one a/1": "running", "one a/2": "held"}
    await per.commit(first.claim)
    assert await per.claim(10) == []
    await per.choreograph("x")
    assert keys(await per.claim(10)) == ["2"]


async def test_what_waits_keeps_its_place_when_a_board_is_taken_back(per: Bench) -> None:
    await per.post("x", write("a/1", "ann"), write("a/2", "ann"))
    await per.orchestrate("x")
    await per.decide_once("one a/1", "one a/2")
    await per.claim(10)
    assert (await per.choreograph("x")).moved == 0
    assert await per.states("x") == {"one a/1": "running", "one a/2": "limited"}


async def test_a_bid_is_no_run(bench: Bench) -> None:
    await bench.register(each("one", "a", cn=1, bd=1, rl=[1, 1000, 1]))
    await bench.post("x", write("a/1"), write("a/2"))
    await bench.orchestrate("x")
    bids = await bench.claim(10)
    assert [found.verdict for found in bids] == ["bid"] * len(bids)
    assert (await places(bench), (await gauge(bench, rl=[1, 1000, 1])).next_start) == ([], bench.now)


async def test_a_paused_source_keeps_what_was_called_up(per: Bench) -> None:
    await per.post("x", write("a/1", "ann"), write("a/2", "ann"))
    (first,) = await per.claim(10)
    await per.suspend("one")
    await per.commit(first.claim)
    assert await per.claim(10) == []
    await per.suspend("one", on=False)
    assert keys(await per.claim(10)) == ["2"]

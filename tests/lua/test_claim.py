"""`claim`: the best work first, once to one worker, found again after every death, and nobody sleeps beside work."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.lua.bench import CREW, LEASE, Bench, addresses, each, gone, names, write

# ---------------------------------------------------------------------------- repeating


async def test_a_repeated_request_gets_what_it_got(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.post("b", write("a/1"), write("a/2"), write("a/3"))
    request = bench.request(2)
    first = await bench.store.claim(request, bench.now)

    again = await bench.store.claim(request, bench.now)

    assert again.claimed == first.claimed
    assert len(await bench.claim(5)) == 1


async def test_a_repeated_request_gets_only_what_it_still_holds(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.post("b", write("a/1"), write("a/2"))
    request = bench.request(2)
    first = await bench.store.claim(request, bench.now)
    await bench.commit(first.claimed[0].claim)

    again = await bench.store.claim(request, bench.now)

    assert [c.claim for c in again.claimed] == [first.claimed[1].claim]


async def test_a_repeated_request_gets_what_it_was_to_settle(bench: Bench) -> None:
    await bench.register(each("one", "a", cr=0))
    await bench.post("b", write("a/1"))
    await bench.claim_one()
    bench.now += LEASE
    request = bench.request(owner="w2")
    (poisoned,) = (await bench.store.claim(request, bench.now)).claimed
    assert poisoned.verdict == "poison"

    assert (await bench.store.claim(request, bench.now)).claimed == [poisoned]


async def test_a_repeat_does_not_forget_what_happened_since(bench: Bench) -> None:
    """The trigger stopped holding between the first answer and the second; after the failure the activation leaves."""
    absent = [{"k": "stop", "a": "stop"}]
    await bench.register(each("one", "a", c=absent, w=[["==", ["n", 1], ["v", 0]]]))
    await bench.post("b", write("a/1"))
    request = bench.request()
    await bench.store.claim(request, bench.now)
    await bench.post("b", write("stop/1"))
    (claimed,) = (await bench.store.claim(request, bench.now)).claimed

    await bench.fail(claimed.claim)

    assert await bench.states("b") == {}


# ---------------------------------------------------------------------------- order


async def test_priority_then_age_over_all_sources(bench: Bench) -> None:
    await bench.register(each("low", "a", pr=-5), each("plain", "b"), each("high", "c", pr=5))
    for address in ("a/1", "b/1", "c/1", "b/2", "c/2"):
        bench.now += 1
        await bench.post("x", write(address))
    claimed = await bench.claim(5)
    assert addresses(claimed) == [("c/1",), ("c/2",), ("b/1",), ("b/2",), ("a/1",)]


async def test_sources_of_one_priority_share_by_age(bench: Bench) -> None:
    """A source with much work does not keep another's older work waiting."""
    await bench.register(each("busy", "a"), each("quiet", "b"))
    await bench.post("x", write("a/1"))
    bench.now += 1
    await bench.post("x", write("b/1"))
    bench.now += 1
    await bench.post("x", *(write(f"a/{n}") for n in range(2, 9)))
    assert names(await bench.claim(3)) == ["busy", "quiet", "busy"]


async def test_wanted_counts_over_sources_and_boards(bench: Bench) -> None:
    await bench.register(each("one", "a"), each("two", "a"))
    await bench.post("x", write("a/1"))
    await bench.post("y", write("a/1"))
    assert len(await bench.claim(3)) == 3
    assert len(await bench.claim(3)) == 1


async def test_a_worker_claims_only_what_its_crew_runs(bench: Bench) -> None:
    await bench.register(each("ours", "a"), crew="us")
    await bench.register(each("theirs", "a", pr=9), crew="them")
    await bench.post("x", write("a/1"))
    assert names(await bench.claim(5, crew="us")) == ["ours"]
    assert await bench.claim(5, crew="us") == []
    assert await bench.claim(5, crew="nobody") == []
    assert names(await bench.claim(5, crew="them")) == ["theirs"]


async def test_work_behind_many_sources_of_others_is_found(bench: Bench) -> None:
    """One call looks at 64 sources; the cursor says where it begins, and it goes around."""
    await bench.register(*(each(f"s{n:03d}", "a") for n in range(100)), crew="them")
    await bench.register(each("s090", "a"), each("a", "a"), crew="us")
    await bench.post("x", write("a/1"))
    assert names(await bench.claim(5, crew="us")) == ["a"]
    assert names(await bench.claim(5, crew="us", cursor="s090")) == ["s090"]
    turns = [len(await bench.claim(100, crew="them", cursor="s050")) for _ in range(2)]
    assert turns[0] in {63, 64}
    assert sum(turns) == 99


async def test_entries_are_those_of_the_moment_of_the_claim(bench: Bench) -> None:
    """An open activation is updated in place: no backlog of stale versions."""
    await bench.register({"s": "sum", "p": [{"k": "a", "m": "g", "a": "a", "n": 1}, {"k": "b", "m": "c", "a": "b"}]})
    await bench.post("x", write("a/2", 1))
    await bench.post("x", write("a/2", 2), write("a/1"), write("b/2"), write("b/1"))
    (claimed,) = await bench.claim(5)
    assert [[e.address for e in slot] for slot in claimed.bindings] == [["a/1", "a/2"], ["b/1"]]
    assert claimed.bindings[0][1].payload == b'{"x":2}'


# ---------------------------------------------------------------------------- time


async def test_a_delayed_activation_is_ready_when_it_is_due(bench: Bench) -> None:
    await bench.register(each("late", "a", af=100))
    await bench.post("x", write("a/1"))
    assert (await bench.handed()).next_due == 100
    bench.now += 50
    await bench.post("x", write("a/1", 2))
    assert await bench.claim() == []
    bench.now += 50
    assert names(await bench.claim()) == ["late"]


async def test_a_delayed_activation_leaves_when_its_trigger_does(bench: Bench) -> None:
    unpaid = [{"k": "payment", "j": [["x", 1, "x"]], "ix": "x", "a": "~payment"}]
    await bench.register(each("remind", "order", c=unpaid, w=[["==", ["n", 1], ["v", 0]]], af=100))
    await bench.post("x", write("order/1", 1), write("order/2", 2))
    await bench.post("x", write("payment/7", 1))
    bench.now += 100
    assert addresses(await bench.claim(5)) == [("order/2",)]


async def test_a_retry_is_ready_after_its_delay(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.post("x", write("a/1"))
    await bench.fail((await bench.claim_one()).claim, "retry", 100)
    assert await bench.claim() == []
    bench.now += 100
    assert (await bench.claim_one()).attempts == 1


async def test_a_lease_that_ran_out_is_found_by_any_claim(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.post("x", write("a/1"))
    dead = await bench.claim_one()
    bench.now += LEASE - 1
    assert await bench.claim(owner="w2") == []
    bench.now += 1
    found = await bench.claim_one(owner="w2")
    assert (found.claim.number, found.claim.epoch, found.crashes, found.attempts) == (
        dead.claim.number,
        2,
        1,
        0,
    )


async def test_a_renewed_lease_holds(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.post("x", write("a/1"))
    claimed = await bench.claim_one()
    bench.now += 900
    keys, words = bench.store.renewal("w1", {claimed.claim: LEASE})
    assert await bench.store.calls.script("renew", keys, [bench.now, *words[1:]]) == []
    bench.now += 900
    assert await bench.claim(owner="w2") == []
    _, other = bench.store.renewal("w2", {claimed.claim: LEASE})
    before = await bench.dump()
    lost = await bench.store.calls.script("renew", keys, [bench.now, *other[1:]])
    assert lost == [bench.field("x", "one", "a/1").encode()]
    assert await bench.dump() == before


async def test_what_kills_its_workers_is_handed_out_as_poison(bench: Bench) -> None:
    """A crash counts against its own limit, not as a failure; when it is spent, the worker buries it."""
    await bench.register(each("one", "a", cr=1))
    await bench.post("x", write("a/1"))
    await bench.claim_one()
    bench.now += LEASE
    assert (await bench.claim_one()).verdict == ""
    bench.now += LEASE
    poisoned = await bench.claim_one()
    assert (poisoned.verdict, poisoned.crashes) == ("poison", 2)
    assert await bench.fail(poisoned.claim, "dead") == "ok"
    assert [activation.name for activation in await bench.store.dead("x")] == [poisoned.claim.name]
    assert await bench.states("x") == {}


async def test_what_was_concerned_while_its_worker_died_is_looked_at_again(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.post("x", write("a/1"))
    await bench.claim_one()
    await bench.post("x", write("a/2"), gone("a/1"))
    bench.now += LEASE
    claimed = {c.claim.identity: c for c in await bench.claim(5)}
    verdicts = {identity: c.verdict for identity, c in claimed.items()}
    assert sorted(verdicts.values()) == ["", "revisit"]
    (revisit,) = [c for c in claimed.values() if c.verdict]
    await bench.release(revisit.claim)
    assert await bench.states("x") == {"one a/2": "running"}


# ---------------------------------------------------------------------------- behind a doorbell


async def test_a_brief_lease_holds_half_as_long_unless_it_is_renewed(bench: Bench) -> None:
    """Two claims waited behind the doorbell; one of those who sent them is there, and renews its lease."""
    await bench.register(each("one", "a"))
    await bench.post("b", write("a/1"), write("a/2"))
    gone_by_then, there = await bench.claim_one(brief=True), await bench.claim_one(brief=True, owner="w2")
    keys, words = bench.store.renewal("w2", {there.claim: LEASE})
    await bench.store.calls.script("renew", keys, [bench.now, *words[1:]])

    bench.now += LEASE // 2 - 1
    assert await bench.claim(2, owner="w3") == []
    bench.now += 1
    assert [c.claim.identity for c in await bench.claim(2, owner="w3")] == [gone_by_then.claim.identity]


async def test_a_brief_lease_is_half_of_what_its_source_asks_for(bench: Bench) -> None:
    """An agent with a long lease is given time at first, too."""
    await bench.register(each("one", "a", ls=3 * LEASE))
    await bench.post("b", write("a/1"))
    await bench.claim_one(brief=True)

    bench.now += 3 * LEASE // 2 - 1
    assert await bench.claim(owner="w2") == []
    bench.now += 1
    assert len(await bench.claim(owner="w2")) == 1


async def test_a_claim_that_was_called_off_gets_nothing(bench: Bench) -> None:
    """It was on its way when its worker lost interest, and is carried out afterwards."""
    await bench.register(each("one", "a"))
    await bench.post("b", write("a/1"))
    request = bench.request(1, lane=2)

    assert (await bench.store.claim(replace(request, wanted=0), bench.now)).claimed == []

    assert (await bench.store.claim(request, bench.now)).claimed == []
    assert len(await bench.claim()) == 1, "it is ready as before"


async def test_who_calls_a_claim_off_too_late_is_told_what_it_got(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.post("b", write("a/1"))
    request = bench.request(1, lane=2)
    got = (await bench.store.claim(request, bench.now)).claimed

    assert (await bench.store.claim(replace(request, wanted=0), bench.now)).claimed == got


# ---------------------------------------------------------------------------- doorbells


async def test_work_rings_once(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.post("x", write("a/1"), write("a/2"))
    await bench.post("x", write("a/3"))
    assert await bench.bell() == 1


async def test_a_claimer_that_leaves_work_rings_again(bench: Bench) -> None:
    """One token wakes one worker; the chain wakes as many as there is work for."""
    await bench.register(each("one", "a"))
    await bench.post("x", write("a/1"), write("a/2"))
    await bench.bell()
    await bench.claim()
    assert await bench.bell() == 1
    await bench.claim()
    assert await bench.bell() == 0


async def test_no_bell_without_work(bench: Bench) -> None:
    await bench.register(each("one", "z"))
    await bench.post("x", write("a/1"), write("b/1"))
    assert await bench.bell() == 0


async def test_a_new_timer_rings(bench: Bench) -> None:
    """An idle worker sleeps until the next timer it knows of: one that comes earlier must wake it."""
    await bench.register(each("late", "a", af=100))
    await bench.post("x", write("a/1"))
    assert await bench.bell() == 1


async def test_every_path_that_makes_work_ready_rings(bench: Bench) -> None:
    await bench.register(each("one", "a"), each("two", "c"))
    await bench.register(each("one", "a"), each("two", "c"), crew="others")
    await bench.post("x", write("a/1"))
    assert await bench.bell("others") == 1
    claimed = await bench.claim_one()
    await bench.bell("others")
    await bench.release(claimed.claim)
    assert await bench.bell("others") == 1, "release"
    claimed = await bench.claim_one()
    await bench.commit(claimed.claim, write("c/1"), part=1)
    assert await bench.bell("others") == 1, "commit"
    await bench.fail(claimed.claim, "dead")
    await bench.bell("others")
    await bench.store.revive("x", claimed.claim.identity, "@test", bench.now)
    assert await bench.bell("others") == 1, "revive"
    revision, _ = await bench.register(each("late", "a"), crew="others")
    await bench.rematch("x", revision)
    assert await bench.bell("others") == 1, "rematch"


async def test_a_timer_rings_for_the_crews_that_did_not_claim(bench: Bench) -> None:
    """Whoever finds that a timer ran out tells those whose work it is."""
    await bench.register(each("late", "a", af=10), crew="others")
    await bench.post("x", write("a/1"))
    await bench.bell("others")
    bench.now += 10
    assert await bench.claim(crew=CREW) == []
    assert await bench.bell("others") == 1


async def test_an_idle_worker_knows_when_to_look_again(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    assert (await bench.handed()).next_due == 0
    await bench.post("x", write("a/1"))
    await bench.claim_one()
    assert (await bench.handed(owner="w2")).next_due == LEASE


@pytest.mark.parametrize("wanted", [1, 7])
async def test_nothing_is_handed_out_twice(bench: Bench, wanted: int) -> None:
    await bench.register(each("one", "a"))
    await bench.post("x", *(write(f"a/{n}") for n in range(20)))
    seen = [address for _ in range(20) for address in addresses(await bench.claim(wanted))]
    assert sorted(seen) == sorted({(f"a/{n}",) for n in range(20)})

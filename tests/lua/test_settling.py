"""`fail`, `release`, `revive`, `close`: how activations and boards end, once."""

from __future__ import annotations

import pytest

from blackboard.store import codec
from tests.lua.bench import Bench, each, gone, write


@pytest.fixture
async def running(bench: Bench) -> Bench:
    await bench.register(each("one", "a", wk=["a", "k"], ret=2))
    await bench.post("b", write("a/1"))
    return bench


async def test_a_failure_is_recorded_once(running: Bench) -> None:
    claimed = await running.claim_one()
    assert await running.fail(claimed.claim) == "ok"
    before = await running.dump()
    assert await running.fail(claimed.claim) == "lost"
    assert await running.release(claimed.claim) == "lost"
    assert await running.dump() == before
    assert (await running.store.agenda("b"))[0].problem == "boom"


async def test_what_is_done_cannot_fail(running: Bench) -> None:
    claimed = await running.claim_one()
    await running.commit(claimed.claim)
    before = await running.dump()
    assert await running.fail(claimed.claim) == "done"
    assert await running.release(claimed.claim) == "done"
    assert await running.dump() == before


async def test_a_failed_activation_whose_trigger_no_longer_holds_leaves(running: Bench) -> None:
    claimed = await running.claim_one()
    await running.post("b", gone("a/1"))
    assert await running.states("b") == {"one a/1": "running"}
    await running.fail(claimed.claim)
    assert await running.states("b") == {}
    assert (await running.kinds_of_events("b"))[-2:] == ["failed", "obviated"]


async def test_a_declined_activation_waits_until_what_it_looks_at_changes(running: Bench) -> None:
    claimed = await running.claim_one()
    assert await running.release(claimed.claim, "wait") == "ok"
    assert await running.states("b") == {"one a/1": "waiting"}
    assert (await running.store.facts("b")).settled  # type: ignore[union-attr]
    await running.post("b", write("z/1"))
    assert await running.claim() == []
    await running.post("b", write("k/1"))
    assert await running.states("b") == {"one a/1": "ready"}


async def test_a_change_during_the_run_is_not_missed(running: Bench) -> None:
    """What the precondition looked at changed before it declined: it is asked again at once."""
    claimed = await running.claim_one()
    await running.post("b", write("k/1"))
    await running.release(claimed.claim, "wait")
    assert await running.states("b") == {"one a/1": "ready"}


async def test_the_dead_are_kept_and_tried_again(running: Bench) -> None:
    claimed = await running.claim_one()
    await running.fail(claimed.claim, "dead")
    (dead,) = await running.store.dead()
    assert (dead.addresses, dead.problem, dead.number) == (("a/1",), "boom", claimed.claim.number)
    assert await running.store.revive("b", claimed.claim.identity, "@test", running.now) == "ok"
    before = await running.dump()
    assert await running.store.revive("b", claimed.claim.identity, "@test", running.now) == "absent"
    assert await running.dump() == before
    assert await running.store.dead() == []
    again = await running.claim_one()
    assert (again.claim.number, again.attempts, again.claim.epoch) == (claimed.claim.number, 0, 2)


async def test_news_brings_a_dead_activation_back_as_a_new_one(running: Bench) -> None:
    claimed = await running.claim_one()
    await running.fail(claimed.claim, "dead")
    await running.post("b", write("a/1", 2))
    assert await running.store.dead() == []
    assert (await running.claim_one()).claim.number > claimed.claim.number


async def test_a_dead_activation_without_a_binding_cannot_be_revived(running: Bench) -> None:
    claimed = await running.claim_one()
    await running.fail(claimed.claim, "dead")
    await running.post("b", gone("a/1"))
    assert await running.store.revive("b", claimed.claim.identity, "@test", running.now) == "obviated"
    assert await running.states("b") == {}
    assert await running.store.dead() == []


async def test_what_a_dead_activation_wrote_itself_does_not_bring_it_back(running: Bench) -> None:
    claimed = await running.claim_one()
    await running.commit(claimed.claim, write("a/1", 2), part=1)
    await running.fail(claimed.claim, "dead")
    assert await running.states("b") == {}


async def test_reviving_nothing(bench: Bench) -> None:
    identity = codec.identity("one", ["a/1"])
    assert await bench.store.revive("nowhere", identity, "@test", bench.now) == "absent"
    await bench.post("b", write("a/1"))
    await bench.store.close("b", "@test", "", 0, bench.now)
    before = await bench.dump()
    assert await bench.store.revive("b", identity, "@test", bench.now) == "closed"
    assert await bench.dump() == before


async def test_closing_is_for_good_and_repeatable(running: Bench) -> None:
    await running.register(each("two", "a", af=100), each("three", "a"))
    await running.post("b", write("a/2"), write("a/3"))
    claimed = await running.claim(2)
    await running.fail(claimed[0].claim, "dead")
    open_before = len(await running.store.agenda("b"))

    assert await running.store.close("b", "@test", "end", 60_000, running.now) == ("ok", open_before + 1)

    assert await running.states("b") == {}
    assert await running.store.dead() == []
    assert await running.claim(5) == []
    for key in (running.keys.ready, running.keys.due, running.keys.leases, running.keys.activations):
        assert not await running.command("EXISTS", key), key
    before = await running.dump()
    assert await running.store.close("b", "@test", "again", 60_000, running.now) == ("done", 0)
    assert await running.store.close("nowhere", "@test", "", 0, running.now) == ("absent", 0)
    assert await running.dump() == before


async def test_all_keys_of_a_closed_board_expire_together(running: Bench) -> None:
    await running.store.close("b", "@test", "end", 60_000, running.now)
    for key in running.keys.board("b"):
        if await running.command("EXISTS", key):
            assert 0 < await running.command("PTTL", key) <= 60_000, key


async def test_quiescence(bench: Bench) -> None:
    """The closing report: once, when nothing else is left to do, and not while anything is."""
    await bench.register(each("one", "a"), {"s": "report", "q": 1, "wk": ["z"]})
    await bench.post("b", write("a/1"))
    assert await bench.states("b") == {"one a/1": "ready"}
    await bench.commit((await bench.claim_one()).claim)
    assert await bench.states("b") == {"report": "ready"}
    await bench.post("b", write("a/2"))
    assert await bench.states("b") == {"one a/2": "ready"}
    await bench.commit((await bench.claim_one()).claim)
    await bench.commit((await bench.claim_one()).claim)
    await bench.post("b", write("z/2"))
    assert await bench.states("b") == {}
    assert (await bench.store.facts("b")).settled  # type: ignore[union-attr]


async def test_a_report_that_waits_for_its_precondition_is_no_longer_due_when_work_opens(
    bench: Bench,
) -> None:
    await bench.register(each("one", "a"), {"s": "report", "q": 1, "wk": ["z"]})
    await bench.post("b", write("y/1"))
    await bench.release((await bench.claim_one()).claim, "wait")
    assert await bench.states("b") == {"report": "waiting"}
    await bench.post("b", write("a/1"))
    assert await bench.states("b") == {"one a/1": "ready"}

"""External effects: what was cut short while it acted outside the board is not run again blindly, and never lost from sight."""

from __future__ import annotations

from typing import Any

import pytest

from blackboard.activation import Claimed
from blackboard.errors import BoardClosed, EntryExists
from blackboard.store import codec
from blackboard.store.partition import NEW, Write
from tests.lua.bench import LEASE, Bench, each, gone, write

PAY = {"ex": 1, "cr": 3, "ret": 2}
IDENTITY = codec.identity("pay", ["a/1"])


async def begun(bench: Bench, **more: Any) -> Claimed:
    """A payment that a worker has begun."""
    await bench.register(each("pay", "a", **PAY, **more))
    await bench.post("b", write("a/1"))
    return await bench.claim_one()


async def doubtful(bench: Bench) -> int:
    """A payment whose worker died; its number."""
    number = (await begun(bench)).claim.number
    bench.now += LEASE
    found = await bench.claim_one(owner="w2")
    assert found.verdict == "unknown"
    assert await settled(bench, found) == "ok"
    return number


async def settled(bench: Bench, claimed: Claimed) -> str:
    return await bench.store.fail(claimed.claim, "unknown", 0, "its worker died", "who knows", bench.now)


async def resolve(bench: Bench, number: int, verdict: str, *writes: Write, operation: str = "op") -> str:
    return await bench.store.resolve("b", operation, "@ada", (IDENTITY, number), verdict, writes, "I asked", bench.now)


async def log_of(bench: Bench) -> list[tuple[str, str | None]]:
    return [(event.type.value, event.reason) for event in await bench.store.events("b", 0, 100)]


# ---------------------------------------------------------------------------- into doubt


async def test_what_died_while_it_acted_waits_for_a_person(bench: Bench) -> None:
    number = await doubtful(bench)
    assert await bench.states("b") == {"pay a/1": "outcome unknown"}
    assert [(each.number, each.problem) for each in await bench.store.unknown()] == [(number, "who knows")]
    assert await bench.store.unknown("b") == await bench.store.unknown()
    assert await bench.store.unknown("other") == []
    assert (await bench.store.facts("b")).settled  # type: ignore[union-attr]
    bench.now += 100 * LEASE
    assert await bench.claim(5) == []
    assert (await log_of(bench))[-1] == ("unsure", "its worker died")


async def test_who_was_to_settle_it_may_die_too(bench: Bench) -> None:
    await begun(bench)
    for owner in ("w2", "w3", "w4", "w5", "w6"):
        bench.now += LEASE
        assert (await bench.claim_one(owner=owner)).verdict == "unknown"


async def test_one_that_was_given_back_in_time_runs_again(bench: Bench) -> None:
    claimed = await begun(bench)
    await bench.release(claimed.claim)
    assert (await bench.claim_one()).verdict == ""


async def test_a_bid_is_no_action(bench: Bench) -> None:
    """A worker that dies while it asks for a bid has done nothing outside."""
    await bench.register(each("pay", "a", bd=1, **PAY))
    await bench.orchestrate("b")
    await bench.post("b", write("a/1"))
    assert (await bench.claim_one()).verdict == "bid"
    bench.now += LEASE
    assert (await bench.claim_one()).verdict == "bid"


@pytest.mark.parametrize("change", [gone("a/1"), write("a/1", 2)], ids=["gone", "revised"])
async def test_it_stays_in_sight_whatever_happens_to_its_entries(bench: Bench, change: Write) -> None:
    number = await doubtful(bench)
    await bench.post("b", change)
    assert await bench.states("b") == {"pay a/1": "outcome unknown"}
    assert await resolve(bench, number, "done") == "ok"
    left = {} if change.schema is None else {"pay a/1": "ready"}  # a new version fires again
    assert await bench.states("b") == left


async def test_a_peer_cannot_hand_over_to_what_is_in_doubt(bench: Bench) -> None:
    await bench.register(each("ask", "a"), each("pay", "a", **PAY))
    await bench.post("b", write("a/1"))
    claimed = {each.claim.source: each.claim for each in await bench.claim(2)}
    await bench.store.fail(claimed["pay"], "unknown", 0, "died", "", bench.now)
    await bench.commit(claimed["ask"], handoffs=[("pay", "please")])
    assert await bench.states("b") == {"pay a/1": "outcome unknown"}


async def test_a_switch_leaves_it_as_it_is(bench: Bench) -> None:
    await doubtful(bench)
    assert (await bench.orchestrate("b")).moved == 0
    assert (await bench.choreograph("b")).moved == 0
    assert await bench.states("b") == {"pay a/1": "outcome unknown"}


@pytest.mark.parametrize("verdict", ["done", "again", "dead"])
async def test_what_is_undone_waits_for_what_nobody_knows(bench: Bench, verdict: str) -> None:
    """A saga has to know what there is to undo: a person says so, also while the board is being undone."""
    number = await doubtful(bench)
    assert (await bench.abort("b"))[0] == "ok"
    await bench.undo_once("wait")
    assert await bench.states("b") == {"pay a/1": "outcome unknown"}

    assert await resolve(bench, number, verdict, *([write("paid")] if verdict == "done" else [])) in {"ok", "obviated"}

    assert await bench.states("b") == {}
    await bench.undo_once("done")
    facts = await bench.store.facts("b")
    assert facts is not None
    assert facts.over


async def test_a_time_limit_charges_an_attempt(bench: Bench) -> None:
    claimed = await begun(bench)
    assert await bench.store.fail(claimed.claim, "timeout", 0, "its time limit struck", "late", bench.now) == "ok"
    (found,) = await bench.store.unknown()
    assert (found.attempts, found.problem) == (1, "late")


# ---------------------------------------------------------------------------- reconciling


async def test_a_source_that_can_tell_is_asked(bench: Bench) -> None:
    claimed = await begun(bench, rc=1)
    bench.now += LEASE
    asked = await bench.claim_one(owner="w2")
    assert (asked.verdict, asked.claim.number, asked.crashes) == ("reconcile", claimed.claim.number, 1)
    assert [entry.address for slot in asked.bindings for entry in slot] == ["a/1"]
    await bench.commit(asked.claim, write("paid/1"))
    assert await bench.states("b") == {}
    assert [kind for kind, _ in await log_of(bench)][-3:] == ["unsure", "fired", "posted"]
    bench.now += LEASE
    assert await bench.claim(5) == []


async def test_what_had_no_effect_runs_again(bench: Bench) -> None:
    await begun(bench, rc=1)
    bench.now += LEASE
    asked = await bench.claim_one()
    assert await bench.store.release(asked.claim, "again", "reconciled: again", bench.now) == "ok"
    again = await bench.claim_one()
    assert (again.verdict, again.crashes, again.attempts) == ("", 1, 0)
    assert (await log_of(bench))[-1] == ("unsure", "reconciled: again")


async def test_a_source_that_cannot_tell_either(bench: Bench) -> None:
    await begun(bench, rc=1)
    bench.now += LEASE
    asked = await bench.claim_one()
    assert await settled(bench, asked) == "ok"
    assert await bench.states("b") == {"pay a/1": "outcome unknown"}


async def test_who_asks_may_die_but_not_for_ever(bench: Bench) -> None:
    await begun(bench, rc=1)
    verdicts = []
    for _ in range(4):
        bench.now += LEASE
        verdicts.append((await bench.claim_one()).verdict)
    assert verdicts == ["reconcile"] * 3 + ["unknown"]


async def test_a_question_given_back_is_asked_again(bench: Bench) -> None:
    await begun(bench, rc=1)
    bench.now += LEASE
    await bench.release((await bench.claim_one()).claim)
    assert (await bench.claim_one()).verdict == "reconcile"


async def test_a_run_that_was_ended_is_reconciled(bench: Bench) -> None:
    claimed = await begun(bench, rc=1)
    assert await settled(bench, claimed) == "ok"
    assert (await bench.claim_one()).verdict == "reconcile"


async def test_on_a_paused_board_it_is_not_asked(bench: Bench) -> None:
    await begun(bench, rc=1)
    await bench.pause("b")
    bench.now += LEASE
    assert await bench.claim(5) == []
    assert await bench.states("b") == {"pay a/1": "held"}
    await bench.post("b", gone("a/1"))
    assert await bench.states("b") == {"pay a/1": "held"}, "it may have acted: it must not leave unseen"
    await bench.post("b", write("a/1", 2))
    await bench.resume("b")
    assert (await bench.claim_one()).verdict == "reconcile"


async def test_what_was_bound_is_gone_and_nobody_can_be_asked(bench: Bench) -> None:
    await begun(bench, rc=1)
    await bench.post("b", gone("a/1"))
    bench.now += LEASE
    assert (await bench.claim_one()).verdict == "unknown"


async def test_a_version_that_came_meanwhile_fires_again(bench: Bench) -> None:
    """The action that had its effect knew nothing of it."""
    await begun(bench, rc=1)
    await bench.post("b", write("a/1", 2))
    bench.now += LEASE
    asked = await bench.claim_one()
    await bench.commit(asked.claim, write("paid/1"))
    assert await bench.states("b") == {"pay a/1": "ready"}


# ---------------------------------------------------------------------------- a person


async def test_a_person_says_it_is_done(bench: Bench) -> None:
    number = await doubtful(bench)
    assert await resolve(bench, number, "done", write("paid/1")) == "ok"
    assert await bench.states("b") == {}
    assert await bench.store.unknown() == []
    assert (await log_of(bench))[-3:] == [("unsure", "resolved: done: I asked"), ("fired", None), ("posted", None)]
    assert (await bench.store.events("b", 0, 100))[-1].by == f"pay#{number}"
    await bench.post("b", write("a/1", 2))
    assert await bench.states("b") == {"pay a/1": "ready"}


async def test_a_person_says_again(bench: Bench) -> None:
    number = await doubtful(bench)
    assert await resolve(bench, number, "again") == "ok"
    again = await bench.claim_one()
    assert (again.verdict, again.claim.number, again.crashes) == ("", number, 0)


async def test_again_for_what_no_longer_holds(bench: Bench) -> None:
    number = await doubtful(bench)
    await bench.post("b", gone("a/1"))
    assert await resolve(bench, number, "again") == "obviated"
    assert await bench.states("b") == {}
    assert (await bench.store.facts("b")).settled  # type: ignore[union-attr]


async def test_a_person_gives_it_up(bench: Bench) -> None:
    number = await doubtful(bench)
    assert await resolve(bench, number, "dead") == "ok"
    assert await bench.states("b") == {}
    (dead,) = await bench.store.dead("b")
    assert dead.problem == "I asked"
    assert await bench.store.revive("b", IDENTITY, "@ada", bench.now) == "ok"
    assert (await bench.claim_one()).verdict == ""


@pytest.mark.parametrize("verdict", ["done", "again", "dead"])
async def test_settling_is_repeatable_and_once(bench: Bench, verdict: str) -> None:
    number = await doubtful(bench)
    writes = [write("paid/1")] if verdict == "done" else []
    first = await resolve(bench, number, verdict, *writes)
    before = await bench.dump()
    assert await resolve(bench, number, verdict, *writes) == first
    refused = await resolve(bench, number, verdict, operation="other")
    assert refused in {"absent", "r", "D"}
    assert await bench.dump() == before


async def test_what_cannot_be_written_settles_nothing(bench: Bench) -> None:
    number = await doubtful(bench)
    await bench.post("b", write("paid/1"))
    before = await bench.dump()
    with pytest.raises(EntryExists):
        await resolve(bench, number, "done", Write("paid/1", NEW, 1, '{"x":2}'))
    assert await bench.dump() == before
    assert await resolve(bench, number + 1, "again") == "absent"
    await bench.store.close("b", "@ada", "", 0, bench.now)
    before = await bench.dump()
    with pytest.raises(BoardClosed):
        await resolve(bench, number, "done")
    assert await bench.dump() == before


async def test_what_runs_cannot_be_settled(bench: Bench) -> None:
    claimed = await begun(bench)
    assert await resolve(bench, claimed.claim.number, "done") == "x"


async def test_a_closed_board_forgets_it(bench: Bench) -> None:
    await doubtful(bench)
    await bench.store.close("b", "@ada", "", 0, bench.now)
    assert await bench.store.unknown() == []
    assert not await bench.command("EXISTS", bench.keys.asked, bench.keys.activations)

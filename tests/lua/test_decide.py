"""What a controller is shown of a board, and how its decision is applied: once, or not at all."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from blackboard.activation import ActivationState, Claimed, Shown
from blackboard.event import EventType
from blackboard.store import codec
from tests.lua.bench import CONTROL, CREW, LEASE, Bench, decision, each, named, names, write


@pytest.fixture
async def board(bench: Bench) -> Bench:
    """An orchestrated board with three held activations, and a control activation that is ready."""
    await bench.register(each("one", "a"))
    await bench.post("b", write("a/1"), write("a/2"), write("a/3"))
    await bench.orchestrate("b")
    return bench


def shown(claimed: Claimed) -> Shown:
    assert claimed.shown is not None
    return claimed.shown


# ---------------------------------------------------------------------------- what is shown


async def test_the_view(board: Bench) -> None:
    view = shown(await board.control())
    assert (view.epoch, view.gate, view.strategy, view.memo) == (1, "-", '{"is": "Manual"}', "")
    assert view.now == board.now
    assert view.agenda == tuple(await board.store.agenda("b"))
    assert {activation.state for activation in view.agenda} == {ActivationState.HELD}


async def test_the_agenda_is_shown_best_first(bench: Bench) -> None:
    await bench.register(each("low", "a", pr=-5), each("high", "c", pr=5))
    await bench.orchestrate("b")
    for address in ("a/1", "c/1", "c/2"):
        bench.now += 1
        await bench.post("b", write(address))
    assert [named(a) for a in shown(await bench.control()).agenda] == ["high c/1", "high c/2", "low a/1"]


async def test_what_runs_is_shown_too(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.post("b", write("a/1"))
    await bench.claim_one()
    await bench.orchestrate("b")
    assert [a.state for a in shown(await bench.control()).agenda] == [ActivationState.RUNNING]


async def test_news_is_what_happened_since_the_last_decision(board: Bench) -> None:
    claimed = await board.control()
    assert shown(claimed).news == ()
    await board.post("b", write("z"))
    await board.decide(claimed)
    claimed = await board.control()
    await board.post("b", write("a/4"))
    await board.decide(claimed, "one a/1", memo='{"turn":1}')
    view = shown(await board.control())
    assert (view.seen, view.memo) == (claimed.snapshot, '{"turn":1}')
    assert [event.type for event in view.news] == [EventType.POSTED, EventType.TRIGGERED, EventType.GRANTED]
    assert view.news == tuple(await board.store.events("b", claimed.snapshot, 100))


async def test_news_of_a_new_board_begins_with_its_switch(bench: Bench) -> None:
    await bench.orchestrate("b")
    await bench.post("b", write("a/1"))
    assert [event.type for event in shown(await bench.control()).news] == [EventType.POSTED]


async def test_of_very_much_news_the_latest_is_shown(board: Bench) -> None:
    await board.decide_once()
    for _ in range(3):
        await board.post("b", *(write(f"z/{n}", board.number) for n in range(500)))
    claimed = await board.control()
    assert len(shown(claimed).news) == 1000
    assert shown(claimed).news[-1].seq == claimed.snapshot


async def test_a_repeated_claim_is_shown_the_board_again(board: Bench) -> None:
    request = board.request(owner="c1", crew=CONTROL)
    first = await board.store.claim(request, board.now)
    assert (await board.store.claim(request, board.now)).claimed == first.claimed


async def test_of_many_boards_each_is_shown_its_own_agenda(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    sizes = {"b0": 700, "b1": 0, "b2": 1, "b3": 600, "b4": 3}  # more than are read at once
    for name, size in sizes.items():
        for first in range(0, size, 100):
            await bench.post(name, *(write(f"a/{n}") for n in range(first, min(first + 100, size))))
        await bench.orchestrate(name)
    claimed = await bench.claim_control(9)
    assert {each_claim.claim.board: len(shown(each_claim).agenda) for each_claim in claimed} == sizes
    for each_claim in claimed:
        assert sorted(map(named, shown(each_claim).agenda)) == sorted(
            f"one a/{n}" for n in range(sizes[each_claim.claim.board])
        )


# ---------------------------------------------------------------------------- decisions


async def test_what_is_granted_may_start_and_nothing_else(board: Bench) -> None:
    claimed = await board.control()
    assert (await board.decide(claimed, "one a/2"))[0] == "ok"
    assert await board.states("b") == {"one a/1": "held", "one a/2": "ready", "one a/3": "held"}
    assert (await board.activation("b", "one a/2")).granted == 1


async def test_a_grant_is_an_event_that_says_who_and_why(board: Bench) -> None:
    await board.decide_once("one a/2")
    event = (await board.store.events("b", 0, 100))[-1]
    assert (event.type, event.by, event.source, event.addresses) == (EventType.GRANTED, "c1", "one", ("a/2",))
    assert (event.epoch, event.reason) == (1, "next")


async def test_a_decision_is_applied_once(board: Bench) -> None:
    claimed = await board.control()
    await board.decide(claimed, "one a/1", memo='{"turn":1}')
    before = await board.dump()
    assert await board.decide(claimed, "one a/1", memo='{"turn":2}') == ("done", "1")
    assert await board.decide(claimed, "one a/2", memo='{"turn":2}') == ("done", "1")
    assert await board.dump() == before


async def test_a_decision_after_which_nobody_decides_any_more_is_applied_once(board: Bench) -> None:
    """Nothing is left of the control activation then; what has fired still tells it."""
    claimed = await board.control()
    assert (await board.decide(claimed, verdict="pause", reason="it failed"))[0] == "ok"
    before = await board.dump()
    assert (await board.decide(claimed, verdict="pause", reason="it failed"))[0] == "done"
    assert await board.dump() == before


@pytest.mark.parametrize("how", ["paused", "switched", "handed on", "aborted", "closed"])
async def test_a_decision_is_applied_once_also_when_its_board_is_in_other_hands_since(board: Bench, how: str) -> None:
    """The answer is lost, and the board is taken from its controllers before they ask again."""
    claimed = await board.control()
    assert (await board.decide(claimed, "one a/1"))[0] == "ok"
    if how == "paused":
        await board.pause("b")
    if how == "switched":
        await board.choreograph("b")
    if how == "handed on":
        await board.orchestrate("b", "Second")
        await board.decide_once()
    if how == "aborted":
        await board.abort("b")
    if how == "closed":
        await board.store.close("b", "@test", "done", 0, board.now)
    before = await board.dump()
    assert (await board.decide(claimed, "one a/1"))[0] == "done"
    assert await board.dump() == before


async def test_a_decision_that_was_not_applied_is_not_taken_for_the_one_before(board: Bench) -> None:
    await board.decide_once()
    await board.post("b", write("a/4"))
    late = await board.control()
    await board.pause("b")
    assert (await board.decide(late))[0] == "epoch"


async def test_an_earlier_decision_is_not_taken_for_the_latest(board: Bench) -> None:
    first = await board.control()
    await board.decide(first)
    await board.post("b", write("a/4"))
    second = await board.control()
    assert (await board.decide(first))[0] == "done"
    await board.decide(second)
    assert (await board.decide(first))[0] in {"done", "lost"}
    assert (await board.decide(second))[0] == "done"


async def test_a_decision_that_granted_nothing_is_applied_once_too(board: Bench) -> None:
    """It leaves no event: what a timer rouses afterwards must not be taken for what it answered."""
    await board.pause("b")
    await board.register(each("late", "l", af=100), each("later", "l", af=200))
    await board.orchestrate("x")
    await board.post("x", write("l/1"))
    await board.decide_once()
    board.now += 100
    await board.claim()
    first = await board.control()
    await board.decide(first, memo='{"turn":1}')
    board.now += 100
    await board.claim()
    second = await board.control()
    assert second.snapshot == first.snapshot
    assert second.claim != first.claim
    before = await board.dump()
    assert (await board.decide(first, memo='{"turn":2}'))[0] in {"done", "lost"}
    assert await board.dump() == before


async def test_the_decision_of_one_that_lost_its_lease_is_refused(board: Bench) -> None:
    late = await board.control()
    board.now += LEASE
    current = await board.control(owner="c2")
    before = await board.dump()
    assert await board.decide(late, "one a/1") == ("lost", "1")
    assert await board.dump() == before
    assert (await board.decide(current, "one a/2"))[0] == "ok"
    assert (await board.decide(late, "one a/1"))[0] == "lost"
    assert (await board.states("b"))["one a/1"] == "held"


async def test_a_decision_after_a_switch_is_refused(board: Bench) -> None:
    claimed = await board.control()
    await board.orchestrate("b", "Another")
    before = await board.dump()
    assert await board.decide(claimed, "one a/1") == ("epoch", "2")
    assert await board.dump() == before
    assert len(await board.claim_control()) == 1


@pytest.mark.parametrize("act", ["choreograph", "pause"])
async def test_a_decision_after_control_was_taken_away_is_refused(board: Bench, act: str) -> None:
    claimed = await board.control()
    await getattr(board, act)("b")
    before = await board.dump()
    assert await board.decide(claimed, "one a/1") == ("epoch", "2")
    assert await board.dump() == before


async def test_a_decision_for_another_epoch_than_its_claim_is_refused(board: Bench) -> None:
    """Whoever mixes them up grants nothing, and the board is looked at again."""
    claimed = await board.control()
    assert await board.decide(claimed, "one a/1", epoch=0) == ("epoch", "1")
    assert set((await board.states("b")).values()) == {"held"}
    assert (await board.store.strategy("b"))[1] == ""
    assert len(await board.claim_control()) == 1


async def test_a_decision_for_a_closed_board_is_refused(board: Bench) -> None:
    claimed = await board.control()
    await board.store.close("b", "@test", "", 0, board.now)
    before = await board.dump()
    assert (await board.decide(claimed, "one a/1"))[0] == "closed"
    assert await board.dump() == before


async def test_a_grant_of_what_has_gone_grants_nothing_at_all(board: Bench) -> None:
    """The strategy decided on a board that is no more: all of its decision is void, and it looks again."""
    claimed = await board.control()
    await board.veto("b", "one a/2")
    before = await board.dump()
    answer = await board.decide(claimed, "one a/1", "one a/2", memo='{"turn":1}')
    assert answer == ("absent", codec.identity("one", ["a/2"]))
    after = await board.dump()
    for key in (*board.keys.board("b"), board.keys.due):
        assert after.get(key) == before.get(key), key
    assert await board.states("b") == {"one a/1": "held", "one a/3": "held"}
    assert len(await board.claim_control()) == 1


async def test_a_grant_of_what_is_granted_already_is_absent(board: Bench) -> None:
    claimed = await board.control()
    await board.grant("b", "one a/1")
    assert (await board.decide(claimed, "one a/1"))[0] == "absent"


async def test_a_grant_of_another_number_is_absent(board: Bench) -> None:
    """The identity is there again, as a new activation of a newer version."""
    claimed = await board.control()
    decided = decision(claimed, "one a/1")
    decided.grants = [(identity, number + 1, why) for identity, number, why in decided.grants]
    (answer,), _ = await board.store.decide([decided], board.request(0), board.now)
    assert answer[0] == "absent"
    assert len(await board.claim_control()) == 1, "nothing has happened, and still it looks again"


async def test_a_verdict_to_pause(board: Bench) -> None:
    await board.decide_once("one a/1")
    await board.post("b", write("z"))
    await board.decide_once(verdict="pause", reason="the budget is spent")
    facts = await board.store.facts("b")
    assert facts is not None
    assert (facts.paused, facts.epoch) == (True, 2)
    assert set((await board.states("b")).values()) == {"held"}
    event = (await board.store.events("b", 0, 100))[-1]
    assert (event.type, event.by, event.reason) == (EventType.PAUSED, "c1", "the budget is spent")
    await board.post("b", write("a/4"))
    assert await board.controls() == []


async def test_a_verdict_to_pause_may_grant_a_last_one(board: Bench) -> None:
    """It is granted under the epoch of the pause, as a hand would."""
    await board.decide_once("one a/1", verdict="pause")
    assert await board.states("b") == {"one a/1": "ready", "one a/2": "held", "one a/3": "held"}
    assert names(await board.claim(5)) == ["one"]


async def test_what_was_paused_by_a_verdict_resumes(board: Bench) -> None:
    await board.decide_once(verdict="pause")
    await board.resume("b")
    await board.decide_once("one a/1")
    assert names(await board.claim(5)) == ["one"]


async def test_a_group_of_decisions_and_the_next_claim(bench: Bench) -> None:
    """One call: each board is answered for itself, and what is left is claimed."""
    await bench.register(each("one", "a"))
    for name in ("x", "y", "z"):
        bench.now += 1
        await bench.post(name, write("a/1"))
        await bench.orchestrate(name)
    first, second = await bench.claim_control(2)
    stale = replace(decision(second, "one a/1"), epoch=9)
    request = bench.request(5, owner="c1", crew=CONTROL)
    answers, handed = await bench.store.decide([decision(first, "one a/1"), stale], request, bench.now)
    assert [answer for answer, _ in answers] == ["ok", "epoch"]
    assert sorted(each_claim.claim.board for each_claim in handed.claimed) == ["y", "z"]
    assert [await bench.states(name) for name in ("x", "y")] == [{"one a/1": "ready"}, {"one a/1": "held"}]


async def test_a_repeated_call_answers_the_decision_and_the_claim_again(board: Bench) -> None:
    await board.orchestrate("x")
    first = await board.control(wanted=1)
    request = board.request(5, owner="c1", crew=CONTROL)
    _, handed = await board.store.decide([decision(first)], request, board.now)
    answers, again = await board.store.decide([decision(first)], request, board.now)
    assert answers[0][0] == "done"
    assert again.claimed == handed.claimed != []


async def test_a_decision_rings_for_workers(board: Bench) -> None:
    await board.bell()
    await board.decide_once("one a/1")
    assert await board.bell() == 1
    await board.claim_one()
    await board.post("b", write("z"))
    await board.decide_once()
    assert await board.bell() == 0


# ---------------------------------------------------------------------------- order


async def test_work_of_one_priority_is_ordered_by_rating_then_age(bench: Bench) -> None:
    """Nothing computes ratings yet: they are written into the records, and the switch back lines everything up."""
    ratings = [0.0, 2.5, -1.0, 10.0, 2.5, 1e12, 0.001, -3.0, 9.0, -0.5]
    await bench.register(each("one", "a"))
    for n in range(len(ratings)):
        bench.now += 1
        await bench.post("b", write(f"a/{n}"))
    await bench.orchestrate("b")
    for n, rating in enumerate(ratings):
        await rate(bench, bench.field("b", "one", f"a/{n}"), rating)
    await bench.choreograph("b")
    order = [each_claim.bindings[0][0].address for each_claim in await bench.claim(20)]
    assert order == [f"a/{n}" for n in sorted(range(len(ratings)), key=lambda n: (-ratings[n], n))]


async def test_priority_comes_before_rating(bench: Bench) -> None:
    await bench.register(each("low", "a"), each("high", "b", pr=1))
    await bench.orchestrate("b")
    await bench.post("b", write("a/1"), write("b/1"))
    await rate(bench, bench.field("b", "low", "a/1"), 100.0)
    view = shown(await bench.control())
    assert [activation.source for activation in view.agenda] == ["high", "low"]
    await bench.choreograph("b")
    assert names(await bench.claim(5)) == ["high", "low"]


async def test_what_was_rated_is_held_and_granted_without_a_trace(bench: Bench) -> None:
    """The row in the queue is found again by its rating, whoever takes it out."""
    await bench.register(each("one", "a"))
    await bench.orchestrate("b")
    await bench.post("b", write("a/1"), write("a/2"))
    for address, rating in (("a/1", -1.25), ("a/2", 1e-7)):
        await rate(bench, bench.field("b", "one", address), rating)
    await bench.choreograph("b")
    assert (await bench.orchestrate("b")).moved == 2
    assert await bench.claim(5, crew=CREW) == []
    await bench.decide_once("one a/1", "one a/2")
    await bench.veto("b", "one a/1")
    await bench.veto("b", "one a/2")
    assert await bench.command("ZCARD", bench.keys.ready) == 1, "the control activation"


async def rate(bench: Bench, field: str, rating: float) -> None:
    """Writes a rating into a record."""
    text = (await bench.command("HGET", bench.keys.activations, field)).decode()
    head, rest = text.split(codec.US, 1)
    facts = json.loads(head)
    facts[18] = rating
    await bench.command(
        "HSET", bench.keys.activations, field, json.dumps(facts, separators=(",", ":")) + codec.US + rest
    )

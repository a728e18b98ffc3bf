"""`switch`: who decides on a board changes in one step, under a new epoch, on what is open and nothing else."""

from __future__ import annotations

import pytest

from blackboard.errors import StaleSnapshot
from blackboard.event import EventType
from blackboard.store.control import Steered
from blackboard.store.partition import Applied
from tests.lua.bench import CONTROL, Bench, each, gone, names, write


@pytest.fixture
async def board(bench: Bench) -> Bench:
    """A board with three activations of one source."""
    await bench.register(each("one", "a"))
    await bench.post("b", write("a/1"), write("a/2"), write("a/3"))
    return bench


# ---------------------------------------------------------------------------- there and back


async def test_orchestrating_holds_what_is_ready(board: Bench) -> None:
    assert await board.orchestrate("b") == Steered("ok", 1, 3)
    assert set((await board.states("b")).values()) == {"held"}
    assert await board.claim(5) == []


async def test_choreographing_frees_what_is_held(board: Bench) -> None:
    await board.orchestrate("b")
    assert await board.choreograph("b") == Steered("ok", 2, 3)
    assert set((await board.states("b")).values()) == {"ready"}
    assert len(await board.claim(5)) == 3


async def test_the_queue_is_what_it_was_after_a_switch_there_and_back(bench: Bench) -> None:
    """Priority and age are kept: who waited longest is still the first."""
    await bench.register(each("low", "a", pr=-5), each("plain", "b"), each("high", "c", pr=5))
    for address in ("a/1", "b/1", "c/1", "b/2"):
        bench.now += 1
        await bench.post("x", write(address))
    before = await bench.dump()
    await bench.orchestrate("x")
    await bench.choreograph("x")
    after = await bench.dump()
    for key in (bench.keys.ready, bench.keys.activations):
        assert after[key] == before[key]
    assert names(await bench.claim(5)) == ["high", "plain", "plain", "low"]


async def test_freed_work_rings(board: Bench) -> None:
    await board.orchestrate("b")
    await board.bell()
    await board.choreograph("b")
    assert await board.bell() == 1


async def test_orchestrating_rings_for_controllers_only(board: Bench) -> None:
    await board.bell()
    await board.orchestrate("b")
    assert (await board.bell(CONTROL), await board.bell()) == (1, 0)


async def test_other_boards_are_left_alone(board: Bench) -> None:
    await board.post("c", write("a/1"))
    await board.orchestrate("b")
    assert await board.states("c") == {"one a/1": "ready"}


async def test_what_is_delayed_retrying_or_waiting_stays_so(bench: Bench) -> None:
    """It may not start now anyway; whether it may is asked when it could."""
    await bench.register(each("late", "a", af=100), each("one", "b"), each("two", "c"))
    await bench.post("x", write("a/1"), write("b/1"), write("c/1"))
    one, two = await bench.claim(2)
    await bench.fail(one.claim)
    await bench.release(two.claim, "wait")
    before = await bench.states("x")
    assert await bench.orchestrate("x") == Steered("ok", 1, 0)
    assert await bench.states("x") == before == {"late a/1": "delayed", "one b/1": "retrying", "two c/1": "waiting"}


async def test_the_switch_is_an_event(board: Bench) -> None:
    await board.orchestrate("b", "Sequential", reason="too wild")
    await board.choreograph("b", reason="calm again")
    there, back = [e for e in await board.store.events("b", 0, 100) if e.type is EventType.SWITCHED]
    assert (there.by, there.mode, there.epoch, there.strategy, there.reason) == (
        "@test",
        "orchestration",
        1,
        "Sequential",
        "too wild",
    )
    assert (back.mode, back.epoch, back.strategy, back.reason) == ("choreography", 2, None, "calm again")


async def test_facts_and_strategy_say_who_decides(board: Bench) -> None:
    await board.orchestrate("b", "Sequential", unattended=500)
    facts = await board.store.facts("b")
    assert facts is not None
    assert (facts.mode, facts.epoch, facts.gate, facts.unattended) == ("orchestration", 1, "-", 500)
    assert (await board.store.strategy("b"))[:2] == ('{"is": "Sequential"}', "")


# ---------------------------------------------------------------------------- what runs


async def test_a_switch_reports_what_runs(board: Bench) -> None:
    claimed = await board.claim(2)
    steered = await board.orchestrate("b")
    assert steered.moved == 1
    assert sorted(steered.running) == sorted(each_claim.claim.identity for each_claim in claimed)


async def test_what_runs_goes_on_and_commits(board: Bench) -> None:
    claimed = await board.claim_one()
    await board.orchestrate("b")
    assert isinstance(await board.commit(claimed.claim, write("c/1")), Applied)
    assert await board.store.entry("b", "c/1") is not None


async def test_what_runs_may_commit_in_parts_after_the_switch(board: Bench) -> None:
    claimed = await board.claim_one()
    await board.orchestrate("b")
    assert isinstance(await board.commit(claimed.claim, write("c/1"), part=1), Applied)
    assert isinstance(await board.commit(claimed.claim, write("c/2")), Applied)


async def test_what_ran_and_must_run_again_needs_a_grant(board: Bench) -> None:
    """It was started under another epoch: that it runs again is a new start."""
    claimed = await board.claim_one()
    await board.orchestrate("b")
    await board.post("b", write("c/1"))
    assert isinstance(await board.commit(claimed.claim, write("c/1", 2)), StaleSnapshot)
    assert (await board.states("b"))["one a/1"] == "held"
    assert await board.claim(5) == []


async def test_a_claim_whose_answer_was_lost_is_repeated_after_the_switch(board: Bench) -> None:
    """It was handed out, and counted among what runs, before the switch."""
    request = board.request()
    first = await board.store.claim(request, board.now)
    await board.orchestrate("b")
    (again,) = (await board.store.claim(request, board.now)).claimed
    assert again.claim == first.claimed[0].claim
    assert isinstance(await board.commit(again.claim, write("c/1")), Applied)


# ---------------------------------------------------------------------------- new boards


async def test_switching_creates_the_board(bench: Bench) -> None:
    assert await bench.orchestrate("new") == Steered("ok", 1, 0)
    assert await bench.store.boards() == ["new"]
    assert await bench.kinds_of_events("new") == ["created", "switched"]


async def test_what_a_new_board_begins_with_is_held(bench: Bench) -> None:
    """Triggers that hold without entries are looked at when the board begins; nothing slips out before the switch."""
    nothing = {"s": "first", "c": [{"k": "a", "a": "a"}], "w": [["==", ["n", 1], ["v", 0]]]}
    await bench.register(nothing)
    await bench.orchestrate("new")
    assert await bench.states("new") == {"first": "held"}
    assert await bench.claim() == []


async def test_there_is_no_new_board_to_take_back(bench: Bench) -> None:
    assert (await bench.choreograph("new")).answer == "absent"
    assert await bench.store.facts("new") is None


async def test_a_new_activation_on_an_orchestrated_board_is_held(board: Bench) -> None:
    await board.orchestrate("b")
    await board.bell()
    await board.post("b", write("a/4"))
    assert (await board.states("b"))["one a/4"] == "held"
    assert await board.bell() == 0


async def test_what_a_commit_triggers_is_held(board: Bench) -> None:
    claimed = await board.claim_one()
    await board.orchestrate("b")
    await board.commit(claimed.claim, write("a/4"))
    assert (await board.states("b"))["one a/4"] == "held"


async def test_a_source_registered_later_triggers_what_is_held(board: Bench) -> None:
    await board.orchestrate("b")
    revision, _ = await board.register(each("two", "a"))
    await board.rematch("b", revision)
    assert (await board.states("b"))["two a/1"] == "held"


async def test_a_held_activation_leaves_when_its_trigger_does(board: Bench) -> None:
    """Obviation knows no modes."""
    await board.orchestrate("x")
    await board.post("x", write("a/1"))
    await board.post("x", gone("a/1"))
    assert await board.states("x") == {}
    assert (await board.store.facts("x")).settled  # type: ignore[union-attr]


async def test_a_board_with_something_held_is_not_settled(board: Bench) -> None:
    await board.orchestrate("b")
    assert not (await board.store.facts("b")).settled  # type: ignore[union-attr]


# ---------------------------------------------------------------------------- repeating, refusing


async def test_a_repeated_operation_is_answered_as_before_and_writes_nothing(board: Bench) -> None:
    await board.claim_one()
    first = await board.orchestrate("b", operation="once")
    await board.choreograph("b")
    before = await board.dump()
    assert await board.orchestrate("b", operation="once") == first
    assert await board.dump() == before


async def test_an_expected_epoch_that_is_over_refuses(board: Bench) -> None:
    await board.orchestrate("b")
    before = await board.dump()
    assert await board.choreograph("b", expected=0) == Steered("epoch", 1)
    assert await board.dump() == before
    assert (await board.choreograph("b", expected=1)).answer == "ok"


async def test_a_closed_board_is_not_switched(board: Bench) -> None:
    await board.store.close("b", "@test", "", 0, board.now)
    before = await board.dump()
    assert (await board.orchestrate("b")).answer == "closed"
    assert await board.dump() == before


async def test_another_strategy_begins_another_epoch(board: Bench) -> None:
    """What the strategy before had granted and nobody has started is held again, and its memory is gone."""
    await board.orchestrate("b", "First")
    await board.decide_once("one a/1", memo='{"turn":1}')
    assert (await board.states("b"))["one a/1"] == "ready"

    assert await board.orchestrate("b", "Second") == Steered("ok", 2, 1)

    assert set((await board.states("b")).values()) == {"held"}
    assert (await board.store.strategy("b"))[:2] == ('{"is": "Second"}', "")
    shown = (await board.control()).shown
    assert shown is not None
    assert (shown.epoch, shown.strategy, shown.memo) == (2, '{"is": "Second"}', "")


async def test_switching_in_a_pause_frees_nothing(board: Bench) -> None:
    await board.pause("b")
    assert (await board.orchestrate("b")).answer == "ok"
    assert await board.claim_control() == []
    assert await board.choreograph("b") == Steered("ok", 3, 0)
    assert set((await board.states("b")).values()) == {"held"}
    assert (await board.resume("b")).moved == 3


async def test_a_board_of_very_many_is_moved_whole(bench: Bench) -> None:
    """More than one command can name."""
    await bench.register(each("one", "a"))
    for first in range(0, 2500, 500):
        await bench.post("x", *(write(f"a/{n}") for n in range(first, first + 500)))
    assert (await bench.orchestrate("x")).moved == 2500
    assert await bench.command("ZCARD", bench.keys.ready) == 1, "the control activation"
    assert (await bench.choreograph("x")).moved == 2500
    assert await bench.command("ZCARD", bench.keys.ready) == 2500


async def test_closing_an_orchestrated_board_leaves_nothing_open(board: Bench) -> None:
    revision, _ = await board.register(each("late", "z", af=100))
    await board.rematch("b", revision)
    await board.orchestrate("b", unattended=500)
    await board.post("b", write("z/1"))
    await board.decide_once("one a/1", wake=board.now + 50)
    assert await board.store.close("b", "@test", "end", 0, board.now) == ("ok", 4)
    for key in (board.keys.ready, board.keys.due, board.keys.leases, board.keys.activations):
        assert not await board.command("EXISTS", key), key


@pytest.mark.parametrize("state", ["ready", "claimed", "roused", "asleep"])
async def test_closing_leaves_no_control_activation(board: Bench, state: str) -> None:
    await board.orchestrate("b", unattended=0 if state == "roused" else 500)
    if state == "claimed":
        await board.control()
    elif state != "ready":
        await board.decide_once(wake=board.now + 50)
    if state == "roused":
        await board.post("b", write("z"))
    await board.store.close("b", "@test", "end", 0, board.now)
    assert await board.controls() == []
    for key in (board.keys.ready, board.keys.due, board.keys.leases):
        assert not await board.command("EXISTS", key), key

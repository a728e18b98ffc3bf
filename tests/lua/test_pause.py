"""`pause`, `resume`, `grant`, `veto`: a hand on the brake, in both modes."""

from __future__ import annotations

import pytest

from blackboard.event import EventType
from blackboard.store.control import Steered
from blackboard.store.partition import Applied
from tests.lua.bench import CONTROL, LEASE, Bench, each, names, write


@pytest.fixture
async def board(bench: Bench) -> Bench:
    """A choreographed board with two activations."""
    await bench.register(each("one", "a", wk=["k"]))
    await bench.post("b", write("a/1"), write("a/2"))
    return bench


# ---------------------------------------------------------------------------- pause and resume


async def test_a_paused_board_starts_nothing(board: Bench) -> None:
    assert await board.pause("b") == Steered("ok", 1, 2)
    await board.post("b", write("a/3"))
    assert await board.claim(5) == []
    assert set((await board.states("b")).values()) == {"held"}
    assert (await board.store.facts("b")).paused  # type: ignore[union-attr]


async def test_pausing_reports_what_runs_and_lets_it_go_on(board: Bench) -> None:
    claimed = await board.claim_one()
    assert await board.pause("b") == Steered("ok", 1, 1, (claimed.claim.identity,))
    assert isinstance(await board.commit(claimed.claim, write("c/1")), Applied)


async def test_resuming_a_choreographed_board_frees_and_rings(board: Bench) -> None:
    await board.pause("b")
    await board.bell()
    assert await board.resume("b") == Steered("ok", 1, 2)
    assert await board.bell() == 1
    assert len(await board.claim(5)) == 2


async def test_resuming_an_orchestrated_board_asks_its_controllers(board: Bench) -> None:
    """Its grants were those of the epoch before the pause."""
    await board.orchestrate("b")
    await board.decide_once("one a/1")
    assert await board.pause("b") == Steered("ok", 2, 1)
    assert await board.claim_control() == []
    assert await board.resume("b") == Steered("ok", 2, 0)
    assert set((await board.states("b")).values()) == {"held"}
    await board.decide_once("one a/2")
    assert await board.states("b") == {"one a/1": "held", "one a/2": "ready"}


async def test_pause_and_resume_are_done_once(board: Bench) -> None:
    await board.pause("b")
    before = await board.dump()
    assert await board.pause("b") == Steered("done", 1)
    assert await board.dump() == before
    await board.resume("b")
    before = await board.dump()
    assert await board.resume("b") == Steered("done", 1)
    assert await board.dump() == before


async def test_pause_and_resume_are_events(board: Bench) -> None:
    await board.pause("b")
    await board.resume("b")
    paused, resumed = (await board.store.events("b", 0, 100))[-2:]
    assert (paused.type, paused.by, paused.epoch, paused.reason) == (EventType.PAUSED, "@test", 1, "look first")
    assert (resumed.type, resumed.epoch, resumed.reason) == (EventType.RESUMED, 1, None)


@pytest.mark.parametrize("act", ["pause", "resume"])
async def test_pausing_what_is_not_open(board: Bench, act: str) -> None:
    assert (await getattr(board, act)("nowhere")).answer == "absent"
    await board.store.close("b", "@test", "", 0, board.now)
    before = await board.dump()
    assert (await getattr(board, act)("b")).answer == "closed"
    assert await board.dump() == before


async def test_a_paused_board_can_be_closed(board: Bench) -> None:
    await board.pause("b")
    assert await board.store.close("b", "@test", "", 0, board.now) == ("ok", 2)
    assert not await board.command("EXISTS", board.keys.activations)


async def test_a_paused_board_comes_to_rest_when_what_runs_has_ended(bench: Bench) -> None:
    """What waits for quiescence is triggered, and held like anything else."""
    await bench.register(each("one", "a"), {"s": "report", "q": 1})
    await bench.post("x", write("a/1"))
    claimed = await bench.claim_one()
    await bench.pause("x")
    await bench.commit(claimed.claim)
    assert await bench.states("x") == {"report": "held"}
    await bench.resume("x")
    assert names(await bench.claim()) == ["report"]


# ---------------------------------------------------------------------------- steps


async def test_a_step_lasts_until_something_was_granted(board: Bench) -> None:
    await board.orchestrate("b")
    await board.pause("b")
    assert (await board.resume("b", step=True)).answer == "ok"
    await board.decide_once()
    await board.post("b", write("z"))

    await board.decide_once("one a/1")

    assert (await board.store.facts("b")).gate == "p"  # type: ignore[union-attr]
    assert await board.controls() == []
    await board.commit((await board.claim_one()).claim, write("c/1"))
    assert await board.claim_control() == []


async def test_what_a_step_granted_may_still_be_tried_again(board: Bench) -> None:
    await board.orchestrate("b")
    await board.pause("b")
    await board.resume("b", step=True)
    await board.decide_once("one a/1")
    await board.fail((await board.claim_one()).claim, "retry", 100)
    board.now += 100
    assert (await board.claim_one()).attempts == 1


async def test_one_step_after_another(board: Bench) -> None:
    await board.orchestrate("b")
    await board.pause("b")
    for name in ("one a/1", "one a/2"):
        await board.resume("b", step=True)
        await board.decide_once(name)
        await board.commit((await board.claim_one()).claim)
    assert await board.states("b") == {}


async def test_a_step_is_a_pause_to_whoever_has_no_strategy(board: Bench) -> None:
    """Switched away in the middle of a step, the board stays paused: somebody wanted to look at everything that starts."""
    await board.orchestrate("b")
    await board.pause("b")
    await board.resume("b", step=True)
    assert (await board.choreograph("b")).moved == 0
    assert (await board.store.facts("b")).paused  # type: ignore[union-attr]
    assert (await board.resume("b")).moved == 2


# ---------------------------------------------------------------------------- grants by hand


async def test_a_person_grants_on_a_paused_board(board: Bench) -> None:
    await board.pause("b")
    await board.bell()
    assert await board.grant("b", "one a/2") == Steered("ok", 1)
    assert await board.bell() == 1
    assert await board.states("b") == {"one a/1": "held", "one a/2": "ready"}
    await board.commit((await board.claim_one()).claim, write("a/3"))
    assert await board.states("b") == {"one a/1": "held", "one a/3": "held"}


async def test_a_person_grants_beside_the_strategy(board: Bench) -> None:
    """And the strategy is told."""
    await board.orchestrate("b")
    await board.decide_once()
    await board.grant("b", "one a/1")
    shown = (await board.control()).shown
    assert shown is not None
    assert [event.by for event in shown.news if event.type is EventType.GRANTED] == ["@test"]


async def test_a_grant_is_an_event(board: Bench) -> None:
    await board.pause("b")
    await board.grant("b", "one a/1")
    event = (await board.store.events("b", 0, 100))[-1]
    assert (event.type, event.by, event.source, event.addresses) == (EventType.GRANTED, "@test", "one", ("a/1",))
    assert (event.epoch, event.reason) == (1, "please")


async def test_what_is_granted_twice_is_granted_once(board: Bench) -> None:
    await board.pause("b")
    await board.grant("b", "one a/1")
    before = await board.dump()
    assert (await board.grant("b", "one a/1")).answer == "free"
    assert await board.dump() == before


async def test_a_grant_of_another_epoch_is_refused(board: Bench) -> None:
    await board.pause("b")
    before = await board.dump()
    assert await board.grant("b", "one a/1", expected=0) == Steered("epoch", 1)
    assert await board.dump() == before


async def test_a_grant_of_what_is_not_there(board: Bench) -> None:
    await board.pause("b")
    found = await board.activation("b", "one a/1")
    store, now = board.store, board.now
    before = await board.dump()
    assert (await store.grant("b", "@test", found.identity, found.number + 1, now=now)).answer == "absent"
    assert (await store.grant("b", "@test", "none\x1ea/1", 1, now=now)).answer == "absent"
    assert (await store.grant("nowhere", "@test", found.identity, 1, now=now)).answer == "absent"
    assert await board.dump() == before


async def test_a_hand_grant_ends_with_its_pause(board: Bench) -> None:
    await board.pause("b")
    await board.grant("b", "one a/1")
    claimed = await board.claim_one()
    await board.resume("b")
    await board.pause("b")
    await board.release(claimed.claim)
    assert await board.states("b") == {"one a/1": "held", "one a/2": "held"}


# ---------------------------------------------------------------------------- vetoes


async def in_state(board: Bench, state: str) -> None:
    """Brings `one a/1` into a state."""
    if state == "held":
        await board.pause("b")
    elif state == "retrying":
        await board.fail((await board.claim_one()).claim, "retry", 100)
    elif state == "waiting":
        await board.release((await board.claim_one()).claim, "wait")
    elif state == "delayed":
        revision, _ = await board.register(each("one", "z"), each("late", "a", af=100))
        await board.rematch("b", revision)


@pytest.mark.parametrize("state", ["ready", "held", "retrying", "waiting", "delayed"])
async def test_what_is_open_can_be_vetoed_and_revived(board: Bench, state: str) -> None:
    await in_state(board, state)
    name = "late a/1" if state == "delayed" else "one a/1"
    assert (await board.states("b"))[name] == state

    assert await board.veto("b", name) == "ok"

    assert name not in await board.states("b")
    (dead,) = await board.store.dead("b")
    assert dead.problem == "never"
    assert await board.store.revive("b", dead.identity, "@test", board.now) == "ok"
    assert (await board.states("b"))[name] == ("held" if state == "held" else "ready")


@pytest.mark.parametrize("state", ["ready", "held", "retrying", "waiting", "delayed"])
async def test_what_is_vetoed_leaves_no_timer_and_no_row(board: Bench, state: str) -> None:
    await in_state(board, state)
    for name in await board.states("b"):
        assert await board.veto("b", name) == "ok"
    for key in (board.keys.ready, board.keys.due, board.keys.leases):
        assert not await board.command("EXISTS", key), key
    board.now += LEASE
    assert await board.claim(5) == []


async def test_a_vetoed_one_that_was_granted_needs_a_new_grant(board: Bench) -> None:
    await board.orchestrate("b")
    await board.decide_once("one a/1")
    await board.veto("b", "one a/1")
    (dead,) = await board.store.dead("b")
    await board.store.revive("b", dead.identity, "@test", board.now)
    assert (await board.states("b"))["one a/1"] == "held"


async def test_what_runs_cannot_be_vetoed(board: Bench) -> None:
    claimed = await board.claim_one()
    before = await board.dump()
    assert await board.veto("b", "one a/1") == "running"
    assert await board.dump() == before
    assert isinstance(await board.commit(claimed.claim), Applied)


async def test_a_veto_of_what_is_not_there(board: Bench) -> None:
    found = await board.activation("b", "one a/1")
    await board.veto("b", "one a/1")
    before = await board.dump()
    for number in (found.number, found.number + 1):
        assert await board.store.veto("b", "@test", found.identity, number, now=board.now) == "absent"
    assert await board.store.veto("nowhere", "@test", found.identity, 1, now=board.now) == "absent"
    assert await board.dump() == before


async def test_a_veto_is_an_event(board: Bench) -> None:
    await board.veto("b", "one a/1")
    event = (await board.store.events("b", 0, 100))[-1]
    assert (event.type, event.by, event.reason, event.addresses) == (
        EventType.DIED,
        "@test",
        "vetoed: never",
        ("a/1",),
    )


async def test_a_veto_can_bring_quiescence(bench: Bench) -> None:
    await bench.register(each("one", "a"), {"s": "report", "q": 1})
    await bench.post("x", write("a/1"))
    await bench.veto("x", "one a/1")
    assert await bench.states("x") == {"report": "ready"}
    await bench.veto("x", "report")
    assert (await bench.store.facts("x")).settled  # type: ignore[union-attr]


async def test_controllers_are_told_of_a_veto(board: Bench) -> None:
    await board.orchestrate("b")
    await board.decide_once()
    await board.bell(CONTROL)
    await board.veto("b", "one a/1")
    assert await board.bell(CONTROL) == 1
    assert len(await board.claim_control()) == 1


async def test_control_itself_is_neither_granted_nor_vetoed(board: Bench) -> None:
    """It is on no agenda, and no count of what the board still does knows it."""
    await board.orchestrate("b")
    claimed = await board.control()
    identity, number = claimed.claim.identity, claimed.claim.number
    await board.decide(claimed)
    await board.post("b", write("z"))
    facts = await board.store.facts("b")
    assert await board.store.veto("b", "@test", identity, number, now=board.now) == "absent"
    assert (await board.control()).claim.identity == identity
    assert await board.store.facts("b") == facts

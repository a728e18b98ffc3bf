"""Control is absolute: nothing starts that was not granted under the epoch of control, whatever road leads it to ready."""

from __future__ import annotations

import pytest

from blackboard.errors import StaleSnapshot
from tests.lua.bench import CONTROL, LEASE, Bench, addresses, each, names, write


@pytest.fixture
async def board(bench: Bench) -> Bench:
    """One source at once, one after a delay."""
    await bench.register(each("one", "a"), each("late", "l", af=100))
    return bench


# ---------------------------------------------------------------------------- timers and leases


@pytest.mark.parametrize("hold", ["orchestrate", "pause"])
async def test_a_delay_that_ends_is_held(board: Bench, hold: str) -> None:
    await board.post("b", write("l/1"))
    await getattr(board, hold)("b")
    board.now += 100
    assert await board.claim(5) == []
    assert await board.states("b") == {"late l/1": "held"}


@pytest.mark.parametrize("hold", ["orchestrate", "pause"])
async def test_a_backoff_that_ends_is_held(board: Bench, hold: str) -> None:
    await board.post("b", write("a/1"))
    await board.fail((await board.claim_one()).claim, "retry", 100)
    await getattr(board, hold)("b")
    board.now += 100
    assert await board.claim(5) == []
    assert await board.states("b") == {"one a/1": "held"}


@pytest.mark.parametrize("hold", ["orchestrate", "pause"])
async def test_what_a_dead_worker_left_is_held(board: Bench, hold: str) -> None:
    """It ran when the board was held, which was its right; to start again is another thing."""
    await board.post("b", write("a/1"))
    await board.claim_one()
    await getattr(board, hold)("b")
    board.now += LEASE
    assert await board.claim(5, owner="w2") == []
    assert await board.states("b") == {"one a/1": "held"}


async def test_what_is_held_keeps_nobody_behind_it_waiting(board: Bench) -> None:
    await board.post("held", write("l/1"), write("l/2"))
    await board.post("free", write("l/3"))
    await board.orchestrate("held")
    board.now += 100
    assert addresses(await board.claim(5)) == [("l/3",)]


async def test_a_claimer_that_met_what_is_held_looks_further(board: Bench) -> None:
    await board.post("first", write("l/1"), write("l/2"))
    await board.post("second", write("l/3"))
    await board.orchestrate("first")
    board.now += 100
    assert addresses(await board.claim(1)) == [("l/3",)]


async def test_a_claimer_that_met_only_what_is_held_knows_when_to_look_again(board: Bench) -> None:
    await board.post("held", write("l/1"))
    await board.orchestrate("held")
    board.now += 70
    await board.post("free", write("l/2"))
    board.now += 30
    handed = await board.handed(1)
    assert (handed.claimed, handed.next_due) == ([], 70)


async def test_controllers_are_told_of_a_timer(board: Bench) -> None:
    """That it fired is written in no log, and still a strategy may want to grant it."""
    await board.post("b", write("l/1"))
    await board.orchestrate("b")
    await board.decide_once()
    await board.bell(CONTROL)
    board.now += 100
    await board.claim()
    assert await board.bell(CONTROL) == 1
    await board.decide_once("late l/1")
    assert names(await board.claim()) == ["late"]


async def test_controllers_are_told_of_what_must_run_again(board: Bench) -> None:
    """Nothing but the mode of the board keeps it from running: somebody must be asked."""
    await board.post("b", write("a/1"))
    claimed = await board.claim_one()
    await board.orchestrate("b")
    await board.post("b", write("c/1"))
    await board.decide_once()
    assert isinstance(await board.commit(claimed.claim, write("c/1", 2)), StaleSnapshot)
    await board.decide_once("one a/1")
    assert names(await board.claim()) == ["one"]


async def test_controllers_are_told_of_what_a_worker_gave_back(board: Bench) -> None:
    await board.post("b", write("a/1"))
    claimed = await board.claim_one()
    await board.orchestrate("b")
    await board.decide_once()
    assert await board.release(claimed.claim) == "ok"
    await board.decide_once("one a/1")
    assert names(await board.claim()) == ["one"]


async def test_a_precondition_that_may_answer_differently_asks_control_first(bench: Bench) -> None:
    await bench.register(each("one", "a", wk=["k"]))
    await bench.post("b", write("a/1"))
    await bench.release((await bench.claim_one()).claim, "wait")
    await bench.orchestrate("b")
    await bench.post("b", write("k/1"))
    assert await bench.states("b") == {"one a/1": "held"}


async def test_a_revived_activation_asks_control_first(board: Bench) -> None:
    await board.post("b", write("a/1"))
    claimed = await board.claim_one()
    await board.fail(claimed.claim, "dead")
    await board.orchestrate("b")
    assert await board.store.revive("b", claimed.claim.identity, "@test", board.now) == "ok"
    assert await board.states("b") == {"one a/1": "held"}


async def test_what_died_lost_its_grant(board: Bench) -> None:
    """Tried again it is news to the strategy, which has long gone on."""
    await board.post("b", write("a/1"))
    await board.orchestrate("b")
    await board.decide_once("one a/1")
    claimed = await board.claim_one()
    await board.fail(claimed.claim, "dead")
    assert await board.store.revive("b", claimed.claim.identity, "@test", board.now) == "ok"
    assert await board.states("b") == {"one a/1": "held"}


async def test_a_board_whose_facts_cannot_be_read_harms_no_other(board: Bench) -> None:
    """Whether its activation may start cannot be told: it is handed out as damaged, the others as ever."""
    await board.post("broken", write("a/1"))
    await board.post("whole", write("a/2"))
    await board.command("HSET", board.keys.of_board("broken", "meta"), "state", "open many")
    claimed = {each_claim.claim.board: each_claim.verdict for each_claim in await board.claim(5)}
    assert claimed == {"broken": "damaged", "whole": ""}


# ---------------------------------------------------------------------------- what a grant survives


@pytest.fixture
async def granted(board: Bench) -> Bench:
    """An activation granted under the current epoch."""
    await board.post("b", write("a/1"))
    await board.orchestrate("b")
    await board.decide_once("one a/1")
    return board


async def test_a_grant_survives_a_retry(granted: Bench) -> None:
    await granted.fail((await granted.claim_one()).claim, "retry", 100)
    granted.now += 100
    assert (await granted.claim_one()).attempts == 1


async def test_a_grant_survives_a_conflict(granted: Bench) -> None:
    claimed = await granted.claim_one()
    await granted.post("b", write("c/1"))
    assert isinstance(await granted.commit(claimed.claim, write("c/1", 2)), StaleSnapshot)
    assert (await granted.claim_one()).claim.number == claimed.claim.number


async def test_a_grant_survives_a_draining_worker(granted: Bench) -> None:
    await granted.release((await granted.claim_one()).claim)
    assert names(await granted.claim()) == ["one"]


async def test_a_grant_survives_a_precondition_that_declined(bench: Bench) -> None:
    await bench.register(each("one", "a", wk=["k"]))
    await bench.post("b", write("a/1"))
    await bench.orchestrate("b")
    await bench.decide_once("one a/1")
    await bench.release((await bench.claim_one()).claim, "wait")
    await bench.post("b", write("k/1"))
    assert names(await bench.claim()) == ["one"]


async def test_a_grant_survives_the_death_of_the_worker(granted: Bench) -> None:
    claimed = await granted.claim_one()
    granted.now += LEASE
    again = await granted.claim_one(owner="w2")
    assert (again.claim.number, again.claim.epoch) == (claimed.claim.number, claimed.claim.epoch + 1)


@pytest.mark.parametrize("road", ["retry", "conflict", "release", "death"])
@pytest.mark.parametrize("begin", ["orchestrate", "pause"])
async def test_no_grant_survives_its_epoch(granted: Bench, road: str, begin: str) -> None:
    claimed = (await granted.claim_one()).claim
    await granted.post("b", write("c/1"))
    if road == "retry":
        await granted.fail(claimed, "retry", 100)
    await getattr(granted, begin)("b")
    if road == "conflict":
        assert isinstance(await granted.commit(claimed, write("c/1", 2)), StaleSnapshot)
    if road == "release":
        await granted.release(claimed)
    granted.now += LEASE
    assert await granted.claim(5, owner="w2") == []
    assert await granted.states("b") == {"one a/1": "held"}


async def test_a_grant_is_for_one_activation_not_for_its_identity(granted: Bench) -> None:
    """A new version makes a new activation, of which the strategy has not heard."""
    await granted.commit((await granted.claim_one()).claim)
    await granted.post("b", write("a/1", 2))
    assert await granted.states("b") == {"one a/1": "held"}


async def test_what_is_granted_rings(board: Bench) -> None:
    await board.post("b", write("a/1"))
    await board.orchestrate("b")
    await board.bell()
    await board.decide_once("one a/1")
    assert await board.bell() == 1

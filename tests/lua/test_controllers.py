"""Control as a knowledge source: what rouses it, when it sleeps, who takes a dead controller's place, and what if none comes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from blackboard.activation import Activation, ActivationState, Claimed, Shown
from blackboard.store import codec
from tests.lua.bench import CONTROL, LEASE, Bench, each, named, names, write


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


# ---------------------------------------------------------------------------- how it is kept


async def test_the_control_activation_is_kept_as_any_other(board: Bench) -> None:
    """It is written in a shorter way, since most of its facts are always the same; whoever reads it must not notice."""

    async def kept() -> Activation:
        field = board.field("b", CONTROL, "")
        text = await board.command("HGET", board.keys.activations, field)
        head, *rest = text.decode().split(codec.US)
        assert (len(json.loads(head)), rest) == (24, ["", "", "", ""])
        return codec.activation(field, text)

    ready = await kept()
    assert (ready.state, ready.owner, ready.epoch, ready.since) == ("ready", None, 0, board.now)
    claimed = await board.control()
    running = await kept()
    assert running == replace(ready, state=ActivationState.RUNNING, owner="c1", epoch=1, started=board.now)
    board.now += 11_000  # the controller dies
    claimed = await board.control()
    assert await kept() == replace(running, crashes=1, epoch=2, since=board.now, started=board.now)
    await board.decide(claimed, wake=board.now + 500)
    asleep = await kept()
    assert (asleep.state, asleep.owner, asleep.crashes, asleep.epoch) == ("delayed", None, 0, 2)
    assert asleep.due == board.now + 500


# ---------------------------------------------------------------------------- what rouses control


async def test_however_much_happens_a_board_is_claimed_once(board: Bench) -> None:
    for n in range(4, 8):
        await board.post("b", write(f"a/{n}"))
    assert [each_claim.claim.board for each_claim in await board.claim_control(9)] == ["b"]
    assert await board.claim_control(9) == []


async def test_while_it_is_ready_news_writes_no_second(board: Bench) -> None:
    before = await board.command("ZRANGE", board.keys.ready, 0, -1)
    await board.post("b", write("a/4"))
    assert await board.command("ZRANGE", board.keys.ready, 0, -1) == before
    assert await board.controls() == ["b"]


async def test_a_change_while_a_controller_looks_makes_it_look_again(board: Bench) -> None:
    claimed = await board.control()
    await board.post("b", write("a/4"))
    assert await board.claim_control(owner="c2") == []
    assert (await board.decide(claimed, "one a/1"))[0] == "ok"
    assert "one a/4" in {named(activation) for activation in shown(await board.control()).agenda}


async def test_its_own_decision_is_no_news(board: Bench) -> None:
    """Or controllers would never rest."""
    await board.decide_once("one a/1")
    await board.bell(CONTROL)
    assert await board.claim_control() == []
    assert await board.bell(CONTROL) == 0


async def test_what_a_worker_commits_is_news(board: Bench) -> None:
    await board.decide_once("one a/1")
    await board.bell(CONTROL)
    await board.commit((await board.claim_one()).claim, write("c/1"))
    assert await board.bell(CONTROL) == 1
    assert len(await board.claim_control()) == 1


async def test_what_a_worker_fails_is_news(board: Bench) -> None:
    await board.decide_once("one a/1")
    await board.fail((await board.claim_one()).claim)
    assert len(await board.claim_control()) == 1


async def test_that_a_worker_starts_is_no_news(board: Bench) -> None:
    await board.decide_once("one a/1")
    await board.claim_one()
    assert await board.claim_control() == []


async def test_a_choreographed_board_has_no_control(board: Bench) -> None:
    await board.choreograph("b")
    await board.post("b", write("a/4"))
    assert await board.claim_control() == []
    assert await board.controls() == []


async def test_a_paused_board_has_no_control(board: Bench) -> None:
    await board.pause("b")
    await board.post("b", write("a/4"))
    assert await board.claim_control() == []
    assert await board.controls() == []


async def test_many_boards_are_claimed_at_once_oldest_news_first(bench: Bench) -> None:
    for name in ("z", "a", "m"):
        bench.now += 1
        await bench.orchestrate(name)
    claimed = await bench.claim_control(2)
    assert [each_claim.claim.board for each_claim in claimed] == ["z", "a"]
    assert await bench.bell(CONTROL) == 1, "a board is left"


async def test_workers_do_not_claim_control_nor_controllers_work(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.post("free", write("a/1"))
    await bench.orchestrate("b")
    assert names(await bench.claim_control(9)) == [CONTROL]
    assert names(await bench.claim(9)) == ["one"]


async def test_control_is_on_no_agenda_and_keeps_no_board_busy(bench: Bench) -> None:
    await bench.orchestrate("b")
    assert await bench.states("b") == {}
    facts = await bench.store.facts("b")
    assert facts is not None
    assert facts.settled
    claimed = await bench.control()
    assert await bench.store.facts("b") == facts
    await bench.decide(claimed)
    assert (await bench.store.facts("b")).settled  # type: ignore[union-attr]


# ---------------------------------------------------------------------------- time


async def test_it_sleeps_until_it_wanted_to_look_again(board: Bench) -> None:
    await board.decide_once(wake=board.now + 50)
    assert (await board.handed(crew=CONTROL)).next_due == 50
    board.now += 49
    assert await board.claim_control() == []
    board.now += 1
    assert len(await board.claim_control()) == 1


async def test_a_new_wake_time_rings_for_those_who_sleep_longer(board: Bench) -> None:
    claimed = await board.control()
    await board.bell(CONTROL)
    await board.decide(claimed, wake=board.now + 50)
    assert await board.bell(CONTROL) == 1


async def test_it_looks_earlier_when_something_happens(board: Bench) -> None:
    await board.decide_once(wake=board.now + 50)
    await board.post("b", write("a/4"))
    await board.decide_once()
    assert not await board.command("EXISTS", board.keys.due)
    board.now += 50
    assert await board.claim_control() == [], "the wake time was that of the decision before"


async def test_a_wake_time_that_no_longer_counts_hands_the_board_to_nobody(board: Bench) -> None:
    """Roused before its time, and nobody has come yet: the time says nothing any more."""
    await board.decide_once(wake=board.now + 50)
    await board.post("b", write("a/4"))
    board.now += 50
    assert await board.claim(5) == []
    assert len(await board.claim_control()) == 1


async def test_another_controller_takes_the_place_of_a_dead_one(board: Bench) -> None:
    dead = await board.control()
    board.now += LEASE - 1
    assert await board.claim_control(owner="c2") == []
    board.now += 1
    found = await board.control(owner="c2")
    assert (found.claim.number, found.claim.epoch) == (dead.claim.number, dead.claim.epoch + 1)
    assert (await board.decide(found, "one a/1"))[0] == "ok"


async def test_the_death_of_a_controller_is_found_by_workers_too(board: Bench) -> None:
    await board.control()
    board.now += LEASE
    await board.bell(CONTROL)
    assert await board.claim(5) == []
    assert await board.bell(CONTROL) == 1


async def test_a_controller_may_renew_its_lease(board: Bench) -> None:
    claimed = await board.control()
    board.now += LEASE - 1
    keys, words = board.store.renewal("c1", {claimed.claim: LEASE})
    assert await board.store.calls.script("renew", keys, [board.now, *words[1:]]) == []
    board.now += LEASE - 1
    assert await board.claim_control(owner="c2") == []


async def test_what_kills_every_controller_is_handed_out_as_poison(board: Bench) -> None:
    """The one who gets it pauses the board: it is shown what is needed for that."""
    for _ in range(4):
        assert (await board.control()).verdict == ""
        board.now += LEASE
    poisoned = await board.control()
    assert poisoned.verdict == "poison"
    assert (await board.decide(poisoned, verdict="pause", reason="its controllers die"))[0] == "ok"
    assert (await board.store.facts("b")).paused  # type: ignore[union-attr]


async def test_a_decision_forgives_the_deaths_before(board: Bench) -> None:
    for turn in range(3):
        for _ in range(2):
            assert (await board.control()).verdict == ""
            board.now += LEASE
        await board.decide_once()
        await board.post("b", write("z", turn))


# ---------------------------------------------------------------------------- unattended


@pytest.fixture
async def forsaken(bench: Bench) -> Bench:
    """A board that no controller may leave waiting for more than 500 ms."""
    await bench.register(each("one", "a"))
    await bench.post("b", write("a/1"))
    await bench.orchestrate("b", unattended=500)
    return bench


async def test_a_board_that_no_controller_came_for_is_handed_to_a_worker(forsaken: Bench) -> None:
    assert (await forsaken.handed()).next_due == 500
    forsaken.now += 499
    assert await forsaken.claim(5) == []
    forsaken.now += 1
    claimed = await forsaken.claim_one()
    assert (claimed.verdict, claimed.claim.source, shown(claimed).epoch) == ("unattended", CONTROL, 1)
    assert await forsaken.claim_control() == []


async def test_the_worker_sets_it_free(forsaken: Bench) -> None:
    forsaken.now += 500
    claimed = await forsaken.claim_one()
    await forsaken.choreograph("b", expected=shown(claimed).epoch)
    assert names(await forsaken.claim(5)) == ["one"]
    forsaken.now += 10 * LEASE
    assert await forsaken.controls() == []


async def test_a_board_that_waited_for_nobody_in_vain_waits_on(board: Bench) -> None:
    board.now += 1_000_000
    assert await board.claim(5) == []
    assert len(await board.claim_control()) == 1


async def test_a_controller_that_comes_in_time_ends_the_wait(forsaken: Bench) -> None:
    forsaken.now += 499
    claimed = await forsaken.control(lease=10_000)
    forsaken.now += 500
    assert await forsaken.claim(5) == []
    assert (await forsaken.decide(claimed))[0] == "ok"
    forsaken.now += 500
    assert await forsaken.claim(5) == []


async def test_a_controller_that_comes_late_but_first_is_welcome(forsaken: Bench) -> None:
    forsaken.now += 500
    (claimed,) = await forsaken.claim_control()
    assert claimed.verdict == ""
    assert (await forsaken.decide(claimed, "one a/1"))[0] == "ok"


async def test_the_wait_begins_when_something_happens(forsaken: Bench) -> None:
    await forsaken.decide_once()
    forsaken.now += 10_000
    await forsaken.post("b", write("z"))
    forsaken.now += 499
    assert await forsaken.claim(5) == []
    forsaken.now += 1
    assert (await forsaken.claim_one()).verdict == "unattended"


async def test_the_wait_begins_when_a_controller_died(forsaken: Bench) -> None:
    await forsaken.control()
    forsaken.now += LEASE
    assert await forsaken.claim(5) == []
    forsaken.now += 500
    assert (await forsaken.claim_one()).verdict == "unattended"


async def test_the_wait_begins_when_a_controller_overslept(forsaken: Bench) -> None:
    """The last controller wanted to look again at a time at which there was none any more."""
    await forsaken.decide_once(wake=forsaken.now + 50)
    forsaken.now += 50
    assert await forsaken.claim(5) == []
    forsaken.now += 500
    assert (await forsaken.claim_one()).verdict == "unattended"


async def test_a_worker_that_dies_with_it_leaves_it_to_the_next(forsaken: Bench) -> None:
    forsaken.now += 500
    await forsaken.claim_one()
    forsaken.now += LEASE
    assert await forsaken.claim(5, owner="w2") == []
    forsaken.now += 500
    assert (await forsaken.claim_one(owner="w2")).verdict == "unattended"


async def test_a_repeated_claim_gets_the_board_again(forsaken: Bench) -> None:
    forsaken.now += 500
    request = forsaken.request()
    first = await forsaken.store.claim(request, forsaken.now)
    assert (await forsaken.store.claim(request, forsaken.now)).claimed == first.claimed
    assert first.claimed[0].verdict == "unattended"


# ---------------------------------------------------------------------------- what is not for workers


async def test_a_control_activation_can_neither_fail_nor_be_given_back(board: Bench) -> None:
    """It would sleep in a state from which nothing rouses it."""
    claimed = await board.control()
    assert await board.fail(claimed.claim) == "lost"
    assert [await board.release(claimed.claim, verdict) for verdict in ("ready", "wait", "bid")] == ["lost"] * 3
    assert (await board.decide(claimed, "one a/1"))[0] == "ok"


async def test_of_a_very_long_agenda_every_source_is_shown_something(bench: Bench) -> None:
    await bench.register(each("one", "a"), each("zwo", "z"))
    await bench.post("b", write("z/1"), *(write(f"a/{n}") for n in range(5_100)))
    await bench.orchestrate("b")
    agenda = [named(activation) for activation in shown(await bench.control()).agenda]
    assert "zwo z/1" in agenda
    assert 2_000 < len(agenda) <= 5_000

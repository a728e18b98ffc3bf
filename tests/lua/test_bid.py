"""Bids: on an orchestrated board, a source says first what its activation is worth; only then can it be granted."""

from __future__ import annotations

import pytest

from blackboard.activation import Claimed
from blackboard.errors import LeaseLost
from blackboard.store.control import Steered
from tests.lua.bench import LEASE, Bench, each, gone, write

FIELD = ["f", 1, "x"]


@pytest.fixture
async def board(bench: Bench) -> Bench:
    """An orchestrated board and one source that bids."""
    await bench.register(each("one", "a", bd=1))
    await bench.orchestrate("b")
    return bench


async def bid(bench: Bench, claimed: Claimed, number: object) -> str:
    """What the worker says that was asked to bid."""
    assert claimed.verdict == "bid"
    return await bench.store.release(claimed.claim, "bid", str(number), bench.now)


async def bid_once(bench: Bench, number: object) -> None:
    """A worker comes and bids."""
    assert await bid(bench, await bench.claim_one(), number) == "ok"


async def rows(bench: Bench) -> int:
    """What is in the ready set, but for the control activation."""
    return int(await bench.command("ZCARD", bench.keys.ready)) - len(await bench.controls())


# ---------------------------------------------------------------------------- bidding


async def test_a_worker_is_asked_before_a_controller(board: Bench) -> None:
    await board.bell()
    await board.post("b", write("a/1", 5))
    assert await board.states("b") == {"one a/1": "bidding"}
    assert await board.bell() == 1
    claimed = await board.claim_one()
    assert (claimed.verdict, claimed.bindings[0][0].payload) == ("bid", b'{"x":5}')
    assert await board.states("b") == {"one a/1": "bidding"}
    assert await board.claim(5) == [], "one is asked once"
    await board.decide_once()
    await board.bell("@control")

    assert await bid(board, claimed, 3.5) == "ok"

    held = await board.activation("b", "one a/1")
    assert (held.state, held.rating, held.owner, await rows(board)) == ("held", 3.5, None, 0)
    assert await board.bell("@control") == 1, "a bid is news to controllers"
    assert await board.claim(5) == []


async def test_what_has_bid_is_granted_and_runs(board: Bench) -> None:
    await board.post("b", write("a/1"))
    await bid_once(board, 1)
    await board.decide_once("one a/1")
    claimed = await board.claim_one()
    assert (claimed.verdict, claimed.attempts, claimed.crashes) == ("", 0, 0)
    await board.commit(claimed.claim, write("c/1"))
    assert (await board.store.facts("b")).settled  # type: ignore[union-attr]


async def test_a_bid_is_no_start_and_cannot_commit(board: Bench) -> None:
    """Whatever the worker does with it: control is absolute."""
    await board.post("b", write("a/1"))
    claimed = await board.claim_one()
    assert isinstance(await board.commit(claimed.claim, write("c/1")), LeaseLost)
    assert await board.fail(claimed.claim, "dead") == "lost"
    assert await bid(board, claimed, 2) == "ok"
    assert await board.kinds_of_events("b", 2) == ["posted", "triggered"]


async def test_what_has_yet_to_bid_can_be_granted_by_nobody(board: Bench) -> None:
    await board.post("b", write("a/1"))
    assert (await board.grant("b", "one a/1")).answer == "free"
    assert (await board.decide(await board.control(), "one a/1"))[0] == "absent"
    await board.claim_one()
    assert (await board.grant("b", "one a/1")).answer == "free"


async def test_a_board_with_bids_to_come_is_not_settled(board: Bench) -> None:
    await board.post("b", write("a/1"))
    assert not (await board.store.facts("b")).settled  # type: ignore[union-attr]


@pytest.mark.parametrize(("said", "rated"), [("1e99", 1e10), ("-7", -7), ("0.12345", 0.123), ("nan", 0), ("", 0)])
async def test_a_bid_is_a_rating(board: Bench, said: str, rated: float) -> None:
    await board.post("b", write("a/1"))
    await bid_once(board, said)
    assert (await board.activation("b", "one a/1")).rating == rated


async def test_a_bid_said_twice_counts_once(board: Bench) -> None:
    await board.post("b", write("a/1"))
    claimed = await board.claim_one()
    assert (await bid(board, claimed, 1), await bid(board, claimed, 2)) == ("ok", "lost")
    assert (await board.activation("b", "one a/1")).rating == 1


async def test_a_claim_whose_answer_was_lost_is_repeated(board: Bench) -> None:
    await board.post("b", write("a/1"))
    request = board.request()
    first = await board.store.claim(request, board.now)
    assert (await board.store.claim(request, board.now)).claimed == first.claimed
    assert await bid(board, first.claimed[0], 1) == "ok"


async def test_a_source_without_a_bid_is_held_at_once(board: Bench) -> None:
    await board.register(each("two", "c"))
    await board.post("x", write("z"))
    await board.orchestrate("x")
    await board.post("x", write("c/1"))
    assert await board.states("x") == {"two c/1": "held"}


async def test_choreography_asks_for_no_bid(bench: Bench) -> None:
    await bench.register(each("one", "a", bd=1, rt=FIELD))
    await bench.post("b", write("a/1", 5))
    assert await bench.states("b") == {"one a/1": "ready"}
    await bench.pause("b")
    assert await bench.states("b") == {"one a/1": "held"}
    await bench.post("b", write("a/1", 6))
    assert await bench.states("b") == {"one a/1": "held"}
    await bench.resume("b")
    assert (await bench.claim_one()).verdict == ""


# ---------------------------------------------------------------------------- bidding again


async def test_new_entries_are_bid_for_anew(board: Bench) -> None:
    await board.post("b", write("a/1"))
    await bid_once(board, 4)
    await board.post("b", write("a/1", 2))
    changed = await board.activation("b", "one a/1")
    assert (changed.state, changed.rating) == ("bidding", 0)
    await bid_once(board, 6)
    assert (await board.activation("b", "one a/1")).rating == 6


async def test_a_bid_for_what_has_changed_meanwhile_is_late(board: Bench) -> None:
    await board.post("b", write("a/1"))
    late = await board.claim_one()
    await board.post("b", write("a/1", 2))
    assert await bid(board, late, 4) == "lost"
    await bid_once(board, 6)
    assert (await board.activation("b", "one a/1")).rating == 6
    assert await board.command("ZCARD", board.keys.leases) == 0


async def test_what_leaves_while_it_bids_is_gone(board: Bench) -> None:
    await board.post("b", write("a/1"))
    late = await board.claim_one()
    await board.store.post("b", "gone", "@test", [gone("a/1")], board.now)
    assert await board.states("b") == {}
    assert await bid(board, late, 4) == "lost"
    assert (await board.command("ZCARD", board.keys.leases), await rows(board)) == (0, 0)


async def test_what_does_not_concern_its_entries_leaves_a_bid_alone(board: Bench) -> None:
    await board.register(each("one", "a", bd=1, rt=FIELD, c=[{"k": "n", "a": "n"}], w=[["<", ["n", 1], ["v", 9]]]))
    await board.orchestrate("x")
    await board.post("x", write("a/1", 3))
    assert (await board.activation("x", "one a/1")).rating == 3, "until it has bid, its formula says"
    claimed = await board.claim_one()
    await board.post("x", write("n/1"))
    assert await bid(board, claimed, 4) == "ok"
    await board.post("x", write("n/2"))
    held = await board.activation("x", "one a/1")
    assert (held.state, held.rating) == ("held", 4)


async def test_what_failed_under_a_grant_need_not_bid_again(board: Bench) -> None:
    """Its entries are the same: it waits for another grant with the bid that it made, and for another bid if they are not."""
    await board.post("b", write("a/1"))
    await bid_once(board, 4)
    await board.decide_once("one a/1")
    claimed = await board.claim_one()
    await board.orchestrate("b", "Other")
    await board.release(claimed.claim)
    assert await board.states("b") == {"one a/1": "held"}
    await board.decide_once("one a/1")
    claimed = await board.claim_one()
    await board.orchestrate("b", "Another")
    await board.post("b", write("a/1", 2))
    await board.release(claimed.claim)
    assert await board.states("b") == {"one a/1": "bidding"}


@pytest.mark.parametrize("end", ["delay", "backoff"])
async def test_a_timer_that_ends_asks_for_a_bid_at_once(bench: Bench, end: str) -> None:
    await bench.register(each("one", "a", bd=1, **({"af": 10} if end == "delay" else {})))
    await bench.post("b", write("a/1"))
    if end == "backoff":
        await bench.fail((await bench.claim_one()).claim, "retry", 10)
    await bench.orchestrate("b")
    bench.now += 10
    await bid_once(bench, 2)
    assert await bench.states("b") == {"one a/1": "held"}


# ---------------------------------------------------------------------------- death


async def test_a_bidder_that_dies_is_replaced(board: Bench) -> None:
    await board.post("b", write("a/1"))
    dead = await board.claim_one()
    board.now += LEASE
    again = await board.claim_one(owner="w2")
    assert (again.verdict, again.crashes) == ("bid", 1)
    assert await bid(board, dead, 1) == "lost"
    assert await bid(board, again, 2) == "ok"


async def test_a_bid_that_kills_its_workers_is_poison(board: Bench) -> None:
    await board.post("b", write("a/1"))
    verdicts = []
    for _ in range(5):
        claimed = await board.claim_one()
        verdicts.append(claimed.verdict)
        board.now += LEASE
    assert verdicts == ["bid", "bid", "bid", "bid", "poison"]
    assert await board.fail(claimed.claim, "dead") == "ok"
    assert await board.states("b") == {}


async def test_a_bidder_keeps_its_lease(board: Bench) -> None:
    await board.post("b", write("a/1"))
    claimed = await board.claim_one()
    keys, words = board.store.renewal("w1", {claimed.claim: LEASE})
    board.now += LEASE - 1
    assert await board.store.calls.script("renew", keys, [board.now, *words[1:]]) == []
    board.now += LEASE - 1
    assert await board.claim(5) == []


async def test_a_worker_that_drains_leaves_the_bid_to_another(board: Bench) -> None:
    await board.post("b", write("a/1"))
    assert await board.release((await board.claim_one()).claim) == "ok"
    await bid_once(board, 2)


# ---------------------------------------------------------------------------- switching


async def test_a_switch_puts_up_for_bidding_what_was_ready_and_back(bench: Bench) -> None:
    await bench.register(each("one", "a", bd=1), each("two", "c"))
    await bench.post("b", write("a/1"), write("a/2"), write("c/1"))
    assert await bench.orchestrate("b") == Steered("ok", 1, 3)
    assert await bench.states("b") == {"one a/1": "bidding", "one a/2": "bidding", "two c/1": "held"}
    late = await bench.claim_one()
    assert await bench.choreograph("b") == Steered("ok", 2, 3)
    assert set((await bench.states("b")).values()) == {"ready"}
    assert await bid(bench, late, 5) == "lost"
    assert {claimed.verdict for claimed in await bench.claim(5)} == {""}
    assert await rows(bench) == 0


async def test_a_bid_outlives_switches(board: Bench) -> None:
    """As long as the entries stay the same; in between it orders what is ready."""
    await board.post("b", write("a/1"), write("a/2"))
    await bid_once(board, 1)
    await bid_once(board, 2)
    await board.choreograph("b")
    assert await rows(board) == 2
    await board.orchestrate("b")
    assert set((await board.states("b")).values()) == {"held"}
    await board.choreograph("b")
    assert [claimed.bindings[0][0].address for claimed in await board.claim(2)] == ["a/2", "a/1"]


async def test_bids_go_on_in_a_pause_of_an_orchestrated_board(board: Bench) -> None:
    """A bid is no start, and who steps wants to see what is worth the step."""
    await board.post("b", write("a/1"))
    assert (await board.pause("b")).moved == 0
    await bid_once(board, 2)
    assert await board.states("b") == {"one a/1": "held"}


async def test_switching_in_a_pause(bench: Bench) -> None:
    await bench.register(each("one", "a", bd=1))
    await bench.post("b", write("a/1"), write("a/2"))
    await bench.pause("b")
    assert await bench.orchestrate("b") == Steered("ok", 2, 0)
    assert set((await bench.states("b")).values()) == {"bidding"}
    await bench.claim_one()
    assert await bench.choreograph("b") == Steered("ok", 3, 0)
    assert set((await bench.states("b")).values()) == {"held"}
    assert (await rows(bench), await bench.command("ZCARD", bench.keys.leases)) == (0, 0)
    assert (await bench.resume("b")).moved == 2


async def test_another_strategy_leaves_a_bid_under_way(board: Bench) -> None:
    await board.post("b", write("a/1"))
    claimed = await board.claim_one()
    await board.orchestrate("b", "Other")
    assert await bid(board, claimed, 5) == "ok"


async def test_what_waits_for_its_bid_can_be_vetoed(board: Bench) -> None:
    await board.post("b", write("a/1"))
    late = await board.claim_one()
    assert await board.veto("b", "one a/1") == "ok"
    assert await bid(board, late, 5) == "lost"
    assert await board.command("ZCARD", board.keys.leases) == 0


async def test_closing_leaves_no_bids(board: Bench) -> None:
    await board.post("b", write("a/1"), write("a/2"))
    late = await board.claim_one()
    await board.store.close("b", "@test", "end", 0, board.now)
    assert (await rows(board), await board.command("ZCARD", board.keys.leases)) == (0, 0)
    assert await bid(board, late, 5) == "closed"


# ---------------------------------------------------------------------------- registrations


async def test_a_source_that_bids_from_now_on_is_asked(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.orchestrate("b")
    await bench.post("b", write("a/1"))
    revision, _ = await bench.register(each("one", "a", bd=1))
    await bench.rematch("b", revision)
    await bid_once(bench, 3)
    assert (await bench.activation("b", "one a/1")).rating == 3


async def test_a_source_that_bids_no_more_is_held(board: Bench) -> None:
    await board.post("b", write("a/1", 7), write("a/2", 8))
    await bid_once(board, 3)
    revision, _ = await board.register(each("one", "a", rt=FIELD))
    await board.rematch("b", revision)
    found = [await board.activation("b", f"one a/{n}") for n in (1, 2)]
    assert [(activation.state, activation.rating) for activation in found] == [("held", 7), ("held", 8)]
    assert await rows(board) == 0

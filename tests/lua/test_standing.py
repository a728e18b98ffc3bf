"""Standing grants: what a decision says of the next is granted in the commit that brings it about, and in no other case."""

from __future__ import annotations

from typing import Any

import pytest

from blackboard.event import EventType
from blackboard.store import codec
from blackboard.store.partition import Applied, Commit, Write
from tests.lua.bench import CONTROL, LEASE, Bench, decision, each, names, write

COMING: dict[str, Any] = {
    "standing": [("two", f'{{"at":"two","number":{codec.US}}}'), ("three", f'{{"at":"three","number":{codec.US}}}')],
    "until": 60_000,
}
"""The source that comes next, what to keep with its grant, and what comes behind that."""


@pytest.fixture
async def board(bench: Bench) -> Bench:
    """An orchestrated board on which `one` was granted: `two` is to come behind it, then `three`."""
    await bench.register(each("one", "a"), each("two", "b"), each("three", "c"), each("other", "x"))
    await bench.post("b", write("a/1"))
    await bench.orchestrate("b")
    await bench.decide_once("one a/1", **COMING, memo='{"at":"one"}')
    await bench.bell(CONTROL)
    return bench


async def memo(board: Bench) -> tuple[str, int]:
    """What the board keeps of its strategy, and the last event that it knows."""
    _, kept, seen = await board.store.strategy("b")
    return kept, seen


async def is_roused(board: Bench) -> bool:
    """Whether a controller is to look."""
    return bool(await board.claim_control())


async def run(board: Bench, *writes: Write) -> Applied | Exception | None:
    """What is ready runs, and commits this."""
    return await board.commit((await board.claim_one()).claim, *writes)


# ---------------------------------------------------------------------------- it comes as was said


async def test_what_comes_next_is_granted_in_the_commit_that_brings_it(board: Bench) -> None:
    await run(board, write("b/1"))
    assert await board.states("b") == {"two b/1": "ready"}
    assert await board.bell(CONTROL) == 0
    assert not await is_roused(board)


async def test_it_is_an_event_like_any_grant(board: Bench) -> None:
    await run(board, write("b/1"))
    events = await board.store.events("b", 0, 100)
    first, then = (event for event in events if event.type is EventType.GRANTED)
    assert (then.source, then.addresses) == ("two", ("b/1",))
    assert (then.by, then.epoch, then.reason) == (first.by, first.epoch, first.reason)
    assert [event.type for event in events[-4:]] == [
        EventType.FIRED,
        EventType.POSTED,
        EventType.TRIGGERED,
        EventType.GRANTED,
    ]


async def test_the_strategy_remembers_what_it_would_have(board: Bench) -> None:
    await run(board, write("b/1"))
    number = (await board.activation("b", "two b/1")).number
    assert await memo(board) == (f'{{"at":"two","number":{number}}}', number)


async def test_it_goes_on_step_by_step_until_nothing_more_was_said(board: Bench) -> None:
    await run(board, write("b/1"))
    await run(board, write("c/1"))
    assert await board.states("b") == {"three c/1": "ready"}
    number = (await board.activation("b", "three c/1")).number
    assert await memo(board) == (f'{{"at":"three","number":{number}}}', number)
    await run(board, write("x/1"))
    assert await board.states("b") == {"other x/1": "held"}
    assert await is_roused(board)


async def test_the_worker_gets_it_in_the_same_round_trip(board: Bench) -> None:
    claimed = await board.claim_one()
    commit = Commit(claimed.claim, [Write("b/1", 0, 1, "{}")])
    (result,), handed = await board.store.commit([commit], board.request(1), board.now)
    assert isinstance(result, Applied)
    assert names(handed.claimed) == ["two"]


async def test_a_repeated_commit_grants_nothing_more(board: Bench) -> None:
    claimed = await board.claim_one()
    await board.commit(claimed.claim, write("b/1"))
    before = await board.dump()
    assert await board.commit(claimed.claim, write("b/1")) is None
    assert await board.dump() == before


async def test_a_controller_that_comes_later_is_told_from_there_on(board: Bench) -> None:
    await run(board, write("b/1"))
    await board.post("b", write("x/1"))
    claimed = await board.control()
    assert claimed.shown is not None
    number = (await board.activation("b", "two b/1")).number
    assert (claimed.shown.memo, claimed.shown.seen) == (f'{{"at":"two","number":{number}}}', number)
    assert [event.type.value for event in claimed.shown.news] == ["granted", "posted", "triggered"]


# ---------------------------------------------------------------------------- it comes otherwise


async def asks_a_controller(board: Bench, expected: dict[str, str]) -> None:
    """Nothing was granted that had not been, and a controller is to look."""
    assert await board.states("b") == expected
    assert await is_roused(board)


async def test_another_source_than_was_said(board: Bench) -> None:
    await run(board, write("x/1"))
    await asks_a_controller(board, {"other x/1": "held"})


async def test_nothing_is_triggered(board: Bench) -> None:
    await run(board, write("z/1"))
    await asks_a_controller(board, {})


async def test_more_than_one_is_triggered(board: Bench) -> None:
    await run(board, write("b/1"), write("b/2"))
    await asks_a_controller(board, {"two b/1": "held", "two b/2": "held"})


async def test_something_else_came_meanwhile(board: Bench) -> None:
    """A controller was roused by it, and has yet to look."""
    claimed = await board.claim_one()
    await board.post("b", write("x/1"))
    await board.commit(claimed.claim, write("b/1"))
    await asks_a_controller(board, {"other x/1": "held", "two b/1": "held"})


async def test_something_else_came_and_a_controller_has_looked(board: Bench) -> None:
    """Its decision said nothing of what is to come, and it is the last one that counts."""
    claimed = await board.claim_one()
    await board.post("b", write("z/1"))
    await board.decide_once()
    await board.commit(claimed.claim, write("b/1"))
    await asks_a_controller(board, {"two b/1": "held"})


async def test_a_controller_is_looking(board: Bench) -> None:
    claimed = await board.claim_one()
    await board.post("b", write("z/1"))
    looking = await board.control()
    await board.commit(claimed.claim, write("b/1"))
    assert await board.states("b") == {"two b/1": "held"}
    assert (await board.decide(looking))[0] == "ok"
    await asks_a_controller(board, {"two b/1": "held"})


async def test_it_failed_and_was_tried_again(board: Bench) -> None:
    claimed = await board.claim_one()
    await board.fail(claimed.claim)
    await board.decide_once()
    board.now += 10
    await run(board, write("b/1"))
    await asks_a_controller(board, {"two b/1": "held"})


async def test_only_a_part_was_committed(board: Bench) -> None:
    claimed = await board.claim_one()
    await board.commit(claimed.claim, write("b/1"), part=1)
    await asks_a_controller(board, {"one a/1": "running", "two b/1": "held"})


async def test_what_had_run_since_before_commits_too(bench: Bench) -> None:
    """Two that fire in one call leave nobody alone."""
    await bench.register(each("one", "a"), each("two", "b"))
    await bench.post("b", write("a/1"), write("a/2"))
    before = await bench.claim(2)
    await bench.orchestrate("b")
    await bench.decide_once()
    commits = [Commit(each_claim.claim, [Write(f"b/{n}", 0, 1, "{}")]) for n, each_claim in enumerate(before)]
    await bench.store.commit(commits, bench.request(0), bench.now)
    assert await bench.states("b") == {"two b/0": "held", "two b/1": "held"}
    assert await is_roused(bench)


@pytest.mark.parametrize("how", ["paused", "stepped", "switched"])
async def test_the_board_is_in_other_hands(board: Bench, how: str) -> None:
    claimed = await board.claim_one()
    await board.pause("b")
    if how == "stepped":
        await board.resume("b", step=True)
    if how == "switched":
        await board.orchestrate("b", "Second")
    await board.commit(claimed.claim, write("b/1"))
    assert await board.states("b") == {"two b/1": "held"}


async def test_a_step_grants_one_and_no_more(bench: Bench) -> None:
    """Whoever steps wants to look behind each."""
    await bench.register(each("one", "a"), each("two", "b"))
    await bench.post("b", write("a/1"))
    await bench.orchestrate("b")
    await bench.decide_once()
    await bench.pause("b")
    await bench.resume("b", step=True)
    await bench.decide_once("one a/1", **COMING)
    await run(bench, write("b/1"))
    assert await bench.states("b") == {"two b/1": "held"}


async def test_an_epoch_of_control_later_it_counts_no_more(board: Bench) -> None:
    """Also where what was said is still to be read, and control sleeps."""
    claimed = await board.claim_one()
    await board.choreograph("b")
    await board.orchestrate("b", "Second")
    await board.decide_once()
    await board.commit(claimed.claim, write("b/1"))
    await asks_a_controller(board, {"two b/1": "held"})


async def test_something_else_happened_that_opened_nothing(board: Bench) -> None:
    claimed = await board.claim_one()
    await board.post("b", write("z/1"))
    await board.commit(claimed.claim, write("b/1"))
    await asks_a_controller(board, {"two b/1": "held"})


async def test_another_fired_in_the_same_call(bench: Bench) -> None:
    """A strategy would be told of two that have ended."""
    await bench.register(each("one", "a"), each("two", "b"))
    await bench.post("b", write("a/1"), write("a/2"))
    before = await bench.claim_one()
    await bench.orchestrate("b")
    await bench.decide_once("one a/2", **COMING)
    then = await bench.claim_one()
    commits = [Commit(before.claim, []), Commit(then.claim, [Write("b/1", 0, 1, "{}")])]
    await bench.store.commit(commits, bench.request(0), bench.now)
    await asks_a_controller(bench, {"two b/1": "held"})


async def test_it_was_said_too_long_ago(board: Bench) -> None:
    """Perhaps no controller is left, and nothing shall happen unwatched for long."""
    claimed = await board.claim_one()
    board.now = COMING["until"] - 1
    await board.commit(claimed.claim, write("b/1"))
    assert await board.states("b") == {"two b/1": "ready"}
    claimed = await board.claim_one(lease=60_000)
    board.now = COMING["until"]
    await board.commit(claimed.claim, write("c/1"))
    await asks_a_controller(board, {"three c/1": "held"})


async def test_what_comes_is_not_ready_yet(bench: Bench) -> None:
    await bench.register(each("one", "a"), each("two", "b", af=100))
    await bench.post("b", write("a/1"))
    await bench.orchestrate("b")
    await bench.decide_once("one a/1", **COMING)
    await run(bench, write("b/1"))
    await asks_a_controller(bench, {"two b/1": "delayed"})


async def test_control_was_handed_to_it(bench: Bench) -> None:
    """A hand-off is news to a strategy."""
    never = [["==", ["v", 1], ["v", 2]]]
    await bench.register(each("one", "a"), each("two", "a", w=never))
    await bench.post("b", write("a/1"))
    await bench.orchestrate("b")
    await bench.decide_once("one a/1", **COMING)
    assert isinstance(await bench.commit((await bench.claim_one()).claim, handoffs=[("two", "yours")]), Applied)
    await asks_a_controller(bench, {"two a/1": "held"})


async def test_something_else_was_open_all_along(bench: Bench) -> None:
    """Whatever a controller says of it: alone is what nothing else is open beside."""
    await bench.register(each("one", "a"), each("two", "b"), each("other", "x"))
    await bench.post("b", write("a/1"), write("x/1"))
    await bench.orchestrate("b")
    await bench.decide_once("one a/1", **COMING)
    await run(bench, write("b/1"))
    await asks_a_controller(bench, {"other x/1": "held", "two b/1": "held"})


async def test_what_cannot_be_read_back_counts_no_more(bench: Bench) -> None:
    """A strategy may call itself anything; a commit, and those of other boards with it, must not fail by that."""
    await bench.register(each("one", "a"), each("two", "b"))
    await bench.post("b", write("a/1"))
    await bench.orchestrate("b")
    said = decision(await bench.control(), "one a/1", **COMING)
    said.grants = [(identity, number, f"as{codec.RS}said") for identity, number, _ in said.grants]
    assert (await bench.store.decide([said], bench.request(0), bench.now))[0][0][0] == "ok"
    await run(bench, write("b/1"))
    await asks_a_controller(bench, {"two b/1": "held"})


async def test_after_its_deadline_nothing_starts(bench: Bench) -> None:
    await bench.register(each("one", "a"), each("two", "b"))
    await bench.post("b", write("a/1"))
    await bench.orchestrate("b")
    await bench.store.deadline("b", "@test", bench.now + LEASE // 2, 0, "abort", "too late", bench.now)
    await bench.decide_once("one a/1", **COMING)
    claimed = await bench.claim_one()
    bench.now += LEASE // 2
    await bench.commit(claimed.claim, write("b/1"))
    assert await bench.states("b") == {"two b/1": "held"}

"""Scripts read before they write: a record that cannot be read stops them with everything as it was."""

from __future__ import annotations

from typing import Any

import pytest
from redis.exceptions import RedisError

from blackboard.errors import BlackboardError
from blackboard.store.partition import Commit
from tests.lua.bench import LEASE, Bench, each, gone, write

UNREADABLE = (BlackboardError, RedisError, ValueError, TypeError)
"""What a script's error arrives as; in memory, what broken JSON raises."""

TESTED = {"s": "tested", "p": [{"k": "t", "m": "e", "a": "~t", "t": [["==", "x", 1]]}]}


async def refused(bench: Bench, call: Any) -> None:
    """The call fails, and the store is as before."""
    before = await bench.dump()
    with pytest.raises(UNREADABLE):
        await call
    assert await bench.dump() == before


@pytest.fixture
async def board(bench: Bench) -> Bench:
    rest = {"s": "sum", "p": [{"k": "b", "m": "g", "a": "b", "n": 1}]}
    await bench.register(each("one", "a"), rest, TESTED, each("poison", "p", cr=0), each("late", "q", af=10))
    await bench.post("x", write("a/1"), write("b/1"), write("b/2"))
    return bench


async def corrupt_entry(bench: Bench, address: str) -> None:
    await bench.command("HSET", bench.keys.of_board("x", "entries"), address, "broken")


async def test_post_over_a_broken_entry(board: Bench) -> None:
    await corrupt_entry(board, "b/2")
    await refused(board, board.post("x", write("a/9"), write("b/2", 5)))
    await refused(board, board.post("x", write("a/9"), gone("b/1")))


async def test_post_of_what_is_no_json(board: Bench) -> None:
    """Only conditions look into entries, and they do so before anything is written."""
    broken = write("t/1")
    object.__setattr__(broken, "payload", "no json")
    await refused(board, board.post("x", write("a/9"), broken))


async def test_a_broken_trigger(board: Bench) -> None:
    """The registration is broken under the feet of a server that has not decoded it yet."""
    await board.command("HSET", board.keys.triggers, "a", "[broken", "?stamp", "99 99", "?revision", "99")
    await refused(board, board.post("x", write("b/9"), write("a/9")))


async def test_broken_facts(board: Bench) -> None:
    await board.command("HSET", board.keys.of_board("x", "meta"), "state", "open many")
    await refused(board, board.post("x", write("a/9")))
    await refused(board, board.store.close("x", "@test", "", 0, board.now))


async def test_a_broken_activation(board: Bench) -> None:
    claims = await board.claim(2)
    field = board.field("x", "one", "a/1")
    await board.command("HSET", board.keys.activations, field, "broken")
    (one,) = [c.claim for c in claims if c.claim.source == "one"]
    await refused(board, board.commit(one, write("c/1")))
    await refused(board, board.fail(one))
    await refused(board, board.release(one))
    await refused(board, board.post("x", write("b/9"), write("a/1", 2)))
    await refused(board, board.store.close("x", "@test", "", 0, board.now))


async def test_commit_beside_a_broken_one(board: Bench) -> None:
    """A group is one script: none of it is written."""
    claimed = [each_claim.claim for each_claim in await board.claim(2)]
    await corrupt_entry(board, "b/2")
    commits = [Commit(claimed[0], [write("c/1")]), Commit(claimed[1], [write("b/2", 5)])]
    await refused(board, board.store.commit(commits, board.request(1), board.now))


async def test_what_a_claim_cannot_read_harms_nobody_else(board: Bench) -> None:
    """A damaged activation is handed out to be buried, with the rest as ever; a row without activation is dropped."""
    await corrupt_entry(board, "b/2")
    await board.post("x", write("a/2"))
    await board.command("HDEL", board.keys.activations, board.field("x", "one", "a/2"))
    claimed = {each.claim.source: each for each in await board.claim(5)}
    assert {source: each.verdict for source, each in claimed.items()} == {"one": "", "sum": "damaged"}
    assert await board.store.fail(claimed["sum"].claim, "dead", 0, "damaged", "unreadable", board.now) == "ok"
    assert [each.source for each in await board.store.dead("x")] == ["sum"]
    assert await board.claim(5) == []


async def test_a_claim_that_fails_loses_nothing(board: Bench) -> None:
    """What it recovered from dead workers, before it met the broken record, is found again by the next claim."""
    await board.post("x", write("p/1"), write("q/1"))
    claimed = await board.claim(5)
    for each_claim in claimed:
        if each_claim.claim.source == "sum":
            await board.release(each_claim.claim)
    board.now += LEASE
    field = board.field("x", "sum")
    record = await board.command("HGET", board.keys.activations, field)
    await board.command("HSET", board.keys.activations, field, "broken")
    with pytest.raises(UNREADABLE):
        await board.claim(9)
    await board.command("HSET", board.keys.activations, field, record)
    found = {(c.claim.source, c.verdict) for c in await board.claim(9)}
    assert found == {("one", ""), ("sum", ""), ("late", ""), ("poison", "poison")}


async def test_a_board_with_a_broken_activation_can_be_held_and_freed(board: Bench) -> None:
    await board.command("HSET", board.keys.activations, board.field("x", "one", "a/1"), "broken")
    assert [(await board.orchestrate("x")).moved, (await board.choreograph("x")).moved] == [1, 1]


async def test_a_claim_that_fails_loses_no_board_that_waits_for_control(board: Bench) -> None:
    """Neither one that nobody came for, nor one whose controller died, nor one that wanted to be looked at."""
    await board.orchestrate("forsaken", unattended=LEASE)
    for name in ("dead", "asleep"):
        await board.orchestrate(name)
    claimed = {each_claim.claim.board: each_claim for each_claim in await board.claim_control()}
    await board.decide(claimed["asleep"], wake=board.now + LEASE)
    await board.decide(claimed["forsaken"])
    await board.post("forsaken", write("z"))
    board.now += LEASE
    field = board.field("x", "sum")
    record = await board.command("HGET", board.keys.activations, field)
    await board.command("HSET", board.keys.activations, field, "broken")
    with pytest.raises(UNREADABLE):
        await board.claim(9)
    await board.command("HSET", board.keys.activations, field, record)
    assert [each_claim.verdict for each_claim in await board.claim(9)] == ["", "", "unattended"]
    assert {each_claim.claim.board for each_claim in await board.claim_control()} == {"dead", "asleep"}


async def test_control_of_a_board_that_cannot_be_read_harms_nobody_else(board: Bench) -> None:
    await board.orchestrate("broken")
    await board.orchestrate("asleep")
    await board.orchestrate("whole")
    claimed = {each_claim.claim.board: each_claim for each_claim in await board.claim_control()}
    await board.decide(claimed["asleep"], wake=board.now + LEASE)
    for name in ("broken", "asleep"):
        await board.command("HSET", board.keys.of_board(name, "meta"), "state", "open many")
    board.now += LEASE
    found = {each_claim.claim.board: each_claim.verdict for each_claim in await board.claim_control(9)}
    assert found == {"broken": "damaged", "asleep": "damaged", "whole": ""}

"""`suspend`: a source that nobody runs for a while, on all boards."""

from __future__ import annotations

import pytest

from tests.lua.bench import Bench, each, names, write


@pytest.fixture
async def board(bench: Bench) -> Bench:
    await bench.register(each("one", "a"), each("two", "a"))
    return bench


async def test_a_paused_source_is_skipped_by_every_claim(board: Bench) -> None:
    await board.post("x", write("a/1"))
    assert await board.suspend("one") == "ok"
    await board.post("y", write("a/1"))
    assert names(await board.claim(5)) == ["two", "two"]
    assert await board.claim(5) == []


async def test_no_bell_is_rung_for_a_paused_source(board: Bench) -> None:
    await board.suspend("*")
    await board.post("x", write("a/1"))
    assert await board.bell() == 0


async def test_resuming_rings_and_hands_out(board: Bench) -> None:
    await board.suspend("one")
    await board.post("x", write("a/1"))
    await board.claim(5)
    await board.bell()
    assert await board.suspend("one", on=False) == "ok"
    assert await board.bell() == 1
    assert names(await board.claim(5)) == ["one"]


async def test_what_runs_of_a_paused_source_goes_on(board: Bench) -> None:
    await board.post("x", write("a/1"))
    claimed = await board.claim_one()
    await board.suspend("one")
    await board.commit(claimed.claim, write("c/1"))
    assert await board.store.entry("x", "c/1") is not None


async def test_all_sources_at_once(board: Bench) -> None:
    await board.post("x", write("a/1"))
    assert await board.suspend("*") == "ok"
    assert await board.claim(5) == []
    assert await board.suspend("*", on=False) == "ok"
    assert await board.bell() == 1
    assert names(await board.claim(5)) == ["one", "two"]


async def test_what_was_paused_by_name_stays_so_when_all_resume(board: Bench) -> None:
    await board.post("x", write("a/1"))
    await board.suspend("one")
    await board.suspend("*")
    await board.suspend("*", on=False)
    assert names(await board.claim(5)) == ["two"]


async def test_what_resumes_by_name_still_waits_for_all(board: Bench) -> None:
    await board.post("x", write("a/1"))
    await board.suspend("one")
    await board.suspend("*")
    assert await board.suspend("one", on=False) == "ok"
    assert await board.claim(5) == []
    await board.suspend("*", on=False)
    assert names(await board.claim(5)) == ["one", "two"]


async def test_a_source_registered_while_all_are_paused_is_paused(board: Bench) -> None:
    await board.suspend("*")
    await board.register(each("three", "a"))
    await board.post("x", write("a/1"))
    assert await board.claim(5) == []
    await board.suspend("*", on=False)
    assert len(await board.claim(5)) == 3


async def test_a_crew_that_joins_does_not_wake_a_paused_source(board: Bench) -> None:
    await board.suspend("one")
    await board.register(each("one", "a"), crew="others")
    await board.post("x", write("a/1"))
    assert await board.claim(5, crew="others") == []
    await board.suspend("one", on=False)
    assert names(await board.claim(5, crew="others")) == ["one"]


async def test_what_is_so_already_is_not_done_again(board: Bench) -> None:
    assert await board.suspend("one", on=False) == "done"
    await board.suspend("one")
    before = await board.dump()
    assert await board.suspend("one") == "done"
    assert await board.suspend("nothing") == "absent"
    assert await board.dump() == before


async def test_who_paused_what_since_when_and_why(board: Bench) -> None:
    await board.suspend("one")
    board.now += 5
    await board.suspend("*")
    assert await board.store.suspended() == {
        "one": (board.now - 5, "@test", "too dear"),
        "*": (board.now, "@test", "too dear"),
    }
    await board.suspend("one", on=False)
    assert list(await board.store.suspended()) == ["*"]


async def test_acts_are_remembered_oldest_first(board: Bench) -> None:
    await board.suspend("one")
    await board.suspend("one", on=False)
    assert await board.store.acts() == [
        ("paused", "one", board.now, "@test", "too dear"),
        ("resumed", "one", board.now, "@test", "too dear"),
    ]
    assert [act[0] for act in await board.store.acts(limit=1)] == ["resumed"]


async def test_an_orchestrated_board_with_a_paused_source(board: Bench) -> None:
    """A grant does not overrule the pause of the source; it counts when that ends."""
    await board.post("x", write("a/1"))
    await board.orchestrate("x")
    await board.suspend("one")
    await board.decide_once("one a/1")
    assert await board.claim(5) == []
    await board.suspend("one", on=False)
    assert names(await board.claim(5)) == ["one"]

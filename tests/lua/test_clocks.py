"""The clock of a board: its deadline, long disuse, the end of its retention."""

from __future__ import annotations

from typing import Any

import pytest

from blackboard.activation import Claimed
from blackboard.limits import Limits
from blackboard.store.partition import Partition
from blackboard.store.stub import Beginnings
from tests.lua.bench import LEASE, Bench, each, names, write


async def set_deadline(bench: Bench, after: int = 100, action: str = "pause", at: int = 0) -> tuple[str, int]:
    return await bench.store.deadline("b", "@ada", at, after, action, "by then", bench.now)


def begins_with(bench: Bench, **what: Any) -> None:
    bench.store = Partition(bench.store.calls, bench.keys, Limits(), Beginnings(**what))


async def clock(bench: Bench, **other: Any) -> Claimed | None:
    """The chore, when a worker finds it: one claim makes it ready, the next gets it."""
    await bench.claim(5, **other)
    found = [claimed for claimed in await bench.claim(5, **other) if claimed.claim.source == "@clock"]
    return found[0] if found else None


async def tick(bench: Bench) -> str:
    found = await clock(bench)
    assert found is not None, "nobody is told that it is time"
    return await bench.store.tick(found.claim, bench.now)


async def deadline_of(bench: Bench) -> int:
    facts = await bench.store.facts("b")
    assert facts is not None
    return facts.deadline


async def clocks(bench: Bench) -> dict[str, int]:
    flat = await bench.command("ZRANGE", bench.keys.clocks, 0, -1, "WITHSCORES")
    rows = flat if flat and isinstance(flat[0], list | tuple) else zip(flat[::2], flat[1::2], strict=True)
    return {name.decode(): int(float(at)) for name, at in rows}


@pytest.fixture
async def board(bench: Bench) -> Bench:
    """A board with one activation that is ready."""
    await bench.register(each("one", "a"))
    await bench.post("b", write("a/1"))
    return bench


# ---------------------------------------------------------------------------- deadlines


async def test_after_its_deadline_nothing_starts(board: Bench) -> None:
    assert await set_deadline(board) == ("ok", board.now + 100)
    board.now += 99
    running = await board.claim_one()
    await board.release(running.claim)
    board.now += 1
    assert [c.claim.source for c in await board.claim(5)] == []
    await board.post("b", write("a/2"))
    assert set((await board.states("b")).values()) == {"held"}


async def test_what_runs_may_commit_after_it(board: Bench) -> None:
    await set_deadline(board)
    running = await board.claim_one()
    board.now += 100
    await board.commit(running.claim, write("done/1"))
    assert await board.store.entry("b", "done/1") is not None


async def test_a_grant_does_not_outlive_it(board: Bench) -> None:
    await board.orchestrate("b")
    await set_deadline(board)
    await board.grant("b", "one a/1")
    board.now += 100
    assert await board.claim(5) == []
    assert await board.states("b") == {"one a/1": "held"}


async def test_controllers_are_asked_no_more_after_it(board: Bench) -> None:
    """What they grant would be held at once, which would rouse them: without a worker to pause the board, for ever."""
    await board.orchestrate("b")
    await set_deadline(board)
    late = await board.control()
    board.now += 100
    assert (await board.decide(late, "one a/1"))[0] == "ok"
    assert await board.states("b") == {"one a/1": "held"}
    await board.post("b", write("a/2"))
    assert await board.claim_control() == []
    assert (await board.kinds_of_events("b")).count("granted") == 1


async def test_moved_in_time_it_has_controllers_asked_again(board: Bench) -> None:
    await board.orchestrate("b")
    await set_deadline(board)
    await board.decide_once()
    board.now += 100
    await board.post("b", write("a/2"))
    assert await board.claim_control() == []
    await set_deadline(board, after=1000)
    await board.decide_once("one a/1", "one a/2")
    assert names(await board.claim(5)) == ["one", "one"]


async def test_the_first_worker_that_looks_pauses_the_board(board: Bench) -> None:
    await set_deadline(board)
    board.now += 100
    assert await tick(board) == "paused"
    facts = await board.store.facts("b")
    assert facts is not None
    assert (facts.paused, facts.deadline, facts.epoch) == (True, 0, 1)
    last = (await board.store.events("b", 0, 100))[-1]
    assert (last.type.value, last.by, last.reason) == ("paused", "@deadline", "its deadline has passed")
    assert await clocks(board) == {}
    await board.resume("b")
    board.now += 10_000
    assert names(await board.claim(5)) == ["one"]


async def test_a_board_that_is_undone_is_not_paused_by_it(board: Bench) -> None:
    await set_deadline(board)
    board.now += 100
    await board.claim(5)  # which finds that its time has come
    (chore,) = [c for c in await board.claim(5) if c.claim.source == "@clock"]
    await board.abort("b")
    before = await board.kinds_of_events("b")
    assert await board.store.tick(chore.claim, board.now) == "later"
    assert await board.kinds_of_events("b") == before


async def test_nobody_waits_long_for_a_worker_that_is_busy(board: Bench) -> None:
    """A worker that always gets as much as it asks for looks at the clocks now and then."""
    await set_deadline(board)
    await board.post("busy", *(write(f"a/{n}") for n in range(100)))
    board.now += 100
    found = [c.claim.source for _ in range(40) for c in await board.claim(1)]
    assert "@clock" in found


async def test_the_clock_wakes_whoever_sleeps(board: Bench) -> None:
    await board.claim(5, crew="else")
    await set_deadline(board)
    await board.bell()
    board.now += 100
    await board.claim(1, crew="else")
    assert await board.bell() == 1


async def test_who_looks_may_die(board: Bench) -> None:
    await set_deadline(board)
    board.now += 100
    assert await clock(board) is not None
    for _ in range(6):
        board.now += LEASE
        found = [c for c in await board.claim(5) if c.claim.source == "@clock"]
        if found[0].verdict:
            await board.fail(found[0].claim, "dead")
    board.now += LEASE
    (again,) = [c for c in await board.claim(5) if c.claim.source == "@clock"]
    assert await board.store.tick(again.claim, board.now) == "paused"
    assert await board.store.tick(again.claim, board.now) == "lost"


async def test_a_deadline_can_be_moved_and_taken_away(board: Bench) -> None:
    await set_deadline(board)
    before = await board.dump()
    assert await set_deadline(board, after=0, at=board.now + 100) == ("done", board.now + 100)
    assert await board.dump() == before
    assert await set_deadline(board, after=200) == ("ok", board.now + 200)
    assert await clocks(board) == {"b": board.now + 200}
    assert await set_deadline(board, after=0) == ("ok", 0)
    assert await clocks(board) == {}
    kinds = await board.kinds_of_events("b")
    assert kinds[-3:] == ["deadline"] * 3
    board.now += 1000
    assert names(await board.claim(5)) == ["one"]


async def test_moved_in_time_it_frees_what_it_held(board: Bench) -> None:
    """Nobody has looked yet, when a person gives the board more time."""
    await set_deadline(board)
    board.now += 100
    assert await board.claim(1, crew="nobody") == []
    await board.post("b", write("a/2"))
    assert set((await board.states("b")).values()) == {"ready", "held"}
    await set_deadline(board, after=50)
    assert set((await board.states("b")).values()) == {"ready"}
    assert await clock(board) is None


async def test_one_that_has_passed_strikes_at_once(board: Bench) -> None:
    await set_deadline(board, after=0, at=1)
    assert await tick(board) == "paused"


async def test_the_deadline_may_close_the_board(board: Bench) -> None:
    await set_deadline(board, action="close")
    board.now += 100
    assert await tick(board) == "deadline"
    await board.store.close("b", "@deadline", "", 0, board.now)
    assert await board.claim(5) == []
    assert not await board.command("EXISTS", board.keys.activations, board.keys.leases, board.keys.clocks)


async def test_no_deadline_without_a_board(bench: Bench) -> None:
    assert await set_deadline(bench) == ("absent", 0)
    await bench.post("b", write("a/1"))
    await bench.store.close("b", "@ada", "", 0, bench.now)
    before = await bench.dump()
    assert await set_deadline(bench) == ("closed", 0)
    assert await bench.dump() == before


@pytest.mark.parametrize("switch", [False, True])
async def test_boards_begin_with_a_deadline(bench: Bench, switch: bool) -> None:
    begins_with(bench, deadline=70, overdue="close")
    await (bench.orchestrate("b") if switch else bench.post("b", write("a/1")))
    assert await deadline_of(bench) == bench.now + 70
    assert await bench.store.overdue("b") == "close"
    before = await clocks(bench)
    bench.now += 10
    await bench.post("b", write("a/2"))
    assert await clocks(bench) == before == {"b": bench.now + 60}


# ---------------------------------------------------------------------------- disuse


async def test_a_settled_board_that_nobody_uses_is_to_be_closed(bench: Bench) -> None:
    begins_with(bench, idle=500)
    await bench.register(each("one", "a"))
    await bench.post("b", write("a/1"))
    await bench.commit((await bench.claim_one()).claim)
    bench.now += 300
    await bench.post("b", write("z/1"))
    bench.now += 200
    assert await clock(bench) is None
    assert await clocks(bench) == {"b": bench.now + 300}
    bench.now += 300
    assert await tick(bench) == "idle"


async def test_what_is_not_at_rest_is_in_use(bench: Bench) -> None:
    begins_with(bench, idle=500)
    await bench.register(each("late", "a", af=10_000), each("pay", "p", ex=1))
    await bench.post("b", write("a/1"))
    await bench.post("c", write("p/1"))
    paying = await bench.claim_one()
    await bench.store.fail(paying.claim, "unknown", 0, "cut short", "", bench.now)
    bench.now += 500
    assert await clock(bench) is None
    assert await clocks(bench) == {"b": bench.now + 500, "c": bench.now + 500}


async def test_what_comes_first_of_deadline_and_disuse(bench: Bench) -> None:
    begins_with(bench, idle=500, deadline=700)
    await bench.post("b", write("z/1"))
    assert await clocks(bench) == {"b": bench.now + 500}
    bench.now += 400
    await bench.post("b", write("z/2"))
    bench.now += 100
    assert await clock(bench) is None
    assert await clocks(bench) == {"b": bench.now + 200}


# ---------------------------------------------------------------------------- the end


async def test_the_first_result_stands(board: Bench) -> None:
    close = board.store.close
    assert await close("b", "@ada", "sold", 0, board.now, result='{"price":7}', known=2) == ("moved", 0)
    assert await close("b", "@ada", "sold", 0, board.now, result='{"price":7}', known=3) == ("ok", 1)
    assert await close("b", "@ada", "again", 0, board.now, result='{"price":8}') == ("done", 0)
    last = (await board.store.events("b", 0, 100))[-1]
    assert (last.type.value, last.reason, last.data) == ("closed", "sold", {"price": 7})


async def test_a_board_is_forgotten_when_its_retention_ends(bench: Bench) -> None:
    """The keys go by the server's clock; so does the claim that finds them gone."""
    await bench.post("b", write("a/1"))
    await bench.post("c", write("a/1"))
    await bench.store.close("b", "@ada", "", 1, bench.now)
    await bench.store.close("c", "@ada", "", 600_000, bench.now)
    await bench.command("DEL", *bench.keys.board("b"))  # as their expiry does
    bench.now += 1
    await bench.claim(1)
    assert await bench.store.boards() == ["c"]
    assert set(await clocks(bench)) == {"c"}
    bench.now += 600_000  # the server does not think so yet
    await bench.claim(1)
    assert await bench.store.boards() == ["c"]


async def test_one_that_has_begun_anew_is_not_forgotten(bench: Bench) -> None:
    await bench.post("b", write("a/1"))
    await bench.store.close("b", "@ada", "", 1, bench.now)
    await bench.command("DEL", *bench.keys.board("b"))
    await bench.post("b", write("a/1"))
    bench.now += 10
    await bench.claim(1)
    assert await bench.store.boards() == ["b"]
    assert await bench.store.prune(["b"]) == []
    assert await bench.store.boards() == ["b"]


async def test_pruning_forgets_only_what_is_gone(bench: Bench) -> None:
    for name in ("b", "c"):
        await bench.post(name, write("a/1"))
    await bench.command("DEL", *bench.keys.board("b"))
    assert await bench.store.living_boards() == ["c"]
    assert await bench.store.boards() == ["c"]
    assert await bench.store.prune([]) == []


async def test_a_board_that_cannot_be_read_stops_no_clock(bench: Bench) -> None:
    begins_with(bench, idle=500)
    await bench.register(each("one", "a"))
    await bench.post("broken", write("z/1"))
    await bench.post("b", write("z/1"))
    await bench.command("HSET", bench.keys.of_board("broken", "meta"), "state", "open many")
    bench.now += 500
    assert await tick(bench) == "idle"

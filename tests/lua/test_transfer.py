"""Boards that move: what is exported and imported is the board again, and the agenda is the conflict set."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blackboard import archive
from blackboard.archive import Archive, Line
from blackboard.errors import BoardClosed, BoardExists
from blackboard.store.connection import connect
from blackboard.store.lifetime import end_words, part_words
from blackboard.transfer import export, load
from tests.lua.bench import LEASE, Bench, each, gone, write

JOINED = {
    "s": "joined",
    "p": [{"k": "a", "m": "e", "a": "~a", "ix": "x"}, {"k": "b", "m": "e", "a": "~b", "ix": "x"}],
    "j": [[1, "x", 2, "x"]],
}
SOURCES = (
    each("one", "a", wk=["a", "k"]),
    {
        "s": "sum",
        "p": [{"k": "a", "m": "g", "a": "a", "n": 1}],
        "c": [{"k": "k", "u": 1}],
        "w": [["==", ["n", 1], ["v", 0]]],
    },
    each("late", "b", af=10),
    each("once", "a", rf="o"),
    {"s": "report", "q": 1},
    JOINED,
)


async def exported(bench: Bench, board: str = "b") -> list[Line]:
    return [line async for line in export(bench.store, "n", board)]


def comparable(lines: list[Line]) -> list[Line]:
    """The lines of a board, without its name and the time."""
    [header, *rest] = lines
    return [header | {"board": "", "exported": 0}, *rest]


async def moved(bench: Bench, to: str = "copy", board: str = "b") -> Archive:
    found = archive.parse(await exported(bench, board))
    await load(bench.store, found, to, 0)
    return found


# ---------------------------------------------------------------------------- the round trip

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["post", "post", "gone", "claim", "commit", "part", "fail", "die", "wait", "retry", "time", "mode", "pause"]
        ),
        st.sampled_from(["a", "b"]),
        st.integers(1, 3),
        st.integers(1, 3),
    ),
    max_size=25,
)


async def take(bench: Bench, claims: list[Any], what: str, kind: str, key: int, value: int) -> None:
    """One step of a life."""
    match what:
        case "post":
            await bench.post("b", write(f"{kind}/{key}", value))
        case "gone":
            await bench.post("b", gone(f"{kind}/{key}"), write("z"))
        case "claim":
            claims += await bench.claim(2)
        case "time":
            bench.now += 5
        case "mode":
            await (bench.orchestrate("b") if value == 1 else bench.choreograph("b"))
        case "pause":
            await (bench.pause("b") if value == 1 else bench.resume("b"))
        case "retry":
            for dead in await bench.store.dead("b"):
                await bench.store.revive("b", dead.identity, "@test", bench.now)
        case _ if claims:
            await end(bench, claims.pop(0), what, kind, key, value)


async def end(bench: Bench, claimed: Any, what: str, kind: str, key: int, value: int) -> None:
    claim = claimed.claim
    if claimed.verdict:
        await bench.release(claim)
        return
    match what:
        case "commit":
            await bench.commit(claim, write(f"{kind}/{key}", value))
        case "part":
            await bench.commit(claim, write(f"{kind}/{key}", value), part=1)
            await bench.release(claim)
        case "fail" | "die":
            await bench.fail(claim, "dead" if what == "die" else "retry")
        case "wait":
            await bench.release(claim, "wait")


numbers = itertools.count()


@given(STEPS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
async def test_a_board_that_moves_is_the_same_board(steps: list[tuple[str, str, int, int]]) -> None:
    """Whatever happened to it, once nothing runs: the same lines, the same agenda, and the same things happen next."""
    name = f"moving{next(numbers)}"
    clients = await connect(f"memory://{name}")
    bench = Bench(clients, name)
    await bench.register(*SOURCES)
    claims: list[Any] = []
    await bench.post("b", write("a/1"))
    for step in steps:
        await take(bench, claims, *step)
    for claimed in claims:
        await bench.release(claimed.claim)
    before = comparable(await exported(bench))
    await moved(bench)
    assert comparable(await exported(bench, "copy")) == before
    assert await bench.states("copy") == await bench.states("b")
    facts, copied = await bench.store.facts("b"), await bench.store.facts("copy")
    assert facts is not None
    assert copied == replace(facts, board="copy")
    for board in ("b", "copy"):
        await bench.post(board, write("a/1", 9), write("b/1", 9), gone("k"))
    assert await bench.states("copy") == await bench.states("b")
    assert comparable(await exported(bench, "copy")) == comparable(await exported(bench))
    await clients.aclose()


async def test_what_has_fired_does_not_fire_again(bench: Bench) -> None:
    await bench.register(*SOURCES)
    await bench.post("b", write("a/1"), write("b/1"))
    bench.now += 10
    while claims := await bench.claim(8):
        for claimed in claims:
            await bench.commit(claimed.claim)
    await moved(bench)
    assert await bench.claim(8) == []
    assert [each.version for each in await bench.store.entries("copy")] == [1, 1]
    assert await bench.kinds_of_events("copy") == await bench.kinds_of_events("b")


async def test_what_ran_is_ready_and_what_may_have_acted_in_doubt(bench: Bench) -> None:
    await bench.register(each("one", "a"), each("pay", "a", ex=1))
    await bench.post("b", write("a/1"))
    assert len(await bench.claim(2)) == 2
    await moved(bench)
    assert await bench.states("copy") == {"one a/1": "ready", "pay a/1": "outcome unknown"}
    assert await bench.states("b") == {"one a/1": "running", "pay a/1": "running"}
    assert [c.claim.board for c in await bench.claim(5)] == ["copy"]


async def test_the_agenda_is_that_of_the_sources_that_are_registered_here(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.post("b", write("a/1"), write("c/1"))
    found = archive.parse(await exported(bench))
    other = Bench(bench.clients, f"{bench.keys.namespace}x")
    await other.register(each("one", "a", p=[{"k": "a", "m": "e", "a": "~a", "t": [[">", "x", 5]]}]), each("two", "c"))
    await load(other.store, found, "b", 0)
    assert await other.states("b") == {"two c/1": "ready"}
    for key in [key async for key in bench.clients.commands.scan_iter(match=f"{other.keys.tag}*")]:
        await bench.command("DEL", key)


async def test_a_board_under_control_stays_so(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.orchestrate("b", "Parallel")
    await bench.post("b", write("a/1"))
    await moved(bench)
    assert await bench.states("copy") == {"one a/1": "held"}
    assert {claimed.claim.board for claimed in await bench.claim_control()} == {"b", "copy"}
    assert (await bench.store.strategy("copy"))[0] == '{"is": "Parallel"}'


async def test_what_was_said_beforehand_stays_where_it_was_said(bench: Bench) -> None:
    """Controllers are asked about the copy: that they once said what comes next means nothing there."""
    await bench.register(each("one", "a"), each("two", "b"))
    await bench.post("b", write("a/1"))
    await bench.orchestrate("b")
    await bench.decide_once("one a/1", standing=[("two", "{}")], until=bench.now + 10_000)
    assert await bench.command("HGET", bench.keys.of_board("b", "meta"), "standing")
    assert "standing" not in (await moved(bench)).facts
    assert (await bench.control()).claim.board == "copy"


async def test_a_closed_board_is_closed_there_too(bench: Bench) -> None:
    await bench.post("b", write("a/1"))
    await bench.store.close("b", "@ada", "sold", 0, bench.now, result="7")
    found = archive.parse(await exported(bench))
    await load(bench.store, found, "copy", 60_000)
    with pytest.raises(BoardClosed):
        await bench.post("copy", write("a/2"))
    assert (await bench.store.events("copy", 0, 9))[-1].data == 7
    assert 0 < await bench.command("PTTL", bench.keys.of_board("copy", "log")) <= 60_000


async def test_a_deadline_moves_with_the_board(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.post("b", write("a/1"))
    found = archive.parse(await exported(bench))
    found.deadline, found.facts["overdue"] = bench.now + 100, "close"
    await load(bench.store, found, "copy", 0)
    facts = await bench.store.facts("copy")
    assert facts is not None
    assert facts.deadline == bench.now + 100
    assert await bench.store.overdue("copy") == "close"


# ---------------------------------------------------------------------------- half-way


async def test_a_board_is_only_made_where_there_is_none(bench: Bench) -> None:
    await bench.post("b", write("a/1"))
    found = archive.parse(await exported(bench))
    before = await bench.dump()
    with pytest.raises(BoardExists):
        await load(bench.store, found, "b", 0)
    assert await bench.dump() == before


async def test_nobody_sees_a_board_that_is_not_whole(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.post("b", write("a/1"))
    found = await bench.store.snapshot("b", "n")
    assert found is not None
    piece = bench.store.load
    assert await piece("copy", "token", "begin", (), bench.now) == ("ok", "0")
    assert await piece("copy", "token", "part", part_words(found.entries), bench.now) == ("ok", "0")
    assert await bench.store.boards() == ["b"]
    assert await bench.store.snapshot("copy", "n") is None
    with pytest.raises(BoardClosed):
        await bench.post("copy", write("a/2"))
    for key in bench.keys.board("copy"):
        assert await bench.command("PTTL", key) != -1, "an import that dies leaves nothing"
    assert await piece("copy", "other", "begin", (), bench.now) == ("exists", "loading")
    assert await piece("copy", "other", "part", part_words(), bench.now) == ("lost", "")
    assert await piece("copy", "token", "end", end_words(found, 0), bench.now) == ("short", "events: 0 of 3")


async def test_every_piece_may_be_repeated(bench: Bench) -> None:
    await bench.register(*SOURCES)
    await bench.post("b", write("a/1"), write("b/1"))
    found = await bench.store.snapshot("b", "n")
    assert found is not None
    rows = [row.decode() for row in await bench.store.log("b", 0, 100)]
    words = part_words(found.entries, found.fired, found.records, 1, rows)
    for verb, given_words in (("begin", []), ("part", words), ("end", end_words(found, 0))):
        first = await bench.store.load("copy", "token", verb, given_words, bench.now)
        before = await bench.dump()
        assert await bench.store.load("copy", "token", verb, given_words, bench.now) == first
        assert await bench.dump() == before
    assert await bench.states("copy") == await bench.states("b")


async def test_sources_that_come_meanwhile_are_met(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.post("b", write("a/1"), write("b/1", 1), write("a/2", 1))
    found = await bench.store.snapshot("b", "n")
    assert found is not None
    rows = [row.decode() for row in await bench.store.log("b", 0, 100)]
    await bench.store.load("copy", "token", "begin", (), bench.now)
    await bench.store.load("copy", "token", "part", part_words(found.entries, (), (), 1, rows[:2]), bench.now)
    revision, _ = await bench.register(JOINED)
    await bench.store.load("copy", "token", "part", part_words(first=3, events=rows[2:]), bench.now)
    await bench.store.load("copy", "token", "end", end_words(found, 0), bench.now)
    await bench.rematch("copy", revision)
    await bench.rematch("b", revision)
    assert await bench.states("copy") == await bench.states("b")
    assert "joined a/1 b/1" in await bench.states("copy")


async def test_leases_of_the_original_do_not_concern_the_copy(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.post("b", write("a/1"))
    await bench.claim_one()
    await moved(bench)
    copied = await bench.claim_one(owner="w2")
    bench.now += LEASE
    assert {c.claim.board for c in await bench.claim(5)} == {"b", "copy"}
    assert copied.claim.epoch == 2

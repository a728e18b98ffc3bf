"""The live events of a board: nothing lost, nothing doubled, and no more kept than is taken."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from blackboard import Blackboard, StoreUnreachable
from blackboard.store.partition import Partition
from blackboard.web import stream
from tests.eventually import async_eventually
from tests.web.browser import Browser
from tests.web.conftest import shown
from tests.web.kinds import Task


async def post(bb: Blackboard, board: str, *names: str) -> int:
    """Post tasks, and return the number of the last event."""
    return (await bb.board(board).post(*(Task(id=name) for name in names))).seq


async def test_events_come_as_they_happen(bb: Blackboard, browser: Browser) -> None:
    await post(bb, "b", "one")
    async with browser.follow("b", since=0) as told:
        assert [(await told.next()).data["type"] for _ in range(2)] == ["created", "posted"]
        await post(bb, "b", "two")
        event = await told.next()
        assert (event.event, event.id, event.data["what"]) == ("message", "3", "task/two posted by @api")


async def test_a_browser_that_comes_back_goes_on_where_it_was(bb: Blackboard, browser: Browser) -> None:
    """It says so itself, and that counts more than what its page asked for long ago."""
    await post(bb, "b", *"abcdef")
    async with browser.follow("b", since=0) as told:
        first = await told.until(4)
    last = await post(bb, "b", *"ghij")
    async with browser.follow("b", since=0, last=first[-1]) as told:
        second = await told.until(last)
        last = await post(bb, "b", "k")
        second += await told.until(last)
    assert first + second == list(range(1, last + 1))


async def test_many_slices_are_one_stream(bb: Blackboard, browser: Browser) -> None:
    last = await post(bb, "b", *map(str, range(3 * stream.SLICE)))
    async with browser.follow("b", since=1) as told:
        assert await told.until(last) == list(range(2, last + 1))


async def test_who_does_not_say_where_it_was_gets_the_latest(bb: Blackboard, browser: Browser) -> None:
    last = await post(bb, "b", *map(str, range(2 * stream.BACKLOG)))
    async with browser.follow("b") as told:
        assert await told.until(last) == list(range(last - stream.BACKLOG + 1, last + 1))


async def test_the_end_of_a_board_is_the_end(bb: Blackboard, browser: Browser) -> None:
    await post(bb, "b", "a")
    async with browser.follow("b", since=0) as told:
        await told.until(2)
        await bb.board("b").close("enough")
        assert (await told.next()).data["type"] == "closed"
        assert (await told.next()).event == "end"
        with pytest.raises(EOFError):
            await told.next()


async def test_another_board_of_the_same_id(bb: Blackboard, browser: Browser) -> None:
    await post(bb, "b", "a")
    async with browser.follow("b", last=400) as told:
        assert (await told.next()).event == "anew"


async def test_a_connection_that_is_left_is_forgotten(bb: Blackboard, browser: Browser) -> None:
    await post(bb, "b", "a")
    store = bb.store()
    async with browser.follow("b", since=0) as told:
        await told.until(2)
        assert len(store.watch("b")._waiters) == 1

    async def forgotten() -> bool:
        return not store.watch("b")._waiters

    await async_eventually(forgotten, 10, "nobody watches the board")


async def test_too_many_are_refused(bb: Blackboard, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST_FOLLOWERS", 1)
    await post(bb, "b", "a")
    async with browser.follow("b", since=0) as told:
        await told.next()
        reply = await browser.ask("/api/stream", board="b")
        assert (reply.status, "Close some" in reply.json["message"]) == (503, True)

    async def free() -> bool:
        return (await browser.ask("/api/stream", board="b", method="HEAD")).status == 200

    await async_eventually(free, 10, "its place is free again")


@pytest.mark.parametrize("last", ["x", "-1", "1e3"])
async def test_a_place_that_is_none(bb: Blackboard, browser: Browser, last: str) -> None:
    await post(bb, "b", "a")
    reply = await browser.ask("/api/stream", board="b", headers={"Last-Event-ID": last})
    assert reply.status == 400


async def test_a_browser_that_takes_nothing_gets_no_more_read_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has not taken stays in the store, and others are served meanwhile."""
    slices = 0
    read = Partition.events

    async def counted(self: Partition, board: str, since: int, limit: int) -> Any:
        nonlocal slices
        slices += limit == stream.SLICE
        return await read(self, board, since, limit)

    monkeypatch.setattr(Partition, "events", counted)
    name = uuid4().hex
    async with Blackboard("t", url=f"memory://{name}") as bb, shown(bb, buffer=2**16) as browser:
        last = await post(bb, "b", *(f"{i}-{'x' * 400}" for i in range(4000)))
        async with browser.follow("b", since=0, buffer=2**16) as told:
            await told.next()
            before = -1
            while before != slices:  # it has stopped when others were served and nothing more was read for it
                before = slices
                for _ in range(10):
                    await browser.read("/api/events", board="b", limit=1)
            assert slices < 4000 / stream.SLICE / 2
            assert await told.until(last) == list(range(2, last + 1))


async def test_a_store_that_fails_is_told_and_the_stream_ends(
    bb: Blackboard, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await post(bb, "b", "a")
    async with browser.follow("b", since=0) as told:
        await told.until(2)

        async def gone(*_: Any) -> Any:
            raise StoreUnreachable("unix:///gone", "nothing listens there")

        monkeypatch.setattr(Partition, "events", gone)
        failure = await told.next()
        assert (failure.event, failure.data["error"]) == ("failure", "StoreUnreachable")
        with pytest.raises(EOFError):
            await told.next()


async def test_the_server_ends_though_somebody_follows(bb: Blackboard) -> None:
    async with bb:
        await post(bb, "b", "a")
        async with shown(bb) as browser:
            reader = browser.follow("b", since=0)
            told = await reader.__aenter__()
            await told.until(2)
        with pytest.raises(EOFError):
            await asyncio.wait_for(told.next(), 5)
        await reader.__aexit__(None, None, None)

"""The store goes away while the inspector serves, and comes back."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from blackboard import Blackboard
from blackboard.store import embedded
from blackboard.web import asgi, reads
from tests.eventually import async_eventually
from tests.web.browser import Browser
from tests.web.conftest import shown
from tests.web.kinds import Task


@pytest.fixture
def directory() -> Iterator[Path]:
    """Where a store of the test's own lives."""
    path = Path(tempfile.mkdtemp(prefix="bb-", dir="/tmp"))
    try:
        yield path
    finally:
        embedded.stop(path)
        shutil.rmtree(path, ignore_errors=True)


async def test_it_says_that_the_store_is_away_and_goes_on_when_it_is_back(directory: Path) -> None:
    url = await asyncio.to_thread(embedded.ensure, directory)
    async with Blackboard("t", url=url) as bb, shown(bb) as browser:
        await bb.board("b").post(Task(id="a"))
        assert (await browser.ask("/api/boards")).status == 200
        async with browser.follow("b", since=0) as told:
            await told.until(2)
            await asyncio.to_thread(embedded.stop, directory)
            for path in ("/api/boards", "/api/stream?board=b"):
                reply = await browser.ask(path)
                assert (reply.status, reply.json["error"]) == (503, "StoreUnreachable")
                assert "does not answer" in reply.json["message"]
            assert (await browser.ask("/boards/b")).status == 200, "pages need no store"
            await asyncio.to_thread(embedded.ensure, directory)

            async def back() -> bool:
                return (await browser.ask("/api/board", board="b")).status == 200

            await async_eventually(back, 20, "the store is back")
            await bb.board("b").post(Task(id="b"))
            assert (await told.next()).id == "3", (
                "who followed goes on, as the store was away for less than the patience of a read"
            )


async def test_a_store_that_hangs_is_not_waited_for_long(
    bb: Blackboard, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "PATIENCE", 0.05)

    async def hang(*_: object) -> object:
        return await asyncio.Event().wait()

    monkeypatch.setattr(reads, "find_boards", hang)
    reply = await browser.ask("/api/boards")
    assert (reply.status, "no answer came in" in reply.json["message"]) == (503, True)


async def test_what_nobody_foresaw_is_told_without_a_traceback(
    bb: Blackboard, browser: Browser, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> object:
        raise ZeroDivisionError("a secret of the inside")

    monkeypatch.setattr(reads, "find_boards", fail)
    reply = await browser.ask("/api/boards")
    assert (reply.status, reply.json["error"]) == (500, "ZeroDivisionError")
    assert "Traceback" not in str(reply.json)
    assert "secret" not in str(reply.json)
    assert "a secret of the inside" in caplog.text

"""What is read with commands of its own, on each store: a part of the activations, a page of the entries, progress and lines."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from blackboard import Blackboard, Context
from blackboard.web import reads
from tests.eventually import async_eventually
from tests.web.browser import Browser
from tests.web.kinds import Note, Task


@pytest.fixture
def bb(store_url: str, namespace: str) -> Blackboard:
    """A blackboard on each store in turn."""
    return Blackboard(namespace, url=store_url)


async def test_progress_and_lines_show_while_an_activation_runs(bb: Blackboard, browser: Browser) -> None:
    go = asyncio.Event()

    @bb.knowledge_source
    async def work(task: Task, ctx: Context) -> Note:
        ctx.progress(2, 5, "reading")
        for i in range(5):
            ctx.log(f"line {i} <script>")
        await go.wait()
        return Note(id=task.id)

    async with bb.workers():
        await bb.board("b").post(Task(id="a"))

        async def row() -> Any:
            found = await browser.read("/api/board", board="b")
            return next((each for each in found["activations"] if each["said"] and "progress" in each), None)

        found = await async_eventually(row, 10, "the agent has been heard")
        assert (found["activation"], found["state"], found["attempts"]) == ("work#3", "running", 0)
        assert (found["fraction"], found["progress"]) == (0.4, "40% (2 of 5) reading")
        assert len(found["said"]) == reads.LINES
        assert {line["text"][:6] for line in found["said"]} < {"40% (2", *(f"line {i}" for i in range(5))}
        told = await browser.read("/api/events", board="b")
        assert any("line 4 <script>" in each["what"] for each in told["events"])
        go.set()
        await bb.board("b").settled(10)
    assert (await browser.read("/api/board", board="b"))["activations"] == []


async def test_of_many_activations_those_that_run_are_there(
    bb: Blackboard, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "MOST_ACTIVATIONS", 5)
    go, last = asyncio.Event(), asyncio.Event()

    @bb.knowledge_source
    async def work(task: Task) -> Note:
        if task.id == "z":
            last.set()
        await go.wait()
        return Note(id=task.id)

    board = bb.board("b")
    async with bb.workers(concurrency=1):
        await board.post(Task(id="z"))
        await asyncio.wait_for(last.wait(), 10)
        await board.post(*(Task(id=f"{i:03}") for i in range(20)))
        found = await browser.read("/api/board", board="b")
        assert (found["open"], len(found["activations"])) == (21, 5)
        assert [each["addresses"] for each in found["activations"] if each["state"] == "running"] == [["task/z"]]
        go.set()
        await board.settled(10)


async def test_entries_come_in_pages(bb: Blackboard, browser: Browser) -> None:
    await bb.board("b").post(*(Task(id=f"{i}/ä") for i in range(25)))
    addresses, after, sizes = [], "", []
    while after is not None:
        page = await browser.read("/api/entries", board="b", after=after, limit=10)
        addresses += [each["address"] for each in page["entries"]]
        sizes.append(len(page["entries"]))
        after = page["more"]
    assert sizes == [10, 10, 5]
    assert addresses == sorted((f"task/{i}/ä" for i in range(25)), key=str.encode)

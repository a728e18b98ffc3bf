"""Where what lasts meets: steps and questions of what is undone, and boards that move between schema versions."""

from __future__ import annotations

import asyncio

import pytest

from blackboard import Approval, Blackboard, Board, BoardAborted, Context, Entry, InvalidEntry
from tests.conformance.kinds import Note
from tests.eventually import async_eventually

DEADLINE = 20
"""Seconds for what takes a moment."""


class Job(Entry):
    """What is to be done."""

    name: str


class Done(Entry):
    """It was."""

    name: str


class OldItem(Entry, kind="item", key="id"):
    """A thing as an older program knows it."""

    id: str
    price: int


class Item(Entry, kind="item", key="id", version=2):
    """The same thing as this one does."""

    id: str
    cents: int


@Item.upcast(1)
def in_cents(data: dict[str, object]) -> dict[str, object]:
    return {"id": data["id"], "cents": int(str(data["price"])) * 100}


async def status_of(board: Board) -> str:
    return (await board.status()).status


async def test_a_compensation_takes_each_of_its_steps_once(bb: Blackboard) -> None:
    called: list[str] = []

    @bb.knowledge_source
    async def work(job: Job) -> Done:
        return Done(name=job.name)

    @work.compensation
    async def undo(done: Done, ctx: Context) -> None:
        await ctx.step("give back", called.append, done.name)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job(name="one"))
        await board.settled(DEADLINE)
        await board.compensate("changed our minds")
        await board.settled(DEADLINE)
        assert (called, await status_of(board)) == (["one"], "aborted")


async def test_what_runs_when_all_is_undone_records_its_steps_and_is_undone_too(bb: Blackboard) -> None:
    begun, go_on, called = asyncio.Event(), asyncio.Event(), list[str]()

    @bb.knowledge_source
    async def work(job: Job, ctx: Context) -> Done:
        begun.set()
        await go_on.wait()
        await ctx.step("charge", called.append, "charged")
        return Done(name=job.name)

    @work.compensation
    async def undo(done: Done) -> None:
        called.append("paid back")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job(name="one"))
        await asyncio.wait_for(begun.wait(), DEADLINE)
        await board.compensate("changed our minds")
        go_on.set()
        await board.settled(DEADLINE)
        assert (called, await status_of(board)) == (["charged", "paid back"], "aborted")


async def test_a_person_can_answer_a_compensation(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def work(job: Job) -> Done:
        return Done(name=job.name)

    @work.compensation
    async def undo(done: Done, ctx: Context) -> Note | None:
        answer = await ctx.approval("Really?")
        return Note(text=answer.choice)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job(name="one"))
        await board.settled(DEADLINE)
        await board.compensate("changed our minds")
        (asked,) = await async_eventually(board.approvals, DEADLINE, "the compensation asks")
        with pytest.raises(BoardAborted):
            await board.post(Note(text="from outside"))
        with pytest.raises(BoardAborted):
            [line async for line in board.export()]
        await board.approve(asked.id, why="yes")
        await async_eventually(lambda: is_over(board), DEADLINE, "everything is undone")
        assert [note.text for note in await board.read(Note)] == ["approve"]
        copy = await bb.import_board([line async for line in board.export()], "copy")
        assert (await status_of(copy), len(await copy.entries())) == ("aborted", len(await board.entries()))


async def is_over(board: Board) -> bool:
    return (await board.status()).over


async def test_an_answer_is_what_json_can_say(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def work(job: Job, ctx: Context) -> Done:
        answer = await ctx.approval("How much?", value=1.0)
        return Done(name=str(answer.value))

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job(name="one"))
        (asked,) = await async_eventually(board.approvals, DEADLINE, "it asks")
        for value in (float("nan"), [float("inf")]):
            with pytest.raises(InvalidEntry, match="no JSON form"):
                await board.edit(asked.id, value)
        assert [each.state for each in await board.read(Approval)] == ["open"]


async def test_an_imported_board_is_brought_forward(bb: Blackboard) -> None:
    before = Blackboard(f"{bb.name}-before", url="memory://")
    before.know(OldItem)
    async with before:
        await before.board("b").post(OldItem(id="1", price=3))
        lines = [line async for line in before.board("b").export()]

    @bb.knowledge_source(when=Item.cents > 100)
    async def notice(item: Item) -> Note:
        return Note(text=str(item.cents))

    async with bb, bb.workers():
        board = await bb.import_board(lines, "b")
        assert (await board.wait_for(Note, timeout=DEADLINE)).text == "300"
        assert [(each.kind, each.schema) for each in await board.entries("item")] == [("item", 2)]
        await board.settled(DEADLINE)
        assert (await board.status()).behind == 0

"""Savepoints: what came after a mark is undone alone, and the board goes on from there."""

from __future__ import annotations

import asyncio

import pytest

from blackboard import Blackboard, Board, BoardClosed, BoardNotFound, InvalidEntry, SagaUnderWay, SavepointNotFound
from blackboard.control import Priority
from tests.conformance.kinds import Note
from tests.conformance.logbook import events_of, fired
from tests.conformance.sagas import Part, Step, Task, add_chain, end, sources


@pytest.fixture
def undone() -> list[str]:
    """Return what was undone, in order."""
    return []


def add_making(bb: Blackboard, undone: list[str]) -> None:
    """Add a source that makes a part of each task, and undoes it by saying so on the part."""

    @bb.knowledge_source
    async def make(task: Task) -> Part:
        return Part(name=task.name)

    @make.compensation
    async def unmake(part: Part) -> Part:
        undone.append(part.name)
        return part.model_copy(update={"state": "undone"})


async def states(board: Board) -> dict[str, str]:
    """What the parts on a board are, by name."""
    return {part.name: part.state for part in await board.read(Part)}


async def test_what_came_after_a_savepoint_is_undone_alone(bb: Blackboard, undone: list[str]) -> None:
    add_making(bb, undone)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Task(name="a"))
        await board.settled(10)
        mark = await board.savepoint("first part")
        await board.post(Task(name="b"), Task(name="c"))
        await board.settled(10)
        await board.compensate("b and c were wrong", to=mark)
        await board.settled(10)
        saga, status = await board.saga(), await board.status()
        assert (saga.state, saga.savepoint, sources(saga.undone)) == ("undone", mark, ["make", "make"])
        assert (status.status, status.paused) == ("open", False)
        assert await states(board) == {"a": "made", "b": "undone", "c": "undone"}

        await board.post(Task(name="d"))  # it goes on
        await board.settled(10)
        assert (await states(board))["d"] == "made"
        assert (await board.saga()).pending == ()
    assert sorted(undone) == ["b", "c"]


async def test_the_log_tells_a_retreat(bb: Blackboard, undone: list[str]) -> None:
    add_making(bb, undone)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Note(text="a board"))
        mark = await board.savepoint("start")
        await board.post(Task(name="a"))
        last = await board.settled(10)
        await board.compensate("wrong", to="start")
        await board.settled(10)
        [saved] = await events_of(board, "saved")
        assert (saved.seq, saved.reason, saved.by) == (mark, "start", "@api")
        told = [event async for event in board.events(last)]
        assert [str(event.type) for event in told] == [
            "aborted", "paused", "triggered", "fired", "revised", "undone", "resumed",
        ]  # fmt: skip
        assert (told[0].cause, told[0].reason) == (mark, "wrong")
        assert told[5].outcome == "undone"


async def test_a_name_means_its_latest_mark(bb: Blackboard, undone: list[str]) -> None:
    add_making(bb, undone)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Task(name="a"))
        await board.settled(10)
        first = await board.savepoint("here")
        await board.post(Task(name="b"))
        await board.settled(10)
        assert await board.savepoint("here") > first
        await board.compensate(to="here")
        await board.settled(10)
        assert undone == []
        await board.compensate(to=first)
        await board.settled(10)
    assert undone == ["b"]


async def test_what_was_undone_is_not_undone_again(bb: Blackboard, undone: list[str]) -> None:
    """Neither by going back to the same mark, nor to an earlier one, nor with the whole board."""
    add_making(bb, undone)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Task(name="a"))
        await board.settled(10)
        await board.savepoint("first")
        await board.post(Task(name="b"))
        await board.settled(10)
        for _ in range(2):
            await board.compensate(to="first")
            await board.settled(10)
        assert undone == ["b"]
        await board.compensate()
        await board.settled(10)
        assert (await board.status()).status == "aborted"
        assert sources((await board.saga()).undone) == ["make"]
    assert undone == ["b", "a"]


async def test_the_board_is_paused_meanwhile(bb: Blackboard) -> None:
    """What is open is held, what runs is waited for and undone as well; posts from outside are taken, and wait."""
    acting, go_on, undoing, undo = (asyncio.Event() for _ in range(4))

    @bb.knowledge_source
    async def make(task: Task) -> Part:
        if task.name == "slow":
            acting.set()
            await go_on.wait()
        return Part(name=task.name)

    @make.compensation
    async def unmake(part: Part) -> None:
        undoing.set()
        await undo.wait()

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Note(text="a board"))
        await board.savepoint("start")
        await board.post(Task(name="slow"))
        await asyncio.wait_for(acting.wait(), 10)
        await board.compensate(to="start")
        assert (await board.status()).paused
        await board.post(Task(name="new"))
        go_on.set()
        await asyncio.wait_for(undoing.wait(), 10)
        held = {each.source: each.state.value for each in await board.agenda()}
        assert held == {"make": "held", "undo:make": "running"}
        for act in (board.resume(), board.compensate(to="start"), board.step()):
            with pytest.raises(SagaUnderWay):
                await act
        undo.set()
        await board.settled(10)
        assert await fired(board) == ["make", "undo:make", "make"]
        assert not (await board.status()).paused


async def test_a_board_that_was_paused_stays_paused(bb: Blackboard, undone: list[str]) -> None:
    add_making(bb, undone)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Note(text="a board"))
        await board.savepoint("start")
        await board.post(Task(name="a"))
        await board.settled(10)
        await board.pause("look first")
        await board.compensate(to="start")
        await board.settled(10)
        assert undone == ["a"]
        assert (await board.status()).paused
        assert len(await events_of(board, "paused")) == 1


async def test_an_orchestrated_board_goes_on_under_its_strategy(bb: Blackboard, undone: list[str]) -> None:
    add_chain(bb, undone, 2)
    async with bb:
        board = bb.board("b")
        await board.orchestrate(Priority())
        await board.savepoint("start")
        await board.post(Step(at=0))
        await board.run_until_settled()
        await board.compensate(to="start")
        assert await end(board) == "open"
        assert undone == ["step2", "step1"]
        mode = await board.mode()
        assert (mode.mode, mode.paused) == ("orchestration", False)
        await board.revise(Step(at=0), version="any")
        await board.post(Step(at=7))
        assert await end(board) == "open"


async def test_a_retreat_that_is_stuck_stays_paused_until_a_person_settles_it(bb: Blackboard) -> None:
    @bb.knowledge_source(retries=0)
    async def make(task: Task) -> Part:
        return Part(name=task.name)

    @make.compensation
    async def unmake(part: Part) -> None:
        raise RuntimeError("the bank is closed")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Note(text="a board"))
        await board.savepoint("start")
        await board.post(Task(name="a"))
        await board.settled(10)
        await board.compensate(to="start")
        await board.settled(10)
        saga = await board.saga()
        assert (saga.state, (await board.status()).status, (await board.status()).paused) == ("stuck", "open", True)
        with pytest.raises(SagaUnderWay):
            await board.resume()
        await board.skip(saga.dead[0], "by hand")
        await board.settled(10)
        assert ((await board.saga()).state, (await board.status()).paused) == ("undone", False)


async def test_a_retreat_becomes_the_end_when_everything_is_to_be_undone(bb: Blackboard) -> None:
    """What is dead of it stays dead; what waited behind the savepoint is undone too."""
    mended = False
    undone: list[str] = []

    @bb.knowledge_source(retries=0)
    async def make(task: Task) -> Part:
        return Part(name=task.name)

    @make.compensation
    async def unmake(part: Part) -> None:
        if part.name == "b" and not mended:
            raise RuntimeError("the bank is closed")
        undone.append(part.name)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Task(name="a"))
        await board.settled(10)
        await board.savepoint("first")
        await board.post(Task(name="b"))
        await board.settled(10)
        await board.compensate(to="first")
        await board.settled(10)
        await board.compensate("all of it")
        await board.settled(10)
        assert ((await board.status()).status, undone) == ("stuck", ["a"])
        mended = True
        await board.retry((await board.saga()).dead[0])
        await board.settled(10)
        assert ((await board.status()).status, undone) == ("aborted", ["a", "b"])


async def test_what_is_no_savepoint_is_refused(bb: Blackboard) -> None:
    async with bb:
        board = bb.board("b")
        for act in (board.savepoint("start"), board.compensate(to="start")):
            with pytest.raises(BoardNotFound):
                await act
        await board.post(Note(text="a board"))
        last = (await board.status()).seq
        for to in ("start", 1, 99, 0, -3):
            with pytest.raises(SavepointNotFound):
                await board.compensate(to=to)
        for name in ("", "a\nb", "x" * 101):
            with pytest.raises(InvalidEntry):
                await board.savepoint(name)
        assert (await board.status()).seq == last
        await board.savepoint("start")
        await board.close()
        for act in (board.savepoint("end"), board.compensate(to="start")):
            with pytest.raises(BoardClosed):
                await act


async def test_a_retreat_can_be_closed(bb: Blackboard) -> None:
    async with bb:
        board = bb.board("b")
        await board.post(Note(text="a board"))
        await board.savepoint("start")
        await board.compensate(to="start")
        assert await board.close("never mind")
        assert (await board.saga()).state == "abandoned"


async def test_without_await(bb: Blackboard, undone: list[str], store_url: str) -> None:
    if store_url.startswith("memory:"):
        pytest.skip("a store in memory serves one event loop")
    add_making(bb, undone)

    def use() -> None:
        with bb.sync() as blackboard:
            board = blackboard.board("b")
            board.post(Note(text="a board"))
            board.savepoint("start")
            board.post(Task(name="a"))
            board.run_until_settled()
            board.compensate("wrong", to="start")
            board.run_until_settled()
            assert board.saga().state == "undone"

    await asyncio.to_thread(use)
    assert undone == ["a"]

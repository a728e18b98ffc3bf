"""What was committed in parts by an activation that never ended is undone, too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from blackboard import Blackboard, Board, BoardAborted, Entry
from blackboard.context import Context
from tests.conformance.sagas import Part, Task, sources
from tests.eventually import async_eventually

DEADLINE = 20
"""Seconds for what takes a moment."""

LONG = 3600
"""Seconds for which nobody waits here."""


class Release(Entry):
    """Triggers what depends on it."""


def made_of(bb: Blackboard, interruption: str) -> list[Any]:
    """Add a source that commits two parts and then does not end; what its compensation was called with."""
    found: list[Any] = []

    @bb.knowledge_source(name="make", retries=0)
    async def make(task: Task, ctx: Context) -> AsyncIterator[Part]:
        yield Part(name=task.name, state="raw")
        yield Part(name=task.name)
        match interruption:
            case "sleeps":
                await ctx.sleep(LONG)
            case "asks":
                await ctx.approval("go on?")
            case "dies":
                raise RuntimeError("halfway")
            case "gives up":
                ctx.abort("halfway")
        yield Part(name="never")

    @make.compensation
    async def unmake(parts: list[Part], task: Task) -> None:
        found.append(([(part.name, part.state) for part in parts], task.name))

    return found


async def is_(board: Board, state: str) -> bool:
    return (await board.saga()).state == state


async def stands(board: Board, state: str) -> bool:
    """Whether the one activation of the board is in a state."""
    return [each.state for each in [*await board.agenda(), *await board.dead()]] == [state]


@pytest.mark.parametrize(
    ("interruption", "state"),
    [("sleeps", "sleeping"), ("asks", "awaiting approval"), ("dies", "dead"), ("gives up", "")],
)
async def test_what_was_committed_in_parts_is_undone_with_the_board(
    bb: Blackboard, interruption: str, state: str
) -> None:
    found = made_of(bb, interruption)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Task(name="a"))
        if state:
            await async_eventually(lambda: stands(board, state), DEADLINE, "its agent got so far")
            await board.compensate("changed our minds")
        await async_eventually(lambda: is_(board, "aborted"), DEADLINE, "everything is undone")
        assert found == [([("a", "made")], "a")]
        assert sources((await board.saga()).undone) == ["make"]


async def test_an_effect_of_a_part_is_undone_before_it(bb: Blackboard) -> None:
    order: list[str] = []

    @bb.knowledge_source
    async def make(task: Task, ctx: Context) -> AsyncIterator[Part]:
        yield Part(name=task.name)
        await ctx.sleep(LONG)

    @bb.knowledge_source
    async def free(part: Part) -> Release:
        return Release()

    @make.compensation
    async def unmake(part: Part) -> None:
        order.append("make")

    @free.compensation
    async def hold(release: Release) -> None:
        order.append("free")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Task(name="a"))
        await board.wait_for(Release, timeout=DEADLINE)
        await async_eventually(lambda: stands(board, "sleeping"), DEADLINE, "it sleeps")
        await board.compensate()
        await async_eventually(lambda: is_(board, "aborted"), DEADLINE, "everything is undone")
        assert order == ["free", "make"]


async def test_what_goes_on_after_a_savepoint_keeps_its_parts(bb: Blackboard) -> None:
    """It would otherwise go on with what was undone, and its end could not be undone any more."""
    found: list[Any] = []

    @bb.knowledge_source
    async def make(task: Task, ctx: Context) -> AsyncIterator[Part]:
        yield Part(name="first")
        await ctx.approval("go on?")
        yield Part(name="second")

    @make.compensation
    async def unmake(parts: list[Part]) -> None:
        found.append([part.name for part in parts])

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Release())
        mark = await board.savepoint("here")
        await board.post(Task(name="a"))
        await async_eventually(lambda: stands(board, "awaiting approval"), DEADLINE, "it asks")
        await board.compensate(to=mark)
        await async_eventually(lambda: is_(board, "undone"), DEADLINE, "it is back at its savepoint")
        assert found == []
        [asked] = await board.approvals()
        await board.approve(asked.id)
        await board.wait_for(Part, Part.name == "second", timeout=DEADLINE)
        await board.settled(timeout=DEADLINE)
        await board.compensate(to=mark)
        await async_eventually(lambda: is_(board, "undone"), DEADLINE, "it is back again")
        assert found == [["first", "second"]]


async def test_what_left_for_good_after_a_savepoint_is_undone_once(bb: Blackboard) -> None:
    found = made_of(bb, "sleeps")
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Release())
        mark = await board.savepoint("here")
        await board.post(Task(name="a"))
        await async_eventually(lambda: stands(board, "sleeping"), DEADLINE, "it sleeps")
        await board.retract("task/a")
        await board.compensate(to=mark)
        await async_eventually(lambda: is_(board, "undone"), DEADLINE, "it is back at its savepoint")
        assert found == [([("a", "made")], "a")]
        await board.compensate()
        await async_eventually(lambda: is_(board, "aborted"), DEADLINE, "everything is undone")
        assert len(found) == 1


async def test_parts_before_a_savepoint_stay(bb: Blackboard) -> None:
    found = made_of(bb, "sleeps")
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Task(name="a"))
        await async_eventually(lambda: stands(board, "sleeping"), DEADLINE, "it sleeps")
        mark = await board.savepoint("here")
        await board.retract("task/a")
        await board.compensate(to=mark)
        await async_eventually(lambda: is_(board, "undone"), DEADLINE, "it is back at its savepoint")
        assert found == []


async def test_who_has_written_nothing_is_not_undone(bb: Blackboard) -> None:
    """Its question is an entry by it, and no part of its work."""
    found: list[str] = []

    @bb.knowledge_source
    async def make(task: Task, ctx: Context) -> Part:
        await ctx.approval("go on?")
        return Part(name=task.name)

    @make.compensation
    async def unmake(parts: list[Part]) -> None:
        found.append("called")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Task(name="a"))
        await async_eventually(board.approvals, DEADLINE, "it asks")
        await board.compensate()
        await async_eventually(lambda: is_(board, "aborted"), DEADLINE, "everything is undone")
        assert found == []
        assert (await board.saga()).undone == ()


async def test_what_runs_while_all_is_undone_and_then_sleeps_is_undone(bb: Blackboard) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    found: list[str] = []

    @bb.knowledge_source
    async def make(task: Task, ctx: Context) -> AsyncIterator[Part]:
        yield Part(name="first")
        begun.set()
        await go_on.wait()
        yield Part(name="second")
        await ctx.sleep(LONG)

    @make.compensation
    async def unmake(parts: list[Part]) -> None:
        found.extend(part.name for part in parts)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Task(name="a"))
        await asyncio.wait_for(begun.wait(), DEADLINE)
        await board.compensate()
        assert not found
        go_on.set()
        await async_eventually(lambda: is_(board, "aborted"), DEADLINE, "everything is undone")
        assert found == ["first", "second"]
        with pytest.raises(BoardAborted):
            await board.post(Task(name="b"))

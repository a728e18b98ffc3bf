"""Sagas: what was committed on a board is undone, effects before causes, and each thing once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from blackboard import Blackboard, Board, BoardAborted, BoardClosed, BoardNotFound, Context
from blackboard.control import Priority
from tests.conformance.kinds import Claim, Decision, Note
from tests.conformance.logbook import events_of, fired
from tests.conformance.sagas import AT_ONCE, Part, Step, Task, Whole, add_chain, end, sources
from tests.eventually import async_eventually


@pytest.fixture
def undone() -> list[str]:
    """Return what was undone, in order."""
    return []


# ---------------------------------------------------------------------------- by a program


async def test_effects_are_undone_before_their_causes(bb: Blackboard, undone: list[str]) -> None:
    add_chain(bb, undone)
    async with bb:
        board = bb.board("b")
        await board.post(Step(at=0))
        await board.run_until_settled()
        began = await board.compensate("the customer left")
        assert await end(board) == "aborted"
        saga = await board.saga()
    assert undone == ["step3", "step2", "step1"]
    assert (saga.state, saga.reason, saga.by, saga.began) == ("aborted", "the customer left", "@api", began)
    assert sources(saga.undone) == undone
    assert (saga.savepoint, saga.pending, saga.dead, saga.skipped, saga.running) == (0, (), (), (), ())


async def test_the_log_tells_an_undoing_from_its_beginning_to_its_end(bb: Blackboard, undone: list[str]) -> None:
    add_chain(bb, undone, 1)
    async with bb:
        board = bb.board("b")
        await board.post(Step(at=0))
        last = await board.run_until_settled()
        began = await board.compensate("enough")
        await end(board)
        told = [event async for event in board.events(last)]
    assert [str(event.type) for event in told] == ["aborted", "triggered", "fired", "undone"]
    assert (told[0].by, told[0].reason) == ("@api", "enough")
    assert (told[1].source, told[1].addresses, told[1].cause) == ("undo:step1", ("@undo/3",), began)
    assert (told[3].outcome, told[3].reason) == ("aborted", "undone: step1#3")


async def test_a_board_that_is_undone_takes_no_more_writes(bb: Blackboard, undone: list[str]) -> None:
    """And says why; those who wait for something on it are told, and those who follow it come to an end."""
    add_chain(bb, undone, 1)
    async with bb:
        board = bb.board("b")
        await board.post(Step(at=0))
        await board.run_until_settled()
        waiting = asyncio.create_task(board.wait_for(Decision))
        following = asyncio.create_task(types_of_all(board))
        await board.compensate()
        with pytest.raises(BoardAborted, match="status is undoing"):
            await board.post(Note(text="too late"))
        with pytest.raises(BoardAborted):
            await board.pause()
        with pytest.raises(BoardAborted):
            await board.close()
        with pytest.raises(BoardAborted):
            await board.savepoint("here")
        await end(board)
        with pytest.raises(BoardAborted):
            await asyncio.wait_for(waiting, 10)
        assert (await asyncio.wait_for(following, 10))[-1] == "undone"
        with pytest.raises(BoardAborted, match="status is aborted"):
            await board.post(Note(text="too late"))
        assert not await board.close()
        assert [entry.address for entry in await board.entries()] == ["step/0", "step/1"]


async def types_of_all(board: Board) -> list[str]:
    """Follow a board to its end."""
    return [str(event.type) async for event in board.events(follow=True)]


async def test_undoing_twice_is_undoing_once(bb: Blackboard, undone: list[str]) -> None:
    add_chain(bb, undone)
    async with bb:
        board = bb.board("b")
        await board.post(Step(at=0))
        await board.run_until_settled()
        began = await board.compensate("first")
        assert await board.compensate("second") == began
        await end(board)
        assert await board.compensate("third") == began
        await end(board)
        assert len(await events_of(board, "aborted")) == 1
    assert undone == ["step3", "step2", "step1"]


async def test_what_is_closed_cannot_be_undone(bb: Blackboard) -> None:
    async with bb:
        board = bb.board("b")
        with pytest.raises(BoardNotFound):
            await board.compensate()
        await board.post(Note(text="a"))
        assert (await board.saga()).state == "none"
        await board.close()
        with pytest.raises(BoardClosed, match="closed"):
            await board.compensate()


async def test_a_board_on_which_nothing_can_be_undone_is_over_at_once(bb: Blackboard) -> None:
    async with bb:
        board = bb.board("b")
        await board.post(Note(text="a"))
        await board.compensate()
        assert await end(board) == "aborted"
        assert (await events_of(board, "undone"))[0].reason == "nothing was to be undone"


async def test_what_is_undone_expires_as_what_is_closed(bb: Blackboard, undone: list[str]) -> None:
    """All keys of the board together; that none is left behind is looked at after every test."""
    add_chain(bb, undone)
    async with bb:
        board = bb.board("b")
        await board.post(Step(at=0))
        await board.run_until_settled()
        await board.compensate()
        await end(board)
        partition = bb.store().partition("b")
        keys = partition.keys.board("b")
        lives = [int(await partition.calls.command("PTTL", key)) for key in keys]
        assert sum(life > 0 for life in lives) >= 5
        assert -1 not in lives
        assert await partition.calls.command("HLEN", partition.keys.activations) == 0


# ---------------------------------------------------------------------------- by an agent


@pytest.mark.parametrize("style", ["async", "plain", "in a task of its own", "stream"])
async def test_an_agent_gives_up_for_the_whole_board(bb: Blackboard, undone: list[str], style: str) -> None:
    """Whatever it catches besides, and wherever it says so."""
    add_chain(bb, undone, 2)

    async def give_up(ctx: Context) -> None:
        ctx.abort("no stock\nat all")

    async def asynchronous(step: Step, ctx: Context) -> Note | None:
        try:
            await give_up(ctx)
        except Exception:  # noqa: BLE001  # that is what it must survive
            return Note(text="never")

    def plain(step: Step, ctx: Context) -> Note | None:
        try:
            ctx.abort("no stock at all")
        except Exception:  # noqa: BLE001  # that is what it must survive
            return Note(text="never")

    async def with_tasks(step: Step, ctx: Context) -> Note | None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(give_up(ctx))
        return Note(text="never")

    async def stream(step: Step, ctx: Context) -> AsyncIterator[Note]:
        await give_up(ctx)
        yield Note(text="never")

    action = {"async": asynchronous, "plain": plain, "in a task of its own": with_tasks, "stream": stream}[style]
    bb.knowledge_source(name="last", when=Step.at == 2, retries=5)(action)
    async with bb:
        board = bb.board("b")
        await board.post(Step(at=0))
        assert await end(board) == "aborted"
        assert undone == ["step2", "step1"]
        [died] = await events_of(board, "died")
        [aborted] = await events_of(board, "aborted")
        assert (died.source, died.reason) == ("last", "aborted: no stock at all")
        assert (aborted.by, aborted.reason) == (died.activation, "no stock at all")
        assert await board.read(Note) == []


@pytest.mark.parametrize("how", ["attempts spent", "hopeless"])
async def test_the_death_of_a_fatal_source_undoes_everything(bb: Blackboard, undone: list[str], how: str) -> None:
    add_chain(bb, undone, 2)

    @bb.knowledge_source(when=Step.at == 2, fatal=True, retries=1, backoff=AT_ONCE)
    async def last(step: Step) -> Note:
        if how == "hopeless":
            return Claim(amount=1)  # type: ignore[return-value]  # what it does not declare
        raise RuntimeError("no stock")

    async with bb:
        board = bb.board("b")
        await board.post(Step(at=0))
        assert await end(board) == "aborted"
        [aborted] = await events_of(board, "aborted")
        assert len(await events_of(board, "failed")) == (0 if how == "hopeless" else 1)
        problem = "UndeclaredKind" if how == "hopeless" else "RuntimeError: no stock"
        assert aborted.reason is not None
        assert aborted.reason.startswith(f"{aborted.by} died: {problem}")
    assert undone == ["step2", "step1"]


async def test_who_gives_up_what_must_not_fail_undoes_everything(bb: Blackboard, undone: list[str]) -> None:
    """A person says so of an activation whose outcome is unknown: it died for good, as by any other way."""
    add_chain(bb, undone, 2)

    @bb.knowledge_source(when=Step.at == 2, fatal=True, effects="external", timeout=0.05)
    async def last(step: Step) -> Note:
        await asyncio.Event().wait()
        raise AssertionError

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Step(at=0))
        await async_eventually(board.unknown, 20, "its outcome is unknown")
        [doubtful] = await board.unknown()
        assert await board.resolve(doubtful.name, "dead", why="no stock")

        async def is_over() -> bool:
            return (await board.status()).over

        await async_eventually(is_over, 20, "everything is undone")
        [aborted] = await events_of(board, "aborted")
        assert (aborted.by, aborted.reason) == (doubtful.name, f"{doubtful.name} died: no stock")
    assert undone == ["step2", "step1"]


async def test_the_death_of_any_other_source_undoes_nothing(bb: Blackboard, undone: list[str]) -> None:
    add_chain(bb, undone, 2)

    @bb.knowledge_source(when=Step.at == 2, retries=0)
    async def last(step: Step) -> Note:
        raise RuntimeError("no stock")

    async with bb:
        board = bb.board("b")
        await board.post(Step(at=0))
        assert await end(board) == "open"
        assert (undone, len(await board.dead())) == ([], 1)


# ---------------------------------------------------------------------------- what runs meanwhile


async def test_what_runs_may_end_and_is_undone_too(bb: Blackboard, undone: list[str]) -> None:
    """Its effects have happened; but what it writes starts nothing any more, nor does what was waiting."""
    acting, go_on = asyncio.Event(), asyncio.Event()

    @bb.knowledge_source
    async def make(task: Task) -> Part:
        acting.set()
        await go_on.wait()
        return Part(name=task.name)

    @make.compensation
    async def unmake(part: Part) -> None:
        undone.append(part.name)

    @bb.knowledge_source
    async def use(part: Part) -> Note:
        return Note(text=part.name)

    @bb.knowledge_source(after=3600)
    async def later(task: Task) -> Note:
        return Note(text=task.name)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Task(name="a"))
        await asyncio.wait_for(acting.wait(), 10)
        await board.compensate()
        assert [each.source for each in await board.agenda()] == ["make"]
        assert (await board.status()).status == "undoing"
        go_on.set()
        await board.settled(10)
        assert (await board.status()).status == "aborted"
        assert [entry.address for entry in await board.entries()] == ["part/a", "task/a"]
        assert await fired(board) == ["make", "undo:make"]
    assert undone == ["a"]


async def test_what_fails_meanwhile_is_not_run_again(bb: Blackboard, undone: list[str]) -> None:
    acting, go_on = asyncio.Event(), asyncio.Event()
    add_chain(bb, undone, 1)

    @bb.knowledge_source(when=Step.at == 1, retries=5, backoff=AT_ONCE)
    async def fail(step: Step) -> Note:
        acting.set()
        await go_on.wait()
        raise RuntimeError("no")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Step(at=0))
        await asyncio.wait_for(acting.wait(), 10)
        await board.compensate()
        go_on.set()
        await board.settled(10)
        assert (await board.status()).status == "aborted"
        [died] = await events_of(board, "died")
        assert died.reason is not None
        assert died.reason.startswith("its board is being undone: RuntimeError: no")
        assert await events_of(board, "failed") == []
    assert undone == ["step1"]


# ---------------------------------------------------------------------------- order


def add_parts(bb: Blackboard, undone: list[str], started: asyncio.Barrier | None = None) -> None:
    """Add sources that make parts, and one that puts them together."""

    @bb.knowledge_source
    async def make(task: Task) -> Part:
        return Part(name=task.name)

    @make.compensation
    async def unmake(part: Part) -> None:
        if started is not None:
            await started.wait()  # until the others have started, too
        undone.append(part.name)

    @bb.knowledge_source
    async def count(parts: list[Part]) -> Whole:
        return Whole(parts=len(parts))

    @count.compensation
    async def uncount(whole: Whole) -> None:
        undone.append("whole")


async def test_what_does_not_depend_on_each_other_is_undone_at_once(bb: Blackboard, undone: list[str]) -> None:
    """Each compensation waits until all three have begun; what was gathered from them was undone before."""
    add_parts(bb, undone, asyncio.Barrier(3))
    async with bb:
        board = bb.board("b")
        await board.post(Task(name="a"), Task(name="b"), Task(name="c"))
        await board.run_until_settled()
        await board.compensate()
        assert await end(board) == "aborted"
    wholes = undone.count("whole")
    assert wholes >= 1
    assert undone[:wholes] == ["whole"] * wholes
    assert sorted(undone[wholes:]) == ["a", "b", "c"]


async def test_under_a_controller_one_is_undone_after_the_other(bb: Blackboard, undone: list[str]) -> None:
    """Strictly in the reverse order of the commits."""
    add_parts(bb, undone)
    async with bb:
        board = bb.board("b")
        await board.orchestrate(Priority())
        await board.post(Task(name="a"), Task(name="b"), Task(name="c"))
        await board.run_until_settled()
        committed = [event.activation for event in await events_of(board, "fired")]
        await board.compensate()
        assert await end(board) == "aborted"
        assert (await board.saga()).undone == tuple(reversed(committed))
        types = [str(event.type) for event in await events_of(board) if (event.source or "").startswith("undo:")]
    assert types == ["triggered", "fired"] * len(committed)


async def test_what_cannot_be_undone_hands_the_order_on(bb: Blackboard, undone: list[str]) -> None:
    """The second agent has no compensation; what came of it is an effect of the first all the same."""

    @bb.knowledge_source
    async def first(task: Task) -> Part:
        return Part(name=task.name)

    @first.compensation
    async def undo_first(part: Part) -> None:
        undone.append("first")

    @bb.knowledge_source
    async def second(part: Part) -> Whole:
        return Whole(parts=1)

    @bb.knowledge_source
    async def third(whole: Whole) -> Note:
        return Note(text="done")

    @third.compensation
    async def undo_third(note: Note) -> None:
        await asyncio.sleep(0)
        undone.append("third")

    async with bb:
        board = bb.board("b")
        await board.post(Task(name="a"))
        await board.run_until_settled()
        await board.compensate()
        await end(board)
        ends = [event.seq for event in await events_of(board, "fired") if event.source == "undo:third"]
        begins = [event.seq for event in await events_of(board, "triggered") if event.source == "undo:first"]
    assert undone == ["third", "first"]
    assert ends < begins

"""Compensations: what they are bound to, what they may write, and what becomes of one that fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from blackboard import (
    ActivationNotFound,
    Backoff,
    Blackboard,
    Board,
    BoardAborted,
    Context,
    Count,
    InvalidSource,
    StillRunning,
)
from tests.conformance.kinds import Note, Plan
from tests.conformance.logbook import events_of, fired
from tests.conformance.sagas import AT_ONCE, Part, Step, Task, Whole, end, sources
from tests.eventually import async_eventually


async def undo_all(bb: Blackboard, *entries: Any, between: Callable[[Board], Any] | None = None) -> Board:
    """Post, run, undo, run; the board."""
    board = bb.board("b")
    await board.post(*entries)
    await board.run_until_settled()
    if between is not None:
        await between(board)
    await board.compensate()
    await board.run_until_settled()
    return board


# ---------------------------------------------------------------------------- binding


async def test_it_is_bound_to_what_the_activation_wrote(bb: Blackboard) -> None:
    """As it wrote it last, whatever has become of that since; not to what others wrote."""
    found: list[Any] = []

    @bb.knowledge_source
    async def make(task: Task) -> Part:
        return Part(name=task.name)

    async def change(board: Board) -> None:
        await board.revise(Part(name="a", state="changed"), version="any")
        await board.retract("task/b")

    @make.compensation
    async def undo(part: Part, task: Task, parts: list[Part], ctx: Context) -> None:
        found.append((part.name, part.state, task.name, [each.name for each in parts], ctx.source))

    async with bb:
        board = await undo_all(bb, Task(name="a"), Task(name="b"), between=change)
        assert (await board.status()).status == "aborted"
    assert sorted(found) == [("a", "made", "a", ["a"], "undo:make"), ("b", "made", "b", ["b"], "undo:make")]


async def test_a_stream_is_undone_with_all_its_parts(bb: Blackboard) -> None:
    found: list[tuple[str, str]] = []

    @bb.knowledge_source
    async def make(task: Task) -> AsyncIterator[Part]:
        yield Part(name="a", state="raw")
        yield Part(name="b")
        yield Part(name="a")

    @make.compensation
    async def unmake(parts: list[Part]) -> None:
        found.extend((part.name, part.state) for part in parts)

    async with bb:
        await undo_all(bb, Task(name="a"))
    assert found == [("a", "made"), ("b", "made")]


async def test_of_what_was_only_read_it_is_bound_to_what_there_was(bb: Blackboard) -> None:
    """As of the moment at which the activation began: later versions, and later entries, it has never seen."""
    found: list[Any] = []

    @bb.knowledge_source(when=[Count(Part) == Plan.total, Part.state == "made"])
    async def count(plan: Plan, parts: list[Part]) -> Whole:
        return Whole(parts=len(parts))

    @count.compensation
    def uncount(plan: Plan, parts: list[Part]) -> None:
        found.append((plan.total, [part.name for part in parts]))

    async def change(board: Board) -> None:
        await board.revise(Part(name="a", state="used"), version="any")
        await board.post(Part(name="d"))

    async with bb:
        await undo_all(
            bb, Plan(total=3), Part(name="a"), Part(name="b"), Part(name="c", state="broken"), between=change
        )
    assert found == [(3, ["a", "b"])]


async def test_with_nothing_to_undo_it_is_not_called(bb: Blackboard) -> None:
    called: list[str] = []

    @bb.knowledge_source
    async def make(task: Task) -> Part | Note | None:
        return Note(text="not today") if task.name == "none" else None

    @make.compensation
    async def unmake(part: Part) -> None:
        called.append(part.name)

    async with bb:
        board = await undo_all(bb, Task(name="none"), Task(name="nothing"))
        assert (await board.status()).status == "aborted"
        assert sources((await board.saga()).undone) == ["make", "make"]
    assert called == []


async def test_several_where_it_asks_for_one_are_an_error_that_says_what_to_do(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def make(task: Task) -> list[Part]:
        return [Part(name="a"), Part(name="b")]

    @make.compensation
    async def unmake(part: Part) -> None: ...

    async with bb:
        board = await undo_all(bb, Task(name="a"))
        assert (await board.status()).status == "stuck"
        [dead] = await board.dead()
        assert "there are 2 entries of kind part to undo: part/a, part/b" in dead.problem
        assert "Declare it as part: list[Part]" in dead.problem


def test_a_compensation_that_cannot_work_is_refused(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def make(task: Task) -> Part:
        return Part(name=task.name)

    async def stream(part: Part) -> AsyncIterator[Part]:
        yield part

    async def anything(part: Part) -> int:
        return 1

    with pytest.raises(InvalidSource, match="compensation of source make: it is a generator"):
        make.compensation(stream)
    with pytest.raises(InvalidSource, match="which is not a kind of entry"):
        make.compensation(anything)


# ---------------------------------------------------------------------------- writing


async def test_it_may_write_while_its_board_is_undone(bb: Blackboard) -> None:
    """What it returns, of the kinds that it declares; that starts nothing. What it wrote itself it may revise."""

    @bb.knowledge_source
    async def make(task: Task) -> Part:
        return Part(name=task.name)

    @make.compensation
    async def unmake(part: Part) -> tuple[Part, Note]:
        return part.model_copy(update={"state": "undone"}), Note(text=f"{part.name} is undone")

    @bb.knowledge_source(when=Part.state == "undone")
    async def never(part: Part) -> Whole:
        return Whole(parts=1)

    async def change(board: Board) -> None:
        await board.revise(Part(name="b", state="changed"), version="any")

    async with bb:
        board = await undo_all(bb, Task(name="a"), Task(name="b"), between=change)
        assert (await board.status()).status == "aborted"
        assert [part.state for part in await board.read(Part)] == ["undone", "undone"]
        assert sorted(note.text for note in await board.read(Note)) == ["a is undone", "b is undone"]
        assert await fired(board) == ["make", "make", "undo:make", "undo:make"]
        assert [event.by for event in await events_of(board, "revised")][1:] != []


async def test_it_cannot_write_what_it_does_not_declare(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def make(task: Task) -> Part:
        return Part(name=task.name)

    @make.compensation
    async def unmake(part: Part, board: Board) -> None:
        with pytest.raises(BoardAborted):
            await board.retract(part)
        return part  # type: ignore[return-value]

    async with bb:
        board = await undo_all(bb, Task(name="a"))
        assert (await board.status()).status == "stuck"
        assert "undo" in (await board.dead())[0].name


# ---------------------------------------------------------------------------- failing


async def test_it_is_tried_again_with_the_same_key(bb: Blackboard) -> None:
    keys: list[str] = []

    @bb.knowledge_source(retries=2, backoff=AT_ONCE)
    async def make(task: Task) -> Part:
        return Part(name=task.name)

    @make.compensation
    async def unmake(part: Part, ctx: Context) -> None:
        keys.append(ctx.idempotency_key)
        if len(keys) < 3:
            raise RuntimeError("not yet")

    async with bb:
        board = await undo_all(bb, Task(name="a"))
        assert (await board.status()).status == "aborted"
        assert len(await events_of(board, "failed")) == 2
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert "/b/undo:make#" in keys[0]


class Broken:
    """A chain of three, of which the second cannot be undone until it is mended."""

    def __init__(self, bb: Blackboard) -> None:
        self.undone: list[str] = []
        self.mended = False
        for at in (1, 2, 3):
            self._add(bb, at)

    def _add(self, bb: Blackboard, at: int) -> None:
        async def step(before: Step) -> Step:
            return Step(at=at)

        source = bb.knowledge_source(name=f"step{at}", when=Step.at == at - 1, retries=0)(step)

        @source.compensation
        async def undo(step: Step) -> None:
            if at == 2 and not self.mended:
                raise RuntimeError("the bank is closed")
            self.undone.append(f"step{at}")


async def test_one_that_dies_leaves_its_board_stuck_until_it_is_tried_again(bb: Blackboard) -> None:
    """With what was undone and what was not; then it goes on."""
    broken = Broken(bb)
    async with bb:
        board = await undo_all(bb, Step(at=0))
        assert (await board.status()).status == "stuck"
        saga = await board.saga()
        assert saga.state == "stuck"
        assert [sources(each) for each in (saga.undone, saga.dead, saga.pending)] == [["step3"], ["step2"], ["step1"]]
        [said] = await events_of(board, "undone")
        assert (said.outcome, sources((said.reason or "").split(": ")[1:2] and saga.undone)) == ("stuck", ["step3"])
        with pytest.raises(BoardAborted, match="status is stuck"):
            await board.post(Note(text="too late"))
        assert broken.undone == ["step3"]

        broken.mended = True
        assert await board.retry(saga.dead[0])
        assert await end(board) == "aborted"
        assert sources((await board.saga()).undone) == ["step3", "step2", "step1"]
    assert broken.undone == ["step3", "step2", "step1"]


async def test_the_log_says_what_to_do_about_a_board_that_is_stuck(
    bb: Blackboard, caplog: pytest.LogCaptureFixture
) -> None:
    Broken(bb)
    async with bb:
        board = await undo_all(bb, Step(at=0))
        [dead] = (await board.saga()).dead
    [said] = [each.getMessage() for each in caplog.records if "is stuck" in each.getMessage()]
    for verb in ("retry", "skip"):
        assert f"blackboard -n {bb.name} {verb} {board.id} {dead}" in said


async def test_one_that_dies_can_be_skipped(bb: Blackboard) -> None:
    broken = Broken(bb)
    async with bb:
        board = await undo_all(bb, Step(at=0))
        with pytest.raises(ActivationNotFound):
            await board.skip("step1#3", "it is not what is stuck")
        await board.skip((await board.saga()).dead[0], "paid back by hand")
        assert await end(board) == "aborted"
        saga = await board.saga()
        assert [sources(each) for each in (saga.undone, saga.skipped)] == [["step3", "step1"], ["step2"]]
        [skipped] = await events_of(board, "skipped")
        assert (skipped.source, skipped.by, skipped.reason) == ("undo:step2", "@api", "paid back by hand")
        with pytest.raises(ActivationNotFound):
            await board.skip(saga.skipped[0])
    assert broken.undone == ["step3", "step1"]


async def test_one_that_runs_cannot_be_skipped(bb: Blackboard) -> None:
    acting, go_on = asyncio.Event(), asyncio.Event()

    @bb.knowledge_source
    async def make(task: Task) -> Part:
        return Part(name=task.name)

    @make.compensation
    async def unmake(part: Part) -> None:
        acting.set()
        await go_on.wait()

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Task(name="a"))
        await board.settled(10)
        await board.compensate()
        await asyncio.wait_for(acting.wait(), 10)
        [running] = (await board.saga()).running
        with pytest.raises(StillRunning):
            await board.skip(running)
        go_on.set()
        await board.settled(10)
        assert (await board.status()).status == "aborted"


async def test_one_that_gives_up_dies_alone(bb: Blackboard) -> None:
    @bb.knowledge_source(retries=5, backoff=AT_ONCE)
    async def make(task: Task) -> Part:
        return Part(name=task.name)

    @make.compensation
    async def unmake(part: Part, ctx: Context) -> None:
        ctx.abort("cannot be undone")

    async with bb:
        board = await undo_all(bb, Task(name="a"))
        assert (await board.status()).status == "stuck"
        assert len(await events_of(board, "aborted")) == 1
        [died] = await events_of(board, "died")
        assert died.reason == "aborted: cannot be undone"


async def test_it_has_the_policies_of_its_source(bb: Blackboard) -> None:
    """Here the time limit, and how often it is tried."""
    calls: list[int] = []

    @bb.knowledge_source(retries=1, backoff=Backoff(initial=0), timeout=0.05)
    async def make(task: Task) -> Part:
        return Part(name=task.name)

    @make.compensation
    async def unmake(part: Part) -> None:
        calls.append(1)
        await asyncio.Event().wait()

    async with bb:
        board = await undo_all(bb, Task(name="a"))
        assert (await board.status()).status == "stuck"
    assert len(calls) == 2


async def test_a_dead_agent_cannot_be_tried_again_on_a_board_that_is_undone(bb: Blackboard) -> None:
    @bb.knowledge_source(retries=0)
    async def fail(note: Note) -> None:
        raise RuntimeError("no")

    broken = Broken(bb)
    async with bb:
        board = await undo_all(bb, Step(at=0), Note(text="a"))
        [dead] = [each for each in await board.dead() if each.source == "fail"]
        with pytest.raises(BoardAborted, match="stuck"):
            await board.retry(dead.name)
    assert broken.undone == ["step3"]


async def test_a_worker_without_the_compensation_leaves_it_to_one_that_has_it(store_url: str, namespace: str) -> None:
    """As in a rolling update, where the older release does not know it yet."""
    undone: list[str] = []
    older, newer = Blackboard(namespace, url=store_url), Blackboard(namespace, url=store_url)

    @older.knowledge_source
    async def make(task: Task) -> Part:
        return Part(name=task.name)

    async def make_again(task: Task) -> Part:
        return Part(name=task.name)

    source = newer.knowledge_source(name="make")(make_again)

    @source.compensation
    async def unmake(part: Part) -> None:
        undone.append(part.name)

    async with older, newer:
        board = older.board("b")
        await board.post(Task(name="a"))
        await board.run_until_settled()
        partition = older.store().partition("b")
        async with older.workers():
            async with newer.workers():  # registers what is newer
                pass
            await board.compensate()

            async def tried() -> bool:
                return bool(await events_of(board, "failed"))

            await async_eventually(tried, 10, "the older worker gives the compensation back")
        [waiting] = await board.agenda()
        assert (waiting.state.value, "has no compensation" in waiting.problem) == ("retrying", True)
        field = f"b\x1e{waiting.identity}"
        await partition.calls.command("ZADD", partition.keys.due, 1, field)  # its time has come
        async with newer.workers():
            await board.settled(20)
        assert (await board.status()).status == "aborted"
    assert undone == ["a"]

"""Durable steps: what is recorded is not done again, whatever happens to the run that recorded it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter as Tally
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
from pydantic import BaseModel

from blackboard import Backoff, Blackboard, Board, Context, EventType, Limits
from blackboard.activation import ActivationState
from tests.conformance.kinds import Claim, Counter, Decision, Done, Finding, Job
from tests.eventually import async_eventually

AT_ONCE = Backoff(initial=0)


class Page(BaseModel):
    """What a search finds."""

    title: str
    at: datetime


async def state_of(board: Board) -> str:
    return ", ".join(each.state.value for each in await board.agenda())


async def comes(board: Board, state: ActivationState) -> None:
    async def is_there() -> bool:
        return any(each.state is state for each in await board.agenda())

    await async_eventually(is_there, 10, f"an activation that is {state.value}")


async def steps_of(board: Board) -> list[tuple[int | None, str | None]]:
    return [(e.step, e.reason) async for e in board.events() if e.type is EventType.STEPPED]


async def records(bb: Blackboard, board: str) -> int:
    partition = bb.store().partition(board)
    return int(await partition.calls.command("HLEN", partition.keys.of_board(board, "records")))


@pytest.mark.tutorial
async def test_a_run_that_comes_later_does_not_repeat_what_is_recorded(bb: Blackboard) -> None:
    """The agent fails at its third step; the next run is given the first two."""
    called: Tally[str] = Tally()

    def search(query: str) -> list[str]:
        called["search"] += 1
        return [f"{query} {called['search']}"]

    async def read(title: str) -> str:
        called["read"] += 1
        return title.upper()

    @bb.knowledge_source(backoff=AT_ONCE)
    async def research(claim: Claim, ctx: Context) -> Finding:
        found = await ctx.step("search", search, claim.text)
        text = await ctx.step("read", read, found[0])
        if ctx.attempt == 1:
            raise RuntimeError("no network")
        return Finding(source=text, risk=0)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1, text="rain"))
        assert (await board.wait_for(Finding, timeout=10)).source == "RAIN 1"
        assert called == {"search": 1, "read": 1}
        assert await steps_of(board) == [(1, "search"), (2, "read")]
        await board.settled(timeout=10)
        assert await records(bb, "b") == 0, "what is done needs no records"


async def test_first_and_later_runs_have_equal_values(bb: Blackboard) -> None:
    """As the annotation says, or else as plain JSON: from the first run on."""
    seen: list[object] = []

    def model() -> Page:
        return Page(title="a", at=datetime(2026, 1, 2))  # noqa: DTZ001  # any moment

    def unsaid():  # type: ignore[no-untyped-def]  # that is the point
        return {"page": Page(title="a", at=datetime(2026, 1, 2)), "pair": (1, 2)}  # noqa: DTZ001

    @bb.knowledge_source(backoff=AT_ONCE)
    async def research(claim: Claim, ctx: Context) -> Done:
        seen.append((await ctx.step("model", model), await ctx.step("unsaid", unsaid), await ctx.step("no", print)))
        if ctx.attempt == 1:
            raise RuntimeError
        return Done(name="x")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.wait_for(Done, timeout=10)
        assert seen[0] == seen[1]
        plain = {"page": {"title": "a", "at": "2026-01-02T00:00:00"}, "pair": [1, 2]}
        assert seen[0] == (model(), plain, None)


async def test_steps_that_run_together_keep_their_places(bb: Blackboard) -> None:
    """The last is done first; another run finds each result at its own place."""
    gates = [asyncio.Event() for _ in range(3)]
    gates[2].set()
    seen = []

    async def part(i: int) -> int:
        await gates[i].wait()
        if i:
            gates[i - 1].set()
        return i

    @bb.knowledge_source(backoff=AT_ONCE)
    async def split(claim: Claim, ctx: Context) -> Done:
        seen.append(await asyncio.gather(*(ctx.step(f"part {i}", part, i) for i in range(3))))
        if ctx.attempt == 1:
            raise RuntimeError
        return Done(name="x")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.wait_for(Done, timeout=10)
        assert seen == [[0, 1, 2], [0, 1, 2]]
        assert await steps_of(board) == [(3, "part 2"), (2, "part 1"), (1, "part 0")]


async def test_a_plain_function_has_its_steps_too(bb: Blackboard) -> None:
    threads = []

    def where() -> str:
        threads.append(threading.current_thread())
        return "here"

    @bb.knowledge_source(backoff=AT_ONCE)
    def research(claim: Claim, ctx: Context) -> Done:
        answer = ctx.sync.step("where", where)
        ctx.sync.sleep(0.001)
        if ctx.attempt == 1:
            raise RuntimeError
        assert threads != [threading.current_thread()] or ctx.attempt == 2
        return Done(name=answer)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1))
        assert (await board.wait_for(Done, timeout=10)).name == "here"
        assert len(threads) == 1
        assert threads[0].name.startswith("blackboard-agent")


async def test_a_plain_function_sleeps_without_a_thread(bb: Blackboard) -> None:
    runs = []

    @bb.knowledge_source
    def nap(claim: Claim, ctx: Context) -> Done:
        runs.append(ctx.sync.step("one", lambda: len(runs)))
        ctx.sync.sleep(1.2)
        return Done(name="woke")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await comes(board, ActivationState.SLEEPING)
        await board.wait_for(Done, timeout=10)
        assert runs == [0, 0]


# ---------------------------------------------------------------------------- what no longer fits


async def dead_of(board: Board) -> str:
    async def died() -> bool:
        return bool(await board.dead())

    await async_eventually(died, 10, "it is dead")
    [dead] = await board.dead()
    return dead.problem


@pytest.mark.parametrize(
    ("second", "problem"),
    [
        (["one", "deux"], "step 2 is step 'deux', and was recorded as step 'two'"),
        (["two", "one"], "step 1 is step 'two', and was recorded as step 'one'"),
        (["one"], "the agent ended before its step 2, 'two', which is recorded"),
        ([], "the agent ended before its step 1, 'one', which is recorded"),
        (["one", "sleep"], "step 2 is sleep 'sleep', and was recorded as step 'two'"),
    ],
)
async def test_a_record_that_no_longer_fits_the_code_is_an_error(
    bb: Blackboard, second: list[str], problem: str
) -> None:
    """Also when the agent catches every error."""
    runs = 0

    @bb.knowledge_source(backoff=AT_ONCE, retries=5)
    async def change(claim: Claim, ctx: Context) -> Done | None:
        nonlocal runs
        runs += 1
        try:
            for name in ["one", "two"] if runs == 1 else second:
                await (ctx.sleep(0) if name == "sleep" else ctx.step(name, lambda: runs))
        except Exception:  # noqa: BLE001  # as some agents do
            pass
        if runs == 1:
            raise RuntimeError
        return Done(name="never")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1))
        found = await dead_of(board)
        assert "StepMismatch" in found
        assert problem in found
        assert "blackboard retry b change#3 --fresh" in found
        assert runs == 2
        assert await board.read(Done) == []


async def test_more_steps_than_recorded_are_fine(bb: Blackboard) -> None:
    called: Tally[str] = Tally()

    @bb.knowledge_source(backoff=AT_ONCE)
    async def grow(claim: Claim, ctx: Context) -> Done:
        for name in ["one", "two", "three"][: 1 + ctx.attempt]:
            await ctx.step(name, called.update, [name])
        if ctx.attempt == 1:
            raise RuntimeError
        return Done(name="x")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.wait_for(Done, timeout=10)
        assert called == {"one": 1, "two": 1, "three": 1}


async def test_a_retry_goes_on_where_it_was_or_begins_anew(bb: Blackboard) -> None:
    called: Tally[str] = Tally()
    broken = True

    @bb.knowledge_source(retries=0)
    async def work(claim: Claim, ctx: Context) -> Done:
        await ctx.step("one", called.update, ["one"])
        if broken:
            raise RuntimeError
        return Done(name="x")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await dead_of(board)
        await board.retry("work#3")
        await dead_of(board)
        assert called == {"one": 1}
        broken = False
        await board.retry("work#3", fresh=True)
        await board.wait_for(Done, timeout=10)
        assert called == {"one": 2}
        await board.settled(timeout=10)
        assert await records(bb, "b") == 0


async def test_what_is_recorded_of_the_dead_goes_with_them(bb: Blackboard) -> None:
    @bb.knowledge_source(retries=0)
    async def work(claim: Claim, ctx: Context) -> None:
        await ctx.step("one", int)
        if claim.amount == 1:
            raise RuntimeError

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await dead_of(board)
        assert await records(bb, "b") == 1
        await board.revise(Claim(amount=2), version="any")
        await board.settled(timeout=10)
        assert await records(bb, "b") == 0


# ---------------------------------------------------------------------------- other data


async def test_a_result_of_other_data_is_never_replayed(bb: Blackboard) -> None:
    """The claim changes between two runs: what was called with the old one is called again, with all that follows."""
    called = []

    def note(*what: object) -> int:
        called.append(what)
        return len(called)

    @bb.knowledge_source(backoff=AT_ONCE)
    async def work(claim: Claim, ctx: Context, board: Board) -> Done:
        await ctx.step("same", note, "a")
        await ctx.step("of the claim", note, claim)
        await ctx.step("behind", note, "b")
        if ctx.attempt == 1:
            await board.revise(Claim(amount=2), version="any")
            raise RuntimeError
        return Done(name="x")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.wait_for(Done, timeout=10)
        one, two = Claim(amount=1), Claim(amount=2)
        assert called == [("a",), (one,), ("b",), (two,), ("b",)]


async def test_fewer_steps_for_other_data_are_no_mismatch(bb: Blackboard) -> None:
    @bb.knowledge_source(backoff=AT_ONCE)
    async def work(counter: Counter, ctx: Context, board: Board) -> Done:
        for i in range(counter.value):
            await ctx.step(f"part {i}", int)
        if ctx.attempt == 1:
            await board.revise(Counter(value=1), version="any")
            raise RuntimeError
        return Done(name="x")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Counter(value=3))
        await board.wait_for(Done, timeout=10)
        assert await board.dead() == []


# ---------------------------------------------------------------------------- sleeping


async def test_who_sleeps_takes_no_slot(bb: Blackboard) -> None:
    """With room for one, another agent runs meanwhile; no attempt is charged."""
    attempts = []

    @bb.knowledge_source
    async def sleeper(claim: Claim, ctx: Context) -> Decision:
        attempts.append(ctx.attempt)
        await ctx.sleep(1.5)
        return Decision(approved=True)

    @bb.knowledge_source
    async def other(job: Job) -> Done:
        return Done(name=job.name)

    async with bb, bb.workers(concurrency=1):
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await comes(board, ActivationState.SLEEPING)
        assert not (await board.status()).settled
        await board.post(Job(name="a"))
        await board.wait_for(Done, timeout=10)
        assert await state_of(board) == "sleeping"
        await board.wait_for(Decision, timeout=10)
        assert attempts == [1, 1]


async def test_a_sleep_outlives_its_worker(bb: Blackboard) -> None:
    runs = []

    @bb.knowledge_source
    async def sleeper(claim: Claim, ctx: Context) -> Decision:
        runs.append(await ctx.step("count", lambda: len(runs)))
        await ctx.sleep(1.5)
        return Decision(approved=True)

    async with bb:
        board = bb.board("b")
        async with bb.workers():
            await board.post(Claim(amount=1))
            await comes(board, ActivationState.SLEEPING)
        async with bb.workers():
            await board.wait_for(Decision, timeout=10)
        assert runs == [0, 0]


async def test_a_step_under_way_is_waited_for_before_the_activation_is_parked(bb: Blackboard) -> None:
    called: Tally[str] = Tally()
    go = asyncio.Event()

    async def slow() -> int:
        called["slow"] += 1
        await go.wait()
        return 1

    @bb.knowledge_source
    async def both(claim: Claim, ctx: Context) -> Done:
        await asyncio.gather(ctx.sleep(1.5), ctx.step("slow", slow))
        return Done(name="x")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1))

        async def recorded() -> bool:
            return len(await steps_of(board)) == 1

        await async_eventually(recorded, 10, "the sleep is recorded")
        assert await state_of(board) == "running"
        go.set()
        await comes(board, ActivationState.SLEEPING)
        await board.wait_for(Done, timeout=10)
        assert called == {"slow": 1}


@pytest.mark.parametrize("how", ["swallow", "group", "gather", "thread"])
async def test_what_is_parked_commits_nothing_whatever_the_agent_makes_of_it(bb: Blackboard, how: str) -> None:
    """The exception that ends the run may be caught, or come in a group: the store says that it is parked."""

    async def sleep(ctx: Context) -> None:
        if how == "swallow":
            with contextlib.suppress(BaseException):
                await ctx.sleep(1.5)
            with contextlib.suppress(BaseException):
                await ctx.step("never", print, "done twice")
        elif how == "group":
            async with asyncio.TaskGroup() as group:
                group.create_task(ctx.sleep(1.5))
                group.create_task(ctx.sleep(1.2))
        else:
            await asyncio.gather(ctx.sleep(1.5), ctx.sleep(1.2), ctx.step("one", int))

    async def agent(claim: Claim, ctx: Context) -> Done:
        await sleep(ctx)
        return Done(name="woke")

    def plain(claim: Claim, ctx: Context) -> Done:
        with contextlib.suppress(BaseException):
            ctx.sync.sleep(1.5)
        return Done(name="woke")

    bb.knowledge_source(name="agent", retries=0)(plain if how == "thread" else agent)  # type: ignore[arg-type]
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await comes(board, ActivationState.SLEEPING)
        assert await board.read(Done) == []
        if how == "swallow":  # what follows the sleep is recorded when it has ended, and not before
            assert len(await steps_of(board)) == 1
        await board.wait_for(Done, timeout=10)
        assert await board.dead() == []


async def test_what_sleeps_is_not_obviated_while_its_entries_are_there(bb: Blackboard) -> None:
    """It has begun, as if it ran: what its trigger says does not count until it has ended."""

    @bb.knowledge_source(when=Claim.amount > 100)
    async def sleeper(claim: Claim, ctx: Context) -> Done:
        await ctx.sleep(1.5)
        return Done(name=f"{claim.amount:g}")

    async with bb, bb.workers():
        board, gone = bb.board("b"), bb.board("gone")
        for each in (board, gone):
            await each.post(Claim(amount=200))
            await comes(each, ActivationState.SLEEPING)
        await board.revise(Claim(amount=5), version="any")
        await gone.retract(Claim)
        assert await state_of(gone) == "", "without its entry it leaves"
        assert await records(bb, "gone") == 0
        assert (await board.wait_for(Done, timeout=10)).name == "5"


async def test_news_while_it_sleeps_is_looked_at_when_it_has_ended(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def sleeper(claim: Claim, ctx: Context, board: Board) -> None:
        await ctx.sleep(1.2)
        await ctx.step("change", lambda: None)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await comes(board, ActivationState.SLEEPING)
        await board.revise(Claim(amount=2), version="any")
        await board.settled(timeout=10)
        kinds = [event.type async for event in board.events() if event.type is EventType.FIRED]
        assert kinds == [EventType.FIRED], "it was bound to the newest version when it ended"


# ---------------------------------------------------------------------------- limits and other words


async def test_limits_of_what_is_recorded(store_url: str, namespace: str) -> None:
    bb = Blackboard(namespace, url=store_url, limits=Limits(entry_bytes=1000, records=2))

    @bb.knowledge_source(retries=0)
    async def much(claim: Claim, ctx: Context) -> None:
        await ctx.step("much", lambda: "x" * 1001)

    @bb.knowledge_source(retries=0)
    async def many(job: Job, ctx: Context) -> None:
        for _ in range(3):
            await ctx.step("one", int)

    async with bb, bb.workers():
        board, other = bb.board("b"), bb.board("other")
        await board.post(Claim(amount=1))
        await other.post(Job(name="a"))
        assert "entry_bytes would be 1003 and may be 1000" in await dead_of(board)
        assert "records would be 3 and may be 2" in await dead_of(other)


@pytest.mark.parametrize("result", [object(), {1, object()}, b"\xff"])
async def test_what_has_no_json_cannot_be_recorded(bb: Blackboard, result: object) -> None:
    @bb.knowledge_source
    async def work(claim: Claim, ctx: Context) -> None:
        await ctx.step("strange", lambda: result)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1))
        problem = await dead_of(board)
        assert "InvalidStep: step strange: what it returned cannot be recorded" in problem


async def test_a_step_that_fails_is_not_recorded(bb: Blackboard) -> None:
    calls = []

    def fail_once() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("no network")
        return len(calls)

    @bb.knowledge_source(backoff=AT_ONCE)
    async def work(claim: Claim, ctx: Context) -> Done:
        return Done(name=str(await ctx.step("flaky", fail_once)))

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1))
        assert (await board.wait_for(Done, timeout=10)).name == "2"


async def test_progress_and_lines_show(bb: Blackboard) -> None:
    go = asyncio.Event()

    @bb.knowledge_source
    async def work(claim: Claim, ctx: Context) -> Done:
        ctx.log("begins\nnow")
        await asyncio.to_thread(ctx.progress, 1, 4, "reading")
        await go.wait()
        ctx.progress(0.9)
        ctx.log("ends")
        return Done(name="x")

    async def said(board: Board) -> list[str | None]:
        return [event.reason async for event in board.events() if event.type is EventType.SAID]

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1))

        async def shows() -> bool:
            return bool(await board.progress())

        await async_eventually(shows, 10, "the progress is known")
        [(name, progress)] = (await board.progress()).items()
        assert (name, str(progress)) == ("work#3", "25% (1 of 4) reading")
        go.set()
        await board.settled(timeout=10)
        lines = await said(board)
        assert sorted(filter(None, lines[:2])) == ["25% (1 of 4) reading", "begins now"]
        assert lines[2:] == ["ends", "90%"]
        assert await records(bb, "b") == 0


async def test_lines_of_a_chatterbox_are_counted_and_not_kept(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def chatter(claim: Claim, ctx: Context) -> Done:
        for i in range(5000):
            ctx.log(f"line {i}")
        return Done(name="x")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.settled(timeout=10)
        lines = [event.reason or "" async for event in board.events() if event.type is EventType.SAID]
        assert len(lines) == 101
        assert lines[-1] == "… and 4900 lines more"


async def test_a_stream_takes_steps_too(bb: Blackboard) -> None:
    called: Tally[str] = Tally()

    @bb.knowledge_source(backoff=AT_ONCE)
    async def stream(claim: Claim, ctx: Context) -> AsyncIterator[Done]:
        await ctx.step("one", called.update, ["one"])
        yield Done(name="a")
        if ctx.attempt == 1:
            raise RuntimeError
        await ctx.sleep(1.2)
        yield Done(name="b")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.wait_for(Done, Done.name == "b", timeout=10)
        assert called == {"one": 1}


@pytest.mark.parametrize("inner", ["step", "sleep", "approval", "plain"])
async def test_no_step_is_taken_inside_of_another(bb: Blackboard, inner: str) -> None:
    """A later run, which is given the record of the outer one, would take other steps; and who waits would wait for itself."""

    async def outer(ctx: Context) -> None:
        if inner == "step":
            await ctx.step("inner", str)
        elif inner == "sleep":
            await ctx.sleep(60)
        else:
            await ctx.approval("Well?")

    if inner == "plain":

        @bb.knowledge_source(retries=0)
        def work_plainly(job: Job, ctx: Context) -> None:
            ctx.sync.step("outer", lambda: ctx.sync.step("inner", str))
    else:

        @bb.knowledge_source(retries=0)
        async def work(job: Job, ctx: Context) -> None:
            await ctx.step("outer", outer, ctx)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job(name="one"))
        await board.settled(20)
        (dead,) = await board.dead()
        assert dead.problem.startswith("InvalidStep:")
        assert "inside of step 'outer'" in dead.problem

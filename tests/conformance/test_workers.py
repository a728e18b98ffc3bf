"""Workers: who runs what, until when, and that nobody waits for the slow."""

import asyncio
import itertools
import threading
import time

import pytest

from blackboard import Blackboard, Board, Entry, StoreRefused, UnknownSource, lease
from blackboard.activation import Claimed
from blackboard.shift import Shift
from tests.conformance.kinds import Claim, Decision, Done, Finding, Job, Note, Plan
from tests.conformance.logbook import events_of, fired
from tests.eventually import async_eventually, eventually


async def test_a_worker_runs_only_the_sources_it_is_told_to(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def cheap(claim: Claim) -> Done:
        return Done(name="cheap")

    @bb.knowledge_source
    async def costly(claim: Claim) -> Done:
        return Done(name="costly")

    async with bb:
        board = bb.board("b")
        async with bb.workers(only=[cheap]):
            await board.post(Claim(amount=1))
            await board.wait_for(Done, timeout=10)
            assert await fired(board) == ["cheap"]
            async with bb.workers(only=["costly"]):
                await board.settled(timeout=10)
                assert await fired(board) == ["cheap", "costly"]
        with pytest.raises(UnknownSource, match=r"no knowledge source magic.*cheap, costly"):
            bb.workers(only=["magic"])


async def test_a_burst_ends_when_nothing_is_left(bb: Blackboard) -> None:
    """Also what is delayed, and what the work itself brings about, is waited for."""

    @bb.knowledge_source
    async def work(job: Job) -> list[Job | Done]:
        return [Done(name=job.name), *([Job(name=job.name + "x")] if len(job.name) < 5 else [])]

    @bb.knowledge_source(after=0.05)
    async def late(done: Done) -> None:
        return None

    async with bb:
        board = bb.board("b")
        await board.post(Job(name="a"), Job(name="b"))
        await asyncio.wait_for(bb.workers(burst=True).run(), 10)
        assert len(await fired(board)) == 20
        assert (await board.status()).settled
        await asyncio.wait_for(bb.workers(burst=True).run(), 10)


async def test_a_worker_goes_home_after_being_idle_for_long_enough(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def work(job: Job) -> Done:
        return Done(name=job.name)

    async with bb:
        board = bb.board("b")
        await board.post(Job(name="a"))
        worker = bb.workers(max_idle=0.1)
        await asyncio.wait_for(worker.run(), 10)
        assert worker.finished == 1


async def running(board: Board, count: int) -> bool:
    return sum(activation.state == "running" for activation in await board.agenda()) == count


async def done(board: Board, count: int) -> bool:
    return len(await board.read(Done)) == count


async def test_a_stuck_agent_delays_no_other(bb: Blackboard) -> None:
    never, thread = asyncio.Event(), threading.Event()

    @bb.knowledge_source
    async def stuck(claim: Claim) -> None:
        await never.wait()

    @bb.knowledge_source
    def stuck_in_thread(claim: Claim) -> None:
        thread.wait()

    @bb.knowledge_source
    def work(job: Job) -> Done:
        return Done(name=job.name)

    async with bb, bb.workers(concurrency=3):
        board, other = bb.board("b"), bb.board("other")
        await board.post(Claim(amount=1))
        await async_eventually(lambda: running(board, 2), 10, "both stuck agents run")
        for where in (board, other):
            await where.post(*(Job(name=str(i)) for i in range(10)))
        await other.settled(timeout=10)
        await async_eventually(lambda: done(board, 10), 10, "the board with the stuck agents goes on")
        never.set()
        thread.set()
        await board.settled(timeout=10)


async def test_threads_that_never_return_do_not_use_up_the_worker(bb: Blackboard) -> None:
    """A plain function cannot be stopped: one that timed out leaves its thread behind, and the next gets another."""
    thread = threading.Event()

    @bb.knowledge_source(timeout=0.02, retries=0)
    def stuck(job: Job) -> None:
        thread.wait()

    @bb.knowledge_source
    def fine(finding: Finding) -> None: ...  # without a limit that a busy machine would not keep

    async with bb, bb.workers(concurrency=2):
        board = bb.board("b")
        try:
            await board.post(*(Job(name=str(i)) for i in range(6)))
            await board.settled(timeout=10)
            await board.post(*(Finding(source=str(i), risk=0) for i in range(6)))
            await board.settled(timeout=10)
            assert (len(await fired(board)), len(await board.dead())) == (6, 6)
        finally:
            thread.set()


def working_day(namespace: str, url: str, runs: list[str]) -> Blackboard:
    """A blackboard with a quick agent, and with two that hold out for three leases and until the quick one has run often:
    one in a thread, and one that blocks its loop."""
    bb = Blackboard(namespace, url=url, lease=5.0)

    def hog(name: str) -> None:
        runs.append(name)
        begun = time.monotonic()
        while time.monotonic() < begun + 0.9 or (runs.count("quick") < 4 and time.monotonic() < begun + 10):
            time.sleep(0.01)

    @bb.knowledge_source(lease=0.3)
    def in_thread(claim: Claim) -> None:
        hog("thread")

    @bb.knowledge_source(lease=0.3)
    async def on_loop(plan: Plan) -> None:
        hog("loop")

    @bb.knowledge_source
    async def quick(job: Job) -> Done:
        runs.append("quick")
        return Done(name=job.name)

    return bb


@pytest.mark.parametrize("hog", [Claim(amount=1), Plan(total=1)], ids=["thread", "loop"])
async def test_an_agent_that_outlasts_its_lease_keeps_it(store_url: str, namespace: str, hog: Entry) -> None:
    """Leases are renewed from a thread of their own: no agent can starve it. A rival claims all the time meanwhile.

    The leases of these agents are also shorter than what their worker would take.
    """
    if store_url.startswith("memory"):
        pytest.skip("a store in memory serves one event loop, and the rival needs one of its own")
    runs: list[str] = []
    bb, rival = (working_day(namespace, store_url, runs) for _ in range(2))

    def compete() -> None:
        with rival.sync() as blackboard, blackboard.workers():
            board = blackboard.board("rival")
            for i in itertools.takewhile(lambda _: not over.is_set(), itertools.count()):
                board.post(Job(name=str(i)))
                board.settled(timeout=10)

    over = threading.Event()
    async with bb:
        board = bb.board("b")
        await board.post(hog)
        async with bb.workers(concurrency=1):
            competing = asyncio.create_task(asyncio.to_thread(compete))
            try:
                await board.settled(timeout=20)
            finally:
                over.set()
                await competing
        assert runs.count("quick") >= 4, "the rival worked all the time"
        assert len(runs) == runs.count("quick") + 1
        assert len(await fired(board)) == 1


async def test_an_idle_worker_learns_of_a_new_delay(bb: Blackboard) -> None:
    """Who sleeps for long is woken for a timer that was not known when it lay down."""

    @bb.knowledge_source(after=0.02)
    async def late(claim: Claim) -> Done:
        return Done(name="late")

    @bb.knowledge_source
    async def work(job: Job) -> Done:
        return Done(name=job.name)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job(name="first"))
        await board.settled(timeout=10)  # from here on the worker is idle
        await board.post(Claim(amount=1))
        await board.settled(timeout=10)
        fire = (await events_of(board, "fired"))[-1]
        opened = (await events_of(board, "triggered"))[-1]
        assert fire.source == opened.source == "late"
        assert fire.started is not None
        assert 20 <= fire.started - opened.milliseconds < 1000


async def test_two_blackboards_of_one_name_share_their_boards(store_url: str, namespace: str) -> None:
    """Two programs, each with its own agents, meet in the namespace."""
    first, second = (Blackboard(namespace, url=store_url) for _ in range(2))

    @first.knowledge_source
    async def look(claim: Claim) -> Note:
        return Note(text="looked")

    @second.knowledge_source
    async def decide(note: Note) -> Decision:
        return Decision(approved=True)

    async with first, second, first.workers(), second.workers():
        await first.board("b").post(Claim(amount=1))
        assert (await second.board("b").wait_for(Decision, timeout=10)).approved
        await first.board("b").settled(timeout=10)
        assert await fired(first.board("b")) == ["look", "decide"]
        other = Blackboard("not-" + namespace, url=store_url)
        async with other:
            assert await other.boards() == []


async def test_many_workers_share_the_work_and_none_is_done_twice(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def work(job: Job) -> Done:
        await asyncio.sleep(0)
        return Done(name=job.name)

    async with bb, bb.workers(concurrency=4), bb.workers(concurrency=4), bb.workers(concurrency=1):
        board = bb.board("b")
        for first in range(0, 100, 10):
            await board.post(*(Job(name=str(i)) for i in range(first, first + 10)))
        await board.settled(timeout=20)
        events = await events_of(board, "fired")
    assert len(events) == 100
    assert len({event.addresses for event in events}) == 100


async def test_boards_spread_over_partitions(store_url: str, namespace: str) -> None:
    bb = Blackboard(namespace, url=store_url, partitions=3)

    @bb.knowledge_source
    async def work(job: Job) -> Done:
        return Done(name=job.name)

    names = {f"board {i}" for i in range(12)}
    async with bb, bb.workers():
        for name in names:
            await bb.board(name).post(Job(name="a"))
        for name in names:
            await bb.board(name).settled(timeout=10)
            assert await fired(bb.board(name)) == ["work"]
        assert set(await bb.boards()) == names
        assert all([await partition.boards() for partition in bb.store().partitions])
    if not store_url.startswith("memory"):
        with pytest.raises(StoreRefused, match="was created with 3 partitions, not 2"):
            async with Blackboard(namespace, url=store_url, partitions=2):
                pass


async def test_workers_that_cannot_register_say_so_at_once(bb: Blackboard, monkeypatch: pytest.MonkeyPatch) -> None:
    async with bb:
        monkeypatch.setattr(bb.store().partitions[0], "register", refuse)
        with pytest.raises(StoreRefused, match="for a test"):
            async with bb.workers():
                pytest.fail("the workers must not start")


async def refuse(*_: object) -> None:
    raise StoreRefused("somewhere", "for a test", "None")


async def test_priorities_decide_what_runs_first(bb: Blackboard) -> None:
    order = []

    def make(name: str, priority: int) -> None:
        async def agent(claim: Claim) -> None:
            order.append(name)

        bb.knowledge_source(name=name, priority=priority)(agent)

    for name, priority in (("normal", 0), ("urgent", 10), ("idle", -10)):
        make(name, priority)
    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        async with bb.workers(concurrency=1):
            await board.settled(timeout=10)
    assert order == ["urgent", "normal", "idle"]


async def test_a_drained_worker_finishes_what_runs_and_takes_nothing_new(bb: Blackboard) -> None:
    running_, go_on = asyncio.Event(), asyncio.Event()

    @bb.knowledge_source
    async def work(job: Job) -> Done:
        running_.set()
        await go_on.wait()
        return Done(name=job.name)

    async with bb:
        board = bb.board("b")
        async with bb.workers(concurrency=1) as worker:
            await board.post(Job(name="a"))
            await asyncio.wait_for(running_.wait(), 10)
            worker.drain()
            await board.post(Job(name="b"))
            go_on.set()
        assert await fired(board) == ["work"]
        [left] = await board.agenda()
        assert (left.state, left.attempts, left.crashes) == ("ready", 0, 0)


async def test_an_aborted_worker_gives_back_what_it_runs_at_no_charge(bb: Blackboard) -> None:
    running_, never = asyncio.Event(), asyncio.Event()

    @bb.knowledge_source
    async def work(job: Job) -> Done:
        running_.set()
        await never.wait()
        return Done(name=job.name)

    async with bb:
        board = bb.board("b")
        async with bb.workers() as worker:
            await board.post(Job(name="a"))
            await asyncio.wait_for(running_.wait(), 10)
            worker.abort()
        [left] = await board.agenda()
        assert (left.state, left.attempts, left.crashes, left.owner) == ("ready", 0, 0, None)
        never.set()
        await board.run_until_settled(timeout=10)
        assert [event.type for event in await events_of(board)][3:] == ["fired", "posted"]


async def test_workers_are_listed_while_they_work(bb: Blackboard) -> None:
    async def listed(count: int) -> bool:
        return len(await bb.store().partitions[0].workers()) == count

    async with bb:
        async with bb.workers(), bb.workers():
            await async_eventually(lambda: listed(2), 10, "both workers have signed")
        assert await listed(0)


async def test_a_worker_may_be_aborted_before_what_it_claimed_has_begun(
    bb: Blackboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends, and what never ran here runs elsewhere at once."""

    @bb.knowledge_source
    async def work(job: Job) -> Done:
        return Done(name=job.name)

    worker = bb.workers()
    take = Shift._take

    def take_and_abort(shift: Shift, claimed: Claimed, *, brief: bool) -> None:
        take(shift, claimed, brief=brief)
        worker.abort()

    async with bb:
        board = bb.board("b")
        await board.post(Job(name="a"))
        monkeypatch.setattr(Shift, "_take", take_and_abort)
        async with asyncio.timeout(10):
            await worker.run()
        monkeypatch.setattr(Shift, "_take", take)
        (given_back,) = await board.agenda()
        assert (given_back.state, given_back.attempts) == ("ready", 0)
        await board.run_until_settled(timeout=10)
        assert await fired(board) == ["work"]


async def test_a_worker_that_is_cancelled_twice_leaves_nothing_behind(bb: Blackboard) -> None:
    """Neither an agent that swallows a cancellation, nor a thread that keeps its lease for ever."""
    began, ended = asyncio.Event(), asyncio.Event()

    @bb.knowledge_source
    async def stubborn(claim: Claim) -> Done:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            working.cancel()  # while it is just ending what it runs
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return Done(name="never")

    async with bb:
        await bb.board("b").post(Claim(amount=1))
        worker = bb.workers()
        working = asyncio.create_task(worker.run())
        async with asyncio.timeout(10):
            await began.wait()
        working.cancel()
        done, _ = await asyncio.wait([working], timeout=10)
        assert done, "the worker has not ended"
        assert working.cancelled()
        assert ended.is_set()
        keeper = f"blackboard-leases-{worker.id}"

        async def gone() -> bool:
            return all(thread.name != keeper for thread in threading.enumerate())

        await async_eventually(gone, 10, "nothing renews its lease")


async def test_an_agent_that_blocks_the_loop_is_named(
    bb: Blackboard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing else of its worker goes on meanwhile, so the thread that renews leases says so, and signs that it is so."""
    monkeypatch.setattr(lease, "STALLED", 0.05)

    def told() -> bool:
        return "the event loop has not gone on" in caplog.text

    @bb.knowledge_source(lease=1)
    async def block(job: Job) -> Done:
        eventually(told, 20, "it is said that the loop is blocked")
        return Done(name=job.name)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job(name="a"))
        await board.settled(timeout=30)
    assert "Under way: block#3 of board b" in caplog.text

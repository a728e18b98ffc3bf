"""A worker that dies, or stops, at each step of its life: nothing is lost, and nothing is done twice."""

import asyncio
import signal
from collections import Counter

import pytest

from blackboard import Board, Event, EventType
from blackboard.facts.story import tell
from blackboard.facts.waiting import surroundings, waits_for
from tests.chaos.app import Answer, Go, Link, Task, build
from tests.chaos.conftest import Hire
from tests.chaos.judge import counted, whole_answer, whole_chain
from tests.eventually import async_eventually

pytestmark = pytest.mark.chaos

DEAD = -signal.SIGKILL


@pytest.mark.parametrize("point", ["claimed", "link 0", "acted", "committed", "idle"])
async def test_a_worker_is_killed_at_each_step(namespace: str, valkey_url: str, hire: Hire, point: str) -> None:
    """Its successor needs no more than the lease of the dead."""
    async with build(namespace, valkey_url) as bb:
        board = bb.board("b")
        dying = await hire(cut=point, lease=0.5)
        if point == "idle":
            assert await dying.ends() == DEAD
        await board.post(Link(place=0))
        if point != "idle":
            assert await dying.ends() == DEAD

        async with bb.workers():
            await board.settled(timeout=10)

        assert await counted(board) == whole_chain()
        assert (await board.get("link/5")).payload == b'{"place":5,"text":"01234"}'  # type: ignore[union-attr]


async def test_the_log_says_that_a_worker_died(namespace: str, valkey_url: str, hire: Hire) -> None:
    """Who took over says so; on the agenda it shows as long as the activation is there."""
    async with build(namespace, valkey_url) as bb:
        board = bb.board("b")
        await board.post(Task(name="wait"))
        dying = await hire(cut="renewing", lease=0.5)
        assert await dying.ends() == DEAD
        async with bb.workers():

            async def again() -> Event | None:
                said = [event async for event in board.events() if event.type is EventType.SAID]
                return said[0] if said else None

            said = await async_eventually(again, 10, "another worker has begun")
            assert said is not None
            assert said.reason == "starts again: its worker died, or lost its lease (1 of at most 1 times)"
            assert tell(said).startswith(
                f"answer#{said.number} starts again on {said.by}: its worker died, or lost its"
            )
            [running] = await board.agenda()
            assert said.by == running.owner
            told = waits_for(running, await surroundings(bb, await board.status(), [running]))
            assert told.endswith("; its worker died once")
            await board.post(Go())
            await board.settled(timeout=10)


@pytest.mark.parametrize("point", ["renewing", "failed"])
async def test_a_worker_is_killed_beside_its_agent(namespace: str, valkey_url: str, hire: Hire, point: str) -> None:
    """While its lease is renewed, or when a failure has been recorded and nobody has heard of it."""
    failures = int(point == "failed")
    async with build(namespace, valkey_url) as bb:
        board = bb.board("b")
        await board.post(Task(name="stumble" if failures else "wait"))
        dying = await hire(cut=point, lease=0.5)
        assert await dying.ends() == DEAD

        await board.post(Go())
        async with bb.workers():
            await board.settled(timeout=10)

        expected = whole_answer(failures) + Counter(["posted go"])
        assert await counted(board) == expected
        assert await board.read(Answer) == Answer(
            name="stumble" if failures else "wait", attempt=1 + failures, crashes=1 - failures
        )


async def test_who_kills_its_workers_is_put_aside(namespace: str, valkey_url: str, hire: Hire) -> None:
    """Death counts against a limit of its own (here 1), and never as an attempt."""
    async with build(namespace, valkey_url) as bb:
        board = bb.board("b")
        await board.post(Task(name="poison"))
        dying = [await hire(cut="acting", lease=0.5) for _ in range(2)]
        assert [await each.ends() for each in dying] == [DEAD, DEAD]

        async with bb.workers():
            await board.settled(timeout=10)

        [dead] = await board.dead()
        assert (dead.attempts, dead.crashes, dead.problem) == (0, 2, "its worker died 2 times")
        assert await counted(board) == Counter(["created", "posted task", "triggered answer", "died answer"])


@pytest.mark.parametrize("wakes", ["while its successor runs", "after its successor"])
async def test_who_sleeps_beyond_its_lease_changes_nothing(
    namespace: str, valkey_url: str, hire: Hire, wakes: str
) -> None:
    """A stopped process goes on where it was: its commit comes late and is refused."""
    taken_over, go_on = asyncio.Event(), asyncio.Event()

    async def cut(_: str) -> None:
        taken_over.set()
        await go_on.wait()

    async with build(namespace, valkey_url, cut) as bb:
        board = bb.board("b")
        await board.post(Task(name="sleep"))
        sleeping = await hire(cut="acted", mode="stop", lease=0.5)
        await sleeping.says("at acted")

        async with bb.workers():
            await asyncio.wait_for(taken_over.wait(), 10)
            if wakes == "after its successor":
                go_on.set()
                await board.settled(timeout=10)
            before = await counted(board)

            sleeping.signal(signal.SIGCONT)
            sleeping.signal(signal.SIGTERM)
            assert await sleeping.ends() == 0
            assert "is no longer this worker's" in sleeping.log
            assert await counted(board) == before

            go_on.set()
            await board.settled(timeout=10)

        assert await counted(board) == whole_answer()
        assert (await board.read(Answer)).crashes == 1


async def test_three_hundred_chains_survive_a_killed_worker(namespace: str, valkey_url: str, hire: Hire) -> None:
    """Two workers run 300 chains of five agents; one is killed in the middle of its work, and another takes its place."""
    async with build(namespace, valkey_url) as bb:
        boards = [bb.board(f"chain {i}") for i in range(300)]
        dying, other = await hire(cut="claimed", after=300), await hire()
        await dying.says("working")
        await other.says("working")
        await asyncio.gather(*(board.post(Link(place=0)) for board in boards))
        assert await dying.ends() == DEAD
        await hire()

        await asyncio.gather(*(board.settled(timeout=30) for board in boards))

        assert [board.id for board in boards if await counted(board) != whole_chain()] == []


# ---------------------------------------------------------------------------- told to end


async def left(board: Board) -> list[tuple[str, int, int]]:
    """What is open on a board: its state, attempts and crashes."""
    return [(str(each.state), each.attempts, each.crashes) for each in await board.agenda()]


async def test_a_worker_that_is_told_to_end_finishes_what_it_runs(namespace: str, valkey_url: str, hire: Hire) -> None:
    async with build(namespace, valkey_url) as bb:
        running, waiting = bb.board("running"), bb.board("waiting")
        await running.post(Task(name="wait"))
        ending = await hire(cut="acting", mode="say")
        await ending.says("at acting")

        ending.signal(signal.SIGTERM)
        await ending.says("drain")
        await waiting.post(Task(name="later"))
        await running.post(Go())

        assert await ending.ends() == 0
        assert await counted(running) == whole_answer() + Counter(["posted go"])
        assert await left(waiting) == [("ready", 0, 0)]
        assert await bb.store().partitions[0].workers() == {}


async def test_a_worker_that_is_told_twice_gives_back_what_it_runs(namespace: str, valkey_url: str, hire: Hire) -> None:
    async with build(namespace, valkey_url) as bb:
        board = bb.board("b")
        await board.post(Task(name="hang"))
        ending = await hire(cut="acting", mode="say", lease=60)
        await ending.says("at acting")

        ending.signal(signal.SIGTERM)
        await ending.says("drain")
        assert await left(board) == [("running", 0, 0)]
        ending.signal(signal.SIGTERM)

        assert await ending.ends() == 0
        assert await left(board) == [("ready", 0, 0)]

"""A server that forgets its scripts, dies, goes away and comes back, or refuses."""

import asyncio
import logging
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

from blackboard import Blackboard, Board, StoreProtocolError, StoreUnreachable, outage
from blackboard.store import calls, embedded
from blackboard.store.connection import Settings
from blackboard.store.partition import Partition
from tests.chaos.app import Answer, Go, Link, Task, build
from tests.chaos.conftest import Hire
from tests.chaos.judge import counted, whole_answer, whole_chain
from tests.eventually import async_eventually, eventually

pytestmark = pytest.mark.chaos


async def run_chains(bb: Blackboard, count: int) -> list[str]:
    """Run chains with two workers; the boards on which something was lost or doubled."""
    boards = [bb.board(f"chain {i}") for i in range(count)]
    async with bb.workers(concurrency=8), bb.workers(concurrency=8):
        await asyncio.gather(*(board.post(Link(place=0)) for board in boards))
        for board in boards:
            await board.settled(timeout=30)
    return [board.id for board in boards if await counted(board) != whole_chain()]


# ---------------------------------------------------------------------------- scripts and functions


@pytest.mark.parametrize("functions", [True, False])
async def test_scripts_that_are_flushed_under_load_come_back(namespace: str, valkey_url: str, functions: bool) -> None:
    """Whichever way commands are called: what the server was made to forget, it is told again."""
    flushes = 0

    async def flush() -> None:
        nonlocal flushes
        while True:
            await bb.store().clients.blocking.execute_command("FUNCTION FLUSH" if functions else "SCRIPT FLUSH")
            flushes += 1
            await asyncio.sleep(0.01)

    async with build(namespace, valkey_url) as bb:
        for partition in bb.store().partitions:
            if not functions:
                partition.calls._functions = False
        flushing = asyncio.create_task(flush())
        try:
            assert await run_chains(bb, 100) == []
        finally:
            flushing.cancel()
            await asyncio.gather(flushing, return_exceptions=True)
        assert flushes > 10


# ---------------------------------------------------------------------------- the embedded server


def kill_server(directory: Path) -> None:
    """Kill the embedded server of a directory."""
    pid = embedded.status(directory).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


async def test_the_embedded_server_is_killed_under_load(
    namespace: str, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With fsync=always nothing that was acknowledged is lost, and whoever needs the server first starts it again."""
    commits = 0

    async def count(_: str) -> None:
        nonlocal commits
        commits += 1
        if commits in {100, 250}:
            kill_server(directory)

    settings = Settings(directory=directory, fsync="always")
    async with build(namespace, None, count, lease=10, settings=settings) as bb:
        with caplog.at_level(logging.WARNING):
            assert await run_chains(bb, 80) == []
    assert commits >= 400
    assert "Repeating" in caplog.text


# ---------------------------------------------------------------------------- a server that goes away


class Away:
    """A redis-server of a test's own, which can be taken away and brought back."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{directory}/redis.sock"

    def come(self) -> None:
        """Start it, and wait until it answers."""
        arguments = ["--port", "0", "--unixsocket", f"{self._directory}/redis.sock", "--dir", str(self._directory)]
        arguments += ["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--logfile", "redis.log"]
        self._process = subprocess.Popen(["redis-server", *arguments], stdout=subprocess.DEVNULL)
        with Redis.from_url(self.url) as client:
            eventually(lambda: self._answers(client), 10, "redis-server answers")

    def go(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @staticmethod
    def _answers(client: Redis) -> bool:
        try:
            return bool(client.ping())
        except RedisError:  # it does not listen yet, or reads its data
            return False


@pytest.fixture
def away(tmp_path_factory: pytest.TempPathFactory, directory: Path, redis_url: str) -> Iterator[Away]:
    """Yield a server that runs."""
    directory.mkdir()
    server = Away(directory)
    server.come()
    try:
        yield server
    finally:
        server.go()


async def test_a_server_that_comes_back_is_waited_for(
    namespace: str, away: Away, caplog: pytest.LogCaptureFixture
) -> None:
    """What an agent finished while the server was away is committed, not done again."""
    gone, go_on, runs = asyncio.Event(), asyncio.Event(), []

    async def cut(_: str) -> None:
        runs.append(1)
        gone.set()
        await go_on.wait()

    async with build(namespace, away.url, cut, lease=30) as bb:
        board = bb.board("b")
        async with bb.workers():
            await board.post(Task(name="x"))
            await asyncio.wait_for(gone.wait(), 10)
            await asyncio.to_thread(away.go)
            go_on.set()
            reading = asyncio.create_task(board.wait_for(Answer, timeout=30))
            await async_eventually(lambda: logged(caplog, "Repeating"), 10, "the wait is logged")
            await asyncio.to_thread(away.come)
            assert (await reading).name == "x"
            await board.post(Go())
        assert runs == [1]
        assert await counted(board) == whole_answer() + Counter(["posted go"])


async def test_an_outage_that_outlasts_the_lease_is_no_death(
    namespace: str, away: Away, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker does not take over from itself what it has finished, or still runs, while the server was away."""
    begun, go_on, runs = asyncio.Event(), asyncio.Event(), []

    async def cut(_: str) -> None:
        runs.append(1)
        if len(runs) == 2:
            begun.set()
        await (go_on if len(runs) == 1 else asyncio.Event()).wait()

    async with build(namespace, away.url, cut, lease=0.5) as bb:
        finished, running = bb.board("finished"), bb.board("running")
        async with bb.workers() as worker:
            await finished.post(Task(name="x"))
            await running.post(Task(name="y"))
            await asyncio.wait_for(begun.wait(), 10)
            await asyncio.to_thread(away.go)
            began = asyncio.get_running_loop().time()
            go_on.set()
            await async_eventually(lambda: logged(caplog, "Repeating"), 10, "the wait is logged")
            await async_eventually(lambda: passed(began + 1.5), 10, "the leases have run out")
            await asyncio.to_thread(away.come)
            await finished.settled(timeout=20)
            await async_eventually(lambda: logged(caplog, "answers again"), 10, "that it is back is logged")
            [open_one] = await running.agenda()
            assert (open_one.crashes, len(runs)) == (0, 2)
            worker.abort()
        assert await counted(finished) == whole_answer()
        assert (await finished.read(Answer)).crashes == 0
        assert "starts again" not in caplog.text


async def test_who_had_no_call_to_make_during_an_outage_has_died_as_little(
    namespace: str, away: Away, caplog: pytest.LogCaptureFixture
) -> None:
    """All its slots are taken, so that only the thread that renews leases has found the server away."""
    begun, runs, gates = asyncio.Event(), [], [asyncio.Event(), asyncio.Event()]

    async def cut(_: str) -> None:
        gate = gates[len(runs)]
        runs.append(1)
        if len(runs) == len(gates):
            begun.set()
        await gate.wait()

    async with build(namespace, away.url, cut, lease=0.5) as bb:
        boards = [bb.board("a"), bb.board("b")]
        async with bb.workers(concurrency=2):
            for board in boards:
                await board.post(Task(name="x"))
            await asyncio.wait_for(begun.wait(), 10)
            await asyncio.to_thread(away.go)
            began = asyncio.get_running_loop().time()
            await async_eventually(lambda: logged(caplog, "leases not renewed"), 10, "the outage is noticed")
            await async_eventually(lambda: passed(began + 1.5), 10, "the leases have run out")
            await asyncio.to_thread(away.come)
            gates[0].set()
            await async_eventually(lambda: finished(boards), 10, "one of them has finished")
            gates[1].set()
            for board in boards:
                await board.settled(timeout=20)
        assert [(await board.read(Answer)).crashes for board in boards] == [0, 0]
        assert len(runs) == 2


async def test_others_do_not_take_over_from_who_could_not_renew(
    namespace: str, away: Away, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After an outage that has outlasted all leases, an idle worker gives the others time to renew theirs."""
    monkeypatch.setattr(calls, "LONGEST_PAUSE", 0.02)  # so that it is the first to find the server back
    begun, go_on, runs = asyncio.Event(), asyncio.Event(), []

    async def cut(_: str) -> None:
        runs.append(1)
        begun.set()
        await go_on.wait()

    async with build(namespace, away.url, cut, lease=1.0) as bb:
        board = bb.board("b")
        async with bb.workers(concurrency=1) as one, bb.workers(concurrency=1) as other:
            for shift in (*one._shifts, *other._shifts):
                shift._leases._shortest = 1.8  # leases are renewed by a thread that looks every 150 ms
            await board.post(Task(name="x"))
            await asyncio.wait_for(begun.wait(), 10)
            await asyncio.to_thread(away.go)
            began = asyncio.get_running_loop().time()
            await async_eventually(lambda: passed(began + 2.5), 10, "the lease has run out")
            await asyncio.to_thread(away.come)
            await async_eventually(lambda: logged(caplog, "answers again"), 10, "an idle worker goes on")
            go_on.set()
            await board.settled(timeout=20)
        assert ((await board.read(Answer)).crashes, len(runs)) == (0, 1)
        assert "starts again" not in caplog.text


async def finished(boards: list[Board]) -> bool:
    return any([await board.read(Answer) for board in boards])


async def passed(time: float) -> bool:
    return asyncio.get_running_loop().time() > time


async def test_who_is_told_to_end_does_not_wait_long_for_a_server_that_is_away(
    namespace: str, away: Away, hire: Hire
) -> None:
    """What it has finished is done again by others; told twice, it ends at once."""
    async with build(namespace, away.url) as bb:
        await bb.board("b").post(Task(name="x"))
        drained = await hire(cut="acted", mode="stop", url=away.url)
        await drained.says("at acted")  # and has nobody to tell
        aborted = await hire(url=away.url)
        await aborted.says("working")
        await asyncio.to_thread(away.go)
        for worker in (drained, aborted):
            worker.signal(signal.SIGCONT)
            worker.signal(signal.SIGTERM)
        await aborted.says("drain")
        aborted.signal(signal.SIGTERM)
        async with asyncio.timeout(35):
            await asyncio.gather(drained.ends(), aborted.ends())
        assert "never retrieved" not in drained.log + aborted.log


async def logged(caplog: pytest.LogCaptureFixture, words: str) -> bool:
    return words in caplog.text


async def test_a_wait_for_the_server_ends_in_a_typed_error(namespace: str, away: Away) -> None:
    async with build(namespace, away.url) as bb:
        bb.store().partitions[0].calls.patience = 0.2
        board = bb.board("b")
        await board.post(Go())
        await asyncio.to_thread(away.go)
        for call in (board.post(Task(name="x")), board.read(Go), board.status(), anext(board.events())):
            with pytest.raises(StoreUnreachable, match=r"does not answer: .*Check that the server runs"):
                await call


async def test_a_worker_gives_up_when_its_server_stays_away(
    namespace: str, away: Away, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends with the typed error, and says in between that it waits."""
    monkeypatch.setattr(outage, "LONGEST_OUTAGE", 0.3)
    monkeypatch.setattr(outage, "PAUSE", 0.1)
    async with build(namespace, away.url) as bb:
        bb.store().partitions[0].calls.patience = 0.1
        ready = asyncio.Event()
        working = asyncio.create_task(bb.workers().run(ready))
        await asyncio.wait_for(ready.wait(), 10)
        await asyncio.to_thread(away.go)
        with pytest.raises(StoreUnreachable):
            await asyncio.wait_for(working, 20)
        assert "goes on trying" in caplog.text


# ---------------------------------------------------------------------------- a server that cannot do what it is asked


async def test_a_contribution_that_the_store_cannot_take_fails_alone(
    namespace: str, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group of contributions goes in one call; one that breaks the call does not take the others with it."""
    gate = asyncio.Barrier(6)
    original = Partition.commit

    async def choke(self: Partition, commits: Any, *rest: Any) -> Any:
        if any(b"indigestible" in str(commit.writes).encode() for commit in commits):
            raise StoreProtocolError("commit", "ERR for a test")
        return await original(self, commits, *rest)

    async def together(_: str) -> None:
        await gate.wait()

    monkeypatch.setattr(Partition, "commit", choke)
    async with build(namespace, valkey_url, lease=30) as bb:
        boards = {name: bb.board(name) for name in ("fine 1", "fine 2", "fine 3", "fine 4", "fine 5", "indigestible")}

        @bb.knowledge_source(retries=0, name="write")
        async def write(go: Go, board: Board) -> Answer:
            await together("")
            return Answer(name=board.id, attempt=0, crashes=0)

        async with bb.workers():
            for board in boards.values():
                await board.post(Go())
            for board in boards.values():
                await board.settled(timeout=20)
        assert {name for name, board in boards.items() if await board.read(Answer) is not None} == set(boards) - {
            "indigestible"
        }
        [dead] = await boards["indigestible"].dead()
        assert "ERR for a test" in dead.problem

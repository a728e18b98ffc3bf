"""A claim that waits behind the doorbell saves a round trip, and costs little when its worker goes meanwhile."""

import asyncio
import signal
from collections import Counter
from pathlib import Path

import pytest

from blackboard import Blackboard, Entry
from blackboard.activation import ActivationState
from blackboard.store.connection import connect
from tests.chaos.app import Answer, Bill, Task, build
from tests.chaos.conftest import Hire
from tests.chaos.judge import counted, whole_answer
from tests.eventually import async_eventually


class Order(Entry):
    """Asks for something that is done outside the board."""


class Done(Entry):
    """It is done."""


async def await_listeners(url: str, count: int) -> None:
    """Wait until so many connections block on a doorbell, with a claim behind that or without."""
    clients = await connect(url)

    async def there_are() -> bool:
        listed: bytes = await clients.commands.execute_command("CLIENT", "LIST")
        return listed.count(b"cmd=blpop") == count

    try:
        await async_eventually(there_are, 20, f"{count} workers listen for the doorbell")
    finally:
        await clients.aclose()


async def test_who_is_stopped_in_a_vigil_takes_an_activation_along_for_a_moment(
    namespace: str, valkey_url: str, hire: Hire
) -> None:
    """For half a lease: a worker that is there renews it before."""
    async with build(namespace, valkey_url) as bb:
        board = bb.board("b")
        stopped = await hire(lease=2.0)
        await await_listeners(valkey_url, 1)
        stopped.signal(signal.SIGSTOP)

        await board.post(Task(name="x"))
        [taken] = await board.agenda()
        assert taken.state is ActivationState.RUNNING
        async with bb.workers():
            await board.settled(timeout=20)

        assert await board.read(Answer) == Answer(name="x", attempt=1, crashes=1)
        stopped.signal(signal.SIGCONT)
        stopped.signal(signal.SIGTERM)
        assert await stopped.ends() == 0
        assert await counted(board) == whole_answer()


async def test_who_hears_too_late_what_it_got_does_not_run_it(
    namespace: str, valkey_url: str, hire: Hire, tmp_path: Path
) -> None:
    """Its process stood still for longer than the lease: another has taken over, and paid."""
    ledger = tmp_path / "ledger"
    ledger.touch()
    async with build(namespace, valkey_url) as bb:
        board = bb.board("b")
        late = await hire(lease=2.0)
        await await_listeners(valkey_url, 1)
        late.signal(signal.SIGSTOP)
        await board.post(Bill(ledger=str(ledger)))
        async with bb.workers():
            await board.settled(timeout=20)
        assert len(ledger.read_text().split()) == 1

        late.signal(signal.SIGCONT)
        await async_eventually(lambda: listens_again(valkey_url), 20, "it has heard, and listens again")
        late.signal(signal.SIGTERM)
        assert await late.ends() == 0

        assert len(ledger.read_text().split()) == 1


async def listens_again(url: str) -> bool:
    await await_listeners(url, 1)
    return True


async def test_who_may_not_wait_at_the_server_does_without(
    namespace: str, valkey_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An idle worker does not call again and again where the server refuses to let it block."""
    clients = await connect(valkey_url)
    await clients.commands.execute_command(
        "ACL", "SETUSER", namespace, "on", "nopass", "~*", "&*", "+@all", "-@blocking"
    )
    try:
        async with build(namespace, f"{valkey_url}?username={namespace}&password=x") as bb, bb.workers():

            async def given_up() -> bool:
                return bb.store().clients.waits is None

            await async_eventually(given_up, 10, "it waits no more")
            assert "the doorbell cannot be waited for" in caplog.text
            await bb.board("b").post(Task(name="x"))
            await bb.board("b").settled(timeout=10)
    finally:
        await clients.commands.execute_command("ACL", "DELUSER", namespace)
        await clients.aclose()


async def test_who_is_killed_in_a_vigil_takes_nothing_along(namespace: str, valkey_url: str, hire: Hire) -> None:
    async with build(namespace, valkey_url) as bb:
        board = bb.board("b")
        dying = await hire(lease=60.0)
        await await_listeners(valkey_url, 1)
        dying.signal(signal.SIGKILL)
        await await_listeners(valkey_url, 0)

        await board.post(Task(name="x"))
        assert [each.state for each in await board.agenda()] == [ActivationState.READY]
        async with bb.workers():
            await board.settled(timeout=10)

        assert await board.read(Answer) == Answer(name="x", attempt=1, crashes=0)


@pytest.mark.parametrize("turns", range(0, 40, 3))
async def test_who_ends_gives_back_what_its_vigil_gets(namespace: str, valkey_url: str, turns: int) -> None:
    """The worker is told to end so many turns of the loop after a post that its vigil hears."""
    async with build(namespace, valkey_url) as bb:
        board, worker = bb.board("b"), bb.workers(concurrency=4)
        working = asyncio.create_task(worker.run())
        await await_listeners(valkey_url, 1)

        posting = asyncio.create_task(board.post(Task(name="hang")))
        for _ in range(turns):
            await asyncio.sleep(0)
        worker.drain()
        await posting
        worker.abort()  # should it have begun
        await asyncio.wait_for(working, 10)

        [open_one] = await board.agenda()
        assert (open_one.state, open_one.attempts, open_one.crashes) == (ActivationState.READY, 0, 0)
        async with bb.workers() as others:
            await async_eventually(lambda: is_running(bb), 10, "another worker runs it")
            others.abort()
        assert await counted(board) == Counter(["created", "posted task", "triggered answer"])


async def is_running(bb: Blackboard) -> bool:
    return [each.state for each in await bb.board("b").agenda()] == [ActivationState.RUNNING]


@pytest.mark.parametrize("reconciled", [False, True])
async def test_no_person_is_asked_because_an_idle_worker_was_lost(
    namespace: str, valkey_url: str, reconciled: bool
) -> None:
    """What may have acted outside the board is in doubt when its worker dies; where a person would be asked, nobody takes an
    activation before somebody is there."""
    bb = Blackboard(namespace, url=valkey_url)
    again = {"reconcile": lambda order: None} if reconciled else {}

    @bb.knowledge_source(effects="external", **again)
    async def act(order: Order) -> Done:
        return Done()

    async with bb, bb.workers() as worker:
        await await_listeners(valkey_url, 1)
        assert [shift._keeps_vigils for shift in worker._shifts] == [reconciled]
        await bb.board("b").post(Order())
        await bb.board("b").settled(timeout=10)

"""Connections that break in the middle of a call: the caller sees success once, the board one contribution."""

import asyncio
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest

from blackboard import Board, VersionConflict, outage
from tests.chaos.app import Answer, Go, Link, Task, build
from tests.chaos.judge import counted, whole_answer, whole_chain
from tests.chaos.proxy import Moment, proxy_to

pytestmark = pytest.mark.chaos

MOMENTS: list[Moment] = ["before", "after"]


@pytest.fixture
def socket() -> Path:
    """Return a short path for the proxy's socket; the proxy removes it."""
    return Path(f"/tmp/bb-{uuid4().hex[:12]}.sock")


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_post_that_is_cut_off_succeeds_once(
    namespace: str, valkey_url: str, socket: Path, moment: Moment
) -> None:
    async with proxy_to(valkey_url, socket) as (proxy, url), build(namespace, url) as bb:
        board = bb.board("b")
        proxy.cut("post", moment, 1, 2, 4)
        first = await board.post(Go(), Task(name="x"))
        assert [stamp.version for stamp in first.stamps] == [1, 1]
        task = await board.read(Task)
        task.name = "y"
        second = await board.revise(task)
        assert second.stamps[0].version == 2
        with pytest.raises(VersionConflict):  # a real conflict is still one
            await board.revise(Task(name="z"), version=1)
        await board.retract(Go)

        assert proxy.cuts == 3
        assert await counted(board) == Counter(
            ["created", "posted go", "posted task", "triggered answer", "revised task", "retracted go"]
        )


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("call", ["commit", "claim"])
async def test_workers_lose_and_double_nothing(
    namespace: str, valkey_url: str, socket: Path, call: str, moment: Moment
) -> None:
    """Every other round trip of the workers breaks; the chains run as if nothing had happened, at no one's expense."""
    async with proxy_to(valkey_url, socket) as (proxy, url), build(namespace, url, lease=30) as bb:
        boards = [bb.board(f"chain {i}") for i in range(8)]
        proxy.cut(call, moment, *range(1, 12, 2))
        async with bb.workers(concurrency=4):
            for board in boards:
                await board.post(Link(place=0))
            for board in boards:
                await board.settled(timeout=20)
        assert proxy.cuts > 1
        for board in boards:
            assert await counted(board) == whole_chain()


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("call", ["commit", "claim"])
async def test_what_an_answer_that_never_came_handed_out_is_not_left_to_its_lease(
    namespace: str, valkey_url: str, socket: Path, call: str, moment: Moment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even when the call was given up: the worker asks again under the same number, and gets what it got."""
    monkeypatch.setattr(outage, "PAUSE", 0.05)
    async with proxy_to(valkey_url, socket) as (proxy, url), build(namespace, url, lease=30) as bb:
        bb.store().partitions[0].calls.patience = 0
        board = bb.board("b")
        await board.post(Link(place=0))
        proxy.cut(call, moment, 1, 2, 4)
        await board.run_until_settled(timeout=20)
        assert proxy.cuts > 0
        assert await counted(board) == whole_chain()


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_failure_is_charged_once(namespace: str, valkey_url: str, socket: Path, moment: Moment) -> None:
    async with proxy_to(valkey_url, socket) as (proxy, url), build(namespace, url, lease=30) as bb:
        board = bb.board("b")
        proxy.cut("fail", moment, 1, 2)
        await board.post(Task(name="stumble"))
        await board.run_until_settled(timeout=20)
        assert proxy.cuts > 0
        assert await counted(board) == whole_answer(failed=1)
        assert (await board.read(Answer)).attempt == 2


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_lease_survives_renewals_that_break(
    namespace: str, valkey_url: str, socket: Path, moment: Moment
) -> None:
    async with proxy_to(valkey_url, socket) as (proxy, url), build(namespace, url, lease=0.9) as bb:
        board = bb.board("b")
        proxy.cut("renew", moment, 1, 3)
        async with bb.workers(), bb.workers():
            await board.post(Task(name="wait"))
            await asyncio.wait_for(proxy.finished.wait(), 20)
            await board.post(Go())
            await board.settled(timeout=20)
        assert await counted(board) == whole_answer() + Counter(["posted go"])
        assert await board.read(Answer) == Answer(name="wait", attempt=1, crashes=0)


async def test_who_waits_goes_on_waiting_when_the_connection_breaks(
    namespace: str, valkey_url: str, socket: Path
) -> None:
    """All connections break at once, those that listen for news included."""

    async def answered(board: Board) -> int:
        return len([event async for event in board.events(follow=True) if event.type == "posted"])

    async with (
        build(namespace, valkey_url) as outside,
        proxy_to(valkey_url, socket) as (_, url),
        build(namespace, url) as bb,
    ):
        board = bb.board("b")
        waiting = asyncio.create_task(board.wait_for(Answer, timeout=20))
        following = asyncio.create_task(answered(board))
        await outside.board("b").post(Go())
        await board.wait_for(Go, timeout=10)
        for client in (bb.store().clients.commands, bb.store().clients.blocking):
            await client.connection_pool.disconnect()  # type: ignore[union-attr]  # it is no cluster
        await outside.board("b").post(Task(name="x"))
        await outside.board("b").run_until_settled(timeout=20)
        assert (await waiting).name == "x"
        await outside.board("b").close()
        assert await asyncio.wait_for(following, 20) == 3

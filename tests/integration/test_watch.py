"""Who watches a board is woken by what it waits for, and by nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from blackboard import Blackboard, BoardClosed, Entry
from blackboard.store import watch
from blackboard.store.watch import ANY_EVENT, OVER, REST, Signal, change_of
from tests.eventually import async_eventually


class Apple(Entry):
    n: int


class Pear(Entry):
    n: int


def heard(signal: Signal) -> Callable[[], int]:
    """How often a signal has rung."""
    rings, ring = [0], signal.ring

    def counted(*, over: bool = False) -> None:
        rings[0] += 1
        ring(over=over)

    signal.ring = counted  # type: ignore[method-assign]
    return lambda: rings[0]


async def test_each_topic_is_heard_by_who_waits_for_it(store_url: str, namespace: str) -> None:
    async with Blackboard(namespace, url=store_url) as bb, AsyncExitStack() as stack:
        board, watched = bb.board("b"), bb.store().watch("b")
        topics = {"any": ANY_EVENT, "apple": change_of("apple"), "pear": change_of("pear"), "rest": REST, "over": OVER}
        rings = {}
        for name, topic in topics.items():
            rings[name] = heard(await stack.enter_async_context(watched.board("b", (topic,))))

        await board.post(Apple(n=1))
        await board.post(Pear(n=1))
        await board.close()

        async def all_heard() -> bool:
            return all(count() for count in rings.values()) and rings["any"]() == 3

        await async_eventually(all_heard, 10, "all topics were heard")
        assert {name: count() for name, count in rings.items()} == {
            "any": 3, "apple": 1, "pear": 1, "rest": 3, "over": 1,
        }  # fmt: skip


async def test_other_boards_are_not_heard(store_url: str, namespace: str) -> None:
    async with Blackboard(namespace, url=store_url) as bb:
        watched = bb.store().watch("b")
        async with watched.board("b") as signal, watched.board("c") as other:
            rings, others = heard(signal), heard(other)
            await bb.board("b").post(Apple(n=1))
            await bb.board("c").post(Apple(n=1))

            async def c_heard() -> bool:
                return others() == 1

            await async_eventually(c_heard, 10, "what came last was heard")
            assert rings() == 1


async def test_a_channel_is_left_when_nobody_waits_and_heard_again(store_url: str, namespace: str) -> None:
    """It lingers for a moment; who comes in that moment still hears, and so does who comes after it."""
    async with Blackboard(namespace, url=store_url) as bb:
        watched = bb.store().watch("b")
        for turn in range(3):
            async with watched.board("b", (change_of("apple"),)) as signal:
                rings = heard(signal)
                await bb.board("b").post(Apple(n=1)) if turn == 0 else await bb.board("b").revise(
                    Apple(n=turn + 1), version="any"
                )

                async def rung(rings: Callable[[], int] = rings) -> bool:
                    return rings() == 1

                await async_eventually(rung, 10, f"turn {turn} was heard")
            if turn == 1:

                async def left() -> bool:
                    return not watched._waiters

                await async_eventually(left, 20 * watch.LINGER_SECONDS, "nobody waits, and the channel is left")


@pytest.fixture
def only_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiters do not look by themselves, so that one who is not woken is noticed."""
    monkeypatch.setattr(watch, "LONGEST_WAIT_SECONDS", 60.0)


async def turns(count: int) -> None:
    """Let everything else go on for so many turns of the loop."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.usefixtures("only_when_told")
@pytest.mark.parametrize("steps", range(2, 26, 2))
async def test_a_first_wait_that_is_cut_short_leaves_nobody_deaf(valkey_url: str, namespace: str, steps: int) -> None:
    """Wherever it was, while the connection was made or a channel joined: it ends, and who waits next is woken."""
    async with Blackboard(namespace, url=valkey_url) as bb, Blackboard(namespace, url=valkey_url) as other:
        cut_short = asyncio.create_task(bb.board("b").wait_for(Apple))
        await turns(steps)
        cut_short.cancel()
        async with asyncio.timeout(10):
            await asyncio.wait([cut_short])
        assert cut_short.cancelled()

        for board in ("b", "c"):
            waiting = asyncio.create_task(bb.board(board).wait_for(Apple))
            await async_eventually(lambda board=board: listened_to(bb, board), 10, "the next wait has joined")
            await other.board(board).post(Apple(n=1))
            async with asyncio.timeout(10):
                await waiting


async def listened_to(bb: Blackboard, board: str) -> bool:
    """Whether the server knows that somebody watches, and that somebody waits for apples on a board."""
    keys = bb.store().partition(board).keys
    channels = (keys.presence, keys.channel(board, change_of("apple")))
    told = await bb.store().clients.commands.execute_command("PUBSUB NUMSUB", *channels)
    return all(
        count == 1 for _, count in (told if isinstance(told[0], tuple) else zip(told[::2], told[1::2], strict=True))
    )


@pytest.mark.usefixtures("only_when_told")
@pytest.mark.parametrize("steps", range(0, 24, 2))
async def test_who_comes_while_the_first_is_still_connecting_hears_too(
    valkey_url: str, namespace: str, steps: int
) -> None:
    async with Blackboard(namespace, url=valkey_url) as bb, Blackboard(namespace, url=valkey_url) as other:
        first = asyncio.create_task(bb.board("b").wait_for(Apple))
        await turns(steps)
        second = asyncio.create_task(bb.board("b").wait_for(Apple))
        await turns(steps)
        await other.board("b").post(Apple(n=1))
        async with asyncio.timeout(10):
            await asyncio.gather(first, second)


@pytest.mark.usefixtures("only_when_told")
async def test_who_waits_hears_that_the_board_is_closed(store_url: str, namespace: str) -> None:
    async with Blackboard(namespace, url=store_url) as bb:
        board = bb.board("b")
        await board.post(Pear(n=1))
        waiting = asyncio.create_task(board.wait_for(Apple))

        async def waits() -> bool:
            return bool(bb.store().watch("b")._heard)

        await async_eventually(waits, 10, "it waits")
        await board.close()
        async with asyncio.timeout(10):
            with pytest.raises(BoardClosed):
                await waiting


@pytest.mark.usefixtures("only_when_told")
async def test_a_connection_that_breaks_is_made_anew_with_all_channels(valkey_url: str, namespace: str) -> None:
    async with Blackboard(namespace, url=valkey_url) as bb, Blackboard(namespace, url=valkey_url) as other:
        waiting = [asyncio.create_task(bb.board(board).wait_for(Apple)) for board in ("b", "c")]
        for board in ("b", "c"):
            await async_eventually(lambda board=board: listened_to(bb, board), 10, "they wait")
        await other.store().clients.commands.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        for board in ("b", "c"):
            await async_eventually(lambda board=board: listened_to(bb, board), 20, "they wait again")
            await other.board(board).post(Apple(n=1))
        async with asyncio.timeout(10):
            await asyncio.gather(*waiting)

"""Who watches a board is woken by what it waits for, and by nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack

from blackboard import Blackboard, Entry
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

    def counted() -> None:
        rings[0] += 1
        ring()

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

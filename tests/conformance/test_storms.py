"""Storms stop: agents that drive each other without end are paused, the cycle is named, nothing is lost, and more is allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from blackboard import (
    UNIQUE,
    Blackboard,
    Board,
    Context,
    Count,
    Entry,
    Event,
    GuardTripped,
    Handoff,
    InvalidSource,
    Limits,
    Quiescent,
    TimedOut,
    Tripped,
)
from blackboard.control import Delegation, Parallel, Setback, Supervisor
from tests.conformance.logbook import events_of
from tests.conftest import empty_namespace
from tests.eventually import async_eventually

SOON = 20.0
DEPTH = 30
"""The limit of most of these tests."""


class Alpha(Entry):
    """Each of the three leads to the next."""

    n: int


class Beta(Entry):
    n: int


class Gamma(Entry):
    n: int


class Report(Entry):
    n: int


class Drop(Entry, key=UNIQUE):
    """A new one each time."""

    n: int


@pytest.fixture
def bb(store_url: str, namespace: str) -> Blackboard:
    """Return a blackboard whose boards bear little."""
    return Blackboard(namespace, url=store_url, limits=Limits(depth=DEPTH))


@pytest.fixture(params=["choreography", "orchestration"])
def board(bb: Blackboard, request: pytest.FixtureRequest) -> Callable[[], Board]:
    """Return how to begin a board in each mode."""
    strategy = Parallel(4) if request.param == "orchestration" else None
    bb.strategy = strategy

    def begin() -> Board:
        return bb.board("b")

    return begin


async def tripped(board: Board) -> Tripped:
    """Wait until a guard has paused the board."""

    async def look() -> Tripped | None:
        return await board._partition.tripped(board.id)

    found = await async_eventually(look, SOON, f"a guard trips on board {board.id}")
    assert (await board.mode()).tripped == found
    return found


async def paused(board: Board) -> Event:
    return (await events_of(board, "paused"))[-1]


def three(bb: Blackboard) -> None:
    """A→B→C→A."""

    @bb.knowledge_source
    async def first(alpha: Alpha, beta: Beta | None) -> Beta:
        return _next(beta, Beta(n=alpha.n + 1))

    @bb.knowledge_source
    def second(beta: Beta, gamma: Gamma | None) -> Gamma:
        return _next(gamma, Gamma(n=beta.n + 1))

    @bb.knowledge_source
    async def third(gamma: Gamma, alpha: Alpha | None) -> Alpha:
        return _next(alpha, Alpha(n=gamma.n + 1))


def _next(found: Entry | None, new: Entry) -> Entry:
    """The next version of an entry that may be there."""
    if found is None:
        return new
    found.n = new.n  # type: ignore[attr-defined]  # all of them count
    return found


# ---------------------------------------------------------------------------- loops


async def test_three_that_drive_each_other(bb: Blackboard, board: Callable[[], Board]) -> None:
    three(bb)
    async with bb, bb.workers(), bb.controller():
        await board().post(Alpha(n=0))
        found = await tripped(board())
        cycle = "first → beta → second → gamma → third → alpha → first"
        assert found == Tripped("depth", DEPTH, DEPTH + 1, "", cycle)
        event = await paused(board())
        assert (event.by, event.reason) == ("@guard", f"depth {DEPTH + 1} > {DEPTH}: {cycle}")
        assert [each.state for each in await board().agenda()] == ["held"]
        alpha = await board().read(Alpha)
        assert alpha.n == DEPTH


async def test_a_higher_limit_lets_it_go_on_where_it_was(bb: Blackboard, board: Callable[[], Board]) -> None:
    three(bb)
    async with bb, bb.workers(), bb.controller():
        on = board()
        await on.post(Alpha(n=0))
        await tripped(on)
        with pytest.raises(GuardTripped) as refused:
            await on.resume()
        assert refused.value.remedy == f"board.resume(depth={2 * DEPTH})"
        assert (await on.status()).paused
        await on.resume("one round more", depth=DEPTH + 3)
        assert (await events_of(on, "resumed"))[-1].reason == f"one round more, depth up to {DEPTH + 3}"
        found = await async_eventually(lambda: _tripped_beyond(on, DEPTH + 3), SOON, "it trips again")
        assert found.reached == DEPTH + 4
        alpha = await on.read(Alpha)
        assert alpha.n == DEPTH + 3, "nothing was lost and nothing was done twice"
        assert len(await events_of(on, "fired")) == DEPTH + 3


async def _tripped_beyond(board: Board, limit: int) -> Tripped | None:
    found = await board._partition.tripped(board.id)
    return found if found and found.limit == limit else None


async def test_a_loop_through_timers(bb: Blackboard, board: Callable[[], Board]) -> None:
    @bb.knowledge_source(after=0.002)
    async def tick(alpha: Alpha, beta: Beta | None) -> Beta:
        return _next(beta, Beta(n=alpha.n))

    @bb.knowledge_source(after=timedelta(milliseconds=1))
    async def tock(beta: Beta, alpha: Alpha) -> Alpha:
        alpha.n += 1
        return alpha

    async with bb, bb.workers(), bb.controller():
        await board().post(Alpha(n=0))
        assert (await tripped(board())).guard == "depth"
        assert "tick → beta → tock → alpha → tick" in str((await paused(board())).reason)


async def test_a_loop_through_handoffs(bb: Blackboard, board: Callable[[], Board]) -> None:
    @bb.knowledge_source
    async def sales(alpha: Alpha) -> Handoff:
        return Handoff("support")

    @bb.knowledge_source(when=Alpha.n < 0)
    async def support(alpha: Alpha) -> Handoff:
        return Handoff("sales", note="not mine")

    async with bb, bb.workers(), bb.controller():
        await board().post(Alpha(n=0))
        assert (await tripped(board())).chain == "sales → (handoff) → support → (handoff) → sales"


async def test_a_loop_through_quiescence(bb: Blackboard, board: Callable[[], Board]) -> None:
    @bb.knowledge_source
    async def work(alpha: Alpha) -> Drop:
        return Drop(n=alpha.n)

    @bb.knowledge_source(when=Quiescent())
    async def again(drops: list[Drop], alpha: Alpha) -> Alpha:
        alpha.n = len(drops)
        return alpha

    async with bb, bb.workers(), bb.controller():
        await board().post(Alpha(n=0))
        chain = (await tripped(board())).chain
        assert chain.endswith(("alpha → work", "(quiescence) → again"))
        assert "(quiescence) → again → alpha → work" in chain


@pytest.mark.parametrize("plain", [False, True])
async def test_a_loop_through_two_boards(bb: Blackboard, board: Callable[[], Board], plain: bool) -> None:
    other = {"b": "c", "c": "b"}

    if plain:

        @bb.knowledge_source
        def bounce(alpha: Alpha, board: Board) -> None:
            asyncio.run_coroutine_threadsafe(over(other[board.id], alpha), loop).result()

    else:

        @bb.knowledge_source
        async def bounce(alpha: Alpha, board: Board) -> None:
            await over(other[board.id], alpha)

    async def over(there: str, alpha: Alpha) -> None:
        await bb.board(there).retract(Alpha)
        await bb.board(there).post(Alpha(n=alpha.n + 1))

    async with bb, bb.workers(), bb.controller():
        loop = asyncio.get_running_loop()
        await board().post(Alpha(n=0))
        found = await tripped(bb.board("b"))
        assert found.reached == DEPTH + 1
        assert found.chain == "b: bounce → c: alpha → bounce → b: alpha → bounce"
        posts = await events_of(bb.board("c"), "posted")
        assert {str(event.by).partition("#")[0] for event in posts} == {"b/bounce"}


async def test_a_loop_through_another_blackboard(store_url: str, namespace: str, bb: Blackboard) -> None:
    """Depth is carried on; its origin is named, and cannot be followed."""
    beyond = Blackboard(f"{namespace}x", url=store_url)

    @bb.knowledge_source
    async def over(alpha: Alpha) -> None:
        await beyond.board("there").post(Alpha(n=alpha.n))

    async with bb, beyond, bb.workers():
        await bb.board("here").post(Alpha(n=1))
        await bb.board("here").settled(SOON)
        (posted,) = await events_of(beyond.board("there"), "posted")
        assert posted.by == f"{namespace}:here/over#3"
        await beyond.board("there").close()
        await _forget(store_url, f"{namespace}x")


async def _forget(store_url: str, namespace: str) -> None:
    if not store_url.startswith("memory"):
        empty_namespace(store_url, namespace)


async def test_a_loop_through_the_board_that_an_agent_was_given(bb: Blackboard, board: Callable[[], Board]) -> None:
    @bb.knowledge_source(reentrant=True)
    async def more(drop: Drop, ctx: Context) -> None:
        await ctx.board.post(Drop(n=drop.n + 1))

    async with bb, bb.workers(), bb.controller():
        await board().post(Drop(n=0))
        found = await tripped(board())
        first, *_ = await events_of(board(), "triggered")
        assert found.guard == "depth"
        assert found.chain.startswith("more → drop/")
        assert found.chain.endswith(" → more")
        assert {event.by for event in await events_of(board(), "posted")} >= {"@api", f"more#{first.number}"}


async def test_a_loop_through_the_synchronous_facade(bb: Blackboard, store_url: str, namespace: str) -> None:
    """An agent in a thread, which posts by another connection."""
    facade = Blackboard(namespace, url=store_url, limits=bb.limits).sync()

    @bb.knowledge_source
    def more(drop: Drop, board: Board) -> None:
        facade.board(board.id).post(Drop(n=drop.n + 1))

    async with bb:
        await asyncio.to_thread(facade.__enter__)
        async with bb.workers():
            await bb.board("b").post(Drop(n=0))
            found = await tripped(bb.board("b"))
        await asyncio.to_thread(facade.__exit__, None, None, None)
    assert found.guard == "depth"


async def test_a_loop_through_tasks_of_an_agents_own(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def more(drop: Drop, board: Board) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(bb.board(board.id).post(Drop(n=drop.n + 1)))

    async with bb, bb.workers():
        await bb.board("b").post(Drop(n=0))
        assert (await tripped(bb.board("b"))).guard == "depth"


async def test_a_loop_of_a_strategy_and_its_agents(bb: Blackboard) -> None:
    """What is delegated dies, the strategy says so, and the agent delegates the same anew."""

    @bb.knowledge_source(when=Count(Setback) >= 0)
    async def lead(alpha: Alpha, setbacks: list[Setback]) -> list[Drop | Delegation]:
        return [Drop(n=len(setbacks)), Delegation(to="work")]

    @bb.knowledge_source(retries=0)
    async def work(drop: Drop) -> None:
        raise ValueError("no")

    bb.strategy = Supervisor(lead)
    async with bb, bb.workers(), bb.controller():
        await bb.board("b").post(Alpha(n=0))
        found = await tripped(bb.board("b"))
        assert found.guard == "depth"
        assert "lead → drop/" in found.chain
        assert "→ work → (strategy) → setback/" in found.chain


async def test_a_source_that_feeds_itself(bb: Blackboard, board: Callable[[], Board]) -> None:
    @bb.knowledge_source
    async def breed(drop: Drop) -> list[Drop]:
        return [Drop(n=drop.n + 1), Drop(n=drop.n + 1)]

    bb.limits = Limits(activations=50)
    async with bb, bb.workers(), bb.controller():
        await board().post(Drop(n=0))
        found = await tripped(board())
        assert (found.guard, found.reached) == ("activations", 51)
        committed = len(await events_of(board(), "fired"))
        assert len(await board().read(Drop)) == 1 + 2 * committed


async def test_a_budget(bb: Blackboard) -> None:
    @bb.knowledge_source(budget=5)
    async def dear(drop: Drop) -> None: ...

    async with bb, bb.workers():
        on = bb.board("b")
        await on.post(*(Drop(n=n) for n in range(7)))
        found = await tripped(on)
        assert (found.guard, found.source, found.limit, found.reached) == ("budget", "dear", 5, 6)
        with pytest.raises(GuardTripped, match=r"budget of dear 6 > 5"):
            await on.resume()
        await on.resume(budget=10)
        await on.settled(SOON)
        assert len(await events_of(on, "fired")) == 7


async def test_values_that_alternate(bb: Blackboard, board: Callable[[], Board]) -> None:
    bb.limits = Limits(alternations=10)

    @bb.knowledge_source(when=Alpha.n == 0)
    async def up(alpha: Alpha) -> Alpha:
        alpha.n = 1
        return alpha

    @bb.knowledge_source(when=Alpha.n == 1)
    async def down(alpha: Alpha) -> Alpha:
        alpha.n = 0
        return alpha

    async with bb, bb.workers(), bb.controller():
        await board().post(Alpha(n=0))
        found = await tripped(board())
        assert found.guard == "alternations"
        assert found.chain in {"up → alpha → down → alpha → up", "down → alpha → up → alpha → down"}
        assert len(await events_of(board(), "fired")) < 100


# ---------------------------------------------------------------------------- who waits, who asks


async def test_who_waits_in_vain_is_told_why_and_what_to_do(bb: Blackboard) -> None:
    three(bb)
    async with bb, bb.workers():
        on = bb.board("b")
        await on.post(Alpha(n=0))
        await tripped(on)
        with pytest.raises(TimedOut) as waited:
            await on.settled(timeout=0)
        assert "a guard has paused the board: depth 31 > 30: first → " in str(waited.value)
        assert "board.resume(depth=60)" in str(waited.value)


async def test_a_limit_that_is_none_is_refused_before_anything_happens(bb: Blackboard) -> None:
    async with bb:
        on = bb.board("b")
        await on.post(Alpha(n=0))
        await on.pause()
        for wrong in (
            {"depth": 0},
            {"activations": -1},
            {"alternations": 1.5},
            {"wall": timedelta(0)},
            {"budget": True},
        ):
            with pytest.raises(InvalidSource, match="can be no limit"):
                await on.resume(**wrong)  # type: ignore[arg-type]
        assert (await on.status()).paused


@pytest.mark.parametrize("wrong", [{"depth": 0}, {"activations": 2.0}, {"alternations": True}, {"wall": timedelta(-1)}])
def test_limits_that_would_stop_every_board_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidSource, match="can be no limit"):
        Limits(**wrong)

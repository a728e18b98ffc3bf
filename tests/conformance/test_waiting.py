"""Reading on: events in one order, waits that end, and boards that end for good."""

import asyncio
import itertools
from collections import Counter as Tally

import pytest

from blackboard import (
    Absent,
    ActivationNotFound,
    Blackboard,
    BoardClosed,
    BoardNotFound,
    Event,
    StoreUnreachable,
    TimedOut,
)
from tests.conformance.kinds import Claim, Decision, Done, Finding, Job
from tests.conformance.logbook import events_of, fired, last, types_of

# ---------------------------------------------------------------------------- one order


async def test_events_are_numbered_without_gaps_whoever_writes(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def work(job: Job) -> Done:
        return Done(name=job.name)

    async with bb, bb.workers():
        board = bb.board("b")
        await asyncio.gather(*(board.post(Job(name=str(i))) for i in range(20)))
        await board.settled(timeout=10)
        events = await events_of(board)

    assert [event.seq for event in events] == list(range(1, 1 + 1 + 20 * 4))
    assert Tally(str(event.type) for event in events) == {
        "created": 1, "posted": 40, "triggered": 20, "fired": 20,
    }  # fmt: skip
    assert all(earlier.at <= later.at for earlier, later in itertools.pairwise(events))


async def test_every_event_leads_back_to_what_began_it(bb: Blackboard) -> None:
    """From the last entry of a chain the causes lead, event by event, to the first post."""

    @bb.knowledge_source
    async def look(claim: Claim) -> Finding:
        return Finding(source="look", risk=claim.amount)

    @bb.knowledge_source
    async def decide(finding: Finding) -> Decision:
        return Decision(approved=True)

    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.run_until_settled(timeout=10)
        events = {event.seq: event for event in await events_of(board)}

    assert lineage(events, last_of(events, "decision")) == [
        "posted decision by decide#6",
        "triggered decide#6 at depth 2",
        "posted finding/look by look#3",
        "triggered look#3 at depth 1",
        "posted claim by @api",
    ]


def last_of(events: dict[int, Event], address: str) -> Event:
    return next(event for event in reversed(events.values()) if event.address == address)


def lineage(events: dict[int, Event], event: Event) -> list[str]:
    """What led to an event: an entry's event names the activation that wrote it, an activation's the event that opened it."""
    told = [f"{event.type} {event.address} by {event.by}"]
    if event.by is None or event.by.startswith("@"):
        return told
    opened = events[int(event.by.partition("#")[2])]
    assert opened.cause is not None
    return [*told, f"triggered {opened.activation} at depth {opened.depth}", *lineage(events, events[opened.cause])]


async def test_who_follows_hears_everything_until_the_board_closes(bb: Blackboard) -> None:
    heard: list[int] = []
    first = asyncio.Event()

    async def follow() -> None:
        async for event in board.events(follow=True):
            heard.append(event.seq)
            first.set()

    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        following = asyncio.create_task(follow())
        await asyncio.wait_for(first.wait(), 10)
        for i in range(10):
            await board.post(Job(name=str(i)))
        await board.close()
        await asyncio.wait_for(following, 10)

    assert heard == list(range(1, 14))


async def test_who_reads_on_after_the_end_is_not_kept_waiting(bb: Blackboard) -> None:
    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.close()
        assert [event.seq async for event in board.events(since=3, follow=True)] == []
        assert [event.seq async for event in board.events(since=1)] == [2, 3]


async def test_events_of_a_long_log_come_in_pages(bb: Blackboard) -> None:
    async with bb:
        board = bb.board("b")
        await board.post(*(Job(name=str(i)) for i in range(1201)))
        assert [event.seq async for event in board.events(since=100)] == list(range(101, 1203))


# ---------------------------------------------------------------------------- waiting


async def test_wait_for_returns_what_fits_as_soon_as_it_is_there(bb: Blackboard) -> None:
    async with bb:
        board = bb.board("b")
        waiting = asyncio.create_task(board.wait_for(Finding, Finding.risk > 0.5, timeout=10))
        await board.post(Finding(source="a", risk=0.1))
        await board.post(Finding(source="b", risk=0.9))
        assert (await waiting).source == "b"
        assert (await board.wait_for(Finding)).source == "a"


async def test_wait_for_says_what_the_board_does_instead(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def work(job: Job) -> Done:
        return Done(name=job.name)

    async with bb:
        board = bb.board("b")
        with pytest.raises(TimedOut, match=r"waited 0\.01 s for decision on board b: the board does not exist"):
            await board.wait_for(Decision, timeout=0.01)
        await board.post(Claim(amount=1))
        with pytest.raises(TimedOut, match="open and quiescent after 2 events"):
            await board.wait_for(Decision, timeout=0.01)
        await board.post(Job(name="a"))
        with pytest.raises(TimeoutError, match=r"open activations: work#4 \(ready\)"):
            await board.wait_for(Decision, timeout=0.01)


async def test_who_waits_hears_of_the_end(bb: Blackboard) -> None:
    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        waiting = asyncio.create_task(board.wait_for(Decision, timeout=10))
        await board.close()
        with pytest.raises(BoardClosed, match="closed without a decision"):
            await waiting


async def test_settled_waits_for_delays_and_not_for_the_dead(bb: Blackboard) -> None:
    @bb.knowledge_source(after=0.03, when=Absent(Decision))
    async def late(claim: Claim) -> Decision:
        return Decision(approved=False)

    @bb.knowledge_source(retries=0)
    async def fail(claim: Claim) -> None:
        raise RuntimeError("always")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1))
        seq = await board.settled(timeout=10)
        assert seq == await last(board)
        assert await board.read(Decision) is not None
        assert len(await board.dead()) == 1
        assert (await board.status()).settled


async def test_a_board_nobody_posted_on_is_settled(bb: Blackboard) -> None:
    async with bb:
        assert await bb.board("b").settled(timeout=10) == 0
        assert await bb.board("b").run_until_settled(timeout=10) == 0


async def test_a_wait_that_is_cancelled_leaves_no_answer_behind(bb: Blackboard) -> None:
    """Later commands must not read the answers of those that were given up."""
    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1), Job(name="a"))
        for _ in range(30):
            waits = [asyncio.create_task(board.read(Job)) for _ in range(5)]
            await asyncio.sleep(0)
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
            assert await board.read(Claim) == Claim(amount=1)


# ---------------------------------------------------------------------------- the end


async def test_closing_is_final(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def work(job: Job) -> Done:
        return Done(name=job.name)

    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1), Job(name="a"))
        assert await board.close("enough")
        assert not await board.close("again")

        for write in (
            board.post(Decision(approved=True)),
            board.revise(Claim(amount=2), version="any"),
            board.retract(Claim),
        ):
            with pytest.raises(BoardClosed, match=r"board b takes no more writes.*another id"):
                await write
        await board.run_until_settled(timeout=10)

        assert await types_of(board) == ["created", "posted", "posted", "triggered", "closed"]
        assert [event.reason for event in await events_of(board, "closed")] == ["enough"]
        assert await board.read(Claim) == Claim(amount=1)
        assert await board.agenda() == []
        assert (await board.status()).status == "closed"


async def test_what_runs_while_its_board_closes_changes_nothing(bb: Blackboard) -> None:
    running, go_on = asyncio.Event(), asyncio.Event()

    @bb.knowledge_source
    async def work(job: Job) -> Done:
        running.set()
        await go_on.wait()
        return Done(name=job.name)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job(name="a"))
        await asyncio.wait_for(running.wait(), 10)
        await board.close()
        go_on.set()
        other = bb.board("other")
        await other.post(Job(name="b"))
        await other.wait_for(Done, timeout=10)
        assert await board.read(Done) == []
        assert await fired(board) == []


async def test_what_does_not_exist_is_said_so(bb: Blackboard) -> None:
    async with bb:
        board = bb.board("nowhere")
        with pytest.raises(BoardNotFound, match="there is no board nowhere"):
            await board.status()
        with pytest.raises(BoardNotFound):
            await board.close()
        with pytest.raises(ActivationNotFound):
            await board.retry("decide#17")
        assert await events_of(board) == []
        assert await board.entries() == []
        assert await board.get("claim") is None


async def test_boards_are_listed_in_the_order_of_their_birth(bb: Blackboard) -> None:
    async with bb:
        for name in ("b", "c", "a"):
            await bb.board(name).post(Claim(amount=1))
            await bb.board("tick").post(Job(name=name))
        assert set(await bb.boards()) == {"a", "b", "c", "tick"}


async def test_outside_of_its_context_a_blackboard_says_how_to_open_it(bb: Blackboard) -> None:
    with pytest.raises(StoreUnreachable, match="async with Blackboard"):
        await bb.board("b").post(Claim(amount=1))

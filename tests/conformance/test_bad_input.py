"""What callers and agents get wrong harms nobody else, and is said clearly; nothing is written."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from blackboard import (
    Backoff,
    Blackboard,
    BlackboardError,
    Board,
    Context,
    Entry,
    EntryNotFound,
    InvalidEntry,
    InvalidKind,
    InvalidSource,
    InvalidStep,
)
from blackboard.control import Manual
from blackboard.facts.entries import approval_row
from blackboard.ids import operation_id
from blackboard.store.partition import NEW, Write
from tests.eventually import async_eventually


class Claim(Entry):
    amount: float


class Item(Entry, key="name"):
    name: str
    size: int = 0


async def test_a_version_counts_from_one(bb: Blackboard) -> None:
    """0 is what a receipt says of a retracted entry; it must not stand for `any`."""
    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        for version in (0, -1, -2):
            with pytest.raises(InvalidEntry, match="count from 1"):
                await board.revise(Claim(amount=2), version=version)
        assert (await board.read(Claim)).amount == 1


async def test_a_changed_key_is_another_entry(bb: Blackboard) -> None:
    """What an agent read at one address says nothing of another: it must neither conflict nor run for ever."""
    runs = itertools.count(1)

    @bb.knowledge_source(retries=0)
    async def rename(item: Item, context: Context) -> Item | None:
        next(runs)
        return Item.model_validate({"name": "other", "size": 1}) if item.name == "other" else _renamed(item)

    async with bb:
        board = bb.board("b")
        await board.post(Item(name="a"))
        await board.run_until_settled(timeout=10)
        assert [item.name for item in await board.read(Item)] == ["a", "other"]
        assert next(runs) <= 4


def _renamed(item: Item) -> Item:
    item.name = "other"  # and keeps the stamp of where it was read
    return item


async def test_retracting_on_a_board_that_is_not_there_makes_none(bb: Blackboard) -> None:
    async with bb:
        receipt = await bb.board("b").retract("claim")
        assert (receipt.seq, [stamp.version for stamp in receipt.stamps]) == (0, [0])
        await bb.board("c").post()
        assert await bb.boards() == []
        with pytest.raises(EntryNotFound):
            await bb.board("b").revise(Claim(amount=1), version=1)
        assert await bb.boards() == []


class Leaving(BaseException):
    """As test frameworks raise it."""


async def test_whatever_is_raised_is_a_failure_and_no_dead_worker(bb: Blackboard) -> None:
    @bb.knowledge_source(retries=1, backoff=Backoff(initial=0))
    async def leave(claim: Claim) -> None:
        raise Leaving("first line\nsecond line")

    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.run_until_settled(timeout=10)
        [dead] = await board.dead()
        assert (dead.attempts, dead.crashes) == (2, 0)
        assert dead.problem.startswith("Leaving: first line\nTraceback")


async def test_what_another_run_would_not_mend_is_not_tried_again(bb: Blackboard) -> None:
    runs = itertools.count()

    @bb.knowledge_source(retries=5)
    async def undeclared(claim: Claim) -> Item:
        next(runs)
        return Claim(amount=2)  # type: ignore[return-value]  # the mistake

    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.run_until_settled(timeout=10)
        assert next(runs) == 1
        [dead] = await board.dead()
        assert "undeclared wrote the kind claim" in dead.problem


async def test_a_reason_is_kept_on_one_line(bb: Blackboard) -> None:
    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.close("over\x1fand\nout")
        [*_, last] = [event async for event in board.events()]
        assert last.reason == "over and out"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"partitions": 0}, "partitions=0"),
        ({"partitions": -1}, "partitions=-1"),
        ({"lease": 0}, "lease=0"),
        ({"lease": float("nan")}, "lease=nan"),
        ({"retention": timedelta(0)}, "retention=0:00:00"),
        ({"author": "a\x1fb"}, "author="),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidSource, match=problem):
        Blackboard("claims", "memory://", **settings)


def test_workers_that_run_nothing_are_refused() -> None:
    with pytest.raises(InvalidSource, match="concurrency=0 cannot work"):
        Blackboard("claims", "memory://").workers(concurrency=0)


def test_a_kind_has_one_class() -> None:
    """Two classes of one kind would read each other's entries."""
    bb = Blackboard("claims", "memory://")

    def kind_of(key: str | None) -> type[Entry]:
        class Thing(Entry, key=key):
            name: str

        return Thing

    def source_of(kind: type[Entry]) -> Callable[..., Any]:
        async def look(thing: Any) -> None: ...

        look.__annotations__ = {"thing": kind, "return": None}
        return look

    bb.knowledge_source(name="one")(source_of(kind_of(None)))
    with pytest.raises(InvalidKind, match="has the kind thing already"):
        bb.knowledge_source(name="two")(source_of(kind_of("name")))


# ---------------------------------------------------------------------------- what a board is told

HUGE = 10**400
"""More than any float."""

ACTS: dict[str, Callable[[Blackboard, Board], Any]] = {
    "a savepoint": lambda _, board: board.savepoint(5),  # type: ignore[arg-type]
    "a mark": lambda _, board: board.compensate(to=HUGE),
    "a mark that is no number": lambda _, board: board.compensate(to=True),
    "a reason to undo": lambda _, board: board.compensate(5),  # type: ignore[arg-type]
    "a reason to close": lambda _, board: board.close(5),  # type: ignore[arg-type]
    "a reason to pause": lambda _, board: board.pause(5),  # type: ignore[arg-type]
    "an entry": lambda _, board: board.resolve("x", "done", 5),  # type: ignore[arg-type]
    "a verdict": lambda _, board: board.resolve("x", ["done"]),  # type: ignore[arg-type]
    "no archive": lambda bb, _: bb.import_board(None),  # type: ignore[arg-type]
    "an archive as one text": lambda bb, _: bb.import_board("{}"),
    "lines that are none": lambda bb, _: bb.import_board([None]),  # type: ignore[list-item]
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
async def test_what_cannot_be_said_of_a_board_is_refused(bb: Blackboard, act: Callable[..., Any]) -> None:
    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        with pytest.raises(BlackboardError):
            await act(bb, board)
        assert (await board.status()).status == "open"
        assert [event.type async for event in board.events()] == ["created", "posted"]


WAITS: dict[str, Callable[[Board, Any], Any]] = {
    "wait_for": lambda board, timeout: board.wait_for(Claim, timeout=timeout),
    "settled": lambda board, timeout: board.settled(timeout),
    "run_until_settled": lambda board, timeout: board.run_until_settled(timeout),
    "result": lambda board, timeout: board.result(timeout=timeout),
    "orchestrate": lambda board, timeout: board.orchestrate(Manual(), drain=True, timeout=timeout),
    "choreograph": lambda board, timeout: board.choreograph(drain=True, timeout=timeout),
    "step": lambda board, timeout: board.step(timeout=timeout),
    "step until quiescence": lambda board, timeout: board.step("quiescence", timeout=timeout),
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
async def test_a_wait_of_no_length_is_refused_before_anything_is_done(
    bb: Blackboard, wait: Callable[[Board, Any], Any]
) -> None:
    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        for timeout in (float("nan"), float("inf"), -1, timedelta(seconds=-1), timedelta.max, HUGE, True, "1"):
            with pytest.raises(InvalidSource, match="is no time to wait"):
                async with asyncio.timeout(5):
                    await wait(board, timeout)
        assert [event.type async for event in board.events()] == ["created", "posted"]


@pytest.mark.parametrize("duration", [HUGE, True, -1, "x", float("nan"), timedelta.max])
async def test_a_sleep_that_cannot_be_is_refused(bb: Blackboard, duration: Any) -> None:
    found: list[Exception] = []

    @bb.knowledge_source(retries=0)
    async def nap(claim: Claim, context: Context) -> None:
        try:
            await context.sleep(duration)
        except InvalidStep as error:
            found.append(error)

    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.run_until_settled(timeout=10)
        assert len(found) == 1


@pytest.mark.parametrize(
    "changed",
    [{"choices": []}, {"expires": 10**18}, {"asked": -1}, {"question": 5}],
    ids=["no choices", "expires never", "asked before all time", "no question"],
)
async def test_an_approval_that_nobody_can_answer_keeps_nobody_from_the_others(
    bb: Blackboard, changed: dict[str, Any]
) -> None:
    @bb.knowledge_source
    async def ask(claim: Claim, context: Context) -> None:
        await context.approval("Pay?")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await async_eventually(board.approvals, 10, "it asks")
        [asked] = await board.approvals()
        forged = json.loads(asked.model_dump_json()) | {"id": "forged"} | changed
        partition = bb.store().partition("b")
        await partition.post("b", operation_id(), "@x", [Write("approval/forged", NEW, 1, json.dumps(forged).encode())])
        assert [approval_row("b", each)["approval"] for _, each in await bb.approvals()] == [asked.id]
        with pytest.raises(InvalidEntry):
            await board.approve("forged")
        with pytest.raises(InvalidSource):
            await board.approve(asked.id, why=5)  # type: ignore[arg-type]
        await board.approve(asked.activation)
        await board.settled(timeout=10)
        assert [event.type async for event in board.events()][-1] == "fired"

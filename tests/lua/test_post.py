"""`post`: a contribution from outside happens whole and once, or not at all."""

from __future__ import annotations

import pytest

from blackboard.errors import (
    BlackboardError,
    BoardClosed,
    EntryExists,
    EntryNotFound,
    Overloaded,
    VersionConflict,
)
from blackboard.limits import Limits
from blackboard.store.partition import NEW, Write
from tests.lua.bench import Bench, each, gone, write


async def test_a_repeated_operation_answers_as_before_and_writes_nothing(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    first = await bench.post("b", write("a/1", 1), operation="op")
    await bench.post("b", write("a/1", 2))
    before = await bench.dump()

    again = await bench.post("b", write("a/1", 1), operation="op")

    assert again == first
    assert await bench.dump() == before


async def test_a_repeated_operation_is_answered_on_a_closed_board(bench: Bench) -> None:
    first = await bench.post("b", write("a/1"), operation="op")
    await bench.store.close("b", "@test", "end", 0, bench.now)

    assert await bench.post("b", write("a/1"), operation="op") == first


async def test_one_operation_is_no_prefix_of_another(bench: Bench) -> None:
    await bench.post("b", write("a/1"), operation="op1")
    applied = await bench.post("b", write("a/2"), operation="op")
    assert applied.versions == (1,)
    assert len(await bench.store.entries("b")) == 2


async def test_the_journal_is_trimmed_and_still_answers(bench: Bench) -> None:
    """512 operations are remembered; one that is beyond them would be done again."""
    for number in range(520):
        await bench.post("b", write("a/1", number), operation=f"op{number:04d}")
    assert await bench.command("ZCARD", bench.keys.of_board("b", "ops")) == 512
    before = await bench.dump()

    again = await bench.post("b", write("a/1", 100), operation="op0100")

    assert again.versions == (101,)
    assert await bench.dump() == before


@pytest.mark.parametrize(
    ("refused", "error"),
    [
        ([write("a/2"), write("a/1", 2, NEW)], EntryExists),
        ([write("a/2"), write("a/1", 2, 7)], VersionConflict),
        ([write("a/2"), write("a/9", 2, 1)], EntryNotFound),
        ([write("a/2"), gone("a/1", 7)], VersionConflict),
        ([write("a/2"), gone("a/9", 1)], EntryNotFound),
        ([write("a/2"), Write("a/1", -1, 1, '{"x":"' + "y" * 100 + '"}')], Overloaded),
        ([write("a/2"), write("a/3"), write("a/4")], Overloaded),
        ([write("a/1", n) for n in range(5)], Overloaded),
    ],
    ids=["exists", "version", "gone", "retract-version", "retract-gone", "bytes", "entries", "writes"],
)
async def test_a_refusal_writes_nothing(bench: Bench, refused: list[Write], error: type[BlackboardError]) -> None:
    """Not the entry that could have been written, not the memory of it, not the operation."""
    limited = bench.within(Limits(entries=3, writes=4, entry_bytes=50))
    await bench.register(each("one", "a"))
    await bench.post("b", write("a/1"))
    before = await bench.dump()

    with pytest.raises(error):
        await limited.post("b", *refused)

    assert await bench.dump() == before


async def test_a_refusal_creates_no_board(bench: Bench) -> None:
    with pytest.raises(EntryNotFound):
        await bench.post("b", write("a/1", 1, 3))
    assert await bench.dump() == {}


async def test_too_many_open_activations_refuse_writes(bench: Bench) -> None:
    limited = bench.within(Limits(open_activations=2))
    await bench.register(each("one", "a"))
    await limited.post("b", *(write(f"a/{n}") for n in range(3)))
    before = await bench.dump()

    with pytest.raises(Overloaded) as overloaded:
        await limited.post("b", write("a/9"))

    assert overloaded.value.limit == "open_activations"
    assert await bench.dump() == before


async def test_a_closed_board_takes_nothing(bench: Bench) -> None:
    await bench.post("b", write("a/1"))
    await bench.store.close("b", "@test", "end", 0, bench.now)
    before = await bench.dump()

    with pytest.raises(BoardClosed):
        await bench.post("b", write("a/1", 2))

    assert await bench.dump() == before


async def test_a_write_that_changes_nothing_is_no_event(bench: Bench) -> None:
    await bench.post("b", write("a/1"))
    applied = await bench.post("b", write("a/1"), gone("a/2"))
    assert applied.versions == (1, 0)
    assert await bench.kinds_of_events("b") == ["created", "posted"]


async def test_a_version_is_never_used_twice(bench: Bench) -> None:
    """What is posted after a retraction starts above every version that was retracted on the board."""
    await bench.post("b", write("a/1", 1), write("a/2", 1))
    await bench.post("b", write("a/1", 2))
    await bench.post("b", gone("a/1"))
    applied = await bench.post("b", write("a/1", 3), write("a/3", 1), write("a/2", 2))
    assert applied.versions == (3, 3, 2)


async def test_several_writes_at_one_address_are_one_change(bench: Bench) -> None:
    """Posted and retracted at once: nothing was there to react to; revised twice: one reaction, to the last."""
    await bench.register(each("one", "a"))
    await bench.post("b", write("a/1"), gone("a/1"))
    assert await bench.states("b") == {}

    await bench.post("b", write("a/2", 1), write("a/2", 2))
    claimed = await bench.claim_one()
    assert claimed.bindings[0][0].payload == b'{"x":2}'
    assert await bench.claim() == []


@pytest.mark.parametrize("store_url", ["valkey", "redis"], indirect=True)
async def test_the_largest_contribution(bench: Bench) -> None:
    """As many writes as the default limits allow: beyond what a Lua call can return from its stack."""
    applied = await bench.post("b", *(write(f"a/{n}") for n in range(Limits().writes)))
    assert len(applied.versions) == Limits().writes
    claimed = await bench.store.entries("b", "a")
    assert len(claimed) == Limits().writes


async def test_a_trigger_that_holds_on_an_empty_board_fires_when_it_begins(bench: Bench) -> None:
    """`Absent(Payment)` alone, with a delay, is a deadline: it runs from the board's first moment."""
    absent = {
        "s": "remind",
        "c": [{"k": "payment", "a": "payment"}],
        "w": [["==", ["n", 1], ["v", 0]]],
        "af": 50,
    }
    await bench.register(absent)
    await bench.post("b", write("order/1"))
    await bench.post("paid", write("order/1"), write("payment/1"))
    assert await bench.states("b") == {"remind": "delayed"}
    assert await bench.states("paid") == {}

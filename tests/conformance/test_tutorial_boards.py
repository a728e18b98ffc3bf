"""Boards, first steps: entries are posted, read, revised and retracted, and everything is in the log.

Read this file from top to bottom; each test adds one idea. Next: test_tutorial_agents.py.
"""

import pytest

from blackboard import Blackboard, Conflict, Entry, EntryExists, VersionConflict

pytestmark = pytest.mark.tutorial


class Claim(Entry):
    """A kind without a key: a board has at most one, at the address ``claim``."""

    amount: float


class Finding(Entry, key="source"):
    """A kind with a key: a board has one for each source, at ``finding/<source>``."""

    source: str
    risk: float


async def test_a_board_begins_with_its_first_post(bb: Blackboard) -> None:
    """A board is the workspace of one problem. It costs nothing until something is posted on it."""
    async with bb:
        board = bb.board("claim-42")
        assert await bb.boards() == []

        await board.post(Claim(amount=250))

        assert await bb.boards() == ["claim-42"]
        assert await board.read(Claim) == Claim(amount=250)


async def test_a_kind_with_a_key_is_read_as_a_list(bb: Blackboard) -> None:
    """A kind without key gives the entry or None; a keyed kind a list, in the order of the keys, with conditions if you like."""
    async with bb:
        board = bb.board("claim-42")
        assert await board.read(Claim) is None

        await board.post(Finding(source="text", risk=0.2), Finding(source="history", risk=0.9))

        assert [finding.source for finding in await board.read(Finding)] == ["history", "text"]
        assert [finding.source for finding in await board.read(Finding, Finding.risk > 0.5)] == ["history"]


async def test_what_was_read_can_be_revised(bb: Blackboard) -> None:
    """An entry that was read carries a stamp: where it stood, at which version. Revising it compares that version."""
    async with bb:
        board = bb.board("claim-42")
        await board.post(Claim(amount=250))

        claim = await board.read(Claim)
        assert claim.stamp.version == 1
        claim.amount = 300
        receipt = await board.revise(claim)

        assert receipt.stamps[0].version == 2
        assert await board.read(Claim) == Claim(amount=300)


async def test_the_second_to_revise_is_told(bb: Blackboard) -> None:
    """No update is lost: who decides on old data gets a Conflict, and nothing is written."""
    async with bb:
        board = bb.board("claim-42")
        await board.post(Claim(amount=250))
        mine, yours = await board.read(Claim), await board.read(Claim)
        mine.amount, yours.amount = 300, 400

        await board.revise(mine)
        with pytest.raises(VersionConflict) as conflict:
            await board.revise(yours)

        assert (conflict.value.expected, conflict.value.actual) == (1, 2)
        assert (await board.read(Claim)).amount == 300


async def test_several_entries_are_one_contribution(bb: Blackboard) -> None:
    """What is written in one call happens all together, or not at all."""
    async with bb:
        board = bb.board("claim-42")
        await board.post(Finding(source="text", risk=0.2))

        with pytest.raises(EntryExists):
            await board.post(Claim(amount=1), Finding(source="text", risk=0.7))

        assert await board.read(Claim) is None
        assert issubclass(EntryExists, Conflict)  # one except clause catches every way to lose a race


async def test_the_log_tells_everything_in_order(bb: Blackboard) -> None:
    """Events are numbered 1, 2, 3 … without gaps, and each says what happened and who did it."""
    async with bb:
        board = bb.board("claim-42")
        await board.post(Claim(amount=250))
        await board.retract(Claim)

        told = [(event.seq, str(event.type), event.address, event.by) async for event in board.events()]

        assert told == [
            (1, "created", None, "@api"),
            (2, "posted", "claim", "@api"),
            (3, "retracted", "claim", "@api"),
        ]


async def test_a_write_that_changes_nothing_is_no_event(bb: Blackboard) -> None:
    """Posting what is there already succeeds and leaves no trace: so nobody is woken for nothing."""
    async with bb:
        board = bb.board("claim-42")
        first = await board.post(Claim(amount=250))
        second = await board.post(Claim(amount=250))

        assert second.seq == first.seq

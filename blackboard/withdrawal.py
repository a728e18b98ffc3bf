"""Withdrawals: a person need not answer what nobody waits for any more. A chore of the board, which any worker does."""

from __future__ import annotations

from blackboard.activation import Claimed
from blackboard.approval import Approval
from blackboard.entry import Stamp, decode, encode
from blackboard.errors import BoardClosed, EntryError, LeaseLost
from blackboard.store.partition import Partition, Write

CHORE = "@people"


async def withdraw(claimed: Claimed, partition: Partition) -> None:
    """Withdraw the open approvals of a board whose activation is gone, or dead."""
    board = claimed.claim.board
    found = await partition.entries(board, Approval.__kind__)
    waiting = {each.name for each in await partition.agenda(board)}
    writes = []
    for stored in found:
        try:
            approval = decode(Approval, stored.payload, Stamp(stored.address, stored.version, stored.seq))
        except EntryError:
            continue  # somebody has posted it by hand: nobody asked that
        if approval.state == "open" and approval.activation not in waiting:
            approval.state = "withdrawn"
            writes.append(Write(stored.address, stored.version, Approval.__version__, encode(approval)))
    try:
        await partition.withdraw(claimed.claim, writes)
    except (LeaseLost, BoardClosed):
        return  # another worker does it, or nobody needs to

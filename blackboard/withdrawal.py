"""Withdrawals: a person need not answer what nobody waits for any more. A chore of the board, which any worker does."""

from __future__ import annotations

from blackboard.activation import Claimed
from blackboard.approval import Approval
from blackboard.entry import encode
from blackboard.errors import BoardClosed, LeaseLost
from blackboard.people import legible_approvals
from blackboard.store.partition import Partition, Write

CHORE = "@people"


async def withdraw(claimed: Claimed, partition: Partition) -> None:
    """Withdraw the open approvals of a board whose activation is gone, or dead."""
    board = claimed.claim.board
    found = legible_approvals(await partition.entries(board, Approval.__kind__))
    waiting = {each.name for each in await partition.agenda(board)}
    writes = []
    for approval in found:
        stamp = approval.stamp
        if stamp is not None and approval.state == "open" and approval.activation not in waiting:
            approval.state = "withdrawn"
            writes.append(Write(stamp.address, stamp.version, Approval.__version__, encode(approval)))
    try:
        await partition.withdraw(claimed.claim, writes)
    except (LeaseLost, BoardClosed):
        return  # another worker does it, or nobody needs to

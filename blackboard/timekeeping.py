"""Timekeeping: the chore `@clock`, for a board whose deadline has come, or that was out of use for too long."""

from __future__ import annotations

import logging

from blackboard.activation import Claimed
from blackboard.closure import Closer, close_board
from blackboard.store.partition import Partition

logger = logging.getLogger(__name__)

CLOCK = "@clock"
"""The name of the chore."""

AUTHORS = {"deadline": "@deadline", "idle": "@idle"}
REASONS = {"deadline": "its deadline has passed", "idle": "it was out of use for longer than its blackboard allows"}


class Timekeeper:
    """Looks at boards whose time has come. ``host``: how boards are closed."""

    def __init__(self, host: Closer) -> None:
        self._host = host

    async def __call__(self, claimed: Claimed, partition: Partition) -> None:
        """Pause or close a board, as was agreed for it. Raises ArchiveFailed when it must be archived first and cannot be."""
        board = claimed.claim.board
        facts = await partition.facts(board)
        why = await partition.tick(claimed.claim)
        if why not in REASONS:
            return
        known = facts.seq if facts and why == "idle" else -1
        answer = await close_board(self._host, board, AUTHORS[why], REASONS[why], known=known)
        if answer == "moved":  # it is in use again
            await partition.release(claimed.claim, "ready")
        else:
            logger.info("board %s is closed: %s", board, REASONS[why])

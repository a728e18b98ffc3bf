"""Takeovers: an activation whose worker died starts again on another one, which says so in the log of the board.

Nobody else could: a lease that runs out is found by a claim, which writes no key of a board.
"""

from __future__ import annotations

import logging

from blackboard.activation import Claimed
from blackboard.event import STARTS_AGAIN
from blackboard.store.partition import Partition

logger = logging.getLogger(__name__)


async def announce(claimed: Claimed, partition: Partition, most: int) -> str:
    """Say that an activation starts again, and how many deaths it has survived of at most so many. Returns the store's answer."""
    line = f"{STARTS_AGAIN}: its worker died, or lost its lease ({claimed.crashes} of at most {most} times)"
    logger.warning("%s %s", claimed.claim.full_name, line)
    return await partition.say(claimed.claim, f"{claimed.claim.epoch}.taken over", "", [line])

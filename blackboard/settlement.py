"""Settlements: what becomes of a claim that nobody is to run, whoever happens to get it.

Recovery happens in every claim, so a controller may be handed an agent's activation that killed its workers, and a worker a
board that no controller came for.
"""

from __future__ import annotations

import logging

from blackboard.activation import Claimed
from blackboard.ids import operation_id
from blackboard.store.partition import Partition

logger = logging.getLogger(__name__)

UNFIT = frozenset({"poison", "damaged", "revisit", "unknown"})
"""What the store says of a claim that is not to be run but settled."""

ELSEWHERE = 5_000
"""Milliseconds for which a compensation waits that came to a worker without it."""
CUT_SHORT = "its worker died while it acted outside the board"

CONTROL = "@control"
"""The source of what controllers claim."""


async def settle(claimed: Claimed, partition: Partition, author: str, *, lacking: bool = False) -> str:
    """Settle a claim by its verdict; whatever has none goes back. Returns what the store answered.

    ``lacking``: this worker does not have the source.
    """
    if claimed.claim.source == CONTROL:
        return await _settle_control(claimed, partition, f"@{author}")
    if claimed.verdict == "poison":
        reason = f"its worker died {claimed.crashes} times"
        logger.error("%s is dead: %s", claimed.claim.full_name, reason)
        return await partition.fail(claimed.claim, "dead", 0, "crash limit", reason)
    if claimed.verdict == "unknown":
        logger.error("%s: %s, and what came of it is not known", claimed.claim.full_name, CUT_SHORT)
        return await partition.fail(claimed.claim, "unknown", 0, CUT_SHORT, claimed.uncertain)
    if claimed.verdict == "damaged":
        reason = "what the store holds of it, or of the entries it is bound to, cannot be read"
        return await partition.fail(claimed.claim, "dead", 0, "damaged", reason)
    if lacking and claimed.claim.undoes is not None and claimed.verdict == "":
        problem = "this worker's release of the source has no compensation, and waits for one that has"
        return await partition.fail(claimed.claim, "retry", ELSEWHERE, "", problem)
    return await partition.release(claimed.claim, "ready")


async def _settle_control(claimed: Claimed, partition: Partition, author: str) -> str:
    """No controller came in time, or those that came died."""
    board = claimed.claim.board
    if claimed.verdict == "unattended":
        reason = "no controller came in time"
        epoch = claimed.shown.epoch if claimed.shown else None
        return (await partition.switch(board, operation_id(), author, None, reason, epoch)).answer
    return (await partition.pause(board, author, claimed.undecidable)).answer

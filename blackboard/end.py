"""Ends: how a run can end, and how the store is told where that is not by a contribution.

Each is told under the run's claim, and fenced by it; a store that is away is waited for.
"""

from __future__ import annotations

import logging
import random
from enum import Enum, auto

from blackboard.activation import Claim
from blackboard.errors import (
    ApprovalExpired,
    ApprovalRejected,
    DefinitionError,
    EntryError,
    HandoffRefused,
    InvalidInstruction,
    NewerSchema,
    UndeclaredKind,
)
from blackboard.execution import Execution, clean, describe, sum_up
from blackboard.outage import Outage
from blackboard.store.partition import Partition

logger = logging.getLogger(__name__)

HOPELESS = (ApprovalExpired, ApprovalRejected, DefinitionError, EntryError, HandoffRefused, UndeclaredKind)
"""What another run would not mend: data or code that must change first."""

MENDABLE = (InvalidInstruction,)
"""Among these, what a model has said, which may say something better in another run."""


class End(Enum):
    """How a run ended."""

    COMMITTED = auto()
    DECLINED = auto()
    FAILED = auto()
    BID = auto()
    GIVEN_BACK = auto()  # its worker ends at once
    PARKED = auto()  # it goes on in another run
    UNSURE = auto()  # it was cut short while it acted outside the board
    RECONCILED = auto()  # what was cut short has had no effect
    LET_GO = auto()  # the store has settled it otherwise


class Ends:
    """Tells the store how a run ends, and says how that was."""

    def __init__(self, execution: Execution, partition: Partition, outage: Outage, crew: str) -> None:
        self._execution = execution
        self._partition = partition
        self._outage = outage
        self._crew = crew

    @property
    def claim(self) -> Claim:
        """The claim that it worked under."""
        return self._execution.claimed.claim

    @property
    def is_unsure(self) -> bool:
        """Whether it has begun to act outside the board, so that it must not be run again blindly."""
        return self._execution.acting and self._execution.source.policies.effects == "external"

    async def decline(self) -> End:
        """Its precondition does not agree, yet."""
        precondition = self._execution.source.precondition
        declined = precondition.name if precondition else ""
        await self._outage.tell(lambda: self._partition.release(self.claim, "wait", declined))
        return End.DECLINED

    async def give_back(self) -> End:
        """Its worker ends before it has: another may run it, unless it has begun to act outside the board."""
        if self.is_unsure:
            return await self.doubt("unknown", "its worker was ended while it acted outside the board")
        await self._outage.tell(lambda: self._partition.release(self.claim, "ready"))
        return End.GIVEN_BACK

    async def leave(self, refusal: NewerSchema) -> End:
        """A newer release wrote what this one cannot read: it is left, without charge, to workers that can."""
        logger.warning("%s is left to a newer release: %s", self.claim.full_name, refusal)
        await self._outage.tell(lambda: self._partition.release(self.claim, "newer", self._crew))
        return End.GIVEN_BACK

    async def fail(self, error: BaseException) -> End:
        """It failed: it is tried again, as far as it has attempts left and that may help."""
        claim, policies = self.claim, self._execution.source.policies
        attempt = self._execution.claimed.attempts + 1
        if isinstance(error, ApprovalRejected):
            return await self._die(error, error.verdict)
        problem = describe(error)
        if isinstance(error, ApprovalExpired):
            return await self._die(error, problem)
        if attempt > policies.retries or (isinstance(error, HOPELESS) and not isinstance(error, MENDABLE)):
            logger.error(
                "%s failed (attempt %d) and is dead: %s", claim.full_name, attempt, sum_up(error), exc_info=error
            )
            await self._outage.tell(lambda: self._partition.fail(claim, "dead", 0, "attempts spent", problem))
        else:
            logger.warning("%s failed (attempt %d): %s", claim.full_name, attempt, sum_up(error))
            delay = round(1000 * policies.backoff.delay(attempt, random.random()))  # noqa: S311  # jitter, not secrecy
            await self._outage.tell(lambda: self._partition.fail(claim, "retry", delay, "", problem))
        return End.FAILED

    async def _die(self, error: ApprovalExpired | ApprovalRejected, problem: str) -> End:
        """A person has said no, or nothing: a retry asks again."""
        recording = self._execution.recording
        again = recording.again_from(error) if recording is not None else 0
        logger.warning("%s is dead: %s", self.claim.full_name, error)
        await self._outage.tell(lambda: self._partition.fail(self.claim, "dead", 0, "", problem, drop=again))
        return End.FAILED

    async def bury(self, reason: str) -> End:
        """Its agent has given up for the whole board."""
        logger.error("%s aborted board %s: %s", self.claim.name, self.claim.board, reason)
        await self._outage.tell(lambda: self._partition.fail(self.claim, "dead", 0, "aborted", reason))
        return End.FAILED

    async def doubt(self, verdict: str, reason: str, problem: str = "") -> End:
        """Nobody knows what it did outside the board: it is to be reconciled, or waits for a person."""
        logger.error("%s: %s; what it did outside the board is not known", self.claim.full_name, reason)
        told = clean(problem or reason)
        await self._outage.tell(lambda: self._partition.fail(self.claim, verdict, 0, clean(reason), told))
        return End.UNSURE

    async def begin_again(self, why: str) -> End:
        """What was cut short has had no effect: it may run again, as far as it has attempts left."""
        attempts = self._execution.claimed.attempts
        if attempts > self._execution.source.policies.retries:
            problem = f"TimeoutError: it was cut short {attempts} times, the last time without effect"
            await self._outage.tell(lambda: self._partition.fail(self.claim, "dead", 0, "attempts spent", problem))
            return End.FAILED
        said = f"reconciled: again{': ' + clean(why) if why else ''}"
        await self._outage.tell(lambda: self._partition.release(self.claim, "again", said))
        return End.RECONCILED

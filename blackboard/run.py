"""A run: one attempt at an activation, from its claim to its end.

It is told here once, as a pipeline of verbs: bind, check, run, commit. The contributions travel with the round trips of the
shift that the run is part of; how else it can end, and how the store is told, is in `end`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor

from blackboard.activation import Claim
from blackboard.compensating import recall
from blackboard.end import End, Ends
from blackboard.errors import (
    BoardClosed,
    LeaseLost,
    NewerSchema,
    StaleSnapshot,
)
from blackboard.execution import Execution, describe, sum_up
from blackboard.knowledge_source import Style
from blackboard.ledger import Left
from blackboard.origin import enter
from blackboard.outage import Outage
from blackboard.outcome import LONGEST_RECONCILIATION
from blackboard.reason import clean as in_a_line
from blackboard.saga import Abort
from blackboard.store.partition import Applied, Commit, Partition
from blackboard.takeover import announce

logger = logging.getLogger(__name__)

Result = Applied | Exception | None
"""What became of a contribution: what was applied, None when it was applied before, or why it was refused."""

Carry = Callable[[Commit, Callable[[Result], None]], None]
"""Sends a contribution out with the next round trip, and has the function called with what became of it."""

REFUSED = (LeaseLost, BoardClosed, StaleSnapshot)
"""Why a contribution is refused for a reason that is no failure of the agent: the store has settled the activation otherwise."""


class _LetGo(Exception):  # as the errors of this library
    """The store has settled the activation otherwise, for a reason that is no failure of the agent."""


class _CutShort(Exception):  # as the errors of this library
    """It was stopped while it acted outside the board, by its own time limit."""


class Run:
    """One attempt at an activation."""

    task: asyncio.Task[None]
    """Where it lives, once it has started; while its last contribution is on its way, it needs none."""

    def __init__(
        self,
        execution: Execution,
        partition: Partition,
        threads: Executor,
        outage: Outage,
        carry: Carry,
        crew: str = "",
    ) -> None:
        self._execution = execution
        execution.threads, execution.outage = threads, outage
        self._partition = partition
        self._threads = threads
        self._outage = outage
        self._carry = carry
        self._ends = Ends(execution, partition, outage, crew)
        self._begun = self._stopped = self._aborted = False
        self._committing = False

    @property
    def claim(self) -> Claim:
        """The claim that it works under."""
        return self._execution.claimed.claim

    def start(self, ended: Callable[[Run, End], None]) -> None:
        """Begin, in a task of its own; who started it is told at the very end how it ended."""
        self._ended = ended
        self.task = asyncio.create_task(self._go(), name=self.claim.name)

    def abort(self) -> None:
        """Cancel it; it is given back. What has acted outside the board, and is being committed, comes to its end.

        So does what is done and only waits to be told that it was committed.
        """
        self._aborted = True
        if not (self._committing and self._ends.is_unsure):
            self._stop()

    def lose(self) -> None:
        """The lease went elsewhere: nothing this run does can count any more."""
        if not self._committing:  # else the answer to the commit says what became of it
            logger.warning("%s", LeaseLost(self.claim.full_name))
            self._stop()

    def _stop(self) -> None:
        """Cancel its task; one that has not begun would not notice, and never say that it has ended."""
        self._stopped = True
        if self._begun:
            self.task.cancel()

    # ------------------------------------------------------------------ a life, and every way it can end

    async def _go(self) -> None:
        self._begun = True
        end: End | None = End.LET_GO
        enter(self._execution.origin)  # which is asked for only where the agent writes by itself
        try:
            if not self._stopped:
                end = await self._do_as_told()
            elif self._aborted:
                end = await self._ends.give_back()
        finally:
            if end is not None:
                self._ended(self, end)

    def _do_as_told(self) -> Awaitable[End | None]:
        """What the claim is for."""
        verdict = self._execution.claimed.verdict
        if verdict == "":
            return self._live()
        return self._bid() if verdict == "bid" else self._reconcile()

    async def _live(self) -> End | None:
        """Run the activation, and tell the store how that ended; None when its last contribution is on its way."""
        try:
            if self._execution.claimed.crashes:
                most = self._execution.source.policies.crashes
                await self._outage.tell(lambda: announce(self._execution.claimed, self._partition, most))
            last = await self._run()
            if last is None:
                return await self._ends.decline()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # whatever an agent raises is its failure, not ours
            return await self._ended_by(error)
        self._committing = True
        self._carry(last, self._answer)
        return None

    def _answer(self, result: Result) -> None:
        """The store has answered its last contribution."""
        if not isinstance(result, Exception):
            self._ended(self, End.COMMITTED)
        elif isinstance(result, REFUSED):
            logger.info("%s", result)
            self._ended(self, End.LET_GO)
        else:
            self._committing = False
            self.task = asyncio.create_task(self._refused(result), name=self.claim.name)

    async def _refused(self, error: Exception) -> None:
        """Its last contribution was refused, for what the agent did."""
        end = End.LET_GO
        try:
            end = await self._ended_by(error)
        finally:
            self._ended(self, end)

    async def _ended_by(self, error: BaseException) -> End:
        """Tell the store that it ended by an error, of whatever kind."""
        match error:
            case _LetGo() | Left():
                logger.info("%s", error)
                return End.PARKED if isinstance(error, Left) and error.parked else End.LET_GO
            case _CutShort():
                return await self._ends.doubt("timeout", str(error))
            case asyncio.CancelledError():
                if self._aborted:
                    return await self._ends.give_back()
                return End.LET_GO if _cancelled() else await self._ends.fail(error)  # by nobody but the agent itself
            case NewerSchema():
                return await self._ends.leave(error)
        return await self._fail_or_abort(error)

    async def _fail_or_abort(self, error: BaseException) -> End:
        abort = Abort.within(error)
        return await (self._ends.fail(error) if abort is None else self._ends.bury(in_a_line(abort.reason)))

    async def _bid(self) -> End:
        """Ask the source what it bids, and give the activation back with that: nobody has granted it, so it does not start."""
        try:
            bid = await self._bidden()
            await self._outage.tell(lambda: self._partition.release(self.claim, "bid", f"{bid:.17g}"))
        except asyncio.CancelledError:
            return await self._ends.give_back() if self._aborted else End.LET_GO
        return End.BID

    async def _reconcile(self) -> End:
        """Ask the source what became of its action, which was cut short, and tell the store."""
        try:
            async with asyncio.timeout(LONGEST_RECONCILIATION):
                outcome = await self._execution.reconcile(self._threads)
            if outcome.verdict == "done":
                await self._commit(self._execution.commit(outcome.contribution), None)
                return End.COMMITTED
        except _LetGo as end:
            logger.info("%s", end)
            return End.LET_GO
        except asyncio.CancelledError:
            return await self._ends.give_back() if self._aborted else End.LET_GO
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # whatever it raises, the outcome is not known
            return await self._ends.doubt("unknown", "its reconcile function failed", describe(error))
        if outcome.verdict == "again":
            return await self._ends.begin_again(outcome.why)
        return await self._ends.doubt("unknown", "its reconcile function cannot tell", outcome.why)

    # ------------------------------------------------------------------ bind, check, run

    async def _run(self) -> Commit | None:
        """Bind, check and run within the time limit. The last contribution, or None when the precondition declines."""
        seconds = self._execution.source.policies.timeout
        if seconds is None:
            return await self._perform(None)
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await self._perform(limit)
        except TimeoutError as error:
            if self._ends.is_unsure and limit.expired():
                raise _CutShort(f"its time limit of {seconds:g} s struck while it acted outside the board") from error
            raise

    async def _perform(self, limit: asyncio.Timeout | None) -> Commit | None:
        execution, source = self._execution, self._execution.source
        if source.undoes is not None and not await recall(execution, self._partition):
            return execution.commit(None)
        arguments = execution.bind(source.parameters)
        if execution.claimed.places:
            await execution.begin()
        asks = source.precondition is not None and not execution.has_begun
        if asks and not await execution.check(arguments, self._threads):
            return None
        if source.policies.approval is not None:
            await execution.approve()
        if source.style is not Style.STREAM:
            return execution.commit(await execution.act(arguments, self._threads))
        async with contextlib.aclosing(execution.stream(arguments)) as commits:
            async for commit in commits:
                if not commit.part:
                    return commit
                applied = await self._commit(commit, limit)
                if applied is not None:
                    execution.committed(commit, applied.versions)
        return execution.commit(None)

    async def _bidden(self) -> float:
        """What the source bids. A bid that fails, or takes too long, counts as 0, and is not asked for again."""
        try:
            return await self._execution.bid(self._threads)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever an agent raises is its failure, not ours
            if _cancelled():
                raise
            logger.warning("the bid of %s failed, and counts as 0: %s", self.claim.name, sum_up(error))
            return 0.0

    # ------------------------------------------------------------------ commit

    async def _commit(self, commit: Commit, limit: asyncio.Timeout | None) -> Applied | None:
        """Send a contribution out with the next round trip and wait; an agent's time limit does not run meanwhile.

        Raises _LetGo when the contribution is refused for a reason that is no failure of the agent.
        """
        if limit is None:
            return await self._answered(commit)
        if limit.expired():
            await asyncio.sleep(0)  # the cancellation is on its way
        loop, when = asyncio.get_running_loop(), limit.when()
        began = loop.time()
        limit.reschedule(None)
        applied = await self._answered(commit)
        if when is not None:
            limit.reschedule(when + loop.time() - began)
        return applied

    async def _answered(self, commit: Commit) -> Applied | None:
        self._committing = True
        answered: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._carry(commit, lambda result: None if answered.done() else answered.set_result(result))
        try:
            result = await answered
            if isinstance(result, REFUSED):
                raise _LetGo(str(result))
            if isinstance(result, Exception):
                raise result
            return result
        finally:
            self._committing = False
            if self._aborted and commit.part:  # it would go on to the next part
                self._stop()


def _cancelled() -> bool:
    """Whether the current task was cancelled from outside."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0

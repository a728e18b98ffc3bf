"""A worker's loop on one partition: claim, bind, check, run, commit.

A round trip carries every contribution that has finished meanwhile and the next claim (group commit); while it is under
way, agents run and more contributions gather. Two round trips may be under way at once, so that neither the server nor the
agents wait for the other. An idle shift waits for the doorbell, and has its next claim wait there, too, where that can be (a
vigil): what a dead worker held is found by every claim of every other.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from blackboard import lanes
from blackboard.activation import Claim, Claimed
from blackboard.doorbell import Doorbell
from blackboard.duty import Chore, Duty, Source
from blackboard.end import End
from blackboard.errors import StoreBusy, StoreError, StoreUnreachable
from blackboard.execution import Execution
from blackboard.lanes import Lanes
from blackboard.lease import LeaseKeeper
from blackboard.outage import Outage
from blackboard.pulse import Pulse
from blackboard.run import Result, Run
from blackboard.settlement import UNFIT, settle
from blackboard.store.calls import Behind
from blackboard.store.partition import Commit, Partition
from blackboard.store.store import Store
from blackboard.store.stub import ClaimRequest, Handed
from blackboard.tasks import end_all

logger = logging.getLogger(__name__)

Finished = tuple[Commit, Callable[[Result], None]]
"""A contribution that is to be committed, and who is told what became of it."""

LARGEST_GROUP = 64
"""Contributions in one round trip: what a script may keep the server busy with at once."""

LONGEST_NAP = 1.5
"""Seconds after which an idle worker looks for itself, doorbell or not."""

LULL = 0.002
"""Seconds for which a worker that runs something waits for the end of that, before it listens for more."""

SHORT_RING = 0.5
"""Seconds for which a worker that keeps vigils listens for the bell alone, while it runs something."""

LAST_PATIENCE = 3.0
"""Seconds for which a worker that is told to end waits for a store that is away."""

CHORE_PAUSE = 1.0
"""Seconds after which a chore that failed is given back."""


class Shift:
    """A worker's loop on one partition."""

    def __init__(self, duty: Duty, store: Store, partition: Partition) -> None:
        self._duty = duty
        self._options = duty.options
        self._calls = partition.calls.apart()
        self._calls.on_return = self._catch_up
        self._partition = partition.through(self._calls)
        self.finished = 0
        """Activations committed."""
        self._running: dict[Claim, Run] = {}
        self._commits: list[Finished] = []
        self._settling: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._lanes = Lanes(duty.worker, duty.crew, duty.options.lease)
        self._flights: set[asyncio.Task[None]] = set()
        self._clients = store.clients
        self._asks_people = duty.asks_people
        self._lull = False  # what runs has taken a while: there is time to listen for more
        self._vigil: tuple[asyncio.Task[None], ClaimRequest] | None = None
        self._leaving = 0  # slots that round trips under way will free
        self._outage = Outage("worker", lambda: self._aborting, lambda: self._draining)
        self._hungry = True
        self._next_due = 0.0  # by this machine's monotonic clock; 0 for never
        self._draining = False
        self._aborting = False
        self._last_work = time.monotonic()
        self._abort_at = math.inf
        self._bell_key = partition.keys.bell(duty.crew)
        ring = SHORT_RING if self._keeps_vigils else LONGEST_NAP
        self._bell = Doorbell(store.clients, self._bell_key, lambda: self._free > 0, self._rung, ring)
        loop = asyncio.get_running_loop()

        def lost(claim: Claim) -> None:  # called from the keeper's thread
            loop.call_soon_threadsafe(self._lose, claim)

        self._leases = LeaseKeeper(store.clients, partition, duty.worker, self._options.lease, lost, Pulse(loop))

    # ------------------------------------------------------------------ the loop

    async def work(self) -> None:
        """Work until told to stop."""
        self._leases.start(self._duty.facts())
        bell = asyncio.create_task(self._bell.listen(), name="blackboard-bell")
        try:
            while not self._done():
                if time.monotonic() >= self._abort_at:
                    self.abort()
                if self._draining and self._vigil is not None:
                    self._end_vigil(*self._vigil)
                elif self._may_launch():
                    self._launch()
                else:
                    await self._rest()
        finally:
            self._bell.end()
            self._leases.end()  # first, and at once: what is cut off from here on must not keep its lease
            vigil = [self._vigil[0]] if self._vigil is not None else []
            await end_all(
                [bell, *vigil, *self._flights, *(run.task for run in self._running.values()), *self._settling]
            )
            await asyncio.to_thread(self._leases.stop)
        await self._partition.sign_off(self._duty.worker, lanes.COUNT + 1)  # after the last sign of life

    def drain(self) -> None:
        """Take no more work."""
        if not self._draining:
            self._abort_at = time.monotonic() + self._options.grace
        self._draining = True
        self._calls.patience = min(self._calls.patience, LAST_PATIENCE)
        self._news.set()

    def abort(self) -> None:
        """Cancel what runs; each is given back."""
        self._draining = self._aborting = True
        self._abort_at = math.inf
        self._calls.patience = 0.0
        for run in self._running.values():
            run.abort()
        self._news.set()

    @property
    def _free(self) -> int:
        if self._draining:
            return 0
        finishing = sum(commit.part == 0 for commit, _ in self._commits) + self._leaving
        return max(0, self._options.concurrency - len(self._running) + finishing - self._lanes.asked)

    def _done(self) -> bool:
        for flight in [flight for flight in self._flights if flight.done()]:
            self._flights.discard(flight)
            flight.result()  # what a round trip could not survive ends the shift
        busy = self._running or self._commits or self._settling or self._flights
        if not self._draining and not busy and not self._hungry and self._is_over():
            self._draining = True  # what a vigil is handed now is given back
        return self._draining and not busy and self._vigil is None

    def _is_over(self) -> bool:
        """Whether a worker that has nothing to do shall end."""
        if self._options.burst and not self._next_due:
            return True
        idle = time.monotonic() - self._last_work
        return self._options.max_idle is not None and idle >= self._options.max_idle

    def _may_launch(self) -> bool:
        """Whether there is something to send out, and it is enough: while one round trip is under way, another waits until
        it carries half of what the worker runs, or asks for as much, since a small group costs nearly what a large one does.
        """
        if self._lanes.under_way == lanes.COUNT:
            return False
        enough = self._half if self._lanes.under_way else 1
        return len(self._commits) >= enough or (self._hungry and self._free >= enough)

    def _launch(self) -> None:
        """Start a round trip: everything that finished goes out, new activations come in."""
        request = self._wish(None)  # before the group is taken: what it ends is free again
        group, self._commits = self._commits[:LARGEST_GROUP], self._commits[LARGEST_GROUP:]
        self._flights.add(asyncio.create_task(self._exchange(group, request), name="blackboard-exchange"))

    @property
    def _half(self) -> int:
        return max(1, self._options.concurrency // lanes.COUNT)

    def _wish(self, lane: int | None) -> ClaimRequest:
        """The next claim of a lane, or of any that is free, for what there is room for: in halves, so that the other lane has
        something to ask for.

        It is to be sent by `_exchange`, which gives the lane back.
        """
        wanted = min(self._free, LARGEST_GROUP, self._half)
        lane = self._lanes.take(wanted) if lane is None else lane
        request, repeats = self._lanes.ask(lane, wanted, self._cursor())
        self._hungry = repeats or (self._hungry and wanted == 0)  # a repeated claim asks for nothing new
        return request

    async def _exchange(self, group: list[Finished], request: ClaimRequest, behind: Behind | None = None) -> None:
        leaving, sent = sum(commit.part == 0 for commit, _ in group), time.monotonic()
        self._leaving += leaving
        if self._leases.late is not None:
            self._calls.suspect(self._leases.late)
        try:
            results, handed = await self._send(group, request, behind)
            if handed.claimed and request.brief and time.monotonic() - sent > self._shortest_lease(handed) / 4:
                # Half a lease may be over, since this process did nothing for a while: what of it is still held?
                request = replace(request, brief=False)
                results, handed = await self._send(group, request, None)
        except (StoreUnreachable, StoreBusy) as error:
            self._lanes.lost(request)
            await self._survive(error, group)
            self._hungry = True
            return
        except StoreError as error:
            self._lanes.lost(request)  # should it have been carried out
            await self._one_by_one(group, error)
            return
        finally:
            self._leaving -= leaving
            self._lanes.give_back(request)
            self._news.set()
        self._outage.over()
        for (_, answer), result in zip(group, results, strict=True):
            answer(result)
        if request.wanted:
            self._hungry = self._hungry or len(handed.claimed) >= request.wanted
            self._next_due = time.monotonic() + handed.next_due / 1000 if handed.next_due else 0.0
        for claimed in handed.claimed:
            self._take(claimed, brief=request.brief)

    def _shortest_lease(self, handed: Handed) -> float:
        """The shortest of the leases of what was handed out, in seconds."""
        sources = (self._duty.sources.get(claimed.claim.source) for claimed in handed.claimed)
        leases = [source.policies.lease for source in sources if source is not None and source.policies.lease]
        return min([self._options.lease, *leases])

    async def _send(
        self, group: list[Finished], request: ClaimRequest, behind: Behind | None
    ) -> tuple[list[Result], Handed]:
        if group:
            return await self._partition.commit([commit for commit, _ in group], request)
        return [], await self._partition.claim(request, behind=behind)

    async def _survive(self, error: StoreError, group: list[Finished]) -> None:
        """The store is away: keep what finished (a commit may be sent again), say so, and go on, within a bound."""
        self._commits = [*group, *self._commits]
        await self._outage.sit_out(error)

    async def _one_by_one(self, group: list[Finished], error: StoreError) -> None:
        """The store cannot do what it was asked: whoever's contribution that was, the others shall not suffer for it."""
        if not group:
            self._hungry = True
            await self._outage.sit_out(error)
            return
        logger.error("%s", error)
        if len(group) == 1:
            group[0][1](error)
            return
        nothing = ClaimRequest(0, self._duty.worker, 0, 0, self._duty.crew)
        for commit, answer in group:
            try:
                [result], _ = await self._partition.commit([commit], nothing)
            except StoreError as its:
                answer(its)
            else:
                answer(result)

    def _cursor(self) -> str:
        """Where the scan over sources starts: anywhere, so that none beyond the scan's length starves."""
        names = self._duty.names
        return random.choice(names) if names else ""  # noqa: S311  # fairness, not secrecy

    async def _rest(self) -> None:
        """Wait for a contribution, a doorbell, a timer, or a while."""
        nap = LONGEST_NAP
        if self._next_due and self._free > 0:
            nap = min(nap, max(0.001, self._next_due - time.monotonic()))
        if self._options.max_idle is not None:
            nap = min(nap, max(0.001, self._last_work + self._options.max_idle - time.monotonic()))
        is_patient = self._keeps_vigils and bool(self._running) and not self._lull
        if is_patient:
            nap = min(nap, LULL)
        elif self._free > 0:
            self._listen(nap)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(nap):
                await self._news.wait()
        rung = self._news.is_set()
        self._lull = is_patient and not rung
        is_due = self._next_due and time.monotonic() >= self._next_due
        if not rung and self._free > 0 and (is_due or (self._vigil is None and not is_patient)):
            self._hungry = True
        self._news.clear()
        self._bell.shut()

    # ------------------------------------------------------------------ the doorbell

    @property
    def _keeps_vigils(self) -> bool:
        """Whether claims may wait behind the doorbell: on one server, where no person must say what became of a lost one."""
        return self._clients.waits is not None and not self._asks_people

    def _listen(self, nap: float) -> None:
        """Hear the doorbell from now on: in a vigil, where nothing runs that could keep this process from hearing the answer."""
        if self._running or not self._keeps_vigils:
            self._bell.open()
        elif self._vigil is None and not self._hungry and not self._draining:
            self._begin_vigil(nap)

    def _begin_vigil(self, seconds: float) -> None:
        """Have a claim wait behind the doorbell, for as many seconds at most: it saves the round trip from the bell to the claim.

        Who stops or is lost while it waits takes along what it gets. So the leases are brief at first, and renewed by who is
        there to do it.
        """
        request = replace(self._wish(lanes.VIGIL), brief=True)
        behind = None if self._hungry else (self._bell_key, min(seconds, LONGEST_NAP))

        async def kept() -> None:
            try:
                await self._exchange([], request, behind)
            finally:
                if self._vigil is not None and self._vigil[1] is request:
                    self._flights.add(self._vigil[0])  # it has landed: what it could not survive ends the shift, too
                    self._vigil = None

        self._vigil = asyncio.create_task(kept(), name="blackboard-vigil"), request

    def _end_vigil(self, task: asyncio.Task[None], request: ClaimRequest) -> None:
        """Call a vigil off. A claim of its number that wants nothing is told what it got, or sees to it that it gets nothing."""
        self._vigil = None

        async def ended() -> None:
            await end_all([task])
            with contextlib.suppress(StoreError):  # what it got is found by its lease
                await self._exchange([], replace(request, wanted=0))

        self._in_background(ended())

    def _rung(self) -> None:
        """The doorbell brought a token: there is work."""
        self._hungry = True
        self._news.set()

    # ------------------------------------------------------------------ what was claimed

    def _take(self, claimed: Claimed, *, brief: bool) -> None:
        self._last_work = time.monotonic()
        name = claimed.claim.source
        source = self._duty.sources.get(name)
        # What stands behind a slash says which of the chores of a name it is.
        chore = None if source is not None else self._duty.chores.get(name.partition("/")[0])
        if chore is not None and claimed.verdict == "" and not self._draining:
            self._leases.hold(claimed.claim, self._options.lease, brief=brief)
            self._do(chore, claimed)
        elif source is None or claimed.verdict in UNFIT or self._draining:
            self._settle(claimed, lacking=source is None)
        else:
            self._leases.hold(claimed.claim, source.policies.lease or self._options.lease, brief=brief)
            self._begin(claimed, source)

    def _begin(self, claimed: Claimed, source: Source) -> None:
        if claimed.claim.epoch > 1:
            self._supersede(claimed.claim)
        execution = Execution(claimed, source, self._duty.host)
        run = Run(execution, self._partition, self._duty.threads, self._outage, self._carry, self._duty.crew)
        self._running[run.claim] = run
        run.start(self._ended)

    def _carry(self, commit: Commit, answer: Callable[[Result], None]) -> None:
        """Send a contribution out with the next round trip; `answer` is told what became of it."""
        self._commits.append((commit, answer))
        self._news.set()

    def _ended(self, run: Run, end: End) -> None:
        self.finished += end is End.COMMITTED
        self._hungry = self._hungry or end in {End.FAILED, End.PARKED, End.RECONCILED, End.UNSURE}
        self._leases.drop(run.claim)
        self._running.pop(run.claim, None)
        self._last_work = time.monotonic()
        self._news.set()

    def _do(self, chore: Chore, claimed: Claimed) -> None:
        """Do a chore in the background; one that fails is given back, and its worker goes on."""
        claim = claimed.claim

        async def done() -> None:
            try:
                await chore(claimed, self._partition)
            except Exception:
                logger.exception("%s of board %s failed, and is given back", claim.source, claim.board)
                await asyncio.sleep(CHORE_PAUSE)  # what fails at once must not spin
                await self._outage.tell(lambda: self._partition.release(claim, "ready"))
            finally:
                self._leases.drop(claim)

        self._in_background(done())

    def _settle(self, claimed: Claimed, *, lacking: bool) -> None:
        """Settle in the background what is not to be run here."""
        self._in_background(
            self._outage.tell(lambda: settle(claimed, self._partition, self._duty.worker, lacking=lacking))
        )

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        async def worked() -> None:
            try:
                await work
            finally:
                self._settling.discard(task)  # before the loop hears of it, which may wait for nothing else
                self._hungry = True
                self._news.set()

        task = asyncio.create_task(worked())
        self._settling.add(task)

    def _supersede(self, claim: Claim) -> None:
        """What this worker still holds by an older claim, it has lost, and shall not take for the new one."""
        for old in list(self._running):
            if old.identity == claim.identity and old.board == claim.board and old.epoch < claim.epoch:
                self._leases.drop(old)
                self._lose(old)

    async def _catch_up(self, away: float) -> None:
        """The store was away for so many seconds, and leases may have run out: what is held here is renewed before anything is
        claimed, and others are given the time to do the same. Else workers would take over from themselves, and each other.
        """
        for claim in await self._partition.renew(self._duty.worker, self._leases.held()):
            self._leases.drop(claim)
            self._lose(claim)
        if away > self._options.lease / 4:
            await self._clients.call("PING")  # it is back; from now on all renew within a twelfth of a lease
            await asyncio.sleep(self._options.lease / 5)

    def _lose(self, claim: Claim) -> None:
        run = self._running.get(claim)
        if run is not None:
            run.lose()

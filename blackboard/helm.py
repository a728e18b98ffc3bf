"""A controller's loop on one partition: claim boards, decide, grant.

A board of which something changed is claimed with what it shows; its strategy decides, purely; and the decisions go out with
the next claim in one round trip. Controllers need no election: a claim is a lease like a worker's, the decision of one that
lost it is refused, and what a dead one held goes to another.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from blackboard.activation import Claimed, Shown
from blackboard.control.memo import Memo
from blackboard.control.notation import from_data
from blackboard.control.standing import GOOD_FOR, SOME_NUMBER, foresee
from blackboard.control.strategy import Strategy
from blackboard.control.view import View
from blackboard.doorbell import Doorbell
from blackboard.entry import Entry, address_of, encode
from blackboard.errors import Conflict, Refusal, StoreBusy, StoreError, StoreUnreachable
from blackboard.execution import sum_up
from blackboard.ids import operation_id
from blackboard.lease import LeaseKeeper
from blackboard.limits import Limits
from blackboard.outage import Outage
from blackboard.settlement import settle
from blackboard.store import codec
from blackboard.store.control import Decision
from blackboard.store.partition import NEW, Partition, Write
from blackboard.store.store import Store
from blackboard.store.stub import ClaimRequest, Handed
from blackboard.tasks import end_all
from blackboard.thinker import Thinker

logger = logging.getLogger(__name__)

CREW = "@control"
"""The crew of all controllers: they share a doorbell."""

GROUP = 32
"""Boards claimed at once: few enough that several controllers share many boards evenly."""

LANES = 2
"""Round trips under way at once."""

PATIENCE = 5.0
"""Seconds that a strategy may think."""

BREAK = 1000
"""Milliseconds after which a strategy is asked again that wanted to be asked at a time that had passed."""

LATEST = 2**52
"""The last time, in milliseconds, that the store can keep."""

BIRTH = 2
"""Events of a board that is created under control: its creation and its switch. Nothing can have ended by then."""

LONGEST_NAP = 1.5
"""Seconds after which an idle controller looks for itself, doorbell or not."""


@dataclass(slots=True)
class _Case:
    """One board to decide for: what was claimed, its strategy, and what that is to see."""

    claimed: Claimed
    shown: Shown
    strategy: Strategy
    view: View
    memo: Memo


class Helm:
    """A controller's loop on one partition."""

    def __init__(self, controller: str, store: Store, partition: Partition, lease: float) -> None:
        self._controller = controller
        self._partition = partition
        self._lease = lease
        self.decisions = 0
        """Decisions applied."""
        self._number = 0
        self._news = asyncio.Event()
        self._draining = False
        self._resting = 0
        self._next_due = 0.0
        self._outage = Outage("controller", lambda: self._draining)
        self._bell = Doorbell(store.clients, partition.keys.bell(CREW), lambda: self._resting > 0, self._news.set)
        self._leases = LeaseKeeper(store.clients, partition, controller, lease, lambda _claim: None)
        self._thinker = Thinker()

    async def work(self) -> None:
        """Decide until told to stop; what was decided by then still goes out."""
        self._leases.start({"role": "controller", "crew": CREW, "sources": [], "concurrency": GROUP})
        bell = asyncio.create_task(self._bell.listen(), name="blackboard-control-bell")
        lanes = [asyncio.create_task(self._go(lane), name="blackboard-control") for lane in range(LANES)]
        try:
            await asyncio.gather(*lanes)
        finally:
            self._bell.end()
            self._thinker.end()
            self._leases.end()  # what is cut off from here on must not keep its lease
            await end_all([bell, *lanes])
            await asyncio.to_thread(self._leases.stop)
        await self._partition.sign_off(self._controller, LANES)  # after the last sign of life

    async def _go(self, lane: int) -> None:
        """One lane: while its round trip is under way, the other decides."""
        decided: list[Decision] = []
        while decided or not self._draining:
            handed = await self._exchange(decided, lane)
            decided = await self._decide(handed.claimed)
            if not handed.claimed and not self._draining:
                await self._rest()

    def drain(self) -> None:
        """Claim no more boards."""
        self._draining = True
        self._news.set()

    # ------------------------------------------------------------------ round trips

    async def _exchange(self, decided: Sequence[Decision], lane: int) -> Handed:
        """Send decisions out and claim boards; both may be repeated, so that an outage is sat out."""
        self._number += 1
        wanted = 0 if self._draining else GROUP
        lease = round(self._lease * 1000)
        request = ClaimRequest(wanted, self._controller, self._number, lease, CREW, lane=lane)
        while True:
            try:
                handed = await self._send(decided, request)
            except (StoreUnreachable, StoreBusy) as error:
                await self._outage.sit_out(error)
            except StoreError as error:
                self._let_go(decided, error)
                await self._outage.sit_out(error)
                return Handed([], 0)
            else:
                self._outage.over()
                self._next_due = time.monotonic() + handed.next_due / 1000 if handed.next_due else 0.0
                return handed

    async def _send(self, decided: Sequence[Decision], request: ClaimRequest) -> Handed:
        if not decided:
            return await self._partition.claim(request) if request.wanted else Handed([], 0)
        answers, handed = await self._partition.decide(decided, request)
        for decision, (answer, what) in zip(decided, answers, strict=True):
            self._leases.drop(decision.claim)
            self.decisions += answer == "ok"
            if answer not in {"ok", "done"}:
                logger.info("a decision for board %s was not applied: %s %s", decision.claim.board, answer, what)
        return handed

    def _let_go(self, decided: Sequence[Decision], error: StoreError) -> None:
        """The store cannot do what it was asked: the boards go to another try when their leases have run out."""
        logger.error("%s %d boards are left to another try.", error, len(decided))
        for decision in decided:
            self._leases.drop(decision.claim)

    async def _rest(self) -> None:
        """Wait for a doorbell, a timer, or a while."""
        nap = min(LONGEST_NAP, max(0.001, self._next_due - time.monotonic())) if self._next_due else LONGEST_NAP
        self._resting += 1
        self._bell.open()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(nap):
                await self._news.wait()
        self._news.clear()
        self._resting -= 1
        if not self._resting:
            self._bell.shut()

    # ------------------------------------------------------------------ deciding

    async def _decide(self, claimed: Sequence[Claimed]) -> list[Decision]:
        """What the strategies say of the boards that were claimed."""
        decisions: list[Decision] = []
        cases: list[_Case] = []
        for each in claimed:
            self._leases.hold(each.claim, self._lease)
            try:
                if each.shown is None or each.verdict in {"poison", "damaged"}:
                    await self._give_up(each)
                else:
                    cases.append(await self._case(each, each.shown))
            except StoreError as error:
                logger.error("%s Board %s is left to another try.", error, each.claim.board)  # noqa: TRY400  # no traceback
                self._leases.drop(each.claim)
            except Exception as error:  # noqa: BLE001  # whatever is wrong with a strategy pauses its board
                decisions += [refuse(each, each.shown, sum_up(error))] if each.shown else []
        thoughts = await self._think(cases)
        return decisions + [thought.decision for thought in thoughts if await self._post(thought)]

    async def _case(self, claimed: Claimed, shown: Shown) -> _Case:
        (strategy, kinds, recency), board = _strategy(shown.strategy), claimed.claim.board
        written: dict[str, int] = {}
        entries = {kind: tuple(await self._partition.entries(board, kind)) for kind in kinds}
        if recency:
            addresses = sorted({address for each in shown.agenda for address in each.addresses})
            written = await self._partition.written(board, addresses)
        memo = await self._memo(claimed, shown)
        view = View(board, claimed.snapshot, shown.epoch, shown.agenda, shown.news, entries, written, memo.history)
        return _Case(claimed, shown, strategy, view, memo)

    async def _memo(self, claimed: Claimed, shown: Shown) -> Memo:
        """What the board keeps of its control; what has ended before that, or is missing in the news, it tells itself."""
        memo = Memo.parse(shown.memo)
        missed = claimed.snapshot - shown.seen > len(shown.news)
        if memo is None and not missed and shown.seen <= BIRTH:
            memo = Memo()
        if memo is None or missed:
            history = await self._partition.history(claimed.claim.board)
            return Memo(memo.state if memo else None, history)
        return memo.after(shown.news)

    async def _think(self, cases: list[_Case]) -> list[Thought]:
        """Run the strategies in a thread, all in one: they are quick. One that is not pauses its board, and has the thread."""
        thoughts: list[Thought] = []
        while len(thoughts) < len(cases):
            left = cases[len(thoughts) :]
            thinking = self._thinker.ask(lambda: _decide_all(left, thoughts))  # noqa: B023  # it is waited for below
            if not await _answers(thinking, thoughts):
                self._thinker.end()
                self._thinker = Thinker()
                stuck = cases[len(thoughts)]
                reason = f"its strategy {type(stuck.strategy).__name__} did not answer within {PATIENCE:g} s"
                thoughts = [*thoughts, Thought(refuse(stuck.claimed, stuck.shown, reason))]
        return thoughts

    async def _post(self, thought: Thought) -> bool:
        """Write what a strategy wants to be known, before its decision, and say whether that may go out.

        What is written twice changes nothing.
        """
        if not thought.writes:
            return True
        claim = thought.decision.claim
        try:
            depth = await self._depth(claim.board)
            await self._partition.post(claim.board, operation_id(), "@control", thought.writes, depth=depth)
        except (Conflict, Refusal) as error:
            logger.warning("what the strategy of board %s posts is not written: %s", claim.board, error)
        except StoreError as error:
            self._let_go([thought.decision], error)
            return False
        return True

    async def _depth(self, board: str) -> int:
        """At the end of how long a chain of causes a strategy posts: it does since an activation is open, or has died.

        A strategy and its agents can drive each other, too.
        """
        found = [*await self._partition.agenda(board), *await self._partition.dead(board)]
        return max((each.depth for each in found), default=0)

    async def _give_up(self, claimed: Claimed) -> None:
        """Nobody can decide for this board, or what was claimed is an agent's and has failed for good."""
        await settle(claimed, self._partition, self._controller)
        self._leases.drop(claimed.claim)


@dataclass(frozen=True, slots=True)
class Thought:
    """What a strategy came to: its decision, and what it wants to be written on the board first."""

    decision: Decision
    writes: Sequence[Write] = ()


async def _answers(thinking: asyncio.Future[None], thoughts: Sequence[Thought]) -> bool:
    """Wait until all is thought; no longer than the patience for any one thought."""
    while True:
        known = len(thoughts)
        done, _ = await asyncio.wait([thinking], timeout=PATIENCE)
        if done or len(thoughts) == known:
            return bool(done)


@lru_cache(maxsize=256)
def _strategy(text: str) -> tuple[Strategy, tuple[str, ...], bool]:
    """A strategy and what it wants to see. Many boards have the same, and to make it takes longer than to ask it."""
    strategy = from_data(json.loads(text))
    return strategy, tuple(sorted(strategy.kinds)), strategy.recency


def _decide_all(cases: Sequence[_Case], thoughts: list[Thought]) -> None:
    for case in cases:
        thoughts.append(decide(case.claimed, case.shown, case.strategy, case.view, case.memo))  # noqa: PERF401  # who waits counts them


def _write(entry: Entry, unique: str) -> Write:
    return Write(address_of(entry, unique), NEW, entry.__version__, encode(entry, Limits().entry_bytes))


def decide(claimed: Claimed, shown: Shown, strategy: Strategy, view: View, memo: Memo) -> Thought:
    """What a strategy decides, checked: one that fails, or grants what is not held, pauses the board."""
    try:
        return _follow(claimed, shown, strategy, view, memo)
    except BaseException as error:  # whatever a strategy raises pauses its board, be it SystemExit
        logger.warning("the strategy of board %s failed: %s", claimed.claim.board, sum_up(error), exc_info=error)
        return Thought(refuse(claimed, shown, f"its strategy {type(strategy).__name__} failed: {sum_up(error)}"))


def _follow(claimed: Claimed, shown: Shown, strategy: Strategy, view: View, memo: Memo) -> Thought:
    chosen, state = strategy.decide(view, memo.state, shown.now)
    grants = {each.identity: each for each in chosen}
    held = {(each.identity, each.number) for each in view.held}
    for each in grants.values():
        if (each.identity, each.number) not in held:
            return Thought(refuse(claimed, shown, f"its strategy granted {each.name}, which is not held"))
    text = memo.remembering(state).text()
    wake = None if strategy.finished(view, state, shown.now) else strategy.wake(view, state, shown.now)
    number = f"{shown.epoch}.{claimed.snapshot}"
    writes = [_write(entry, f"{number}.{i}") for i, entry in enumerate(strategy.posts(view, state, shown.now))]
    why = strategy.label
    named = [(each.identity, each.number, why) for each in grants.values()]
    decision = Decision(claimed.claim, shown.epoch, claimed.snapshot, text, named, _due(wake, shown.now))
    if len(named) == len(view.agenda) == 1 and wake is None and not writes:
        decision.standing = _standing(strategy, view, memo.remembering(state), shown.now)
        decision.until = shown.now + GOOD_FOR
    return Thought(decision, writes)


def _standing(strategy: Strategy, view: View, memo: Memo, now: int) -> list[tuple[str, str]]:
    """What the strategy would grant behind the one activation that is open, and was granted just now."""
    coming = foresee(strategy, view, view.agenda[0], memo, now)
    return [(each.source, each.memo.replace(str(SOME_NUMBER), codec.US)) for each in coming]


def _due(wake: int | None, now: int) -> int:
    """When to ask again, 0 for never. Who names a time that has passed, again and again, is not asked without a break."""
    if wake is None:
        return 0
    return min(int(wake), LATEST) if wake > now else now + BREAK


def refuse(claimed: Claimed, shown: Shown, reason: str) -> Decision:
    """The decision to pause a board whose strategy cannot be followed."""
    return Decision(claimed.claim, shown.epoch, shown.seen, shown.memo, verdict="pause", reason=reason[:500])

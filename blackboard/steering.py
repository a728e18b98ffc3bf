"""Steering a board: who may start, as programs and people say it. The base of `Board`, which it shares its store with."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

from blackboard.activation import Activation, ActivationState
from blackboard.clock import to_seconds
from blackboard.control.memo import Memo
from blackboard.control.mention import sources_of
from blackboard.control.notation import from_data, to_data
from blackboard.control.strategy import Grants, Strategy
from blackboard.control.view import UNDER_WAY, View, in_rank_order
from blackboard.errors import (
    ActivationNotFound,
    BoardNotFound,
    EpochConflict,
    InvalidStrategy,
    NotHeld,
    SagaUnderWay,
    TimedOut,
    UnknownSource,
    closed,
)
from blackboard.event import EventType
from blackboard.ids import operation_id
from blackboard.limits import check_limit, milliseconds
from blackboard.measure import is_duration
from blackboard.mode import Effect, Mode, Planned, Switch
from blackboard.news import News
from blackboard.patience import patience
from blackboard.reason import clean
from blackboard.saga import GOES_ON
from blackboard.store.board_facts import BoardFacts
from blackboard.store.control import Raised, Steered
from blackboard.store.partition import Partition

STEP_ENDS = frozenset({EventType.FIRED, EventType.DIED, EventType.OBVIATED, EventType.FAILED, EventType.DECLINED})


class Steering:
    """The acts of control on a board. Each is an event that says who, when and why."""

    id: str
    _author: str

    # ------------------------------------------------------------------ what a board lends

    @property
    def _partition(self) -> Partition:
        raise NotImplementedError

    async def _wait_until(self, holds: Callable[[], Awaitable[bool]], awaited: str, timeout: Any) -> None:
        raise NotImplementedError

    async def status(self) -> BoardFacts:
        """Whether the board is open, and how busy. Raises BoardNotFound."""
        raise NotImplementedError

    # ------------------------------------------------------------------ modes

    async def orchestrate(
        self,
        strategy: Strategy,
        *,
        why: str = "",
        drain: bool = False,
        epoch: int | None = None,
        unattended: float | timedelta | None = None,
        timeout: float | timedelta | None = None,
    ) -> Switch:
        """Hand the board to a controller: from now on nothing starts that the strategy does not grant.

        One atomic step; what is running goes on, and with ``drain`` this waits for it (TimedOut after ``timeout`` seconds).
        ``epoch`` is the epoch that the caller knows of (EpochConflict when the board was switched or paused since);
        ``unattended`` the seconds after which a board without a controller is choreographed again (None: it waits). A board
        that does not exist is created. Raises InvalidStrategy, BoardClosed, and UnknownSource for a source that nobody has
        registered.
        """
        patience(timeout)
        text = _notation(strategy)
        if unattended is not None and not is_duration(unattended):
            problem, remedy = (
                f"unattended={unattended!r} is no duration",
                "Give it seconds or a timedelta from 1 ms up, or None",
            )
            raise InvalidStrategy("orchestrate", problem, remedy)
        await self._check_sources(strategy)
        milliseconds = 0 if unattended is None else max(1, round(to_seconds(unattended) * 1000))
        named = (text, strategy.label)
        steered = await self._partition.switch(
            self.id, operation_id(), self._author, named, clean(why), epoch, milliseconds
        )
        return await self._switched(steered, epoch, drain, timeout)

    async def choreograph(
        self,
        *,
        why: str = "",
        drain: bool = False,
        epoch: int | None = None,
        timeout: float | timedelta | None = None,
    ) -> Switch:
        """Take the board back from its controller: everything that was held may start.

        The arguments are those of `orchestrate`. Raises EpochConflict, BoardClosed.
        """
        patience(timeout)
        steered = await self._partition.switch(self.id, operation_id(), self._author, None, clean(why), epoch)
        return await self._switched(steered, epoch, drain, timeout)

    async def mode(self) -> Mode:
        """How the board is steered. Raises BoardNotFound."""
        facts = await self.status()
        unattended = facts.unattended / 1000 if facts.unattended else None
        text, memo, seen = await self._partition.strategy(self.id)
        tripped = await self._partition.tripped(self.id) if facts.paused else None
        found = Mode(self.id, facts.mode, facts.epoch, facts.paused, unattended=unattended, tripped=tripped)
        if facts.mode != "orchestration":
            return found
        if not text:  # switched back between these two looks
            return await self.mode()
        try:
            strategy = from_data(json.loads(text))
        except InvalidStrategy as error:
            return replace(found, said=str(error))
        known = Memo.parse(memo)
        if known is None:
            return replace(found, strategy=strategy, said="it has not decided yet")
        view = await self._complete(await self._view(facts, seen), strategy, known)
        return replace(found, strategy=strategy, said=_said(strategy, view, known.state))

    async def plan(self, strategy: Strategy | None = None) -> tuple[Planned, ...]:
        """What a switch would hold back or start, without doing it: to orchestration by a strategy, to choreography with None.

        For an orchestrated board and its own strategy, this is what it would grant next. Raises BoardNotFound.
        """
        facts = await self.status()
        agenda = in_rank_order(await self._partition.agenda(self.id))
        if strategy is None:
            return tuple(Planned(each, _freed(each)) for each in agenda)
        shown = tuple(_as_held(each, facts) for each in agenda)
        memo, seen = await self._continued(strategy, facts)
        view = View(self.id, facts.seq, facts.epoch, shown, await self._news(seen))
        view = await self._complete(view, strategy, memo)
        grants = _granted(strategy, view, memo.state)
        granted = {each.identity for each in grants}
        return tuple(Planned(each, "granted" if each.identity in granted else _held(each)) for each in shown)

    # ------------------------------------------------------------------ pausing and stepping

    async def pause(self, why: str = "") -> Switch:
        """Pause the board, in either mode: nothing starts any more that is not granted by hand. What runs goes on.

        Pausing a paused board changes nothing. Raises BoardNotFound, BoardClosed.
        """
        return self._switch(await self._partition.pause(self.id, self._author, clean(why)), None)

    async def resume(
        self,
        why: str = "",
        *,
        depth: int | None = None,
        activations: int | None = None,
        alternations: int | None = None,
        wall: timedelta | None = None,
        budget: int | None = None,
    ) -> Switch:
        """End a pause. Resuming a board that is not paused changes nothing.

        The other arguments are limits that this board is to have of its own from now on, beyond those of `Limits`; ``budget``
        is that of the source whose budget was spent. A board that a guard has paused must be given a higher limit
        (`mode` says which), else GuardTripped is raised. Raises InvalidSource for a limit that is none, BoardNotFound,
        BoardClosed.
        """
        given = {"depth": depth, "activations": activations, "alternations": alternations, "budget": budget}
        raised = {name: check_limit(name, value) for name, value in given.items() if value is not None}
        if wall is not None:
            raised["wall"] = milliseconds(wall)
        said = clean(", ".join(filter(None, [why, *(f"{name} up to {value}" for name, value in raised.items())])))
        return self._switch(await self._partition.resume(self.id, self._author, said, raised=Raised(**raised)), None)

    async def step(
        self,
        until: Literal["firing", "event", "quiescence"] = "firing",
        *,
        why: str = "step",
        timeout: float | timedelta | None = 60.0,
    ) -> int:
        """Let a paused board go one step: until one activation has ended, one event more has happened, or it is quiescent.

        What goes is what the strategy grants, on a choreographed board the first of the agenda. A board that is not paused is
        paused first. Returns the board's last event. Raises TimedOut, NotHeld when nothing can go, and SagaUnderWay.
        """
        seconds = patience(timeout)
        if (await self.status()).status == "open" and await self._partition.saga(self.id) in GOES_ON:
            raise SagaUnderWay(self.id)  # before it is paused, which would outlast that
        await self.pause(why)
        if until != "quiescence":
            if (await self.status()).settled:
                raise NotHeld(self.id, "the agenda", "without an open activation")
            return await self._step(until, why, seconds)
        deadline = None if seconds is None else time.monotonic() + seconds
        while not (facts := await self.status()).settled:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            await self._step("firing", why, left)
        return facts.seq

    async def grant(self, activation: str | int, why: str = "", *, epoch: int | None = None) -> int:
        """Let one held activation start, by its name (``decide#17``) or number. Returns the epoch.

        Raises ActivationNotFound, NotHeld, EpochConflict, BoardNotFound, BoardClosed.
        """
        found = await self._open(activation)
        steered = await self._partition.grant(self.id, self._author, found.identity, found.number, clean(why), epoch)
        if steered.answer == "free":
            raise NotHeld(self.id, found.name, found.state.value)
        if steered.answer == "absent":
            raise ActivationNotFound(self.id, str(activation))
        return self._switch(steered, epoch).epoch

    async def veto(self, activation: str | int, why: str = "") -> None:
        """Forbid an open activation that has not started: it is kept with the dead, and `retry` brings it back.

        Raises ActivationNotFound, NotHeld (it runs already), BoardClosed.
        """
        found = await self._open(activation)
        answer = await self._partition.veto(self.id, self._author, found.identity, found.number, clean(why))
        if answer == "running":
            raise NotHeld(self.id, found.name, ActivationState.RUNNING.value)
        if answer == "absent":
            raise ActivationNotFound(self.id, str(activation))
        if answer != "ok":
            raise closed(self.id, answer)

    # ------------------------------------------------------------------ inside

    def _switch(self, steered: Steered, expected: int | None) -> Switch:
        if steered.answer == "epoch":
            raise EpochConflict(self.id, expected or 0, steered.epoch)
        if steered.answer == "absent":
            raise BoardNotFound(self.id)
        if steered.answer == "saga":
            raise SagaUnderWay(self.id)
        if steered.answer not in {"ok", "done"}:
            raise closed(self.id, steered.answer)
        return Switch(
            steered.epoch, steered.moved, tuple(identity.partition("\x1e")[0] for identity in steered.running)
        )

    async def _switched(self, steered: Steered, epoch: int | None, drain: bool, timeout: Any) -> Switch:
        switch = self._switch(steered, epoch)
        if drain and steered.running:
            waited = frozenset(steered.running)

            async def drained() -> bool:
                agenda = await self._partition.agenda(self.id)
                return not any(each.identity in waited and _runs_since(each, steered.epoch) for each in agenda)

            await self._wait_until(drained, f"what was running on board {self.id} to end", timeout)
        return switch

    async def _step(self, until: str, why: str, timeout: Any) -> int:
        facts = await self.status()
        if facts.mode == "orchestration":
            self._switch(await self._partition.resume(self.id, self._author, clean(why), step=True), None)
        else:
            await self._grant_first(why)
        ends = STEP_ENDS if until == "firing" else frozenset(EventType) - {EventType.GRANTED, EventType.RESUMED}
        last = facts.seq

        async def stepped() -> bool:
            nonlocal last
            page = await self._partition.events(self.id, last, 1000)
            last += len(page)
            return any(event.type in ends for event in page)

        try:
            await self._wait_until(stepped, f"a step of board {self.id}", timeout)
        except TimedOut:
            await self.pause("the step did not come to an end")  # else the next controller would still take it
            raise
        return last

    async def _grant_first(self, why: str) -> None:
        """Grant the first of what is held; nothing, when all that there is has been granted and is still to end."""
        agenda = in_rank_order(await self._partition.agenda(self.id))
        if held := [each for each in agenda if each.state is ActivationState.HELD]:
            await self.grant(held[0].name, why)
        elif not any(each.state in UNDER_WAY for each in agenda):
            raise NotHeld(self.id, "the agenda", "without a held activation")

    async def _open(self, activation: str | int) -> Activation:
        source, _, text = str(activation).rpartition("#")
        number = int(text) if text.isascii() and text.isdigit() else -1
        for each in await self._partition.agenda(self.id):
            if each.number == number and source in {"", each.source}:
                return each
        raise ActivationNotFound(self.id, str(activation))

    async def _continued(self, strategy: Strategy, facts: BoardFacts) -> tuple[Memo, int]:
        """The memory a strategy would go on with, and the last event it knows: its own, if the board is in its hands."""
        text, memo, seen = await self._partition.strategy(self.id)
        if facts.mode == "orchestration" and memo and text == _notation(strategy):
            return Memo.parse(memo) or Memo(), seen
        return Memo(history=await self._partition.history(self.id)), facts.seq

    async def _check_sources(self, strategy: Strategy) -> None:
        """Raises UnknownSource for a misspelled source, which would be waited for for ever."""
        named = set(sources_of(strategy))
        known = await self._partition.source_names() if named else named
        for name in sorted(named - known):
            raise UnknownSource(name, tuple(sorted(known)))

    async def _view(self, facts: BoardFacts, seen: int) -> View:
        agenda = in_rank_order(await self._partition.agenda(self.id))
        return View(self.id, facts.seq, facts.epoch, agenda, await self._news(seen))

    async def _news(self, seen: int) -> News:
        return News.of(await self._partition.events(self.id, seen, 1000))

    async def _complete(self, view: View, strategy: Strategy, memo: Memo) -> View:
        entries = {kind: tuple(await self._partition.entries(self.id, kind)) for kind in sorted(strategy.kinds)}
        addresses = sorted({address for each in view.agenda for address in each.addresses})
        written = await self._partition.written(self.id, addresses) if strategy.recency else {}
        return replace(view, entries=entries, written=written, history=memo.after(view.news).history)


def _notation(strategy: Any) -> str:
    """A strategy as its board keeps it. Raises InvalidStrategy for anything else."""
    if not isinstance(strategy, Strategy):
        problem, remedy = f"{strategy!r} is no strategy", "Give one, like Sequential(first, second) or Parallel(4)"
        raise InvalidStrategy("orchestrate", problem, remedy)
    return json.dumps(to_data(strategy), ensure_ascii=False, separators=(",", ":"))


def _granted(strategy: Strategy, view: View, state: Any) -> Grants:
    """What a strategy would grant. Raises InvalidStrategy for one that fails, of which a controller would pause its board."""
    try:
        return strategy.decide(view, state, _now())[0]
    except InvalidStrategy:
        raise
    except Exception as error:
        problem = f"its decide failed: {type(error).__name__}: {error}"
        raise InvalidStrategy(type(strategy).__name__, problem, "Correct it; on a board, it would be paused") from error


def _said(strategy: Strategy, view: View, state: Any) -> str:
    """What a strategy says of itself; a user's own, or a state that another release wrote, may fail."""
    try:
        return strategy.describe(view, state, _now())
    except Exception as error:  # noqa: BLE001  # to look at a board must always work
        return f"it cannot say where it stands: {type(error).__name__}: {error}"


def _now() -> int:
    return round(time.time() * 1000)


def _runs_since(activation: Activation, epoch: int) -> bool:
    return activation.state is ActivationState.RUNNING and activation.granted != epoch


def _as_held(activation: Activation, facts: BoardFacts) -> Activation:
    """An activation as it would be in an epoch of orchestration in which nothing is granted yet."""
    free = activation.state in {ActivationState.READY, ActivationState.LIMITED}
    if facts.mode == "orchestration" and activation.granted == facts.epoch:
        return activation
    return replace(activation, state=ActivationState.HELD) if free else activation


def _freed(activation: Activation) -> Effect:
    if activation.state in {ActivationState.BIDDING, ActivationState.HELD, ActivationState.READY}:
        return "starts"
    return "goes on" if activation.state is ActivationState.RUNNING else "stays"


def _held(activation: Activation) -> Effect:
    if activation.state in {ActivationState.BIDDING, ActivationState.HELD}:
        return "held"
    return "goes on" if activation.state is ActivationState.RUNNING else "stays"

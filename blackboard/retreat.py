"""Retreat: undoing what was done on a board, as programs and people ask for it. A base of `Board`, as `Steering` is."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from blackboard.activation import UNDOES, Activation
from blackboard.errors import (
    ActivationNotFound,
    BoardNotFound,
    InvalidEntry,
    SagaUnderWay,
    SavepointNotFound,
    StillRunning,
    closed,
)
from blackboard.event import Event, EventType
from blackboard.ids import operation_id
from blackboard.measure import is_whole
from blackboard.reason import clean
from blackboard.saga import GOES_ON, Agent, Ledger, Saga, Undoing, awaited, unknown
from blackboard.store.board_facts import BoardFacts
from blackboard.store.partition import Partition

LONGEST_NAME = 100
"""Characters of a savepoint's name."""


class Retreat:
    """The acts of undoing on a board. Each is an event that says who, when and why."""

    id: str
    _author: str

    # ------------------------------------------------------------------ what a board lends

    @property
    def _partition(self) -> Partition:
        raise NotImplementedError

    async def status(self) -> BoardFacts:
        """Whether the board is open, and how busy. Raises BoardNotFound."""
        raise NotImplementedError

    async def dead(self) -> list[Activation]:
        """The activations whose attempts are spent, with their last error."""
        raise NotImplementedError

    async def agenda(self) -> list[Activation]:
        """The open activations, running ones too, by source and addresses."""
        raise NotImplementedError

    def events(self, since: int = 0, follow: bool = False) -> AsyncGenerator[Event]:
        """The board's events after number ``since``, in order."""
        raise NotImplementedError

    # ------------------------------------------------------------------ acts

    async def savepoint(self, name: str) -> int:
        """Mark how far the board has come, so that what is committed afterwards can be undone alone. Returns the mark.

        A name that was given before means the new mark from now on. Raises BoardNotFound, BoardClosed, and InvalidEntry for a
        name that is not 1 to 100 characters of text.
        """
        said: Any = name  # whatever a program may give
        if not isinstance(said, str) or not 1 <= len(said) <= LONGEST_NAME or not said.isprintable():
            raise InvalidEntry(f"savepoint {name!r}", f"its name is not text of 1 to {LONGEST_NAME} characters")
        answer, seq = await self._partition.savepoint(self.id, operation_id(), self._author, name)
        self._check(answer)
        return seq

    async def has_savepoint(self, name: str) -> bool:
        """Whether the board has a savepoint of this name."""
        return bool(await self._partition.marked(self.id, name))

    async def compensate(self, reason: str = "", *, to: int | str | None = None) -> int:
        """Undo what was committed: every activation whose source has a compensation, effects before causes.

        Without ``to``, all of it: nothing starts on the board any more, and in the end it is over (its status ``aborted``). With
        ``to``, a savepoint's mark or name, what was committed after it: the board is paused meanwhile, and goes on afterwards.
        What is running is waited for, and undone too. Returns the event that began it; `settled` waits for its end, and `saga`
        says how far it is. A board that is undone already is left at that.

        Raises BoardNotFound, BoardClosed, SavepointNotFound, and SagaUnderWay for a second savepoint meanwhile.
        """
        savepoint = 0 if to is None else await self._mark(to)
        answer, began = await self._partition.abort(self.id, operation_id(), self._author, clean(reason), savepoint)
        if answer == "saga":
            raise SagaUnderWay(self.id)
        if answer != "done":
            self._check(answer)
        return began

    async def skip(self, activation: str | int, why: str = "") -> None:
        """Do without one compensation, so that the undoing goes on: what it was to undo stays as it is.

        The activation is the one that was to be undone (``take_payment#17``), or its compensation (``undo:take_payment#33``, or
        33). Raises ActivationNotFound, StillRunning.
        """
        found = _meant([*await self.dead(), *await self.agenda()], activation)
        if found is None:
            raise ActivationNotFound(self.id, str(activation))
        answer = await self._partition.skip(self.id, self._author, found.identity, found.number, clean(why))
        if answer == "running":
            raise StillRunning(self.id, found.name)
        if answer != "ok":
            raise ActivationNotFound(self.id, str(activation))

    async def saga(self) -> Saga:
        """How far the board is undone, or was the last time. Raises BoardNotFound."""
        await self.status()
        if not (state := await self._partition.saga(self.id)):
            return Saga("none")
        ledger = Ledger.of([event async for event in self.events()])
        agents = {name: Agent.of_card(card) for name, card in (await self._partition.cards()).items()}
        plan, began = ledger.plan(agents), ledger.began
        agenda = await self.agenda() if state in GOES_ON else []
        return Saga(
            state=state,
            reason=began.reason or "" if began else "",
            by=began.by if began else None,
            began=began.seq if began else 0,
            savepoint=began.cause or 0 if began else 0,
            undone=plan.named(Undoing.UNDONE),
            running=plan.named(Undoing.OPEN),
            pending=plan.named(Undoing.PENDING),
            dead=plan.named(Undoing.DEAD),
            skipped=plan.named(Undoing.SKIPPED),
            awaited=tuple(each.name for each in awaited(agenda)),
            unknown=unknown(agenda),
        )

    # ------------------------------------------------------------------ inside

    def _check(self, answer: str) -> None:
        if answer == "absent":
            raise BoardNotFound(self.id)
        if answer != "ok":
            raise closed(self.id, answer)

    async def _mark(self, savepoint: int | str) -> int:
        """The event number of a savepoint. Raises SavepointNotFound."""
        await self.status()
        mark = await self._partition.marked(self.id, savepoint) if isinstance(savepoint, str) else savepoint
        page = await self._partition.events(self.id, mark - 1, 1) if is_whole(mark) else []
        if not page or page[0].type is not EventType.SAVED:
            raise SavepointNotFound(self.id, str(savepoint))
        return mark


def _meant(found: list[Activation], said: str | int) -> Activation | None:
    """The compensation that is meant: by its own name or number, or by the name of what it undoes."""
    compensations = (each for each in found if each.source.startswith(UNDOES))
    return next((each for each in compensations if is_meant(each, str(said))), None)


def is_meant(activation: Activation, said: str) -> bool:
    """Whether somebody means this activation: by name, by number, or, of a compensation, by the name of what it undoes."""
    source, _, text = said.rpartition("#")
    number = int(text) if text.isascii() and text.isdigit() else -1
    if activation.number == number and source in {"", activation.source}:
        return True
    undone = f"{activation.agent}#{activation.addresses[0].rpartition('/')[2]}" if activation.addresses else ""
    return activation.source.startswith(UNDOES) and said == undone

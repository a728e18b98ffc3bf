"""The ledger of one run: each step is kept in the store under the lease of the run; a run that comes later is given what is
kept, and calls only what is not. Where everything waits, the activation is parked.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, TypeVar

from blackboard.activation import Claimed
from blackboard.errors import (
    BoardClosed,
    InvalidStep,
    LeaseLost,
    StepMismatch,
    StoreBusy,
    StoreUnreachable,
)
from blackboard.outage import Outage
from blackboard.record import Record, of_arguments, of_binding
from blackboard.step import Steps, decoded, encoded
from blackboard.store.partition import Partition, Write

T = TypeVar("T")

SHORT = 1.0
"""Seconds up to which a sleep is slept where it is: to park costs as much as some of them."""

SETTLE = 3
"""Turns of the event loop that what was just woken has, to take its next step."""


class Left(BaseException):  # as asyncio.CancelledError: an agent that catches every error shall not catch this
    """The run is over, and the activation goes on without it: it is parked, or the store has settled it otherwise."""

    parked = False


class Parked(Left):
    """The activation has freed its slot; another run will go on where this one was."""

    parked = True


_INSIDE: ContextVar[tuple[Ledger | None, str]] = ContextVar("inside_a_step", default=(None, ""))
"""Whose step calls its function now, and its name."""


@dataclass(frozen=True, slots=True)
class Wait:
    """What one step waits for: a time (ms, 0: none), and entries at the versions that it knows."""

    state: str
    due: int
    reason: str
    awaited: Mapping[str, int] = field(default_factory=dict)


class Ledger(Steps):
    """The steps of one run, and its sleeps. `Recording` adds the people."""

    def __init__(
        self, claimed: Claimed, partition: Partition, threads: Executor, outage: Outage, most_bytes: int
    ) -> None:
        super().__init__()
        self.claim = claimed.claim
        self.end: BaseException | None = None
        """What ends this run, whatever the agent makes of it."""
        self._places_kept = claimed.places
        self._partition = partition
        self._threads = threads
        self._outage = outage
        self._most_bytes = most_bytes
        self._bindings = claimed.bindings
        self._records: dict[int, Record] = {}
        self._reached = self._replayed = 0
        self._waits: dict[int, Wait] = {}
        self._begun = True
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._order = asyncio.Lock()  # what is told to the store arrives in the order in which it was said
        self._ahead: float | None = None  # by how many ms the store's time is ahead of this machine's monotonic clock
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    @cached_property
    def binding(self) -> str:
        """The fingerprint of what the activation is bound to."""
        return of_binding(self._bindings)

    async def begin(self) -> None:
        """Read what earlier runs have recorded, if they have."""
        if self._places_kept > 1:
            await self._recall(self._places_kept)
        self._replayed = max(self._records, default=0)

    def check_complete(self) -> None:
        """The agent has ended: all that was recorded for the entries that it is bound to must have been asked for."""
        left = [each for each in self._records.values() if each.place > self._reached and each.binding == self.binding]
        if left:
            first = min(left, key=lambda each: each.place)
            raise self._ended(
                self._mismatch(f"the agent ended before its step {first.place}, {first.name!r}, which is recorded")
            )

    async def hush(self) -> None:
        """Say what is still to be said, before the lease goes."""

    # ------------------------------------------------------------------ steps

    def place(self) -> int:
        """The place of the next step."""
        place = super().place()
        self._reached = max(self._reached, place)
        return place

    async def step(
        self, place: int, name: str, function: Callable[..., Any], arguments: Sequence[Any], keywords: Mapping[str, Any]
    ) -> Any:
        """Run a function, unless what it returned is recorded."""
        with self._working():
            wanted = self._wanted(place, "step", name, of_arguments(arguments, keywords))
            record = await self._found(wanted)
            if record is not None:
                return self._result(function, record)
            with self._inside(name):
                text = encoded(function, name, await self._called(function, arguments, keywords))
            value = decoded(function, name, text)  # as every later run will have it
            await self._keep(replace(wanted, result=text))
            return value

    def step_here(
        self, place: int, name: str, function: Callable[..., Any], arguments: Sequence[Any], keywords: Mapping[str, Any]
    ) -> Any:
        """The same in the thread of an agent that is a plain function."""
        wanted = self._wanted(place, "step", name, of_arguments(arguments, keywords))
        record = self.wait(self._found(wanted))
        if record is not None:
            return self._result(function, record)
        with self._inside(name):
            text = encoded(function, name, function(*arguments, **keywords))
        value = decoded(function, name, text)
        self.wait(self._keep(replace(wanted, result=text)))
        return value

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for a coroutine in the thread of an agent that is a plain function."""
        if threading.get_ident() == self._thread:
            work.close()
            problem = "ctx.sync would stop the event loop, on which this agent runs"
            raise InvalidStep(f"source {self.claim.source}", problem, "In an async agent: await ctx.step(…)")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _called(self, function: Callable[..., Any], arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        if inspect.iscoroutinefunction(function):
            return await function(*arguments, **keywords)
        result = await self._loop.run_in_executor(self._threads, partial(function, *arguments, **keywords))
        return await result if inspect.isawaitable(result) else result

    def _result(self, function: Callable[..., Any], record: Record) -> Any:
        try:
            return decoded(function, record.name, record.result)
        except InvalidStep as error:
            raise self._ended(self._mismatch(f"step {record.place}, {record.name!r}: {error.problem}")) from error

    # ------------------------------------------------------------------ sleeping

    async def sleep(self, place: int, name: str, seconds: float) -> None:
        """Sleep until a time that is recorded; a longer sleep parks the activation."""
        with self._working():
            wanted = self._wanted(place, "sleep", name, of_arguments([seconds], {}))
            record = await self._found(wanted) or await self._keep(wanted, delay=round(1000 * seconds))
        wake = int(record.result)
        while (left := wake - await self._now()) > 0:
            if left > 1000 * SHORT:
                await self._wait(place, Wait("s", wake, name))
                continue
            with self._working():
                await asyncio.sleep(left / 1000)

    async def _wait(self, place: int, wait: Wait) -> None:
        """Wait until all that runs beside it waits, too: then the activation is parked. Returns when it is worth another look."""
        self._waits[place] = wait
        try:
            await self._rest()
            async with self._order:
                self._check()
                await self._park()
        finally:
            del self._waits[place]

    async def _rest(self) -> None:
        """Wait until no step is under way, and none follows."""
        quiet = 0
        while quiet < SETTLE:
            await self._idle.wait()
            await asyncio.sleep(0)
            quiet = 0 if self._under_way else quiet + 1

    async def _park(self) -> None:
        waits = list(self._waits.values())
        due = min((each.due for each in waits if each.due), default=0)
        first = next((each for each in waits if each.state == "a"), waits[0])
        awaited = {where: version for each in waits for where, version in each.awaited.items()}
        await self.hush()
        answer, now = await self._told(
            lambda: self._partition.park(self.claim, first.state, due, first.reason, begun=self._begun, awaited=awaited)
        )
        if answer == "news":
            self._set_clock(now)
            return
        if answer == "ok":
            raise self._ended(Parked(f"{self.claim.name} is parked: {first.reason}"))
        raise self._ended(BoardClosed(self.claim.board) if answer == "closed" else LeaseLost(self.claim.name))

    # ------------------------------------------------------------------ records

    def _wanted(self, place: int, kind: str, name: str, arguments: str) -> Record:
        ledger, outer = _INSIDE.get()
        if ledger is self:
            problem = f"it is taken inside of step {outer!r}, whose record a later run is given without taking this one"
            remedy = "Take one step after the other; give the next what the one returns"
            raise InvalidStep(f"{kind} {name!r}", problem, remedy)
        return Record(place, kind, name, arguments, self.binding, "")

    async def _found(self, wanted: Record) -> Record | None:
        """The record of this step, if it is one of the same code and the same data.

        Where the entries have changed since, and the step with them, it is dropped, with all that is behind it.
        """
        self._check()
        record = self._records.get(wanted.place)
        if record is None:
            return None
        same = (record.kind, record.name) == (wanted.kind, wanted.name)
        if same and (record.binding == self.binding or record.arguments == wanted.arguments):
            return record
        if record.binding == self.binding:
            was, now = f"{record.kind} {record.name!r}", f"{wanted.kind} {wanted.name!r}"
            raise self._ended(self._mismatch(f"step {wanted.place} is {now}, and was recorded as {was}"))
        await self._drop(wanted.place)
        return None

    async def _drop(self, place: int) -> list[Record]:
        """Drop the records from a place on."""
        dropped = [self._records.pop(each) for each in sorted(self._records) if each >= place]
        self._replayed = min(self._replayed, place - 1)
        async with self._order:
            self._check()
            await self._told(lambda: self._partition.record(self.claim, None, drop=place))
        return dropped

    async def _keep(self, record: Record, delay: int = -1, writes: Sequence[Write] = ()) -> Record:
        async with self._order:
            self._check()
            kept = await self._told(lambda: self._partition.record(self.claim, record, delay=delay, writes=writes))
        self._set_clock(kept.now)
        record = replace(record, result=str(kept.wake)) if delay >= 0 else record
        self._records[record.place] = record
        return record

    async def _recall(self, places: int) -> None:
        now, records = await self._told(lambda: self._partition.recall(self.claim, places))
        self._set_clock(now)
        self._records |= {record.place: record for record in records}

    async def _told(self, call: Callable[[], Awaitable[T]]) -> T:
        """What the store answers, also after an outage: every call is fenced, and may be repeated."""
        while True:
            try:
                return await call()
            except (StoreUnreachable, StoreBusy) as error:
                await self._outage.sit_out(error)
            except (LeaseLost, BoardClosed) as error:
                raise self._ended(error) from None

    # ------------------------------------------------------------------ inside

    def _set_clock(self, now: int) -> None:
        self._ahead = now - 1000 * time.monotonic()

    async def _now(self) -> int:
        """The store's time."""
        if self._ahead is None:
            await self._recall(1)
        return round((self._ahead or 0.0) + 1000 * time.monotonic())

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        self._check()
        self._under_way += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if self._under_way == 0:
                self._idle.set()

    @contextlib.contextmanager
    def _inside(self, name: str) -> Iterator[None]:
        """The function of a step is called: no other step can be part of it."""
        before = _INSIDE.set((self, name))
        try:
            yield
        finally:
            _INSIDE.reset(before)

    def _check(self) -> None:
        if self.end is not None:
            raise self.end

    def _ended(self, error: BaseException) -> BaseException:
        self.end = self.end or error
        return self.end

    def _mismatch(self, problem: str) -> StepMismatch:
        afresh = f"blackboard retry {self.claim.board} {self.claim.name} --fresh"
        remedy = f"Name and order its steps as before, or begin anew: {afresh}"
        return StepMismatch(f"activation {self.claim.name}", problem, remedy)

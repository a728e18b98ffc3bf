"""The life of a board: its deadline, its end and its result, and what a person says of what nobody else knows.

A base of `Board`, as `Steering` is, with which it shares its store.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, TypeVar, overload

from blackboard.activation import Activation
from blackboard.archive import Line
from blackboard.clock import to_datetime, to_milliseconds, to_seconds
from blackboard.closure import Closer, close_board, in_milliseconds
from blackboard.entry import Entry, address_of, decode, encode
from blackboard.errors import (
    ActivationNotFound,
    BoardAborted,
    BoardNotFound,
    EntryTooLarge,
    InvalidEntry,
    InvalidSource,
    NotUnknown,
    UndeclaredKind,
    closed,
)
from blackboard.ids import operation_id
from blackboard.limits import Limits
from blackboard.measure import CENTURY, is_duration, is_span
from blackboard.reason import clean
from blackboard.store.codec import STATES
from blackboard.store.partition import NEW, Partition, Write
from blackboard.transfer import export

E = TypeVar("E", bound=Entry)

Verdict = Literal["done", "again", "dead"]
"""What a person says of an activation whose outcome is unknown."""

Overdue = Literal["pause", "close"]
"""What a deadline does."""

LONGEST_DEADLINE = CENTURY


class Keeper(Closer, Protocol):
    """What the life of a board needs of the blackboard it belongs to."""

    @property
    def limits(self) -> Limits:
        """The limits of every board."""
        ...

    @property
    def deadline_action(self) -> Overdue:
        """What deadlines do, unless they say otherwise."""
        ...


class Life:
    """How a board goes on, ends, and is kept."""

    id: str
    _author: str
    _host: Any

    # ------------------------------------------------------------------ what a board lends

    @property
    def _partition(self) -> Partition:
        raise NotImplementedError

    async def _wait_until(self, holds: Callable[[], Awaitable[bool]], awaited: str, timeout: Any) -> None:
        raise NotImplementedError

    # ------------------------------------------------------------------ its end

    async def close(
        self,
        reason: str = "",
        *,
        result: Any = None,
        retention: timedelta | Literal["default"] | None = "default",
    ) -> bool:
        """Close the board for good: no more writes, its agenda dropped, its keys expire after the retention.

        ``result`` is an entry, or what JSON can say; it stands in the board's last event, and `result` waits for it.
        ``retention`` is the blackboard's unless it is given here (None keeps the board for ever). If the blackboard keeps
        archives, this board's is written first. Returns False when it was closed before: the first result stands. Raises
        BoardNotFound, BoardAborted while it is being undone, ArchiveFailed, EntryTooLarge, and InvalidEntry for a result that
        JSON cannot say.
        """
        kept = None if retention == "default" else in_milliseconds(_checked(retention))
        answer = await close_board(self._host, self.id, self._author, clean(reason), self._as_result(result), kept)
        if answer == "absent":
            raise BoardNotFound(self.id)
        if answer == "undoing":
            raise BoardAborted(self.id, answer)
        return answer == "ok"

    @overload
    async def result(self, kind: type[E], *, timeout: float | timedelta | None = None) -> E | None: ...
    @overload
    async def result(self, kind: None = None, *, timeout: float | timedelta | None = None) -> Any: ...
    async def result(self, kind: type[E] | None = None, *, timeout: float | timedelta | None = None) -> Any:
        """Wait until the board is closed, and return its result: an entry of the kind, or without one what JSON says.

        None when it was closed without a result. Raises TimedOut, BoardAborted when all was undone, and InvalidEntry for a
        result that does not fit the kind.
        """

        async def closed() -> bool:
            facts = await self._partition.facts(self.id)
            return facts is not None and facts.over

        await self._wait_until(closed, f"board {self.id} to close", timeout)
        facts = await self._partition.facts(self.id)
        if facts and facts.status != "closed":
            raise BoardAborted(self.id)
        last = await self._partition.events(self.id, facts.seq - 1, 1) if facts else []
        if not last:
            raise BoardNotFound(self.id)
        payload = last[0].payload
        return payload if payload is None else json.loads(payload) if kind is None else decode(kind, payload)

    def _as_result(self, result: Any) -> str:
        if result is None:
            return ""
        limit, named = self._host.limits.entry_bytes, f"the result of board {self.id}"
        if isinstance(result, Entry):
            return encode(result, limit)
        try:
            text = json.dumps(result, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
            size = len(text.encode())
        except (TypeError, ValueError) as error:
            raise InvalidEntry(named, str(error)) from error
        if size > limit:
            raise EntryTooLarge(named, size, limit)
        return text

    # ------------------------------------------------------------------ its deadline

    async def deadline(
        self, when: datetime | timedelta | float | None, *, why: str = "", action: Overdue | None = None
    ) -> datetime | None:
        """Give the board a deadline: a time, or how long from now (seconds or a timedelta); None takes it away.

        After it nothing starts any more; what runs goes on, and may commit. As soon as a worker sees it, the board is paused by
        ``@deadline`` and the deadline is over: who resumes the board resumes it without one. With ``action="close"`` it is closed
        instead. Returns the deadline by the store's clock. Raises BoardNotFound, BoardClosed, InvalidSource.
        """
        at, after = _moment(when)
        wanted = action or self._host.deadline_action
        if wanted not in {"pause", "close"}:
            raise InvalidSource("deadline", f"action={wanted!r} is neither of pause and close", "Give it one of them")
        answer, found = await self._partition.deadline(self.id, self._author, at, after, wanted, clean(why))
        if answer == "absent":
            raise BoardNotFound(self.id)
        if answer not in {"ok", "done"}:
            raise closed(self.id, answer)
        return to_datetime(found) if found else None

    # ------------------------------------------------------------------ its archive

    async def export(self) -> AsyncGenerator[Line]:
        """The board as it is now, as lines of an archive, each of which JSON can say. Raises BoardNotFound."""
        async for line in export(self._partition, self._host.store().namespace, self.id):
            yield line

    # ------------------------------------------------------------------ what nobody knows

    async def unknown(self) -> list[Activation]:
        """The activations whose outcome is unknown: they were cut short while they acted outside the board."""
        return await self._partition.unknown(self.id)

    async def resolve(self, activation: str | int, verdict: Verdict, *entries: Entry, why: str = "") -> bool:
        """Say what became of an activation whose outcome is unknown, by its name (``pay#17``) or number.

        ``done``: its action had its effect, and the entries are what it contributes; they must be of kinds that its source
        may write. ``again``: it had none; it runs again, if its trigger still holds (False when it does not, so that it left).
        ``dead``: it is given up, and kept with the dead. Raises ActivationNotFound, NotUnknown, BoardClosed, UndeclaredKind,
        and for the entries what `contribute` raises.
        """
        if verdict not in ("done", "again", "dead"):
            raise InvalidSource("resolve", f"{verdict!r} is no verdict", "Say one of: done, again, dead")
        if entries and verdict != "done":
            raise InvalidSource("resolve", f"{verdict} takes no entries", "Give entries with done, or none")
        for entry in entries:
            if not isinstance(entry, Entry):
                raise InvalidSource(
                    "resolve", f"{entry!r} is no entry", "Give instances of kinds that its source writes"
                )
        unique = operation_id()
        writes = [self._settling_write(entry, f"{unique}.{i}") for i, entry in enumerate(entries)]
        return await self.resolve_stored(activation, verdict, writes, why)

    async def resolve_stored(
        self, activation: str | int, verdict: Verdict, writes: Sequence[Write], why: str = ""
    ) -> bool:
        """The same as `resolve`, for writes that were made without the classes of their kinds."""
        found = await self._by_name(activation)
        await self._check_declared(found.source, writes)
        whom = (found.identity, found.number)
        answer = await self._partition.resolve(self.id, operation_id(), self._author, whom, verdict, writes, clean(why))
        if answer == "absent":
            raise ActivationNotFound(self.id, found.name)
        if answer in STATES:
            raise NotUnknown(self.id, found.name, STATES[answer].value)
        return answer == "ok"

    async def _by_name(self, activation: str | int) -> Activation:
        """The activation of this name, of unknown outcome. Raises ActivationNotFound, NotUnknown."""
        source, _, text = str(activation).rpartition("#")
        number = int(text) if text.isascii() and text.isdigit() else -1

        def meant(each: Activation) -> bool:
            return each.number == number and source in {"", each.source}

        if found := next(filter(meant, await self._partition.unknown(self.id)), None):
            return found
        if other := next(
            filter(meant, [*await self._partition.agenda(self.id), *await self._partition.dead(self.id)]), None
        ):
            raise NotUnknown(self.id, other.name, other.state.value)
        raise ActivationNotFound(self.id, str(activation))

    async def _check_declared(self, source: str, writes: Sequence[Write]) -> None:
        cards = await self._partition.cards() if writes else {}
        if source not in cards:
            return
        declared = tuple(sorted(each["kind"] for each in cards[source].get("writes", ())))
        for write in writes:
            if (kind := write.address.partition("/")[0]) not in declared:
                raise UndeclaredKind(source, kind, declared)

    def _settling_write(self, entry: Entry, unique: str) -> Write:
        address = address_of(entry, unique)
        expected = entry.stamp.version if entry.stamp and entry.stamp.address == address else NEW
        return Write(address, expected, entry.__version__, encode(entry, self._host.limits.entry_bytes))


def _checked(retention: timedelta | None) -> timedelta | None:
    if retention is not None and not is_span(retention):
        remedy = "Give it a duration from 1 ms up, or None to keep the board for ever"
        raise InvalidSource("close", f"retention={retention!r} cannot work", remedy)
    return retention


def _moment(when: datetime | timedelta | float | None) -> tuple[int, int]:
    """A deadline as the store takes it: at a time, or after so many milliseconds."""
    if when is None:
        return 0, 0
    if isinstance(when, datetime):
        try:
            return max(1, to_milliseconds(when)), 0
        except ValueError as error:
            raise InvalidSource(
                "deadline", str(error).partition(";")[0], "Say which: datetime(…, tzinfo=UTC)"
            ) from error
    if not is_duration(when, 1e-9, LONGEST_DEADLINE.total_seconds()):
        raise InvalidSource(
            "deadline", f"{when!r} is no time from now", "Give it seconds or a timedelta above 0, or None"
        )
    return 0, max(1, round(to_seconds(when) * 1000))

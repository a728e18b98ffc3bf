"""A board: the shared workspace of one problem, as programs and agents see it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, Protocol, TypeVar

from blackboard.activation import Activation, StoredEntry
from blackboard.condition import Condition, clauses_of, holds
from blackboard.entry import Entry, Stamp, address_of, check_whole, encode, restamp, split_address
from blackboard.errors import (
    ActivationNotFound,
    BoardAborted,
    BoardClosed,
    BoardNotFound,
    InvalidEntry,
    NotUnknown,
    TimedOut,
    UnreadEntry,
    closed,
)
from blackboard.event import Event, EventType
from blackboard.ids import check_board_id, check_key, operation_id
from blackboard.legible import legible
from blackboard.life import Keeper, Life
from blackboard.limits import Limits
from blackboard.origin import Origin, here
from blackboard.patience import patience
from blackboard.people import People
from blackboard.retreat import Retreat, is_meant
from blackboard.signature import Injected
from blackboard.standstill import why_not
from blackboard.steering import Steering
from blackboard.store.board_facts import BoardFacts
from blackboard.store.partition import ANYTHING, NEW, Partition, Write
from blackboard.store.store import Store
from blackboard.store.watch import ANY_EVENT, OVER, REST, change_of

E = TypeVar("E", bound=Entry)
T = TypeVar("T")

ABORTED = "aborted"
"""The status of a board of which everything was undone, and the outcome of its last event."""

PAGE = 500
"""Events read from the store at once."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a contribution came to: the number of the board's last event, and a stamp for every entry written.

    An entry that was already there with the same data keeps its version; a retracted one has version 0.
    """

    seq: int
    stamps: tuple[Stamp, ...]


@dataclass(slots=True)
class Reads:
    """What an activation has read besides its binding, for serializable isolation."""

    versions: dict[str, int] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)

    def note(self, found: Iterable[StoredEntry], kinds: Iterable[str] = (), absent: str | None = None) -> None:
        """Note what was read, or not found. What was read first counts: an answer that differs later is no snapshot."""
        for each in found:
            self.versions.setdefault(each.address, each.version)
        if absent is not None:
            self.versions.setdefault(absent, 0)
        self.kinds.update(kinds)


class Host(Keeper, Protocol):
    """What a board needs of the blackboard it belongs to."""

    def workers(self) -> AbstractAsyncContextManager[object]:
        """Workers in this process."""
        ...

    def controller(self) -> AbstractAsyncContextManager[object]:
        """A controller in this process."""
        ...


class Board(Steering, Retreat, People, Life, Injected):
    """The shared workspace of one problem; cheap, and made by its first post.

    ``author`` is who its events name: a program, or the activation that the board was given to (its ``origin``).
    """

    def __init__(
        self,
        board: str,
        host: Host,
        *,
        author: str = "@api",
        reads: Reads | None = None,
        origin: Origin | None = None,
    ) -> None:
        self.id = check_board_id(board)
        self._host = host
        self._author = author
        self._reads = reads
        self._origin = origin

    def __repr__(self) -> str:
        return f"<Board {self.id}>"

    # ------------------------------------------------------------------ writing

    async def post(self, *entries: Entry) -> Receipt:
        """Post new entries, all or none. An entry that is there with the same data is left as it is.

        Raises EntryExists when another entry has one of the addresses, and whatever `contribute` raises.
        """
        return await self.contribute(post=entries)

    async def revise(self, *entries: Entry, version: int | Literal["any"] | None = None) -> Receipt:
        """Revise entries that were read, all or none: each must still have the version it was read at.

        ``version`` says which version is meant instead; ``"any"`` overwrites whatever is there. Raises UnreadEntry for an
        entry that was not read, VersionConflict when somebody else was first, EntryNotFound when it is gone.
        """
        return await self.contribute(revise=entries, version=version)

    async def retract(self, *targets: Entry | type[Entry] | str) -> Receipt:
        """Take entries off the board, all or none: entries that were read, kinds without key, or addresses.

        An entry that was read must still have that version (VersionConflict). Retracting what is not there changes nothing.
        """
        return await self.contribute(retract=targets)

    async def contribute(
        self,
        *,
        post: Iterable[Entry] = (),
        revise: Iterable[Entry] = (),
        retract: Iterable[Entry | type[Entry] | str] = (),
        version: int | Literal["any"] | None = None,
    ) -> Receipt:
        """Post, revise and retract in one atomic contribution: everything happens, with all it triggers, or nothing.

        Raises a Conflict when an address is not as expected, BoardClosed, Overloaded, EntryTooLarge, InvalidKey.
        """
        operation = operation_id()
        posted, revised = list(post), list(revise)
        writes = [self._post(entry, f"{operation}.{i}") for i, entry in enumerate(posted)]
        writes += [self._revision(entry, version) for entry in revised]
        writes += [_retraction(target) for target in retract]
        _refuse_twice(writes)
        author, depth = self._cause()
        applied = await self._partition.post(self.id, operation, author, writes, depth=depth)
        stamps = tuple(Stamp(w.address, v, applied.seq) for w, v in zip(writes, applied.versions, strict=True))
        for entry, stamp in zip(posted + revised, stamps, strict=False):  # what was retracted has no instance
            restamp(entry, stamp)
        return Receipt(applied.seq, stamps)

    async def retry(self, activation: str | int, *, fresh: bool = False) -> bool:
        """Try a dead activation again, with fresh attempts, by its name (``decide#17``) or number.

        A dead compensation may be named by what it undoes, too. It goes on after the last step that it has recorded;
        ``fresh`` drops what is recorded, so that it begins anew. One whose outcome is unknown is run again, as by `resolve`
        with ``again``. Returns False when its trigger no longer holds, so that it
        left instead. Raises ActivationNotFound, BoardClosed.
        """
        found = next((each for each in await self.dead() if is_meant(each, str(activation))), None)
        if found is None:
            return await self._retry_unknown(activation)
        answer = await self._partition.revive(self.id, found.identity, self._author, fresh=fresh)
        if answer == "absent":
            raise ActivationNotFound(self.id, str(activation))
        if answer == "closed":
            raise closed(self.id, (await self.status()).status)
        return answer == "ok"

    async def _retry_unknown(self, activation: str | int) -> bool:
        try:
            return await self.resolve(activation, "again", why="retry")
        except NotUnknown:
            raise ActivationNotFound(self.id, str(activation)) from None

    # ------------------------------------------------------------------ reading

    async def read(self, kind: type[E], *conditions: Condition) -> Any:
        """Read a kind: the entry or None for a kind without key, a list in address order for a keyed one.

        With conditions (`Finding.risk > 0.5`), only what meets them all. Data of an older schema version is brought forward.
        A list leaves out what only a newer release can read; a kind without key raises NewerSchema then. Raises InvalidEntry
        when what is stored does not fit the class.
        """
        found = await self._find(kind, *conditions)
        if kind.__key__ is None:
            return found[0] if found else None
        return found

    async def get(self, address: str) -> StoredEntry | None:
        """The entry at an address as the store keeps it, without its class; None when there is none."""
        found = await self._partition.entry(self.id, address)
        if self._reads is not None:
            self._reads.note([found] if found else [], absent=address)
        return found

    async def entries(self, kind: str | None = None) -> list[StoredEntry]:
        """All entries, or those of a kind by its name, as the store keeps them, in address order."""
        found = await self._partition.entries(self.id, kind)
        if self._reads is not None:
            self._reads.note(found, kinds=[kind] if kind else {each.kind for each in found})
        return found

    async def status(self) -> BoardFacts:
        """Whether the board is open, and how busy. Raises BoardNotFound."""
        facts = await self._partition.facts(self.id)
        if facts is None:
            raise BoardNotFound(self.id)
        return facts

    async def agenda(self) -> list[Activation]:
        """The open activations, running ones too, by source and addresses."""
        return await self._partition.agenda(self.id)

    async def dead(self) -> list[Activation]:
        """The activations whose attempts are spent, with their last error."""
        return await self._partition.dead(self.id)

    # ------------------------------------------------------------------ waiting

    async def wait_for(self, kind: type[E], *conditions: Condition, timeout: float | timedelta | None = None) -> E:
        """Wait until there is an entry of the kind (that meets the conditions) and return it, the first by address.

        Raises TimedOut after ``timeout`` seconds (None waits for ever), BoardClosed when the board is over without one.
        """

        async def look(rung: bool) -> E | None:
            # Announcements come as fast as commits: each is worth one look; whether the board was closed can wait.
            facts = (
                None if rung else await self._partition.facts(self.id)
            )  # before the entries: what closed it came first
            if found := await self._find(kind, *conditions):
                return found[0]
            if facts is not None and facts.status == "closed":
                raise BoardClosed(self.id, f"it closed without a {kind.__kind__} that fits")
            if facts is not None and facts.over:
                raise BoardAborted(self.id)
            return None

        topics = (change_of(kind.__kind__), OVER)
        return await self._wait(look, f"{kind.__kind__} on board {self.id}", timeout, topics)

    async def settled(self, timeout: float | timedelta | None = None) -> int:
        """Wait until the board is quiescent: nothing will happen without input from outside. Returns its last event.

        Activations that wait for a precondition, and dead ones, do not count; delayed ones do. Raises TimedOut.
        """

        async def look(_rung: bool) -> BoardFacts | None:
            facts = await self._partition.facts(self.id) or BoardFacts(self.id, "open", 0, 0, 0, 0)
            return facts if facts.settled else None

        return (await self._wait(look, f"board {self.id} to settle", timeout, (REST,))).seq

    async def run_until_settled(self, timeout: float | timedelta | None = 60.0) -> int:
        """Run workers and a controller in this process until the board is quiescent. Returns its last event; raises TimedOut."""
        patience(timeout)  # before anything runs
        async with self._host.workers(), self._host.controller():
            return await self.settled(timeout)

    async def events(self, since: int = 0, follow: bool = False) -> AsyncGenerator[Event]:
        """The board's events after number ``since``, in order; with ``follow``, also those to come, until it is closed."""
        watch = self._store.watch(self.id).board(self.id) if follow else contextlib.nullcontext()
        async with watch as signal:
            while True:
                page = await self._partition.events(self.id, since, PAGE)
                for event in page:
                    yield event
                    since = event.seq
                    if event.type is EventType.CLOSED or event.outcome == ABORTED:
                        return
                if page:
                    continue
                if signal is None or await self._ended(since):
                    return
                await signal.wait()

    # ------------------------------------------------------------------ inside

    @property
    def _store(self) -> Store:
        store: Store = self._host.store()
        return store

    @property
    def _partition(self) -> Partition:
        return self._store.partition(self.id)

    def _cause(self) -> tuple[str, int]:
        """Who writes, and at the end of how long a chain of causes: an agent, whichever board it writes on, or a program."""
        origin = self._origin or here()
        if origin is None:
            return self._author, 0
        return origin.on(self._store.namespace, self.id), origin.depth

    @property
    def _limits(self) -> Limits:
        limits: Limits = self._host.limits
        return limits

    async def _ended(self, seq: int) -> bool:
        """Whether the board is over and has no event after this one."""
        facts = await self._partition.facts(self.id)
        return facts is not None and facts.over and facts.seq <= seq

    def _post(self, entry: Entry, unique: str) -> Write:
        check_whole(entry)
        address = address_of(restamp(entry, None), unique)
        return Write(address, NEW, entry.__version__, encode(entry, self._host.limits.entry_bytes))

    def _revision(self, entry: Entry, version: int | Literal["any"] | None) -> Write:
        address = address_of(entry)
        check_whole(entry)
        expected = ANYTHING if version == "any" else version
        if version not in {None, "any"} and (not isinstance(version, int) or version < 1):
            raise InvalidEntry(address, f"{version!r} is no version: they count from 1")
        if expected is None:
            if entry.stamp is None or entry.stamp.address != address:
                raise UnreadEntry(address)
            expected = entry.stamp.version
        return Write(address, expected, entry.__version__, encode(entry, self._host.limits.entry_bytes))

    async def _find(self, kind: type[E], *conditions: Condition) -> list[E]:
        clauses = [clause for condition in conditions for clause in clauses_of(condition)]
        stored = await self._stored(kind)
        if self._reads is not None:
            self._reads.note(stored, kinds=[kind.__kind__])
        found = legible(kind, stored)
        return [entry for entry in found if all(holds(clause, entry) for clause in clauses)]

    async def _stored(self, kind: type[Entry]) -> Sequence[StoredEntry]:
        if kind.__key__ is not None:
            return await self._partition.entries(self.id, kind.__kind__)
        one = await self._partition.entry(self.id, kind.__kind__)
        return [one] if one else []

    async def _wait(
        self,
        look: Callable[[bool], Awaitable[T | None]],
        awaited: str,
        timeout: float | timedelta | None,
        topics: Sequence[str],
    ) -> T:
        seconds = patience(timeout)
        deadline = None if seconds is None else time.monotonic() + seconds
        if (found := await look(True)) is not None:  # what is there already is all that is asked for
            return found
        rung = False
        async with self._store.watch(self.id).board(self.id, topics) as signal:
            while (found := await look(rung)) is None:
                left = 1.0 if deadline is None else deadline - time.monotonic()
                if left <= 0:
                    raise TimedOut(awaited, seconds or 0.0, await why_not(self._partition, self.id))
                rung = await signal.wait(left) and not signal.over
        return found

    async def _wait_until(self, holds: Callable[[], Awaitable[bool]], awaited: str, timeout: Any) -> None:
        async def look(_rung: bool) -> bool | None:
            return await holds() or None

        await self._wait(look, awaited, timeout, (ANY_EVENT,))


def _retraction(target: Entry | type[Entry] | str) -> Write:
    if isinstance(target, Entry):
        return Write(address_of(target), target.stamp.version if target.stamp else ANYTHING)
    if isinstance(target, type):
        return Write(target.__kind__, ANYTHING)
    kind, key = split_address(target)
    return Write(target if key is None else f"{kind}/{check_key(kind, key)}", ANYTHING)


def _refuse_twice(writes: Sequence[Write]) -> None:
    seen: set[str] = set()
    for write in writes:
        if write.address in seen:
            raise InvalidEntry(write.address, "it is written twice in one contribution")
        seen.add(write.address)

"""One partition of a namespace: a typed stub for every script, and the plain reads.

With `control`, `shapes` and `stub` beside it, this is the only module that knows the order of the scripts' arguments and the
shape of their replies.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from blackboard.activation import UNDOES, Activation, ActivationState, Claim, StoredEntry
from blackboard.errors import (
    EntryExists,
    EntryNotFound,
    HandoffRefused,
    LeaseLost,
    NewerSchema,
    Overloaded,
    StaleSnapshot,
    StoreProtocolError,
    VersionConflict,
    closed,
)
from blackboard.event import Event
from blackboard.ids import operation_id
from blackboard.limits import Limits, milliseconds
from blackboard.record import Record
from blackboard.store import codec, stub
from blackboard.store.calls import Argument, Calls
from blackboard.store.control import Control
from blackboard.store.gauges import Gauges
from blackboard.store.keys import Keys
from blackboard.store.lifetime import Lifetime
from blackboard.store.records import Kept, Records
from blackboard.store.sagas import Sagas
from blackboard.store.shapes import Shapes
from blackboard.store.stub import Beginnings, ClaimRequest, Handed

ANYTHING, NEW, SNAPSHOT = -1, -2, -3
"""What a write expects at its address: anything; nothing, or the same payload; nothing newer than the author's snapshot.
A number from 1 up expects that version."""


LISTED = 1000
"""Boards that one call looks at whether they are still there."""


@dataclass(slots=True)
class Write:
    """One post, revision or retraction: ``schema`` None retracts."""

    address: str
    expected: int
    schema: int | None = None
    payload: str | bytes = ""


@dataclass(slots=True)
class Commit:
    """The contribution of a running activation. ``part`` counts the contributions of one run from 1; 0 ends the run.

    ``reads`` (address and version) and ``kinds`` are what must not have changed, under serializable isolation. ``handoffs``
    name the peers to which control goes, and what is said to each.
    """

    claim: Claim
    writes: Sequence[Write] = ()
    part: int = 0
    reads: Sequence[tuple[str, int]] = ()
    kinds: Sequence[str] = ()
    handoffs: Sequence[tuple[str, str]] = ()


@dataclass(slots=True)
class Applied:
    """A contribution that was applied: the board's last event, and the version now at every address written."""

    seq: int
    versions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BoardFacts:
    """What the store knows of a board besides its entries."""

    board: str
    status: str
    seq: int
    busy: int
    closing: int
    entries: int
    mode: str = "choreography"
    epoch: int = 0
    gate: str = "-"
    unattended: int = 0
    behind: int = 0
    """Entries of another schema version than the one their kind is matched by."""
    opened: int = 0
    """How many activations there ever were."""
    deadline: int = 0
    """The time in ms after which nothing starts; 0 for none."""

    @property
    def paused(self) -> bool:
        """Nothing starts that is not granted by hand."""
        return self.gate != "-"

    @property
    def over(self) -> bool:
        """Nothing will ever happen on this board: it is closed, or everything was undone."""
        return self.status in {"closed", "aborted"}

    @property
    def settled(self) -> bool:
        """Nothing will happen on this board without input from outside."""
        return self.busy == 0 and self.closing == 0


class Partition(Control, Sagas, Gauges, Records, Shapes, Lifetime):
    """The scripts and reads of one partition. ``now`` arguments are for tests; None asks the server's clock.

    ``beginnings`` say what boards that are new begin with.
    """

    def __init__(self, calls: Calls, keys: Keys, limits: Limits, beginnings: Beginnings | None = None) -> None:
        super().__init__(calls, keys)
        self.beginnings = beginnings or Beginnings()
        self._limits = limits
        held = (limits.entries, limits.open_activations, limits.writes, limits.entry_bytes)
        self._bounds = (*held, limits.depth, limits.activations, limits.alternations, milliseconds(limits.wall))

    # ------------------------------------------------------------------ writing from outside

    async def post(
        self, board: str, operation: str, author: str, writes: Sequence[Write], now: int | None = None, depth: int = 0
    ) -> Applied:
        """Apply a contribution from outside; a repeated operation id is answered as before.

        ``depth`` is that of the activation which the author is, in the middle of its run.
        Raises EntryExists, VersionConflict, EntryNotFound, BoardClosed, Overloaded.
        """
        words: list[Argument] = [stub.now(now), operation, author, depth, *self._bounds, *self.beginnings.words]
        answer = await self._run("post", [board], [*words, 1, board, *_writes(writes)])
        if answer[0] != b"ok":
            raise self._refusal(board, answer, writes)
        return Applied(int(answer[1]), tuple(int(version) for version in answer[2:]))

    async def resolve(
        self,
        board: str,
        operation: str,
        author: str,
        whom: tuple[str, int],
        verdict: str,
        writes: Sequence[Write] = (),
        reason: str = "",
        now: int | None = None,
    ) -> str:
        """Settle an activation (identity and number) whose outcome is unknown: ``done`` with its writes, ``again`` or ``dead``.

        Answers ``ok``, ``obviated`` (again, but its trigger no longer holds), ``absent``, or the letter of the state it is in.
        Raises BoardClosed, and for refused writes what `post` raises.
        """
        words: list[Argument] = [stub.now(now), operation, *self._bounds, 1, board, author, reason, *whom, verdict]
        answer = await self._run("resolve", [board], [*words, *_writes(writes)])
        if answer[0] in {b"ok", b"obviated", b"absent"}:
            return stub.text(answer[0])
        if answer[0] == b"known":
            return stub.text(answer[1])
        raise self._refusal(board, answer, writes)

    async def revive(
        self,
        board: str,
        identity: str,
        author: str,
        now: int | None = None,
        *,
        fresh: bool = False,
        operation: str = "",
    ) -> str:
        """Try a dead activation again, ``fresh`` without what it has recorded: ``ok``, ``absent``, ``obviated`` or ``closed``."""
        words = [stub.now(now), operation or operation_id(), 1, board, identity, author, int(fresh)]
        answer: bytes = await self._run("revive", [board], words)
        return answer.decode()

    # ------------------------------------------------------------------ running

    async def commit(
        self, commits: Sequence[Commit], request: ClaimRequest, now: int | None = None
    ) -> tuple[list[Applied | Exception | None], Handed]:
        """Commit a group and claim: for every commit what was applied, None when it was applied before, or the error."""
        boards = list(dict.fromkeys(commit.claim.board for commit in commits))
        slots = {board: slot for slot, board in enumerate(boards, 1)}
        words: list[Argument] = [stub.now(now), *self._bounds, len(boards), *boards, len(commits)]
        for commit in commits:
            words += _commit(commit, slots)
        answer = await self._run("commit", boards, [*words, *stub.request(request)])
        results = [self._result(commit, each) for commit, each in zip(commits, answer[0], strict=True)]
        return results, Handed(codec.claimed(answer[1:], request.owner), answer[1])

    async def claim(self, request: ClaimRequest, now: int | None = None) -> Handed:
        """Claim activations for a worker."""
        answer = await self._run("claim", [], [stub.now(now), *stub.request(request)])
        return Handed(codec.claimed(answer, request.owner), answer[0])

    async def fail(
        self, claim: Claim, verdict: str, delay: int, reason: str, problem: str, now: int | None = None, drop: int = 0
    ) -> str:
        """Record a failure: verdict ``retry`` (after ``delay`` ms) or ``dead``; or ``unknown`` or ``timeout``, after which nobody
        knows what it did outside the board. From place ``drop`` on, its records are dropped.

        Answers ``ok``, ``done``, ``lost`` or ``closed``.
        """
        words = [stub.now(now), 1, claim.board, *stub.held(claim, 1), verdict, delay, reason, problem, drop]
        answer: bytes = await self._run("fail", [claim.board], words)
        return answer.decode()

    async def release(self, claim: Claim, verdict: str, reason: str = "", now: int | None = None) -> str:
        """Give a claim back: verdict ``ready``, ``wait`` (for its precondition), ``bid`` (the reason is the number), ``newer``
        (a newer release must run it; the reason is the crew of this one), or ``again`` (it was reconciled).

        Answers ``ok``, ``done``, ``lost`` or ``closed``.
        """
        words = [stub.now(now), 1, claim.board, *stub.held(claim, 1), verdict, reason]
        answer: bytes = await self._run("release", [claim.board], words)
        return answer.decode()

    async def record(
        self,
        claim: Claim,
        record: Record | None,
        drop: int = 0,
        delay: int = -1,
        writes: Sequence[Write] = (),
        now: int | None = None,
    ) -> Kept:
        """Keep a record with what is written of it, or drop those from a place on; a ``delay`` makes its result a time ahead.

        Raises LeaseLost, BoardClosed, Overloaded, EntryExists, VersionConflict, EntryNotFound.
        """
        facts = record or Record(0, "", "", "", "", "")
        words: list[Argument] = [stub.now(now), *self._bounds, 1, claim.board, *stub.held(claim, 1), drop, facts.place]
        words += [self._limits.records, facts.kind, facts.name, facts.arguments, facts.binding, delay, facts.result]
        answer = await self._run("record", [claim.board], words + _writes(writes))
        if answer[0] != b"ok":
            raise self._unkept(claim, answer, writes)
        return Kept(int(answer[1]), int(answer[2]), tuple(int(version) for version in answer[3:]))

    async def withdraw(self, claim: Claim, writes: Sequence[Write], now: int | None = None) -> Applied:
        """Do the chore ``@people``. Raises LeaseLost, BoardClosed, VersionConflict, EntryNotFound."""
        words = [stub.now(now), *self._bounds, 1, claim.board, *stub.held(claim, 1), *_writes(writes)]
        answer = await self._run("withdraw", [claim.board], words)
        if answer[0] != b"ok":
            raise self._unkept(claim, answer, writes)
        return Applied(int(answer[1]), tuple(int(version) for version in answer[2:]))

    async def sign_off(self, worker: str, lanes: int) -> None:
        """Forget a worker that has ended, and the last claims of its lanes."""
        await self.calls.command("HDEL", self.keys.workers, worker)
        await self.calls.command("HDEL", self.keys.claims, *(f"{worker}/{lane}" for lane in range(lanes)))

    def renewal(self, owner: str, leases: Mapping[Claim, int]) -> tuple[list[str], list[Argument]]:
        """Keys and arguments of ``renew``, for the thread that renews leases on a client of its own."""
        words: list[Argument] = ["", owner, len(leases)]
        for claim, lease in leases.items():
            words += [f"{claim.board}{codec.RS}{claim.identity}", claim.number, claim.epoch, lease]
        return list(self.keys.declared), words

    # ------------------------------------------------------------------ sources

    async def register(self, crew: str, cards: Sequence[tuple[str, str, str, Sequence[str]]]) -> tuple[int, list[str]]:
        """Register sources as (name, card, trigger, kinds): the revision now, and the names that were new or changed."""
        words: list[Argument] = [crew, len(cards)]
        for name, card, trigger, kinds in cards:
            words += [name, card, trigger, len(kinds), *kinds]
        answer = await self._run("register", [], words)
        return int(answer[0]), [name.decode() for name in answer[1:]]

    async def rematch(
        self, board: str, revision: int, cursor: str, slice_size: int, now: int | None = None
    ) -> tuple[str, str]:
        """Match a board against newly registered sources, one slice: (``more``, cursor), or ``ok`` or ``done``."""
        answer = await self._run("rematch", [board], [stub.now(now), 1, board, revision, cursor, slice_size])
        return answer[0].decode(), answer[1].decode() if isinstance(answer[1], bytes) else str(answer[1])

    async def matched(self) -> int:
        """The revision up to which all boards were matched."""
        return int(await self.calls.command("HGET", self.keys.triggers, "?matched") or 0)

    async def set_matched(self, revision: int) -> None:
        """Note that all boards were matched up to a revision."""
        await self.calls.command("HSET", self.keys.triggers, "?matched", revision)

    async def source_names(self) -> set[str]:
        """The names of all registered sources."""
        return {name.decode() for name in await self.calls.command("HKEYS", self.keys.sources)}

    async def cards(self) -> dict[str, Any]:
        """The cards of all registered sources, by name."""
        rows = stub.pairs(await self.calls.command("HGETALL", self.keys.sources))
        return {name.decode(): json.loads(card) for name, card in rows}

    # ------------------------------------------------------------------ reading

    async def entry(self, board: str, address: str) -> StoredEntry | None:
        """The entry at an address."""
        text = await self.calls.command("HGET", self.keys.of_board(board, "entries"), address)
        return None if text is None else codec.entry(address, text)

    async def entries(self, board: str, kind: str | None = None) -> list[StoredEntry]:
        """All entries of a board, or of one kind, by address, as of one moment."""
        answer = await self._run("read", [board], [1, board, kind or ""])
        return [codec.entry(address.decode(), text) for address, text in stub.pairs(answer)]

    async def facts(self, board: str) -> BoardFacts | None:
        """What the store knows of a board; None when there is none."""
        state = await self.calls.command("HGET", self.keys.of_board(board, "meta"), "state")
        return None if state is None else _facts(board, state)

    async def events(self, board: str, since: int, limit: int) -> list[Event]:
        """At most ``limit`` events after number ``since``."""
        rows = await self.calls.command("LRANGE", self.keys.of_board(board, "log"), since, since + limit - 1)
        return [codec.event(board, since + i, row) for i, row in enumerate(rows, 1)]

    async def agenda(self, board: str) -> list[Activation]:
        """The open activations of a board, by source and addresses; running ones too."""
        rows = await self.calls.command("ZRANGE", self.keys.of_board(board, "agenda"), 0, -1)
        return await self.activations([f"{board}{codec.RS}{row.decode()}" for row in rows])

    async def dead(self, board: str | None = None) -> list[Activation]:
        """The dead activations, of all boards or of one."""
        low = f"[{board}{codec.RS}".encode() if board else b"-"
        high = f"({board}{codec.RS}".encode() + b"\xff" if board else b"+"
        rows = await self.calls.command("ZRANGEBYLEX", self.keys.dead, low, high)
        return await self.activations([row.decode() for row in rows])

    async def unknown(self, board: str | None = None) -> list[Activation]:
        """The activations whose outcome is unknown, of all boards or of one, the longest waiting first."""
        rows = [row.decode() for row in await self.calls.command("ZRANGE", self.keys.asked, 0, -1)]
        fields = [row for row in rows if board is None or row.startswith(f"{board}{codec.RS}")]
        return [each for each in await self.activations(fields) if each.state is ActivationState.UNKNOWN]

    async def activations(self, fields: Sequence[str]) -> list[Activation]:
        """The activations of these fields that exist."""
        if not fields:
            return []
        rows = await self.calls.command("HMGET", self.keys.activations, *fields)
        return [codec.activation(field, text) for field, text in zip(fields, rows, strict=True) if text is not None]

    async def workers(self) -> dict[str, Any]:
        """What is known of each worker instance."""
        rows = stub.pairs(await self.calls.command("HGETALL", self.keys.workers))
        return {name.decode(): json.loads(facts) for name, facts in rows}

    async def boards(self) -> list[str]:
        """The ids of all boards, oldest first."""
        return [row.decode() for row in await self.calls.command("ZRANGE", self.keys.boards, 0, -1)]

    async def living_boards(self) -> list[str]:
        """The ids of the boards whose keys have not expired, oldest first; the others are taken off the list."""
        names = await self.boards()
        gone = {name for at in range(0, len(names), LISTED) for name in await self.prune(names[at : at + LISTED])}
        return [name for name in names if name not in gone]

    async def written(self, board: str, addresses: Sequence[str]) -> dict[str, int]:
        """Which event wrote the entry at each of these addresses, of those that are there."""
        if not addresses:
            return {}
        rows = await self.calls.command("HMGET", self.keys.of_board(board, "entries"), *addresses)
        return {address: codec.entry(address, row).seq for address, row in zip(addresses, rows, strict=True) if row}

    async def history(self, board: str) -> dict[str, int]:
        """How many of its activations each source has committed on a board, each binding counted once."""
        rows = await self.calls.command("HKEYS", self.keys.of_board(board, "fired"))
        sources = Counter(codec.split_identity(row.decode())[0] for row in rows)
        return {
            source: count for source, count in sources.items() if source[0] != "@" and not source.startswith(UNDOES)
        }

    # ------------------------------------------------------------------ inside

    def _unkept(self, claim: Claim, answer: Sequence[Any], writes: Sequence[Write]) -> Exception:
        if answer[0] in {b"lost", b"done"}:
            return LeaseLost(claim.name)
        return self._refusal(claim.board, answer if len(answer) > 1 else [answer[0], b"", 0], writes)

    def _refusal(self, board: str, answer: Sequence[Any], writes: Sequence[Write]) -> Exception:
        code, subject, found = answer[0], stub.text(answer[1]), int(answer[2])
        if code == b"exists":
            return EntryExists(subject, found)
        if code == b"gone":
            return EntryNotFound(board, subject)
        if code == b"version":
            expected = next((write.expected for write in writes if write.address == subject), 0)
            return VersionConflict(subject, expected, found)
        if code == b"closed":
            return closed(board, subject)
        if code == b"newer":
            return NewerSchema(subject, int(answer[3]), found, "writing over it would lose what it does not know")
        if code == b"overloaded":
            return Overloaded(board, subject, int(answer[3]), found)
        return StoreProtocolError("post", repr(answer))

    def _result(self, commit: Commit, answer: Sequence[Any]) -> Applied | Exception | None:
        match answer[0]:
            case b"ok":
                return Applied(int(answer[1]), tuple(int(version) for version in answer[2:]))
            case b"done":
                return None
            case b"lost":
                return LeaseLost(commit.claim.name)
            case b"closed":
                return closed(commit.claim.board, stub.text(answer[1]) if len(answer) > 1 else "closed")
            case b"exists" | b"version" | b"gone" | b"read":
                return StaleSnapshot(commit.claim.name, (stub.text(answer[1]),))
            case b"unknown_peer":
                return HandoffRefused(commit.claim.name, stub.text(answer[1]), "no source of this name is registered")
            case b"unfit_peer":
                problem = f"it needs an entry of kind {stub.text(answer[2])}, to which the giver is not bound"
                return HandoffRefused(commit.claim.name, stub.text(answer[1]), problem)
        return self._refusal(commit.claim.board, answer, commit.writes)


def _facts(board: str, state: bytes) -> BoardFacts:
    status, seq, busy, closing, _floor, _rev, count, _idle, *control = state.decode().split(" ")
    facts = BoardFacts(board, status, int(seq), int(busy), int(closing), int(count))
    if not control:  # written before there was control
        return facts
    gate, epoch, unattended, *later = control
    mode = "orchestration" if gate[0] == "o" else "choreography"
    facts = replace(facts, mode=mode, gate=gate[1], epoch=int(epoch), unattended=int(unattended))
    if not later:
        return facts
    opened, deadline, behind, *_ = map(int, later)
    return replace(facts, opened=opened, deadline=deadline, behind=behind)


def _writes(writes: Sequence[Write]) -> list[Argument]:
    words: list[Argument] = [len(writes)]
    for write in writes:
        words += [write.address, write.expected, "" if write.schema is None else write.schema, write.payload]
    return words


def _commit(commit: Commit, slots: Mapping[str, int]) -> list[Argument]:
    words: list[Argument] = ["part" if commit.part else "commit", *stub.held(commit.claim, slots[commit.claim.board])]
    words += [commit.part, 2 * len(commit.reads)]
    for address, version in commit.reads:
        words += [address, version]
    words += [len(commit.kinds), *commit.kinds, *_writes(commit.writes), len(commit.handoffs)]
    for peer, note in commit.handoffs:
        words += [peer, note]
    return words

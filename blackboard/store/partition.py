"""One partition of a namespace: a typed stub for every script, and the plain reads.

With its bases and `stub` beside it, this is the only module that knows the order of the scripts' arguments and the shape of
their replies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blackboard.activation import Claim
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
from blackboard.ids import operation_id
from blackboard.limits import Limits, milliseconds
from blackboard.record import Record
from blackboard.store import codec, stub
from blackboard.store.calls import Behind, Calls
from blackboard.store.contents import Contents
from blackboard.store.control import Control
from blackboard.store.gauges import Gauges
from blackboard.store.keys import Keys
from blackboard.store.lifetime import Lifetime
from blackboard.store.lines import Argument
from blackboard.store.records import Kept, Records
from blackboard.store.sagas import Sagas
from blackboard.store.shapes import Shapes
from blackboard.store.sources import Sources
from blackboard.store.stub import Beginnings, ClaimRequest, Handed

ANYTHING, NEW, SNAPSHOT = -1, -2, -3
"""What a write expects at its address: anything; nothing, or the same payload; nothing newer than the author's snapshot.
A number from 1 up expects that version."""


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


class Partition(Control, Sources, Sagas, Gauges, Records, Shapes, Lifetime, Contents):
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

    async def claim(self, request: ClaimRequest, now: int | None = None, behind: Behind | None = None) -> Handed:
        """Claim activations for a worker, at once or ``behind`` a doorbell."""
        answer = await self._run("claim", [], [stub.now(now), *stub.request(request)], behind)
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

    def through(self, calls: Calls) -> Partition:
        """The same partition, called in another way."""
        return Partition(calls, self.keys, self._limits, self.beginnings)

    async def renew(self, owner: str, leases: Mapping[Claim, int]) -> list[Claim]:
        """Renew leases for so many ms each, without waiting for a store that is away. Returns the claims that are lost."""
        if not leases:
            return []
        answer = await self.calls.once("renew", *self.renewal(owner, leases))
        lost = {field.decode() for field in answer}
        return [claim for claim in leases if f"{claim.board}{codec.RS}{claim.identity}" in lost]

    def renewal(self, owner: str, leases: Mapping[Claim, int]) -> tuple[list[str], list[Argument]]:
        """Keys and arguments of ``renew``, for the thread that renews leases on a client of its own."""
        words: list[Argument] = ["", owner, len(leases)]
        for claim, lease in leases.items():
            words += [f"{claim.board}{codec.RS}{claim.identity}", claim.number, claim.epoch, lease]
        return list(self.keys.declared), words

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

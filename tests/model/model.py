"""A brute-force model of the boards of one partition.

It holds what the specification speaks of — entries with versions, the version floor, what fired, the states of
activations — and after every operation computes each board's conflict set anew, by trying every combination of entries
for every source. It shares no code and no idea with the scripts it is compared with: no index, no memory, no deltas.

Two things are taken from the store instead of being computed, because they are a matter of its order of work and not of
the specification: the number of a new activation (learnt from the log), and whether an activation whose worker died is
handed out to be settled although nothing about it has changed (allowed, never required).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.model.board import Activation, Board, Identity, Write
from tests.model.semantics import Binding, Trigger, bindings

DEFAULT_CRASHES = 3


@dataclass(frozen=True, slots=True)
class Request:
    """A worker's wish for work."""

    owner: str
    number: int
    wanted: int
    lease: int
    crew: str


@dataclass(frozen=True, slots=True)
class Handed:
    """One activation as it is handed to a worker; `slots` has address and version of what every pattern binds."""

    board: str
    identity: Identity
    token: tuple[int, int, str | None]
    attempts: int
    crashes: int
    snapshot: int
    verdict: str
    slots: tuple[tuple[tuple[str, int], ...], ...]


@dataclass(slots=True)
class Partition:
    """The boards of a partition, its sources, and its workers' last requests."""

    boards: dict[str, Board]
    triggers: dict[str, tuple[int, Trigger]] = field(default_factory=dict)
    crews: dict[str, set[str]] = field(default_factory=dict)
    revision: int = 0
    requests: dict[str, tuple[int, list[tuple[str, Identity, str]]]] = field(default_factory=dict)

    # ------------------------------------------------------------------ sources

    def register(self, crew: str, triggers: Sequence[Trigger]) -> tuple[int, list[str]]:
        """Register sources: the revision, and which are new or changed."""
        changed = [t["s"] for t in triggers if self.triggers.get(t["s"], (0, None))[1] != t]
        self.revision += bool(changed)
        for trigger in triggers:
            if trigger["s"] in changed:
                self.triggers[trigger["s"]] = (self.revision, trigger)
        self.crews.setdefault(crew, set()).update(t["s"] for t in triggers)
        return self.revision, changed

    def begin(self, board: Board) -> None:
        """A new board knows every source registered so far."""
        board.revision = self.revision
        board.triggers = {name: trigger for name, (_, trigger) in self.triggers.items()}

    def rematch(self, board: Board, revision: int, now: int) -> None:
        """The last slice of a rematch: the board knows the sources up to the revision."""
        board.revision = revision
        for name, (of, trigger) in self.triggers.items():
            if of <= revision:
                board.triggers[name] = trigger
        for activation in (*board.open.values(), *board.dead.values()):
            trigger = board.triggers[activation.identity[0]]
            if activation.trigger is not trigger:
                activation.trigger, activation.retest = trigger, activation.state == "x"
                if activation.state == "w":
                    activation.become("r")
                    activation.since = now
        board.reconcile(now)

    def post(self, board: Board, operation: str, writes: Sequence[Write], now: int) -> tuple[Any, ...]:
        """A contribution from outside."""
        if board.status is None and all(write.payload is None for write in writes):
            return ("ok", 0, *(0 for _ in writes))  # retracting begins no board
        if board.status is None:
            self.begin(board)
        return board.post(operation, writes, now)

    # ------------------------------------------------------------------ claims

    def running(self) -> Iterator[tuple[Board, Activation]]:
        """All activations that a worker holds."""
        for board in self.boards.values():
            for activation in board.open.values():
                if activation.state == "x":
                    yield board, activation

    def claim(self, request: Request, now: int, answer: Sequence[Handed]) -> list[Handed]:
        """What a claim must bring. `answer`, what it did bring, says only which of the crashed are to be settled."""
        number, before = self.requests.get(request.owner, (None, []))
        if number == request.number:
            chosen = [(self.boards[b], i, verdict) for b, i, verdict in before if self._holds(request.owner, b, i)]
            return [self._hand(*each, request, now, again=True) for each in chosen]
        settle = self._reap(now, {(h.board, h.identity) for h in answer if h.verdict == "revisit"})
        self._ring_timers(now)
        chosen = [(board, identity, "") for board, identity in self._best(request)] + settle
        if chosen or request.owner in self.requests:
            self.requests[request.owner] = (request.number, [(b.id, i, v) for b, i, v in chosen])
        return [self._hand(*each, request, now) for each in chosen]

    def _holds(self, owner: str, board: str, identity: Identity) -> bool:
        activation = self.boards[board].open.get(identity)
        return activation is not None and activation.state == "x" and activation.owner == owner

    def _reap(self, now: int, settled: set[tuple[str, Identity]]) -> list[tuple[Board, Identity, str]]:
        settle = []
        for board, activation in list(self.running()):
            if activation.lease > now:
                continue
            activation.crashes += 1
            if activation.crashes > activation.trigger.get("cr", DEFAULT_CRASHES):
                settle.append((activation.lease, board, activation.identity, "poison"))
            elif (board.id, activation.identity) in settled or self._is_stale(board, activation):
                settle.append((activation.lease, board, activation.identity, "revisit"))
            else:
                activation.become("r")
        return [(board, identity, verdict) for _, board, identity, verdict in sorted(settle, key=_by_lease)]

    def _is_stale(self, board: Board, activation: Activation) -> bool:
        return activation.identity not in board.wanted(activation.trigger)

    def _ring_timers(self, now: int) -> None:
        for board in self.boards.values():
            for activation in board.open.values():
                if activation.state in "dt" and activation.due <= now:
                    activation.since = activation.due
                    activation.become("r")

    def _best(self, request: Request) -> list[tuple[Board, Identity]]:
        """Highest priority first, then the highest rating, then the oldest, over all boards and all sources of the crew."""
        ready = [
            (
                -activation.trigger.get("pr", 0),
                -activation.rating,
                activation.since,
                field_of(board.id, identity).encode(),
                board,
                identity,
            )
            for board in self.boards.values()
            for identity, activation in board.open.items()
            if activation.state == "r" and identity[0] in self.crews.get(request.crew, ())
        ]
        ready.sort(key=lambda row: row[:4])
        return [(board, identity) for *_, board, identity in ready[: request.wanted]]

    def _hand(
        self,
        board: Board,
        identity: Identity,
        verdict: str,
        request: Request,
        now: int,
        *,
        again: bool = False,
    ) -> Handed:
        activation = board.open[identity]
        activation.state, activation.owner = "x", request.owner
        activation.epoch += not again
        activation.snapshot = board.seq
        activation.lease = now + activation.trigger.get("ls", request.lease)
        binding = self._bind(board, activation, again=again or bool(verdict))
        if verdict == "" and binding:
            activation.mark = binding.newest()
            activation.at = binding.addresses
        slots = tuple(tuple((e.address, e.version) for e in slot) for slot in binding.slots) if binding else ()
        return Handed(
            board.id,
            identity,
            activation.token,
            activation.attempts,
            activation.crashes,
            board.seq,
            verdict if binding or verdict else "revisit",
            slots,
        )

    def _bind(self, board: Board, activation: Activation, *, again: bool) -> Binding | None:
        """The binding of what is claimed; of what ran before, whatever is left of it."""
        if not again:
            return board.wanted(activation.trigger)[activation.identity]
        every = bindings(activation.trigger, list(board.entries.values()), joined_only=True)
        wanted = activation.at if activation.trigger.get("rf") == "o" else activation.identity[1]
        return next((binding for binding in every if binding.addresses == wanted), None)


def _by_lease(row: tuple[int, Board, Identity, str]) -> tuple[int, bytes]:
    return row[0], field_of(row[1].id, row[2]).encode()


def field_of(board: str, identity: Identity) -> str:
    """How the store orders activations of one age."""
    return "\x1e".join((board, identity[0], *(identity[1] or ("",))))

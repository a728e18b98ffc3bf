"""Activations: one knowledge source with one binding of entries, to be run once.

Its identity is the board, the source and the addresses that the source's each-patterns bind; its number is that of the event
that triggered it, unique on the board. People write ``decide#17``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from blackboard.clock import to_datetime
from blackboard.news import News

UNDOES = "undo:"
"""How the source of a compensation is called: this, and the source of what it undoes."""


def called(source: str) -> str:
    """A source of the store's as people read it: ``~pay`` is a compensation, and undoes ``pay``."""
    return f"{UNDOES}{source[1:]}" if source.startswith("~") else source


class ActivationState(StrEnum):
    """Where an activation is in its life."""

    READY = "ready"
    HELD = "held"
    """Ungranted: the board is orchestrated or paused, and nobody has granted this activation."""
    BIDDING = "bidding"
    """Held, once its source has said what running it is worth: a worker is asking, or is to ask, for its bid."""
    DELAYED = "delayed"
    RETRYING = "retrying"
    WAITING = "waiting"
    RUNNING = "running"
    SLEEPING = "sleeping"
    """It has begun, and sleeps until the time it said itself."""
    ASKING = "awaiting approval"
    """It has begun, or is to begin, and waits for a person's answer."""
    LIMITED = "limited"
    """It waits for its turn: as many as its source's limit allows are running."""
    UNKNOWN = "outcome unknown"
    """Its worker died while it acted outside the board, and nobody knows whether it did: a person says what became of it."""
    DEAD = "dead"


def idempotency_key(namespace: str, board: str, activation: str) -> str:
    """What the effects of an activation outside its board are known by: the same for every run, and no other's."""
    return f"{namespace}/{board}/{activation}"


@dataclass(frozen=True, slots=True)
class Activation:
    """An activation that is open, running or dead, as the store keeps it. Times are the store's, in milliseconds."""

    board: str
    source: str
    addresses: tuple[str, ...]
    state: ActivationState
    number: int
    cause: int
    depth: int
    priority: int
    since: int
    due: int
    attempts: int
    crashes: int
    epoch: int
    owner: str | None
    started: int
    problem: str
    identity: str
    """What it is on its board: ``refire="once"`` leaves out the addresses."""
    rating: float = 0.0
    granted: int = 0
    """The epoch of control under which it was granted; 0 when it never was."""
    handed: int = 0
    """The event by which an agent handed control to it; 0 when none did."""
    note: str = ""
    """What the agent that handed control over said."""
    kept: int = 0
    """How many durable steps it has recorded."""
    token: str = ""
    """The value that its source's limit goes by."""
    unsure: bool = False
    """Whether it may have acted outside the board when it was cut short, and nobody has said yet what became of that."""

    @property
    def name(self) -> str:
        """``source#number``."""
        return f"{self.source}#{self.number}"

    def idempotency_key(self, namespace: str) -> str:
        """What its source is given for effects outside the board: the same for every run."""
        return idempotency_key(namespace, self.board, self.name)

    @property
    def agent(self) -> str:
        """The source whose workers run it: a compensation is run by those of what it undoes."""
        return self.source.removeprefix(UNDOES)

    @property
    def rank(self) -> tuple[float, float, int, str]:
        """What orders the agenda: priority, then rating, the highest first; then age."""
        return (-self.priority, -self.rating, self.since, self.identity)

    @property
    def due_at(self) -> datetime | None:
        """When a delayed or retrying activation becomes ready."""
        return to_datetime(self.due) if self.due and self.state is not ActivationState.DEAD else None

    @property
    def died_at(self) -> datetime | None:
        """When a dead activation died: it is due no more, and the store keeps this time in the place of that one."""
        return to_datetime(self.due) if self.due and self.state is ActivationState.DEAD else None


class StoredEntry(NamedTuple):  # as the claims: made for each activation, and a tuple is made in half the time
    """An entry as the store keeps it: its address, version, schema version and JSON."""

    address: str
    version: int
    schema: int
    payload: bytes
    seq: int = 0

    @property
    def kind(self) -> str:
        """The kind: the address up to its first slash."""
        return self.address.partition("/")[0]


class Claim(NamedTuple):
    """The right of one worker instance to run one activation: what fences everything it does with it."""

    board: str
    identity: str
    number: int
    epoch: int
    owner: str

    @property
    def source(self) -> str:
        """The name of the source to run; that of a compensation begins with a tilde."""
        return self.identity.partition("\x1e")[0]

    @property
    def undoes(self) -> str | None:
        """For a compensation, the activation that it undoes, ``source#number``."""
        if not self.identity.startswith("~"):
            return None
        source, _, target = self.identity.partition("\x1e")
        return f"{source[1:]}#{target.rpartition('/')[2]}"

    @property
    def name(self) -> str:
        """``source#number``."""
        return f"{called(self.source)}#{self.number}"

    @property
    def full_name(self) -> str:
        """Its name and that of its board, for who reads of many boards: numbers are a board's own."""
        return f"{self.name} of board {self.board}"


@dataclass(frozen=True, slots=True)
class Shown:
    """A board as the store shows it to a controller.

    The epoch of control, the store's time in milliseconds, whether it is paused, the strategy and its state as JSON, the last
    event that the strategy knows, the open activations in rank order, and the events since.
    """

    epoch: int
    now: int
    gate: str
    strategy: str
    memo: str
    seen: int
    agenda: tuple[Activation, ...]
    news: News


@dataclass(slots=True)
class Claimed:
    """An activation handed to a worker: the claim, its history, and the entries bound to every pattern.

    ``snapshot`` is the number of the board's last event when it was claimed. ``verdict`` is empty for one that is to be
    run; ``bid`` asks what its source bids for it. ``poison`` (its crash limit is spent), ``damaged`` (its records cannot be
    read) and ``revisit`` (something concerned it while its last worker died) are to be settled without running it, as is
    ``unattended``: a board that waited too long for a controller. ``unknown`` (it was cut short while it acted outside the
    board) is settled likewise; ``reconcile`` asks its source what became of that.
    """

    claim: Claim
    attempts: int
    crashes: int
    depth: int
    snapshot: int
    verdict: str
    bindings: tuple[tuple[StoredEntry, ...], ...]
    note: str = ""
    """What the agent that handed control over said."""
    shown: Shown | None = None
    """The board, for a controller."""
    places: int = 0
    """How many places of its records are taken: 0 is its progress, from 1 on its steps."""

    @property
    def uncertain(self) -> str:
        """Why nobody knows what became of it."""
        died = "its worker died" if self.crashes == 1 else f"its workers died {self.crashes} times"
        return f"{died}, and what it did outside the board is not known"

    @property
    def undecidable(self) -> str:
        """Why nobody can decide for this board, of a control activation that is to be settled."""
        if self.verdict == "poison":
            return f"its controllers died {self.crashes} times"
        return "what the store holds of its control cannot be read"

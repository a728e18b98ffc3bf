"""One board of the model: its entries, what fired, its activations, and its conflict set by plain enumeration."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.model.semantics import Binding, Entry, Trigger, bindings, rate

ANYTHING, NEW, SNAPSHOT = -1, -2, -3
ACTIVE = frozenset("rdtx")

Identity = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Write:
    """One post, revision or retraction (payload None), and what it expects at its address."""

    address: str
    expected: int
    payload: str | None


@dataclass(slots=True)
class Activation:
    """An activation: r ready, d delayed, t retrying, w waiting for its precondition, x running, D dead."""

    identity: Identity
    trigger: Trigger
    state: str
    since: int
    due: int = 0
    number: int = 0
    attempts: int = 0
    crashes: int = 0
    epoch: int = 0
    owner: str | None = None
    lease: int = 0
    snapshot: int = 0
    mark: int = 0
    part: int = 0
    own: frozenset[int] = frozenset()
    at: tuple[str, ...] = ()
    retest: bool = False
    rating: float = 0.0

    @property
    def quiescent(self) -> bool:
        return bool(self.trigger.get("q"))

    @property
    def token(self) -> tuple[int, int, str | None]:
        """What fences a worker's right to it."""
        return self.number, self.epoch, self.owner

    def become(self, state: str) -> None:
        """Leave the worker, if it has one, for another state."""
        self.state, self.owner, self.part, self.retest = state, None, 0, False


@dataclass(frozen=True, slots=True)
class Fired:
    """What an identity committed with last: its newest version, the events of its own, and who committed."""

    mark: int
    own: frozenset[int]
    token: tuple[int, int, str | None]


@dataclass(slots=True)
class Board:
    """One board."""

    id: str
    status: str | None = None
    seq: int = 0
    floor: int = 0
    entries: dict[str, Entry] = field(default_factory=dict)
    open: dict[Identity, Activation] = field(default_factory=dict)
    dead: dict[Identity, Activation] = field(default_factory=dict)
    fired: dict[Identity, Fired] = field(default_factory=dict)
    triggers: dict[str, Trigger] = field(default_factory=dict)
    revision: int = 0
    changed: dict[str, list[int]] = field(default_factory=dict)
    answers: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    # ------------------------------------------------------------------ what there is

    @property
    def busy(self) -> int:
        """How many activations will still do something without waiting for quiescence."""
        return sum(a.state in ACTIVE and not a.quiescent for a in self.open.values())

    @property
    def closing(self) -> int:
        """How many activations of sources that wait for quiescence will still do something."""
        return sum(a.state in ACTIVE and a.quiescent for a in self.open.values())

    def bound(self, trigger: Trigger) -> dict[Identity, Binding]:
        """The identities of a source for which its trigger holds now, each with its binding."""
        if trigger.get("q") and self.busy:
            return {}
        every = bindings(trigger, list(self.entries.values()))
        if trigger.get("rf") == "o":
            first = next(every, None)
            return {(trigger["s"], ()): first} if first else {}
        return {(trigger["s"], binding.addresses): binding for binding in every}

    def is_news(self, identity: Identity, trigger: Trigger, binding: Binding) -> bool:
        """Whether a binding has yet to fire: it never did, or a newer version that it did not write itself is in it."""
        fired = self.fired.get(identity)
        if fired is None:
            return True
        if trigger.get("rf"):
            return False
        return binding.newest(frozenset() if trigger.get("re") else fired.own) > fired.mark

    def outlives(self, identity: Identity, trigger: Trigger, binding: Binding) -> bool:
        """Whether a binding is news to the dead activation of its identity, or there is none."""
        dead = self.dead.get(identity)
        if dead is None:
            return True
        if trigger.get("rf"):
            return False
        return binding.newest(frozenset() if trigger.get("re") else dead.own) > dead.mark

    def wanted(self, trigger: Trigger) -> dict[Identity, Binding]:
        """The conflict set of one source: every binding whose trigger holds and which has not fired."""
        return {i: b for i, b in self.bound(trigger).items() if self.is_news(i, trigger, b)}

    # ------------------------------------------------------------------ the conflict set

    def reconcile(self, now: int, changed: Collection[str] = ()) -> None:
        """Make the agenda the conflict set again, after a change of entries of the kinds `changed`."""
        self._retest(now, changed)
        for quiescent in (False, True):
            for trigger in self.triggers.values():
                if bool(trigger.get("q")) is quiescent:
                    self._reconcile_source(trigger, now)

    def _retest(self, now: int, changed: Collection[str]) -> None:
        for activation in self.open.values():
            if not changed or not set(changed) & set(activation.trigger.get("wk", ())):
                continue
            if activation.state == "w":
                activation.become("r")
                activation.since = now
            elif activation.state == "x":
                activation.retest = True

    def _reconcile_source(self, trigger: Trigger, now: int) -> None:
        wanted = self.wanted(trigger)
        for identity in [i for i, a in self.open.items() if i[0] == trigger["s"] and a.state != "x"]:
            if identity not in wanted:
                del self.open[identity]
                self.seq += 1
        for identity, binding in wanted.items():
            if identity not in self.open and self.outlives(identity, trigger, binding):
                self._trigger(identity, trigger, now)
            if identity in self.open and self.open[identity].state != "x":
                self.open[identity].rating = rate(trigger, binding)

    def _trigger(self, identity: Identity, trigger: Trigger, now: int) -> None:
        delay = trigger.get("af")
        self.dead.pop(identity, None)
        self.open[identity] = Activation(identity, trigger, "d" if delay else "r", now, now + delay if delay else 0)
        self.seq += 1

    # ------------------------------------------------------------------ contributions

    def objection(self, write: Write, snapshot: int, own: Collection[int]) -> tuple[Any, ...] | None:
        """Why a write cannot be, or None."""
        entry = self.entries.get(write.address)
        found = entry.version if entry else 0
        if write.expected > 0 and found != write.expected:
            return ("version" if entry else "gone", write.address, found)
        if write.expected in {NEW, SNAPSHOT} and entry and write.payload != entry.payload:
            if write.expected == NEW:
                return ("exists", write.address, found)
            if entry.seq > snapshot and entry.seq not in own:
                return ("version", write.address, found)
        return None

    def refusal(self, writes: Sequence[Write], snapshot: int = 0, own: Collection[int] = ()) -> tuple[Any, ...] | None:
        """Why a contribution is refused whole, or None."""
        if self.status == "closed":
            return ("closed", self.id, 0)
        return next((o for write in writes if (o := self.objection(write, snapshot, own))), None)

    def apply(self, writes: Sequence[Write]) -> tuple[list[int], list[int], set[str]]:
        """Apply a contribution: the version at every address written, the events, and the kinds that differ now."""
        versions, events, before = [], [], dict(self.entries)
        for write in writes:
            entry = self.entries.get(write.address)
            if (entry.payload if entry else None) != write.payload:
                self.seq += 1
                self._put(write, entry)
                events.append(self.seq)
                self.changed.setdefault(write.address.partition("/")[0], []).append(self.seq)
            versions.append(self.entries[write.address].version if write.address in self.entries else 0)
        touched = {write.address for write in writes}
        kinds = {a.partition("/")[0] for a in touched if self.entries.get(a) != before.get(a)}
        return versions, events, kinds

    def _put(self, write: Write, old: Entry | None) -> None:
        if write.payload is None:
            gone = self.entries.pop(write.address)
            self.floor = max(self.floor, gone.version)
            return
        version = (old.version if old else self.floor) + 1
        data = json.loads(write.payload)
        self.entries[write.address] = Entry(write.address, version, self.seq, 1, write.payload, data)

    def post(self, operation: str, writes: Sequence[Write], now: int) -> tuple[Any, ...]:
        """A contribution from outside."""
        if operation in self.answers:
            return self.answers[operation]
        if refused := self.refusal(writes):
            return refused
        if self.status is None:
            self.status, self.seq = "open", 1
        versions, _, kinds = self.apply(writes)
        self.reconcile(now, kinds)
        self.answers[operation] = ("ok", self.seq, *versions)
        return self.answers[operation]

    # ------------------------------------------------------------------ how a run ends

    def holder(self, identity: Identity, token: tuple[int, int, str | None]) -> Activation | str:
        """The running activation that a worker still holds, or why it does not."""
        activation = self.open.get(identity)
        if activation and activation.state == "x" and activation.token == token:
            return activation
        fired = self.fired.get(identity)
        if fired and fired.token == token:
            return "done"
        return "closed" if self.status == "closed" else "lost"

    def commit(self, commit: Commit, now: int) -> tuple[Any, ...]:
        """The contribution of a running activation."""
        activation = self.holder(commit.identity, commit.token)
        if isinstance(activation, str):
            return (activation,)
        if 0 < commit.part <= activation.part:
            return ("done",)
        refused = self.refusal(commit.writes, activation.snapshot, activation.own) or self._stale(commit, activation)
        if refused:
            activation.become("r")
            self.reconcile(now)
            return refused
        self.seq += commit.part == 0
        versions, events, kinds = self.apply(commit.writes)
        activation.own |= frozenset(events)
        if commit.part:
            activation.part = commit.part
        else:
            self.fired[commit.identity] = Fired(activation.mark, activation.own, commit.token)
            del self.open[commit.identity]
        self.reconcile(now, kinds)
        return ("ok", self.seq, *versions)

    def _stale(self, commit: Commit, activation: Activation) -> tuple[Any, ...] | None:
        for address, version in commit.reads:
            entry = self.entries.get(address)
            found = entry.version if entry else 0
            if found != version and not (entry and entry.seq in activation.own):
                return ("read", address, found)
        for kind in commit.kinds:
            foreign = [s for s in self.changed.get(kind, ()) if s > activation.snapshot and s not in activation.own]
            if foreign:
                return ("read", kind, self.changed[kind][-1])
        return None

    def fail(self, identity: Identity, token: Any, verdict: str, delay: int, now: int) -> str:
        """A run failed: it is tried again later, or it is dead."""
        activation = self.holder(identity, token)
        if isinstance(activation, str):
            return activation
        self.seq += 1
        if verdict == "dead":
            activation.attempts += 1
            activation.become("D")
            self.dead[identity] = self.open.pop(identity)
        else:
            activation.become("t")
            activation.attempts, activation.due = activation.attempts + 1, now + delay
        self.reconcile(now)
        return "ok"

    def release(self, identity: Identity, token: Any, verdict: str, now: int, declined: bool | None) -> str:
        """A run is given back. `declined`: what the store says of one that waits for quiescence; it may be retested."""
        activation = self.holder(identity, token)
        if isinstance(activation, str):
            return activation
        waits = verdict == "wait" and not activation.retest
        if waits and activation.quiescent and declined is not None:
            waits = declined
        self.seq += waits
        activation.become("w" if waits else "r")
        self.reconcile(now)
        return "ok"

    def revive(self, identity: Identity, now: int) -> str:
        """A dead activation is tried again."""
        if self.status == "closed":
            return "closed"
        if identity not in self.dead:
            return "absent"
        activation = self.open[identity] = self.dead.pop(identity)
        activation.become("r")
        activation.attempts, activation.crashes, activation.since = 0, 0, now
        self.seq += 1
        self.reconcile(now)
        return "ok" if identity in self.open else "obviated"

    def close(self) -> tuple[str, int]:
        """The end."""
        if self.status != "open":
            return ("absent" if self.status is None else "done", 0)
        dropped = len(self.open) + len(self.dead)
        self.status, self.seq = "closed", self.seq + 1
        self.open.clear()
        self.dead.clear()
        return ("ok", dropped)


@dataclass(frozen=True, slots=True)
class Commit:
    """What a worker commits; `part` 0 ends its run."""

    board: str
    identity: Identity
    token: tuple[int, int, str | None]
    writes: Sequence[Write]
    part: int = 0
    reads: Sequence[tuple[str, int]] = ()
    kinds: Sequence[str] = ()

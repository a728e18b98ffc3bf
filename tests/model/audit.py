"""Reads everything a partition holds in one round trip, and compares it with the model and with itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from blackboard.activation import Activation, ActivationState, StoredEntry
from blackboard.event import Event, EventType
from blackboard.store import codec
from blackboard.store.client import AsyncClient
from blackboard.store.keys import Keys
from tests.model.board import Board, Identity
from tests.model.model import Partition as Model
from tests.model.semantics import passes

Expect = Callable[[str, Any, Any], None]
LETTERS = {state: letter for letter, state in codec.STATES.items()}
FACTS = ("status", "seq", "busy", "closing", "floor", "rev", "count")


@dataclass(slots=True)
class Log:
    """A board's log replayed: what the events alone say of its entries and its agenda."""

    seq: int = 0
    entries: dict[str, tuple[int, bytes, int]] = field(default_factory=dict)
    open: dict[Identity, int] = field(default_factory=dict)
    dead: dict[Identity, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    triggered: list[tuple[Identity, int]] = field(default_factory=list)

    def replay(self, event: Event) -> None:
        """Take the next event."""
        self.seq += 1
        address, identity, number = (
            event.address or "",
            (event.source or "", event.addresses),
            event.number or 0,
        )
        match event.type:
            case EventType.POSTED | EventType.REVISED:
                if (event.type is EventType.POSTED) is (address in self.entries):
                    self.faults.append(f"event {self.seq}: {event.type.value} {address}")
                self.entries[address] = (event.version or 0, event.payload or b"", self.seq)
            case EventType.RETRACTED:
                self._leave(self.entries, address, event.version, lambda entry: entry[0])
            case EventType.TRIGGERED:
                self._trigger(event, identity)
            case EventType.FIRED | EventType.OBVIATED:
                self._leave(self.open, identity, number)
            case EventType.DIED:
                self._leave(self.open, identity, number)
                self.dead[identity] = number
            case EventType.REVIVED:
                self._leave(self.dead, identity, number)
                self.open[identity] = number
            case EventType.FAILED | EventType.DECLINED if self.open.get(identity) != number:
                self.faults.append(f"event {self.seq}: {event.type.value} {identity}, which is not open")
            case EventType.CLOSED:
                self.open.clear()
                self.dead.clear()

    def _trigger(self, event: Event, identity: Identity) -> None:
        if identity in self.open or not 0 < (event.cause or 0) < self.seq or (event.depth or 0) < 1:
            self.faults.append(f"event {self.seq}: {event}")
        self.dead.pop(identity, None)
        self.open[identity] = self.seq
        self.triggered.append((identity, self.seq))

    def _leave(
        self, where: dict[Any, Any], what: Any, number: Any, of: Callable[[Any], Any] = lambda found: found
    ) -> None:
        found = where.pop(what, None)
        if found is None or of(found) != number:
            self.faults.append(f"event {self.seq}: {what} {number} leaves, but there was {found}")


@dataclass(slots=True)
class SeenBoard:
    """One board as the store holds it."""

    facts: dict[str, Any]
    entries: dict[str, StoredEntry]
    agenda: list[Identity]
    memory: set[bytes]
    activations: dict[Identity, Activation] = field(default_factory=dict)


@dataclass(slots=True)
class Seen:
    """A partition as the store holds it."""

    boards: dict[str, SeenBoard]
    activations: list[Activation]
    raw: dict[str, bytes]
    ready: list[str]
    due: dict[str, int]
    leases: dict[str, int]
    dead: set[str]


async def look(client: AsyncClient, keys: Keys, logs: Mapping[str, Log]) -> Seen:
    """Read all of it in one pipeline; replays what is new in the logs."""
    pipe = client.pipeline(transaction=False)
    pipe.hgetall(keys.activations)
    pipe.zrange(keys.ready, 0, -1)
    pipe.zrange(keys.due, 0, -1, withscores=True)
    pipe.zrange(keys.leases, 0, -1, withscores=True)
    pipe.zrange(keys.dead, 0, -1)
    for board, log in logs.items():
        pipe.hget(keys.of_board(board, "meta"), "state")
        pipe.hgetall(keys.of_board(board, "entries"))
        pipe.zrange(keys.of_board(board, "agenda"), 0, -1)
        pipe.zrange(keys.of_board(board, "memory"), 0, -1)
        pipe.lrange(keys.of_board(board, "log"), log.seq, -1)
    activations, ready, due, leases, dead, *rest = await pipe.execute()
    boards = {}
    for i, (board, log) in enumerate(logs.items()):
        meta, entries, agenda, memory, events = rest[5 * i : 5 * i + 5]
        boards[board] = _board(meta, entries, agenda, memory)
        for row in events:
            log.replay(codec.event(board, log.seq + 1, row))
    found = [codec.activation(name.decode(), text) for name, text in activations.items()]
    names = [name.decode() for name in activations]
    for name, activation in zip(names, found, strict=True):
        board, _, identity = name.partition(codec.RS)
        boards[board].activations[codec.split_identity(identity)] = activation
    raw = dict(zip(names, activations.values(), strict=True))
    rows = [row.decode() for row in ready]
    return Seen(boards, found, raw, rows, _scores(due), _scores(leases), {row.decode() for row in dead})


def _board(state: bytes | None, entries: Any, agenda: Any, memory: Any) -> SeenBoard:
    words = (state or b"0 0 0 0 0 0 0 0").decode().split(" ")
    facts = {n: v if n == "status" and state else int(v) for n, v in zip(FACTS, words, strict=False)}
    return SeenBoard(
        facts,
        {address.decode(): codec.entry(address.decode(), text) for address, text in entries.items()},
        [codec.split_identity(identity.decode()) for identity in agenda],
        set(memory),
    )


def _scores(rows: Iterable[tuple[bytes, float]]) -> dict[str, int]:
    return {member.decode(): int(score) for member, score in rows}


# ---------------------------------------------------------------------------- comparison with the model


def compare_board(board: Board, seen: SeenBoard, log: Log, expect: Expect) -> None:
    """Everything the specification says about a board."""
    entries = {e.address: (e.version, e.payload.encode(), e.seq) for e in board.entries.values()}
    held = {address: (e.version, e.payload, e.seq) for address, e in seen.entries.items()}
    expect(f"{board.id} entries", entries, held)
    expect(f"{board.id} log: entries", entries, log.entries)
    expect(f"{board.id} log: faults", [], log.faults)
    for identity, number in log.triggered:
        if identity in board.open and not board.open[identity].number:
            board.open[identity].number = number
    log.triggered.clear()
    agenda = {i: a for i, a in seen.activations.items() if a.state is not ActivationState.DEAD}
    dead = {i: a for i, a in seen.activations.items() if a.state is ActivationState.DEAD}
    expect(f"{board.id} agenda", _states(board.open), {i: LETTERS[a.state] for i, a in agenda.items()})
    expect(f"{board.id} agenda: index", sorted(board.open), sorted(seen.agenda))
    expect(f"{board.id} dead", sorted(board.dead), sorted(dead))
    expect(f"{board.id} facts", _facts(board), seen.facts)
    expect(f"{board.id} log: length", board.seq, log.seq)
    expect(f"{board.id} log: agenda", {i: a.number for i, a in board.open.items()}, log.open)
    expect(f"{board.id} log: dead", {i: a.number for i, a in board.dead.items()}, log.dead)
    for identity, activation in board.open.items():
        expect(f"{board.id} {identity}", _model_facts(activation), _store_facts(agenda[identity]))


def _states(activations: Mapping[Identity, Any]) -> dict[Identity, str]:
    return {identity: activation.state for identity, activation in activations.items()}


def _facts(board: Board) -> dict[str, Any]:
    if board.status is None:  # the zeros of `_board`
        return {"status": 0, "seq": 0, "busy": 0, "closing": 0, "floor": 0, "rev": 0, "count": 0}
    return {
        "status": board.status,
        "seq": board.seq,
        "busy": board.busy,
        "closing": board.closing,
        "floor": board.floor,
        "rev": board.revision,
        "count": len(board.entries),
    }


def _model_facts(a: Any) -> dict[str, Any]:
    due = a.due if a.state in "dt" else 0
    return {
        "number": a.number, "priority": a.trigger.get("pr", 0), "since": a.since, "due": due, "attempts": a.attempts,
        "crashes": a.crashes, "epoch": a.epoch, "owner": a.owner, "rating": None if a.state == "x" else a.rating,
    }  # fmt: skip


def _store_facts(a: Activation) -> dict[str, Any]:
    waits = a.state in {ActivationState.DELAYED, ActivationState.RETRYING}
    return {
        "number": a.number, "priority": a.priority, "since": a.since, "due": a.due if waits else 0,
        "attempts": a.attempts, "crashes": a.crashes, "epoch": a.epoch, "owner": a.owner,
        "rating": None if a.state is ActivationState.RUNNING else a.rating,  # it is looked at when it has ended
    }  # fmt: skip


# ---------------------------------------------------------------------------- the store against itself


def check_indexes(model: Model, seen: Seen, expect: Expect) -> None:
    """Every index must say what the records say: ready rows, timers, leases, the dead, and the memories."""
    by_state: dict[str, set[str]] = {letter: set() for letter in codec.STATES}
    for name, activation in zip(seen.raw, seen.activations, strict=True):
        by_state[LETTERS[activation.state]].add(name)
    expect("ready", sorted(by_state["r"]), sorted(row.split(codec.US, 4)[4] for row in seen.ready))
    expect("due", by_state["d"] | by_state["t"], set(seen.due))
    expect("leases", by_state["x"], set(seen.leases))
    expect("dead", by_state["D"], seen.dead)
    leases = {
        codec.RS.join((board.id, codec.identity(*activation.identity))): activation.lease
        for board, activation in model.running()
    }
    expect("lease ends", leases, seen.leases)
    for board in model.boards.values():
        _check_memory(board, seen.boards[board.id], expect)


def _check_memory(board: Board, seen: SeenBoard, expect: Expect) -> None:
    """Every memory of every source in force has exactly the entries that its pattern passes."""
    held: dict[str, set[bytes]] = {}
    for member in seen.memory:
        alpha, _, key = member.split(b"\x1f")
        held.setdefault(alpha.decode(), set()).add(key)
    for trigger in board.triggers.values():
        for part in (*trigger.get("p", ()), *trigger.get("c", ())):
            if "a" in part:
                wanted = {e.address.split("/", 1)[1].encode() for e in board.entries.values() if passes(e, part)}
                expect(f"{board.id} memory {part}", wanted, held.get(part["a"], set()))

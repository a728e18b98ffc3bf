"""How the store's strings become nouns: the Python side of ``lua/lib/codec.lua``.

US separates the fields of one thing, RS the parts of an identity; neither occurs in names, keys, board ids or JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from pydantic_core import from_json

from blackboard.activation import Activation, ActivationState, Claim, Claimed, Shown, StoredEntry, called
from blackboard.event import Event, EventType
from blackboard.news import News
from blackboard.record import Progress, Record

US, RS = "\x1f", "\x1e"
_US = b"\x1f"

STATES = {
    "r": ActivationState.READY,
    "u": ActivationState.HELD,
    "b": ActivationState.BIDDING,
    "d": ActivationState.DELAYED,
    "t": ActivationState.RETRYING,
    "w": ActivationState.WAITING,
    "x": ActivationState.RUNNING,
    "s": ActivationState.SLEEPING,
    "a": ActivationState.ASKING,
    "q": ActivationState.UNKNOWN,
    "l": ActivationState.LIMITED,
    "D": ActivationState.DEAD,
}

_Facts = dict[str, Any]
"""What an event says besides its number, type and time."""

_ENTRY = {b"P": EventType.POSTED, b"R": EventType.REVISED, b"N": EventType.RESHAPED}


def identity(source: str, addresses: Sequence[str]) -> str:
    """The identity of an activation on its board."""
    return source + RS + RS.join(addresses)


def split_identity(text: str) -> tuple[str, tuple[str, ...]]:
    """The source, as people read it, and the addresses of an identity."""
    source, *addresses = text.split(RS)
    return called(source), tuple(address for address in addresses if address)


def entry(address: str, text: bytes) -> StoredEntry:
    """An entry from the board's ``entries`` hash."""
    version, seq, _depth, schema, payload = text.split(b" ", 4)
    return StoredEntry(address, int(version), int(schema), payload, int(seq))


def activation(field: str, text: bytes) -> Activation:
    """An activation from the partition's ``activations`` hash."""
    board, _, rest = field.partition(RS)
    source, addresses = split_identity(rest)
    head, bound, token, note, problem = text.decode().split(US, 4)
    facts = from_json(head)
    return Activation(
        board=board,
        source=source,
        addresses=tuple(bound.split(RS)) if bound else addresses,
        state=STATES[facts[0]],
        number=facts[1],
        cause=facts[2],
        depth=facts[3],
        priority=facts[4],
        since=facts[5],
        due=facts[6],
        attempts=facts[7],
        crashes=facts[8],
        epoch=facts[9],
        owner=None if facts[10] == "-" else facts[10],
        started=facts[16],
        problem=problem,
        identity=rest,
        rating=facts[18],
        granted=facts[19],
        handed=facts[20],
        note=note,
        kept=max(0, facts[22] - 1),  # its progress has a place as well
        token=token,
        unsure=facts[23] == 1,
    )


def claimed(reply: Sequence[bytes | int], owner: str) -> list[Claimed]:
    """The activations in a claim's flat reply: ``next due, count, activation…``."""
    at, found = 2, []
    for _ in range(int(reply[1])):
        activation_, at = _one_claimed(reply, at, owner)
        found.append(activation_)
    return found


def _one_claimed(reply: Sequence[Any], at: int, owner: str) -> tuple[Claimed, int]:
    field, number, epoch, attempts, crashes, depth, snapshot, verdict, note, places, patterns = reply[at : at + 11]
    at += 11
    board, _, rest = field.decode().partition(RS)
    claim = Claim(board, rest, number, epoch, owner)
    shown = None
    if patterns == -1:
        shown, at, patterns = _shown(board, reply[at]), at + 1, 0
    bindings = []
    for _ in range(patterns):
        first, at = at + 1, at + 1 + 4 * reply[at]
        bindings.append(tuple([_bound(*reply[i : i + 4]) for i in range(first, at, 4)]))
    facts = (attempts, crashes, depth, snapshot, verdict.decode(), tuple(bindings), note.decode(), shown, places)
    return Claimed(claim, *facts), at


def _bound(address: bytes, version: int, schema: bytes, payload: bytes) -> StoredEntry:
    return StoredEntry(address.decode(), version, int(schema), payload)


def _shown(board: str, view: Sequence[Any]) -> Shown:
    epoch, gate, now, strategy, memo, seen, agenda, first, news = view
    rows = zip(agenda[::2], agenda[1::2], strict=True)
    activations = [activation(f"{board}{RS}{who.decode()}", text) for who, text in rows]
    events = News([_type_of(text) for text in news], lambda i: event(board, first + i, news[i]))
    texts = (gate.decode(), strategy.decode(), memo.decode())
    return Shown(epoch, now, *texts, seen, tuple(sorted(activations, key=lambda each: each.rank)), events)


def record(place: int, text: bytes) -> Record | None:
    """A record from the board's ``records`` hash; None where there is none."""
    return Record(place, *text.decode().split(US, 4)) if text else None


def progress(text: bytes | None) -> Progress | None:
    """How far an activation is, from the first place of its records; None when it has not said so."""
    said = text.decode().partition(US)[2] if text else ""
    return Progress(**json.loads(said)) if said else None


def event(board: str, seq: int, text: bytes) -> Event:
    """An event from the board's log."""
    code, at, rest = text.split(_US, 2)
    if code in _ENTRY:
        by, address, version, schema, payload = rest.split(_US, 4)
        return Event(
            board, seq, _ENTRY[code], int(at), by.decode(), address.decode(), int(version), int(schema), payload
        )
    kind, read = _OTHERS[code]
    return Event(board, seq, kind, int(at), **read(rest.decode().split(US), seq))


def _type_of(text: bytes) -> EventType:
    code = text[:1]
    return _ENTRY[code] if code in _ENTRY else _OTHERS[code][0]


def last_event(at: int, by: str, reason: str) -> bytes:
    """The event that says that everything on a board is undone, as the store writes it."""
    return US.join(("J", str(at), by, "aborted", reason)).encode()


def _program(words: list[str], _seq: int) -> _Facts:
    by, *reason = words
    return {"by": by, "reason": reason[0] if reason and reason[0] else None}


def _closed(words: list[str], _seq: int) -> _Facts:
    by, reason, _dropped, *result = words
    return {"by": by, "reason": reason or None, "payload": result[0].encode() if result and result[0] else None}


def _timed(words: list[str], _seq: int) -> _Facts:
    by, due, outcome, reason = words
    return {"by": by, "due": int(due) or None, "outcome": outcome, "reason": reason or None}


def _retracted(words: list[str], _seq: int) -> _Facts:
    by, address, version = words
    return {"by": by, "address": address, "version": int(version)}


def _triggered(words: list[str], seq: int) -> _Facts:
    cause, who, depth = words
    return _whose(who, seq) | {"cause": int(cause), "depth": int(depth)}


def _obviated(words: list[str], _seq: int) -> _Facts:
    cause, who, number = words
    return _whose(who, number) | {"cause": int(cause)}


def _fired(words: list[str], _seq: int) -> _Facts:
    by, who, number, snapshot, _mark, started = words
    return _whose(who, number) | {"by": by, "snapshot": int(snapshot), "started": int(started)}


def _failed(words: list[str], _seq: int) -> _Facts:
    by, who, number, attempt, due, problem = words
    return _whose(who, number) | {"by": by, "attempt": int(attempt), "due": int(due), "reason": problem}


def _ended(words: list[str], _seq: int) -> _Facts:
    by, who, number, *reasons = words
    return _whose(who, number) | {"by": by, "reason": ": ".join(filter(None, reasons)) or None}


def _whose(who: str, number: int | str) -> _Facts:
    source, addresses = split_identity(who)
    return {"source": source, "addresses": addresses, "number": int(number)}


def _switched(words: list[str], _seq: int) -> _Facts:
    by, mode, epoch, strategy, reason = words
    return {"by": by, "mode": mode, "epoch": int(epoch), "strategy": strategy or None, "reason": reason or None}


def _granted(words: list[str], _seq: int) -> _Facts:
    by, who, number, epoch, reason = words
    return _whose(who, number) | {"by": by, "epoch": int(epoch), "reason": reason or None}


def _held(words: list[str], _seq: int) -> _Facts:
    by, epoch, reason = words
    return {"by": by, "epoch": int(epoch), "reason": reason or None}


def _handed_off(words: list[str], seq: int) -> _Facts:
    by, who, note = words
    return _whose(who, seq) | {"by": by, "reason": note or None}


def _stepped(words: list[str], _seq: int) -> _Facts:
    by, who, number, step, name = words
    return _whose(who, number) | {"by": by, "step": int(step), "reason": name}


def _parked(words: list[str], _seq: int) -> _Facts:
    by, who, number, due, reason = words
    return _whose(who, number) | {"by": by, "due": int(due) or None, "reason": reason}


def _aborted(words: list[str], _seq: int) -> _Facts:
    by, savepoint, reason = words
    return {"by": by, "cause": int(savepoint), "reason": reason or None}


def _undone(words: list[str], _seq: int) -> _Facts:
    by, outcome, reason = words
    return {"by": by, "outcome": outcome, "reason": reason or None}


_OTHERS: dict[bytes, tuple[EventType, Callable[[list[str], int], _Facts]]] = {
    b"B": (EventType.CREATED, _program),
    b"X": (EventType.RETRACTED, _retracted),
    b"T": (EventType.TRIGGERED, _triggered),
    b"O": (EventType.OBVIATED, _obviated),
    b"F": (EventType.FIRED, _fired),
    b"E": (EventType.FAILED, _failed),
    b"D": (EventType.DIED, _ended),
    b"W": (EventType.DECLINED, _ended),
    b"V": (EventType.REVIVED, _ended),
    b"C": (EventType.CLOSED, _closed),
    b"t": (EventType.DEADLINE, _timed),
    b"M": (EventType.SWITCHED, _switched),
    b"G": (EventType.GRANTED, _granted),
    b"Z": (EventType.PAUSED, _held),
    b"Y": (EventType.RESUMED, _held),
    b"H": (EventType.HANDED_OFF, _handed_off),
    b"S": (EventType.STEPPED, _stepped),
    b"Q": (EventType.PARKED, _parked),
    b"L": (EventType.SAID, _ended),
    b"U": (EventType.UNSURE, _ended),
    b"K": (EventType.SKIPPED, _ended),
    b"A": (EventType.ABORTED, _aborted),
    b"J": (EventType.UNDONE, _undone),
    b"I": (EventType.SAVED, _program),
}

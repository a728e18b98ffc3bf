"""How the store's strings become nouns: the Python side of ``lua/lib/codec.lua``.

US separates the fields of one thing, RS the parts of an identity; neither occurs in names, keys, board ids or JSON.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from blackboard.activation import Activation, ActivationState, Claim, Claimed, StoredEntry
from blackboard.event import Event, EventType

US, RS = "\x1f", "\x1e"
_US = b"\x1f"

STATES = {
    "r": ActivationState.READY,
    "d": ActivationState.DELAYED,
    "t": ActivationState.RETRYING,
    "w": ActivationState.WAITING,
    "x": ActivationState.RUNNING,
    "D": ActivationState.DEAD,
}

_ENTRY = {b"P": EventType.POSTED, b"R": EventType.REVISED}


def identity(source: str, addresses: Sequence[str]) -> str:
    """The identity of an activation on its board."""
    return source + RS + RS.join(addresses)


def split_identity(text: str) -> tuple[str, tuple[str, ...]]:
    """The source and the addresses of an identity."""
    source, *addresses = text.split(RS)
    return source, tuple(address for address in addresses if address)


def entry(address: str, text: bytes) -> StoredEntry:
    """An entry from the board's ``entries`` hash."""
    version, seq, _depth, schema, payload = text.split(b" ", 4)
    return StoredEntry(address, int(version), int(schema), payload, int(seq))


def activation(field: str, text: bytes) -> Activation:
    """An activation from the partition's ``activations`` hash."""
    board, _, rest = field.partition(RS)
    source, addresses = split_identity(rest)
    head, bound, problem = text.decode().split(US, 2)
    facts = json.loads(head)
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
    )


def claimed(reply: Sequence[bytes | int], owner: str) -> list[Claimed]:
    """The activations in a claim's flat reply: ``next due, count, activation…``."""
    at, found = 2, []
    for _ in range(int(reply[1])):
        activation_, at = _one_claimed(reply, at, owner)
        found.append(activation_)
    return found


def _one_claimed(reply: Sequence[bytes | int], at: int, owner: str) -> tuple[Claimed, int]:
    field, number, epoch, attempts, crashes, depth, snapshot, verdict, patterns = reply[at : at + 9]
    at += 9
    bindings: list[tuple[StoredEntry, ...]] = []
    for _ in range(patterns):  # type: ignore[arg-type]  # the protocol's integers
        size: int = reply[at]  # type: ignore[assignment]
        first, at = at + 1, at + 1 + 4 * size
        bindings.append(
            tuple(
                StoredEntry(reply[i].decode(), reply[i + 1], int(reply[i + 2]), reply[i + 3])  # type: ignore[union-attr,arg-type]
                for i in range(first, at, 4)
            )
        )
    board, _, rest = field.decode().partition(RS)  # type: ignore[union-attr]
    claim = Claim(board, rest, number, epoch, owner)  # type: ignore[arg-type]
    return Claimed(claim, attempts, crashes, depth, snapshot, verdict.decode(), tuple(bindings)), at  # type: ignore[arg-type,union-attr]


def event(board: str, seq: int, text: bytes) -> Event:
    """An event from the board's log."""
    code, at, rest = text.split(_US, 2) if text.count(_US) > 1 else (*text.split(_US, 1), b"")
    milliseconds = int(at)
    if code in _ENTRY:
        by, address, version, schema, payload = rest.split(_US, 4)
        return Event(
            board,
            seq,
            _ENTRY[code],
            milliseconds,
            by.decode(),
            address.decode(),
            int(version),
            int(schema),
            payload,
        )
    return _OTHERS[code](board, seq, milliseconds, rest.decode().split(US))


def _retracted(board: str, seq: int, at: int, parts: list[str]) -> Event:
    by, address, version = parts
    return Event(board, seq, EventType.RETRACTED, at, by, address, int(version))


def _triggered(board: str, seq: int, at: int, parts: list[str]) -> Event:
    cause, who, depth = parts
    source, addresses = split_identity(who)
    return Event(
        board,
        seq,
        EventType.TRIGGERED,
        at,
        source=source,
        addresses=addresses,
        number=seq,
        cause=int(cause),
        depth=int(depth),
    )


def _obviated(board: str, seq: int, at: int, parts: list[str]) -> Event:
    cause, who, number = parts
    source, addresses = split_identity(who)
    return Event(
        board,
        seq,
        EventType.OBVIATED,
        at,
        source=source,
        addresses=addresses,
        number=int(number),
        cause=int(cause),
    )


def _fired(board: str, seq: int, at: int, parts: list[str]) -> Event:
    by, who, number, snapshot, _mark, started = parts
    source, addresses = split_identity(who)
    return Event(
        board,
        seq,
        EventType.FIRED,
        at,
        by,
        source=source,
        addresses=addresses,
        number=int(number),
        snapshot=int(snapshot),
        started=int(started),
    )


def _failed(board: str, seq: int, at: int, parts: list[str]) -> Event:
    by, who, number, attempt, due, problem = parts
    source, addresses = split_identity(who)
    return Event(
        board,
        seq,
        EventType.FAILED,
        at,
        by,
        source=source,
        addresses=addresses,
        number=int(number),
        attempt=int(attempt),
        due=int(due),
        reason=problem,
    )


def _ended(kind: EventType) -> object:
    def decode(board: str, seq: int, at: int, parts: list[str]) -> Event:
        by, who, number, *reasons = parts
        source, addresses = split_identity(who)
        reason = ": ".join(part for part in reasons if part) or None
        return Event(
            board, seq, kind, at, by, source=source, addresses=addresses, number=int(number), reason=reason
        )

    return decode


def _created(board: str, seq: int, at: int, parts: list[str]) -> Event:
    return Event(board, seq, EventType.CREATED, at, parts[0])


def _closed(board: str, seq: int, at: int, parts: list[str]) -> Event:
    return Event(board, seq, EventType.CLOSED, at, parts[0], reason=parts[1] or None)


_OTHERS: dict[bytes, object] = {
    b"B": _created,
    b"X": _retracted,
    b"T": _triggered,
    b"O": _obviated,
    b"F": _fired,
    b"E": _failed,
    b"D": _ended(EventType.DIED),
    b"W": _ended(EventType.DECLINED),
    b"V": _ended(EventType.REVIVED),
    b"C": _closed,
}

"""Events: what happened to a board, numbered 1, 2, 3 … without gaps.

The log of a board is one total order. Every event knows its cause: an entry's event names the activation that wrote it, an
activation's event the event that triggered it, so that a choreographed run reads as one trace.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from blackboard.clock import to_datetime

STARTS_AGAIN = "starts again"
"""How the line begins that stands in the log when an activation has lost its worker and runs on another one."""


class EventType(StrEnum):
    """What can happen to a board."""

    CREATED = "created"
    POSTED = "posted"
    REVISED = "revised"
    RETRACTED = "retracted"
    TRIGGERED = "triggered"
    OBVIATED = "obviated"
    FIRED = "fired"
    FAILED = "failed"
    DIED = "died"
    DECLINED = "declined"
    REVIVED = "revived"
    CLOSED = "closed"
    SWITCHED = "switched"
    GRANTED = "granted"
    PAUSED = "paused"
    RESUMED = "resumed"
    HANDED_OFF = "handed_off"
    STEPPED = "stepped"
    PARKED = "parked"
    SAID = "said"
    UNSURE = "unsure"
    ABORTED = "aborted"
    UNDONE = "undone"
    SKIPPED = "skipped"
    SAVED = "saved"
    RESHAPED = "reshaped"
    DEADLINE = "deadline"


@dataclass(frozen=True, slots=True)
class Event:
    """One change of a board.

    ``seq`` is its number, ``milliseconds`` the store's time, ``by`` who did it: an activation (``decide#17``;
    ``claim-42/decide#17`` if it runs on another board), a program (``@cli``) or, for what an activation went through, the
    worker instance. The other fields are there as the type asks: entry events have ``address``, ``version``, ``schema`` and
    ``payload`` (JSON; None when retracted); activation events have ``source``, ``addresses`` (bound by its patterns) and
    ``number``; ``cause`` is the event that brought it about. Acts of control have the ``epoch`` they belong to, a switch also
    the ``mode`` and the ``strategy``, and all of them the ``reason`` that was given. A step that was recorded has its number
    in ``step``, what an undoing came to is ``outcome``, as is what a deadline (``due``) will do. The ``payload`` of a board's
    last event is its result.
    """

    board: str
    seq: int
    type: EventType
    milliseconds: int
    by: str | None = None
    address: str | None = None
    version: int | None = None
    schema: int | None = None
    payload: bytes | None = None
    source: str | None = None
    addresses: tuple[str, ...] = ()
    number: int | None = None
    cause: int | None = None
    depth: int | None = None
    snapshot: int | None = None
    started: int | None = None
    attempt: int | None = None
    due: int | None = None
    reason: str | None = None
    mode: str | None = None
    epoch: int | None = None
    strategy: str | None = None
    step: int | None = None
    outcome: str | None = None

    @property
    def at(self) -> datetime:
        """The store's time of the event, in UTC."""
        return to_datetime(self.milliseconds)

    @property
    def kind(self) -> str | None:
        """The kind of the entry concerned, for an entry's event."""
        return self.address.partition("/")[0] if self.address else None

    @property
    def activation(self) -> str | None:
        """The activation concerned as people write it, ``decide#17``; None for an entry's event."""
        return f"{self.source}#{self.number}" if self.source else None

    @property
    def data(self) -> Any:
        """The entry's fields as JSON values; None when there is no payload."""
        return None if self.payload is None else json.loads(self.payload)

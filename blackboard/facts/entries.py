"""Entries as rows, and the approvals among them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from blackboard.clock import to_datetime

if TYPE_CHECKING:
    from blackboard.activation import StoredEntry  # takes long to load, and the caller has done so
    from blackboard.approval import Approval


def entry_row(entry: StoredEntry) -> dict[str, Any]:
    """An entry as a row."""
    return {
        "address": entry.address,
        "kind": entry.kind,
        "version": entry.version,
        "schema": entry.schema,
        "event": entry.seq,
        "data": json.loads(entry.payload),
    }


def approval_row(board: str, approval: Approval) -> dict[str, Any]:
    """An approval as a row."""
    return {
        "board": board,
        "approval": approval.id,
        "activation": approval.activation,
        "question": approval.question,
        "choices": approval.choices,
        "value": approval.value,
        "to": approval.to,
        "asked": to_datetime(approval.asked),
        "expires": None if approval.expires is None else to_datetime(approval.expires),
    }

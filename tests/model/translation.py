"""Between the model's words and those of the store's stubs."""

from __future__ import annotations

from typing import Any

from blackboard.activation import Claim, Claimed
from blackboard.errors import (
    BlackboardError,
    BoardClosed,
    EntryExists,
    EntryNotFound,
    LeaseLost,
    StaleSnapshot,
    VersionConflict,
)
from blackboard.store import codec, partition
from tests.model.board import Commit, Identity, Write
from tests.model.model import Handed


def told(write: Write) -> tuple[str, int, str | None]:
    return write.address, write.expected, write.payload


def to_store(write: Write) -> partition.Write:
    return partition.Write(write.address, write.expected, None if write.payload is None else 1, write.payload or "")


def claim_of(commit: Commit) -> Claim:
    number, epoch, owner = commit.token
    return Claim(commit.board, codec.identity(*commit.identity), number, epoch, str(owner))


def holder_of(claim: Claim) -> tuple[str, Identity, tuple[int, int, str | None]]:
    return claim.board, codec.split_identity(claim.identity), (claim.number, claim.epoch, claim.owner)


def handed_of(claimed: Claimed) -> Handed:
    slots = tuple(tuple((e.address, e.version) for e in slot) for slot in claimed.bindings)
    board, identity, token = holder_of(claimed.claim)
    return Handed(board, identity, token, claimed.attempts, claimed.crashes, claimed.snapshot, claimed.verdict, slots)


def without_slots(handed: Handed) -> tuple[Any, ...]:
    return (
        handed.board,
        handed.identity,
        handed.token,
        handed.attempts,
        handed.crashes,
        handed.snapshot,
        handed.verdict,
    )


def refusal_of(error: BlackboardError) -> tuple[Any, ...]:
    match error:
        case EntryExists():
            return ("exists", error.address)
        case VersionConflict():
            return ("version", error.address)
        case EntryNotFound():
            return ("gone", error.address)
        case BoardClosed():
            return ("closed", error.board)
    raise error


def answer_of(result: partition.Applied | Exception | None) -> tuple[Any, ...]:
    match result:
        case None:
            return ("done",)
        case partition.Applied():
            return ("ok", result.seq, *result.versions)
        case LeaseLost():
            return ("lost",)
        case BoardClosed():
            return ("closed",)
        case StaleSnapshot():
            return ("stale", result.addresses[0])
    raise result

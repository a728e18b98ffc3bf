"""What every stub is made of: how a script is called, and the words that several scripts take or give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blackboard.activation import Claim, Claimed
from blackboard.store.calls import Behind, Calls
from blackboard.store.keys import Keys
from blackboard.store.lines import Argument


@dataclass(slots=True)
class ClaimRequest:
    """A worker's wish for work: how many, as whom, repeatable by its number. Times in milliseconds."""

    wanted: int
    owner: str
    number: int
    lease: int
    crew: str
    cursor: str = ""
    lane: int = 0
    """A worker may have several claims under way; each lane remembers its last."""
    brief: bool = False
    """Whether a lease holds half as long at first, until it is renewed."""


@dataclass(slots=True)
class Handed:
    """What a claim brought: activations, and in how many ms the next timer or lease runs out (0: never, or not asked)."""

    claimed: list[Claimed]
    next_due: int


@dataclass(frozen=True, slots=True)
class Beginnings:
    """What a new board begins with: a strategy (its JSON and its name), ms until its deadline (0: none) and what that does
    (``pause`` or ``close``), and the ms of disuse that close it (0: none do)."""

    strategy: str = ""
    label: str = ""
    deadline: int = 0
    overdue: str = "pause"
    idle: int = 0

    @property
    def words(self) -> list[Argument]:
        """As the scripts read it."""
        return [self.strategy, self.label, self.deadline, self.overdue, self.idle]


class Stubs:
    """Calls the scripts of one partition."""

    beginnings = Beginnings()
    """What boards that are new begin with."""

    def __init__(self, calls: Calls, keys: Keys) -> None:
        self.calls = calls
        self.keys = keys

    async def _run(
        self, name: str, boards: Sequence[str], words: Sequence[Argument], behind: Behind | None = None
    ) -> Any:
        keys = list(self.keys.declared)
        for board in boards:
            keys += self.keys.board(board)
        return await self.calls.script(name, keys, words, behind)


def now(at: int | None) -> Argument:
    """A time of the tests' own, or none for the server's clock."""
    return "" if at is None else at


def text(value: bytes | int) -> str:
    """A word of an answer."""
    return value.decode() if isinstance(value, bytes) else str(value)


def held(claim: Claim, slot: int) -> list[Argument]:
    """Of what a call speaks, and by which claim: on the board in this slot."""
    return [slot, claim.identity, claim.number, claim.epoch, claim.owner]


def request(wish: ClaimRequest) -> list[Argument]:
    """A wish for work."""
    return [
        wish.wanted,
        wish.owner,
        wish.number,
        wish.lease,
        wish.crew,
        wish.cursor,
        wish.lane,
        int(wish.brief),
    ]


def pairs(flat: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    """Fields and values."""
    # HGETALL arrives as a mapping from some clients and flat from others.
    if isinstance(flat, Mapping):
        return list(flat.items())
    return list(zip(flat[::2], flat[1::2], strict=True))

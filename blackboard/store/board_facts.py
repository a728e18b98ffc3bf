"""What the store knows of a board besides its entries, as the board's line of state says it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class BoardFacts:
    """What the store knows of a board besides its entries."""

    board: str
    status: str
    seq: int
    busy: int
    closing: int
    entries: int
    mode: str = "choreography"
    epoch: int = 0
    gate: str = "-"
    unattended: int = 0
    behind: int = 0
    """Entries of another schema version than the one their kind is matched by."""
    opened: int = 0
    """How many activations there ever were."""
    deadline: int = 0
    """The time in ms after which nothing starts; 0 for none."""

    @property
    def paused(self) -> bool:
        """Nothing starts that is not granted by hand."""
        return self.gate != "-"

    @property
    def over(self) -> bool:
        """Nothing will ever happen on this board: it is closed, or everything was undone."""
        return self.status in {"closed", "aborted"}

    @property
    def settled(self) -> bool:
        """Nothing will happen on this board without input from outside."""
        return self.busy == 0 and self.closing == 0

    @classmethod
    def of(cls, board: str, state: bytes) -> Self:
        """What a line of state says."""
        status, seq, busy, closing, _floor, _rev, count, _idle, *control = state.decode().split(" ")
        facts = cls(board, status, int(seq), int(busy), int(closing), int(count))
        if not control:  # written before there was control
            return facts
        gate, epoch, unattended, *later = control
        mode = "orchestration" if gate[0] == "o" else "choreography"
        facts = replace(facts, mode=mode, gate=gate[1], epoch=int(epoch), unattended=int(unattended))
        if not later:
            return facts
        opened, deadline, behind, *_ = map(int, later)
        return replace(facts, opened=opened, deadline=deadline, behind=behind)

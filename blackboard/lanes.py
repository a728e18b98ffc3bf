"""Lanes: the round trips of a shift that may be under way at once, and what their claims have asked for.

A lane is a name under which the store remembers the last claim of a worker, so that one whose answer was lost can be repeated.
"""

from __future__ import annotations

from blackboard.store.stub import ClaimRequest

__all__ = ["COUNT", "VIGIL", "Lanes"]

COUNT = 2
"""Round trips under way at once."""

VIGIL = COUNT
"""The lane of the claim that waits behind the doorbell, which is under way besides."""


class Lanes:
    """Which lanes are free, and which have had no answer."""

    def __init__(self, owner: str, crew: str, lease: float) -> None:
        self._owner, self._crew, self._lease = owner, crew, round(lease * 1000)
        self._free = list(range(COUNT))
        self._number = 0
        self._unanswered: dict[int, int] = {}  # lane → its last request, when its answer was lost
        self.asked = 0
        """How many activations the claims under way have asked for."""

    @property
    def under_way(self) -> int:
        """How many round trips are under way, but for a vigil."""
        return COUNT - len(self._free)

    def take(self, wanted: int) -> int:
        """Take a free lane: if anything is wanted, one whose last request has had no answer before any other."""
        if wanted and VIGIL in self._unanswered:
            return VIGIL
        lane = next((each for each in self._free if wanted and each in self._unanswered), self._free[-1])
        self._free.remove(lane)
        return lane

    def ask(self, lane: int, wanted: int, cursor: str) -> tuple[ClaimRequest, bool]:
        """The next claim of a lane, and whether it is the last one once more: it gets what that got, and nothing else.

        What it asks for counts from now on, and not from when it is sent, so that no other claim asks for the same room.
        """
        self._number += 1
        repeated = self._unanswered.pop(lane, None) if wanted else None
        self.asked += wanted
        number = repeated or self._number
        return ClaimRequest(wanted, self._owner, number, self._lease, self._crew, cursor, lane), repeated is not None

    def give_back(self, request: ClaimRequest) -> None:
        """A round trip is over."""
        self.asked -= request.wanted
        if request.lane != VIGIL:
            self._free.append(request.lane)

    def lost(self, request: ClaimRequest) -> None:
        """Its answer was lost: what it got, if anything, is asked for again."""
        if request.wanted:
            self._unanswered[request.lane] = request.number

"""Outcomes: what became of an action outside the board that was cut short, as its source's `reconcile` function finds out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

from blackboard.entry import Entry
from blackboard.handoff import Handoff

LONGEST_RECONCILIATION = 60.0
"""Seconds that a `reconcile` function has: more than it takes to ask, and less than anybody wants to wait for."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a `reconcile` function answers: `Outcome.done(entry)`, `Outcome.again()` or `Outcome.unknown("why")`."""

    verdict: Literal["done", "again", "unknown"]
    contribution: tuple[Entry | Handoff, ...] = ()
    why: str = ""

    @classmethod
    def done(cls, *contribution: Entry | Handoff, why: str = "") -> Self:
        """The action had its effect: this is what the source contributes, as if it had returned it itself."""
        return cls("done", contribution, why)

    @classmethod
    def again(cls, why: str = "") -> Self:
        """The action had no effect: it may run again, as if it had never begun."""
        return cls("again", (), why)

    @classmethod
    def unknown(cls, why: str = "") -> Self:
        """It cannot be told: the activation waits for a person."""
        return cls("unknown", (), why)

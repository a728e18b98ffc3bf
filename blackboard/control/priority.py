"""The most important first: conflict resolution as production systems know it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from blackboard.activation import Activation
from blackboard.control.limited import Limited
from blackboard.control.strategy import Grants, Sources, State
from blackboard.control.view import View

Order = Literal["rating", "depth", "breadth", "lex", "mea"]

Written = Mapping[str, int]
"""By address, the number of the event that wrote the entry there."""


@dataclass(frozen=True)
class Priority(Limited):
    """Grants the most important activation that is held, one at a time or up to ``limit``: opportunistic control.

    The priority of the source comes first, always. ``order`` says what decides between activations of one priority:

    - ``rating``: the higher rating, then the older activation: the order of the agenda itself.
    - ``depth``: the activation triggered last, so that each line of reasoning is followed to its end.
    - ``breadth``: the activation triggered first, so that all lines go on together.
    - ``lex``: the one whose entries are the most recent: the recencies of the entries that it binds, each the number of the
      event that wrote the entry, are sorted from the latest to the earliest and compared like words in a dictionary; where one
      runs out, the longer one wins.
    - ``mea``: the one whose first entry, in the order of the source's parameters, is the most recent, as when the first names the
      goal (means-ends analysis); then as ``lex``.

    What these leave open is decided by the rank. An activation that binds no single entry (its source takes lists only) is as
    recent as the event that caused it. ``lex`` and ``mea`` are the strategies of OPS5 without its last criterion, the specificity
    of the rule (C. L. Forgy, OPS5 User's Manual, CMU-CS-81-135, 1981); ``depth``, ``breadth``, and priority before all, those of
    CLIPS (J. C. Giarratano, CLIPS User's Guide). Raises InvalidStrategy for another order.
    """

    limit: int = 1
    order: Order = "rating"
    sources: Sources = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(
            self.order in get_args(Order), f"there is no order {self.order!r}", f"Use one of: {', '.join(_KEYS)}"
        )

    @property
    def recency(self) -> bool:
        return self.order in {"lex", "mea"}

    def choose(self, held: tuple[Activation, ...], free: int, view: View, state: State) -> tuple[Grants, State]:
        key = _KEYS[self.order]
        # Held activations come in rank order, and sorting leaves equals as they are, backwards too.
        ordered = sorted(held, key=lambda each: (each.priority, key(each, view.written)), reverse=True)
        return ordered[:free], state


def _recencies(activation: Activation, written: Written) -> list[int]:
    return [written.get(address, 0) for address in activation.addresses] or [activation.cause]


def _lex(activation: Activation, written: Written) -> list[int]:
    return sorted(_recencies(activation, written), reverse=True)


def _mea(activation: Activation, written: Written) -> tuple[int, list[int]]:
    return _recencies(activation, written)[0], _lex(activation, written)


_KEYS: Final[Mapping[Order, Callable[[Activation, Written], Any]]] = {
    "rating": lambda activation, _: activation.rating,
    "depth": lambda activation, _: activation.number,
    "breadth": lambda activation, _: -activation.number,
    "lex": _lex,
    "mea": _mea,
}
"""What is greater for the activation that comes first."""

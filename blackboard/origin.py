"""Origins: which activation the running code belongs to, so that causal depth follows an agent wherever it writes.

An agent may post on the board that it was given, on another board, or on a board of another blackboard; on the loop, in its
thread, or in tasks that it starts. All of this is caused by its activation, and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """The activation that causes what is written: where it runs, its name (``decide#17``), and its causal depth."""

    namespace: str
    board: str
    activation: str
    depth: int

    def on(self, namespace: str, board: str) -> str:
        """Its name as the events of a board have it: ``decide#17`` on its own, elsewhere ``claim-42/decide#17``."""
        if namespace != self.namespace:
            return f"{self.namespace}:{self.board}/{self.activation}"
        return self.activation if board == self.board else f"{self.board}/{self.activation}"


_running: ContextVar[Callable[[], Origin] | None] = ContextVar("blackboard_origin", default=None)


def enter(origin: Callable[[], Origin]) -> None:
    """From now on this task, and what it starts, belongs to an activation: that which is told when somebody asks."""
    _running.set(origin)


def here() -> Origin | None:
    """The activation that the running code belongs to; None for a program's own."""
    origin = _running.get()
    return None if origin is None else origin()

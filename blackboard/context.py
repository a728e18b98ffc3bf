"""What an agent is told of its own activation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from blackboard.board import Board
from blackboard.saga import Abort
from blackboard.signature import Injected


@dataclass(frozen=True, slots=True)
class Context(Injected):
    """The activation that is running, for an agent that declares a parameter of this type.

    ``attempt`` says which run this is, from 1; ``crashes`` the workers that died with it. The
    ``idempotency_key`` is the same for every run of this activation: give it to whatever acts outside the board. ``note``
    is what the agent said that handed control over, if one did.
    """

    board: Board
    source: str
    number: int
    attempt: int
    crashes: int
    depth: int
    idempotency_key: str
    note: str = ""

    @property
    def activation(self) -> str:
        """The activation as people write it, ``decide#17``."""
        return f"{self.source}#{self.number}"

    def abort(self, reason: str) -> NoReturn:
        """Give up for the whole board: this activation is dead, and everything that was committed is undone.

        It leaves the agent as an exception that `except Exception` does not catch; nothing of this run is committed. In a
        compensation, only that one dies.
        """
        raise Abort(reason)

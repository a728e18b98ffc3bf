"""How a board is steered: its mode, and what a switch of it comes to or would come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from blackboard.activation import Activation
from blackboard.control.strategy import Strategy
from blackboard.limits import Tripped


@dataclass(frozen=True, slots=True)
class Mode:
    """How a board is steered: by whom, since which epoch, and what its strategy says of itself.

    ``mode`` is ``choreography`` or ``orchestration``. ``strategy`` is None for a choreographed board, and for a strategy that
    this program does not know; ``said`` is its state in words. ``unattended`` is the seconds after which a board without a
    controller is choreographed again; None holds it for as long as it takes. ``tripped`` is the guard that paused it.
    """

    board: str
    mode: str
    epoch: int
    paused: bool
    strategy: Strategy | None = None
    said: str = ""
    unattended: float | None = None
    tripped: Tripped | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """What a switch or a pause came to: the epoch that began, how many activations it held or freed, and what still ran."""

    epoch: int
    moved: int
    running: tuple[str, ...] = ()


Effect = Literal["starts", "held", "goes on", "stays", "granted"]


@dataclass(frozen=True, slots=True)
class Planned:
    """What a switch would do to one activation, or what the strategy would grant."""

    activation: Activation
    effect: Effect

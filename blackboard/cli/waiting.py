"""What an open activation waits for, in words."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blackboard.activation import Activation, ActivationState
from blackboard.cli.output import lasting, summary
from blackboard.cli.pauses import Pause, pause_of, paused_by
from blackboard.cli.sources import controllers, known_workers
from blackboard.store.partition import BoardFacts

if TYPE_CHECKING:
    from blackboard.application import Blackboard  # for checkers


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What decides, besides an activation itself, what it waits for. ``cards`` and ``paused`` are by source."""

    facts: BoardFacts
    cards: Mapping[str, Any]
    paused: Mapping[str, Pause]
    run: frozenset[str]
    """The sources that a living worker runs."""
    controllers: int
    """How many controllers live."""
    now: int

    @property
    def is_led(self) -> bool:
        """Whether somebody decides for the board, if that is what it waits for."""
        return self.facts.mode != "orchestration" or self.controllers > 0


async def surroundings(bb: Blackboard, facts: BoardFacts) -> Surroundings:
    """What decides what the activations of a board wait for, as it is now."""
    partition = bb.store().partition(facts.board)
    alive = [each for each in await known_workers(bb) if each["alive"]]
    return Surroundings(
        facts=facts,
        cards=await partition.cards(),
        paused=await partition.suspended(),
        run=frozenset(name for each in alive for name in each["sources"]),
        controllers=controllers(alive),
        now=round(time.time() * 1000),
    )


def waits_for(activation: Activation, around: Surroundings) -> str:
    """What has to happen next for an activation to run, or what it does."""
    pause = pause_of(activation.source, around.paused)
    match activation.state:
        case ActivationState.RUNNING:
            return f"running on {activation.owner} for {_since(activation.started, around)}"
        case ActivationState.DEAD:
            return f"a retry: {summary(activation.problem)}" if activation.problem else "a retry"
        case ActivationState.WAITING:
            return f"its precondition: {_card(activation, around).get('precondition') or 'of an earlier release'}"
        case ActivationState.DELAYED:
            return f"its delay, {_until(activation.due, around)}"
        case ActivationState.RETRYING:
            return f"backoff, {_attempt(activation, around)}, {_until(activation.due, around)}"
        case ActivationState.UNKNOWN:
            return f"a person: blackboard resolve {activation.board} {activation.name} done|again|dead"
        case ActivationState.HELD:
            return _grant(around) + (f"; source {paused_by(pause)}" if pause else "")
    if pause:
        return f"source {paused_by(pause)}"
    return "its turn" if activation.source in around.run else f"a worker: nobody runs {activation.source}"


def _grant(around: Surroundings) -> str:
    if around.facts.paused:
        return f"a grant by hand (epoch {around.facts.epoch}), or the end of the board's pause"
    missing = "" if around.is_led else "; no controller is alive"
    return f"a grant (epoch {around.facts.epoch}){missing}"


def _attempt(activation: Activation, around: Surroundings) -> str:
    retries = _card(activation, around).get("policies", {}).get("retries")
    return f"attempt {activation.attempts + 1}" + ("" if retries is None else f" of {retries + 1}")


def _card(activation: Activation, around: Surroundings) -> dict[str, Any]:
    card: dict[str, Any] = around.cards.get(activation.source, {})
    return card


def _since(then: int, around: Surroundings) -> str:
    return lasting((around.now - then) / 1000)


def _until(then: int, around: Surroundings) -> str:
    return lasting((then - around.now) / 1000)

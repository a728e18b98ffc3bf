"""What an open activation waits for, in words."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from shlex import quote
from typing import TYPE_CHECKING, Any, Final

from blackboard.activation import Activation, ActivationState
from blackboard.approval import Approval
from blackboard.board import Board
from blackboard.facts.limiting import waits_for_limit, waits_for_value
from blackboard.facts.pauses import Pause, pause_of, paused_by
from blackboard.facts.words import lasting, summary
from blackboard.facts.workers import controllers, known_workers
from blackboard.limit import Gauge
from blackboard.record import Progress
from blackboard.store.board_facts import BoardFacts

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
    gauges: Mapping[str, Gauge] = field(default_factory=dict)
    """Where the limits of sources stand."""
    progress: Mapping[str, Progress] = field(default_factory=dict)
    """How far those are that run, by name."""
    gone: frozenset[str] = frozenset()
    """The workers that have given no sign for so long that they are held to be gone."""
    asked: Mapping[str, Sequence[Approval]] = field(default_factory=dict)
    """What those ask that wait for people, by name."""

    @property
    def is_led(self) -> bool:
        """Whether somebody decides for the board, if that is what it waits for."""
        return self.facts.mode != "orchestration" or self.controllers > 0


async def surroundings(bb: Blackboard, facts: BoardFacts, agenda: Sequence[Activation]) -> Surroundings:
    """What decides what the activations of a board wait for, as it is now; how far those of the ``agenda`` are, too."""
    partition = bb.store().partition(facts.board)
    known = await known_workers(bb)
    alive = [each for each in known if each["alive"]]
    return Surroundings(
        facts=facts,
        cards=await partition.cards(),
        paused=await partition.suspended(),
        run=frozenset(name for each in alive for name in each["sources"]),
        controllers=controllers(alive),
        gone=frozenset(each["worker"] for each in known if not each["alive"]),
        now=round(time.time() * 1000),
        gauges=await bb.gauges(),
        progress=await partition.progress(facts.board, agenda),
        asked=await _asked(bb.board(facts.board), agenda),
    )


async def _asked(board: Board, agenda: Sequence[Activation]) -> dict[str, list[Approval]]:
    found: dict[str, list[Approval]] = {}
    if all(each.state is not ActivationState.ASKING for each in agenda):
        return found
    for approval in await board.approvals():
        found.setdefault(approval.activation, []).append(approval)
    return found


def waits_for(activation: Activation, around: Surroundings) -> str:
    """What has to happen next for an activation to run, or what it does."""
    said = _SAID.get(activation.state, _turn)(activation, around)
    if not activation.crashes or activation.state in {ActivationState.DEAD, ActivationState.UNKNOWN}:
        return said
    times = "once" if activation.crashes == 1 else f"{activation.crashes} times"
    return f"{said}; its worker died {times}"


def _turn(activation: Activation, around: Surroundings) -> str:
    """What is ready, or is to bid."""
    if pause := pause_of(activation.agent, around.paused):
        return f"source {paused_by(pause)}"
    if activation.agent not in around.run:
        return f"a worker: nobody runs {activation.agent}"
    gauge = around.gauges.get(activation.source)
    limit = waits_for_limit(activation.source, gauge, _card(activation, around), around.now)
    return limit or "its turn"


def _running(activation: Activation, around: Surroundings) -> str:
    progress = around.progress.get(activation.name)
    running = f"running on {activation.owner} for {_since(activation.started, around)}"
    if activation.owner in around.gone:
        return f"{running}, as far as is known; that worker is gone, and the next to look takes it over"
    return f"{running}: {progress}" if progress else running


def _held(activation: Activation, around: Surroundings) -> str:
    pause = pause_of(activation.agent, around.paused)
    return _grant(around) + (f"; source {paused_by(pause)}" if pause else "")


def _precondition(activation: Activation, around: Surroundings) -> str:
    return f"its precondition: {_card(activation, around).get('precondition') or 'of an earlier release'}"


def _answer(activation: Activation, around: Surroundings) -> str:
    asked = "; ".join(f"{each.id}: {each.question}" for each in around.asked.get(activation.name, ()))
    until = f", {_until(activation.due, around)}" if activation.due else ""
    return f"an answer to {asked}{until}" if asked else f"an answer{until}"


def _person(activation: Activation, _: Surroundings) -> str:
    """Without a verdict to copy: it is for a person to find out, and `|` would be obeyed by a shell."""
    return f"a person: blackboard resolve {quote(activation.board)} {activation.name} VERDICT (done, again or dead)"


def _grant(around: Surroundings) -> str:
    if around.facts.behind and around.facts.mode != "orchestration" and not around.facts.paused:
        return "entries of another schema version: blackboard show says which"
    if around.facts.paused:
        return f"a grant by hand (epoch {around.facts.epoch}), or the end of the board's pause"
    missing = "" if around.is_led else "; no controller is alive"
    return f"a grant (epoch {around.facts.epoch}){missing}"


def _attempt(activation: Activation, around: Surroundings) -> str:
    retries = _card(activation, around).get("policies", {}).get("retries")
    return f"attempt {activation.attempts + 1}" + ("" if retries is None else f" of {retries + 1}")


def _card(activation: Activation, around: Surroundings) -> dict[str, Any]:
    card: dict[str, Any] = around.cards.get(activation.agent, {})
    return card


def _since(then: int, around: Surroundings) -> str:
    return lasting((around.now - then) / 1000)


def _until(then: int, around: Surroundings) -> str:
    return lasting((then - around.now) / 1000)


_SAID: Final[Mapping[ActivationState, Callable[[Activation, Surroundings], str]]] = {
    ActivationState.RUNNING: _running,
    ActivationState.SLEEPING: lambda each, around: f"its sleep to end, {_until(each.due, around)}",
    ActivationState.ASKING: _answer,
    ActivationState.DEAD: lambda each, _: f"a retry: {summary(each.problem)}" if each.problem else "a retry",
    ActivationState.WAITING: _precondition,
    ActivationState.DELAYED: lambda each, around: f"its delay, {_until(each.due, around)}",
    ActivationState.RETRYING: lambda each, around: f"backoff, {_attempt(each, around)}, {_until(each.due, around)}",
    ActivationState.UNKNOWN: _person,
    ActivationState.LIMITED: lambda each, around: waits_for_value(each.token, _card(each, around)),
    ActivationState.HELD: _held,
}
"""What each state waits for; those that are missing wait for their turn."""

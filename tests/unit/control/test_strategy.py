"""The contract: a strategy of one's own, what it may say, and what control must not know."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from blackboard.activation import ActivationState
from blackboard.control import Goal, Grants, Manual, Sequential, State, Strategy, View
from blackboard.entry import Entry
from blackboard.knowledge_source import knowledge_source
from tests.unit.control.playboard import EPOCH, Playboard


class Claim(Entry):
    amount: float


@knowledge_source
def check(claim: Claim) -> None: ...


@dataclass(frozen=True)
class Forbearing(Strategy):
    """One at a time, the oldest first, and none while the queue is short: the example of the contract."""

    enough: int = 3

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        if view.under_way or len(view.held) < self.enough:
            return [], state
        return [min(view.held, key=lambda each: each.since)], state


@pytest.mark.tutorial
def test_a_strategy_of_ones_own_is_about_ten_lines() -> None:
    """A frozen dataclass with a decide: it is data like any other, and combines like any other."""
    board = Playboard()
    for source in "abcd":
        board.trigger(source)
    assert board.play(Forbearing(3)) == ["a", "b"]
    assert board.last == "Forbearing: 0 under way, 2 held"
    assert board.play(Forbearing(3).until(Goal(Claim)).then(Manual())) == ["a", "b"]


@dataclass(frozen=True)
class Wrapping(Strategy):
    source: Any
    inner: Sequence[Any] = ()
    kind: Any = None

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        return (), state


def test_its_fields_are_kept_as_names_and_tuples() -> None:
    strategy = Wrapping(check, [check, [check]], Claim)
    assert strategy == Wrapping("check", ("check", ("check",)), "claim")
    assert hash(strategy) == hash(Wrapping("check", ("check", ("check",)), "claim"))


def test_it_wants_to_see_what_its_parts_want_to_see() -> None:
    assert Wrapping("a", [Manual().until(Goal(Claim)), {"x": Goal("note")}]).kinds == {"claim", "note"}
    assert Sequential("a").kinds == frozenset()


@dataclass(frozen=True)
class Reading(Strategy):
    kinds = frozenset({"claim"})
    recency = True

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        return view.held if sum(claim.amount for claim in view.read(Claim)) > 1 else (), state


def test_or_what_it_says_itself() -> None:
    board = Playboard()
    board.trigger("a")
    assert board.play(Reading()) == []
    board.post(Claim(amount=2))
    assert board.play(Reading()) == ["a"]


def test_views_tell_what_is_held_under_way_open_and_to_come() -> None:
    board = Playboard()
    states = {state: board.trigger(state.value, state=state).number for state in ActivationState if state != "dead"}
    board.trigger("granted", state=ActivationState.READY)
    view = board.view(Manual())
    assert [each.source for each in view.held] == ["held"]
    assert [each.source for each in view.under_way] == ["running"], "what is ready was granted in another epoch"
    assert {each.source for each in view.agenda} - {each.source for each in view.open} == {
        "waiting",
        "outcome unknown",
    }
    assert view.has_more_to_come
    assert not view.stands_still
    later = view.granting(view.held)
    assert later.held == ()
    assert {each.source for each in later.under_way} == {"running", "held"}
    assert {each.granted for each in later.of("held")} == {EPOCH}
    assert view.held[0].number == states[ActivationState.HELD]
    assert view.granting(()) is view


def test_control_knows_neither_redis_nor_click_and_is_loaded_only_when_asked_for() -> None:
    program = (
        "import sys, blackboard; assert 'blackboard.control' not in sys.modules; import blackboard.control;"
        "print([name for name in ('redis', 'fakeredis', 'click', 'blackboard.store', 'blackboard.board') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"

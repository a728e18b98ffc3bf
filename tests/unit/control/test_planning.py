"""PlanExecute: a plan is followed step by step, and made anew when a step fails."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackboard.activation import Activation, ActivationState
from blackboard.control import Plan, PlanExecute, PlanStep
from blackboard.entry import Entry, Stamp, decode
from blackboard.errors import InvalidEntry, InvalidInstruction, InvalidStrategy
from tests.unit.control.playboard import Playboard

SEEDS = st.integers(0, 10_000)


def board_with(*plans: Plan, seed: int = 0) -> Playboard:
    """A board whose planner posts these plans, one each time."""
    left: Iterator[Plan] = iter(plans)

    def act(board: Playboard, activation: Activation) -> None:
        board.post(next(left), by=activation.name)

    board = Playboard(seed, doomed=["doomed"], acts={"planner": act})
    board.trigger("planner")
    return board


def plan(*steps: Any) -> Plan:
    return Plan(steps=list(steps))


@given(seed=SEEDS, steps=st.lists(st.sampled_from("abc"), min_size=1, max_size=5, unique=True), extra=st.booleans())
def test_steps_are_granted_in_the_order_of_the_plan(seed: int, steps: list[str], extra: bool) -> None:
    board = board_with(plan(*steps), seed=seed)
    for source in "abc" * (1 + extra):
        board.trigger(source)
    strategy = PlanExecute("planner")
    granted = board.play(strategy)
    assert granted == ["planner", *(source for source in steps for _ in range(1 + extra))]
    assert board.finished(strategy)
    assert all(len(moment.view.under_way) + len(moment.grants) <= 1 for moment in board.moments)


def test_without_a_plan_and_a_planner_it_waits() -> None:
    board = Playboard()
    board.trigger("a")
    strategy = PlanExecute("planner")
    assert board.play(strategy) == []
    assert board.last == "waiting for planner to plan"
    board.post(plan("a"))
    assert board.play(strategy) == ["a"], "whoever posts it, a plan is a plan"


def test_a_step_may_name_the_entries_it_is_about() -> None:
    board = board_with(plan("a", PlanStep(source="b", on=["claim/2"])))
    for source in "ab":
        for key in (1, 2):
            board.trigger(source, f"claim/{key}")
    strategy = PlanExecute("planner")
    assert board.play(strategy) == ["planner", "a", "a", "b"]
    assert board.grants()[-1][1].addresses == ("claim/2",)
    assert board.finished(strategy)


def test_when_a_step_dies_the_planner_is_told_and_plans_anew() -> None:
    board = board_with(plan("doomed", "b"), plan("c", "b"))
    for source in ("doomed", "b", "c"):
        board.trigger(source)
    strategy = PlanExecute("planner")
    assert board.play(strategy) == ["planner", "doomed"]
    [death] = board.ended("doomed")
    assert [address for address in board.entries if address != "plan"] == [f"setback/doomed#2@{death}"]
    assert board.last == "waiting for planner to plan anew, since doomed: it broke"
    board.trigger("planner")  # what the setback does
    assert board.play(strategy) == ["planner", "doomed", "planner", "c", "b"]
    assert board.finished(strategy)


def test_a_step_that_cannot_come_is_a_setback() -> None:
    board = board_with(plan("ghost"), plan("a"))
    board.trigger("planner")
    board.trigger("a")
    strategy = PlanExecute("planner")
    assert board.play(strategy) == ["planner", "planner", "a"]
    assert [address for address in board.entries if address.startswith("setback/")] == ["setback/plan 1, step 1"]


def test_a_step_that_may_still_come_is_waited_for() -> None:
    board = Playboard()
    board.post(plan("b"))
    running = board.trigger("a", state=ActivationState.RUNNING).number
    strategy = PlanExecute("planner")
    assert board.ask(strategy) == ()
    assert board.last == "step 1 of 1: b, which is not on the agenda yet"
    board.end(running)
    board.trigger("b")
    assert board.play(strategy) == ["b"]
    assert list(board.entries) == ["plan"]


def test_too_many_failures_pause_the_board_with_the_last_as_the_reason() -> None:
    board = board_with(*(plan(f"ghost{i}") for i in range(9)))
    for _ in range(9):
        board.trigger("planner")
    with pytest.raises(
        InvalidStrategy, match="plans failed 3 times, the last time at ghost2: nothing of ghost2 is on the agenda"
    ):
        board.play(PlanExecute("planner", replans=2))
    assert board.granted == ["planner"] * 3


def test_a_revised_plan_is_followed_from_its_beginning_once_what_runs_has_ended() -> None:
    board = board_with(plan("a", "b"))
    for source in "abc":
        board.trigger(source)
    strategy = PlanExecute("planner")
    while "a" not in board.granted:
        board.ask(strategy)
        board.work()
    board.post(plan("c"))
    assert board.ask(strategy) == (), "a is under way"
    assert board.play(strategy) == ["planner", "a", "c"]
    assert board.finished(strategy)


class Itinerary(Plan):
    city: str


def test_the_plan_may_be_of_another_kind() -> None:
    board = Playboard()
    board.trigger("a")
    board.post(Itinerary(city="Rome", steps=["a"]))  # type: ignore[list-item]
    strategy = PlanExecute("planner", plan=Itinerary)
    assert strategy.kinds == {"itinerary"}
    assert board.play(strategy) == ["a"]


class Bad(Entry):
    steps: Any = None


@pytest.mark.parametrize("steps", [None, [], "a", [{"source": 3}], [{"sauce": "a"}], [{"source": "no name"}]])
def test_what_is_no_plan_fails_with_the_reason(steps: Any) -> None:
    board = Playboard()
    board.post(Bad(steps=steps))
    with pytest.raises(InvalidStrategy):
        board.ask(PlanExecute("planner", plan=Bad))


@pytest.mark.parametrize("payload", [b"[]", b"7", b'"steps"', b"null"])
def test_what_is_no_object_is_no_plan(payload: bytes) -> None:
    board = Playboard()
    board.post(Plan(steps=["a"]))  # type: ignore[list-item]  # a name alone is a step
    board.entries["plan"] = board.entries["plan"]._replace(payload=payload)
    with pytest.raises(InvalidStrategy, match="plan has no steps to follow"):
        board.ask(PlanExecute("planner"))


def test_a_plan_has_steps() -> None:
    assert plan("a") == plan(PlanStep(source="a"))
    with pytest.raises(InvalidInstruction, match=r"Plan cannot be followed: steps: .*Name at least one step"):
        Plan(steps=[])


@pytest.mark.parametrize("step", [{}, {"source": 3}, {"source": "a", "on": 1}, {"source": "a", "at": []}])
def test_what_is_no_step_of_a_plan_is_refused(step: dict[str, Any]) -> None:
    with pytest.raises(InvalidInstruction, match=r"PlanStep cannot be followed: .*Name a source: "):
        PlanStep(**step)
    with pytest.raises(InvalidInstruction, match=r"Plan cannot be followed: steps\.0.*Name at least one step"):
        Plan(steps=[step])  # type: ignore[list-item]  # that is the question
    with pytest.raises(InvalidEntry, match=r"plan/x does not fit its kind: steps\.0"):
        decode(Plan, json.dumps({"steps": [step]}), Stamp("plan/x", 1, 1))


@pytest.mark.parametrize("options", [{"replans": -1}, {"replans": True}, {"planner": "no name"}])
def test_what_cannot_work_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidStrategy):
        PlanExecute(**({"planner": "planner"} | options))

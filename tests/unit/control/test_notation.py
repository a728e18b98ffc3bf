"""Strategies as data: every one comes back as it was, and what cannot is refused with what to do."""

import importlib
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackboard.condition import any_of
from blackboard.control import (
    Budget,
    Deadline,
    Goal,
    Grants,
    Graph,
    Manual,
    Parallel,
    PlanExecute,
    Priority,
    Quiescence,
    Random,
    RoundRobin,
    Router,
    Sequential,
    State,
    Step,
    Strategy,
    Supervisor,
    Swarm,
    View,
    from_data,
    node,
    to_data,
    when,
)
from blackboard.control.strategy import STRATEGIES
from blackboard.entry import Entry
from blackboard.errors import InvalidStrategy
from blackboard.knowledge_source import knowledge_source
from tests.unit.control.test_combinations import ANY


class Claim(Entry):
    amount: float
    text: str = ""
    labels: dict[str, str] = {}  # noqa: RUF012  # pydantic copies it


@knowledge_source
def check(claim: Claim) -> None: ...


@dataclass(frozen=True)
class Own(Strategy):
    """A strategy with a field of every sort."""

    source: Any
    facts: Mapping[str, Any] = field(default_factory=dict)
    pause: timedelta = timedelta(seconds=1)
    function: Any = None
    condition: Any = None

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        return (), state


def chosen(view: View) -> None:
    """A function at the top of a module."""


class Office:
    """A class with a function."""

    @staticmethod
    def chosen(view: View) -> None:
        """A function of a class at the top of a module."""


CONDITIONS = [
    Claim.amount > 1.5,
    Claim.text.in_(["a", "b"]),  # type: ignore[attr-defined]
    Claim.labels["a.b"] == "x",
    Claim.text == None,  # noqa: E711  # builds a clause
    any_of(Claim.amount == 1, [Claim.text != "x", Claim.text.startswith("y")]),
]

EXAMPLES: list[Strategy] = [
    Sequential(check, "other", Parallel(2)),
    Step("a", ("claim",)),
    Parallel(3, [check]),
    Priority(2, "mea"),
    RoundRobin(check),
    Random("seed", 2, ["a"]),
    Graph("a" >> when(*CONDITIONS, chosen) >> [check, node(Manual(), name="people", join="any")], reads=[Claim]),
    Router(chosen, reads=[Claim], limit=3),
    Router(check),
    Router(Office.chosen),
    Supervisor(check),
    Swarm(check),
    PlanExecute(check, replans=0, plan=Claim),
    Manual(),
    Manual()
    .until(Budget(1))
    .then(Parallel(1, ["a"]))
    .until(Goal(Claim, *CONDITIONS), Budget(3), Deadline(1.5), Deadline(timedelta(days=2)), Quiescence()),
    Own(check, {"a": [1, {"strategy": None}], "nested": Manual()}, timedelta(microseconds=1), chosen, Claim.amount > 1),
]


# ---------------------------------------------------------------------------- round trips


def through_json(strategy: Strategy) -> Strategy:
    return from_data(json.loads(json.dumps(to_data(strategy), allow_nan=False)))


@pytest.mark.parametrize("strategy", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_strategy_comes_back_as_it_was(strategy: Strategy) -> None:
    back = through_json(strategy)
    assert type(back) is type(strategy)
    assert back == strategy
    assert to_data(back) == to_data(strategy)
    assert (back.kinds, back.recency) == (strategy.kinds, strategy.recency)


@given(strategy=ANY)
def test_every_combination_comes_back_as_it_was(strategy: Strategy) -> None:
    assert through_json(strategy) == strategy


def test_the_data_is_what_a_person_would_write() -> None:
    strategy = Sequential(check, Parallel(2)).until(Goal(Claim, Claim.amount > 100))
    goal = {"kind": "claim", "conditions": [{"condition": {"field": ["claim", "amount"], "op": ">", "value": 100}}]}
    assert to_data(strategy) == {
        "notation": 1,
        "strategy": "Until",
        "with": {
            "strategy": {
                "strategy": "Sequential",
                "with": {"steps": ["check", {"strategy": "Parallel", "with": {"limit": 2, "sources": None}}]},
            },
            "endings": [{"ending": "Goal", "with": goal}],
        },
    }


def test_what_was_written_before_a_field_was_added_gets_its_default() -> None:
    assert from_data({"notation": 1, "strategy": "Own", "with": {"source": "a"}}) == Own("a")
    assert from_data({"notation": 1, "strategy": "Parallel", "with": {"limit": 2}}) == Parallel(2)


# ---------------------------------------------------------------------------- what cannot be written


def local_function() -> Any:
    def chosen(view: View) -> None: ...

    return chosen


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (
            lambda view: None,
            "it is a lambda or a function inside a function.*Define it with def at the top of a module",
        ),
        (local_function(), "it is a lambda or a function inside a function"),
        ({1: 2}, "JSON has only text as names"),
        (float("nan"), "a float cannot be kept on a board"),
        ({"a": {1}}, "a set cannot be kept on a board.*Use JSON values"),
        (Claim.amount, "a FieldRef cannot be kept on a board"),
        (object(), "a object cannot be kept on a board"),
    ],
    ids=range(7),
)
def test_what_cannot_be_written_down_is_refused(value: Any, problem: str) -> None:
    with pytest.raises(InvalidStrategy, match=problem):
        to_data(Own("a", function=value))


def test_a_function_whose_name_means_something_else_by_now_is_refused() -> None:
    def stranger(view: View) -> None: ...

    stranger.__qualname__ = "chosen"
    with pytest.raises(InvalidStrategy, match="something else, under this name"):
        to_data(Own("a", function=stranger))


# ---------------------------------------------------------------------------- what cannot be read

UNREADABLE: dict[str, Any] = {
    "it is no strategy as this release writes it": {},
    "written in notation 2, and this release reads 1. Run controllers": {"notation": 2, "strategy": "Manual"},
    "strategy Nowhere: no class of this name is known .* Import the module": {"notation": 1, "strategy": "Nowhere"},
    "ending Nowhere: no class": {
        "notation": 1,
        "strategy": "Until",
        "with": {"strategy": {"strategy": "Manual"}, "endings": [{"ending": "Nowhere"}]},
    },
    "Manual: it has no field colour here": {"notation": 1, "strategy": "Manual", "with": {"colour": 1}},
    "Parallel: its field limit is missing": {"notation": 1, "strategy": "Parallel"},
    "limit=0 is not a whole number": {"notation": 1, "strategy": "Parallel", "with": {"limit": 0}},
    "the module nowhere_at_all cannot be imported": {
        "notation": 1,
        "strategy": "Router",
        "with": {"choose": {"function": "nowhere_at_all:choose"}},
    },
    "the module json has no function choose": {
        "notation": 1,
        "strategy": "Router",
        "with": {"choose": {"function": "json:choose"}},
    },
}


@pytest.mark.parametrize("problem", UNREADABLE)
def test_what_cannot_be_read_says_what_is_missing(problem: str) -> None:
    with pytest.raises(InvalidStrategy, match=problem):
        from_data(UNREADABLE[problem])


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["strategy", "ending", "with", "condition", "function", "seconds", "map"]), inner
        ),
    ),
)


@given(data=st.one_of(JSON, JSON.map(lambda data: {"notation": 1, "strategy": "Own", "with": data})))
def test_anything_else_is_refused_with_a_typed_error(data: Any) -> None:
    with pytest.raises(InvalidStrategy):
        from_data(data)


# ---------------------------------------------------------------------------- names of classes


def test_two_classes_of_one_name_are_refused() -> None:
    with pytest.raises(
        InvalidStrategy, match=r"blackboard\.control\.parallel\.Parallel has this name already.*another name"
    ):

        class Parallel(Strategy): ...


def test_a_class_may_be_defined_again_as_in_a_reload() -> None:
    def again() -> type[Strategy]:
        @dataclass(frozen=True)
        class Reloaded(Strategy): ...

        return Reloaded

    again()
    latest = again()
    assert type(from_data({"notation": 1, "strategy": "Reloaded"})) is latest


def test_the_modules_of_control_can_be_reloaded() -> None:
    module: Any = importlib.import_module("blackboard.control.manual")
    before = module.Manual
    try:
        assert importlib.reload(module).Manual is not before
        assert type(from_data(to_data(Manual()))).__name__ == "Manual"
    finally:
        module.Manual = before
        STRATEGIES.add(before)


# ---------------------------------------------------------------------------- functions of a program

PROGRAM = """
import json, sys
from blackboard.control import Router, from_data, to_data

def choose(view):
    return None

if __name__ == "__main__":
    data = to_data(Router(choose))
    assert from_data(data) == Router(choose)
    print(json.dumps(data["with"]["choose"]))
"""


@pytest.mark.parametrize(
    ("arguments", "reference"),
    [(["-m", "program"], "program:choose"), (["program.py"], "__main__:choose")],
    ids=["-m", "path"],
)
def test_a_function_of_a_program_has_the_name_by_which_others_import_it(
    tmp_path: Path, arguments: list[str], reference: str
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    paths = {"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[3]}"}
    ran = subprocess.run(
        [sys.executable, *arguments], cwd=tmp_path, env=paths, capture_output=True, text=True, check=True
    )
    assert json.loads(ran.stdout) == {"function": reference}

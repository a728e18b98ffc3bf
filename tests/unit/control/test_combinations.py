"""Strategies one after the other, until something is reached, and inside each other."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackboard.activation import ActivationState
from blackboard.condition import Absent
from blackboard.control import (
    Budget,
    Deadline,
    Ending,
    Goal,
    Graph,
    Manual,
    Parallel,
    PlanExecute,
    Priority,
    Quiescence,
    Random,
    RoundRobin,
    Sequential,
    Strategy,
    Supervisor,
    Swarm,
    Tally,
    Then,
    Until,
    View,
)
from blackboard.entry import Entry
from blackboard.errors import InvalidStrategy
from tests.unit.control.playboard import Playboard, triggering

SEEDS = st.integers(0, 10_000)


class Claim(Entry):
    amount: float


class Decision(Entry):
    approved: bool


# ---------------------------------------------------------------------------- then


@given(seed=SEEDS, agenda=st.lists(st.sampled_from("ab"), min_size=1, max_size=8), limit=st.integers(1, 3))
def test_the_second_begins_when_all_that_the_first_granted_has_ended(seed: int, agenda: list[str], limit: int) -> None:
    board = Playboard(seed, mortal="a")
    for source in [*agenda, "c", "c"]:
        board.trigger(source)
    strategy = Parallel(limit, ["a", "b"]).until(Quiescence()).then(Priority(sources=["c"]))
    granted = board.play(strategy)
    assert sorted(granted[:-2]) == sorted(agenda)
    assert granted[-2:] == ["c", "c"]
    [first, *_] = [seq for seq, grant in board.grants() if grant.source == "c"]
    assert max(board.ended("a", "b")) <= first
    assert not board.finished(strategy), "the last of them never finishes"


def test_a_chain_may_be_long() -> None:
    board = Playboard()
    for source in "cba":
        board.trigger(source)
    strategy = Sequential("a").then(Sequential("b")).then(Sequential("c"))
    assert board.play(strategy) == ["a", "b", "c"]
    assert board.finished(strategy)
    assert board.last == "finished, 2 of 2 steps"


def test_what_the_first_did_not_grant_in_time_is_left_to_the_second() -> None:
    board = Playboard()
    for source in "aaa":
        board.trigger(source)
    strategy = Parallel(2).until(Budget(2)).then(Sequential("a"))
    board.play(strategy)
    assert [len(moment.grants) for moment in board.moments if moment.grants] == [2, 1]
    assert board.finished(strategy)


@given(seed=SEEDS)
def test_an_ending_does_not_let_the_second_overtake_what_is_under_way(seed: int) -> None:
    board = Playboard(seed)
    for source in "aab":
        board.trigger(source)
    board.play(Parallel(2, "a").until(Budget(2)).then(Sequential("b")))
    [(seq, _)] = [each for each in board.grants() if each[1].source == "b"]
    assert max(board.ended("a")) <= seq


# ---------------------------------------------------------------------------- until


@given(seed=SEEDS, many=st.integers(1, 10), budget=st.integers(1, 10), limit=st.integers(1, 4))
def test_a_budget_is_never_exceeded(seed: int, many: int, budget: int, limit: int) -> None:
    board = Playboard(seed, mortal="a")
    for _ in range(many):
        board.trigger("a")
    strategy = Parallel(limit).until(Budget(budget))
    assert len(board.play(strategy)) == min(many, budget)
    assert board.finished(strategy) is (many >= budget)
    if many >= budget:
        assert board.last == f"ended, budget: {budget} grants"


@given(seed=SEEDS, many=st.integers(1, 8), milliseconds=st.integers(1, 20))
def test_nothing_is_granted_after_the_deadline_and_it_wakes_for_it(seed: int, many: int, milliseconds: int) -> None:
    board = Playboard(seed)
    began = board.now
    for _ in range(many):
        board.trigger("a")
    strategy = Priority().until(Deadline(timedelta(milliseconds=milliseconds)))
    late = board.now + milliseconds
    while board.now < late + 10:
        before = board.now
        granted = board.ask(strategy)
        assert not (granted and before >= late)
        wake = strategy.wake(board.view(strategy), board.state, board.now)
        assert wake == (None if before >= late else began + milliseconds)
        if not board.work():
            board.now += 1
    assert board.finished(strategy)
    assert board.last == f"ended, deadline: after {milliseconds / 1000:g} s"


@given(seed=SEEDS, many=st.integers(1, 8), enough=st.integers(1, 4))
def test_nothing_is_granted_once_the_goal_is_reached(seed: int, many: int, enough: int) -> None:
    board = Playboard(seed)

    def act(board: Playboard, _: Any) -> None:
        if len(board.ended("a")) >= enough:
            board.post(Decision(approved=True))

    board.acts = {"a": act}
    for _ in range(many):
        board.trigger("a")
    strategy = Priority().until(Goal(Decision, Decision.approved))
    assert len(board.play(strategy)) == min(many, enough)
    assert board.finished(strategy) is (many >= enough)


def test_a_goal_may_name_its_kind() -> None:
    assert Goal("claim") == Goal(Claim)


@pytest.mark.parametrize(
    ("goal", "reached"),
    [
        (Goal(Claim), True),
        (Goal(Decision), False),
        (Goal(Claim, Claim.amount > 1), True),
        (Goal(Claim, Claim.amount > 1, Claim.amount < 3), False),
    ],
    ids=str,
)
def test_a_goal_is_an_entry_for_which_all_conditions_hold(goal: Goal, reached: bool) -> None:
    board = Playboard()
    board.post(Claim(amount=5))
    board.trigger("a")
    assert (board.play(Priority().until(goal)) == []) is reached


@given(seed=SEEDS, agenda=st.lists(st.sampled_from("ab"), max_size=6))
def test_quiescence_ends_when_nothing_more_will_happen(seed: int, agenda: list[str]) -> None:
    board = Playboard(seed, acts={"a": triggering("b")})
    for source in agenda:
        board.trigger(source)
    strategy = Parallel(2).until(Quiescence())
    assert len(board.play(strategy)) == len(agenda) + agenda.count("a")
    assert board.finished(strategy) is bool(agenda), "a board on which nothing has happened yet is new"


@pytest.mark.parametrize("state", [ActivationState.DELAYED, ActivationState.RETRYING, ActivationState.RUNNING])
def test_what_will_go_on_by_itself_is_no_quiescence(state: ActivationState) -> None:
    board = Playboard()
    board.trigger("a")
    board.trigger("b", state=state)
    strategy = Parallel(2, ["a"]).until(Quiescence())
    board.ask(strategy)
    board.end(1)
    board.ask(strategy)
    assert not board.finished(strategy)
    board.move(2, ActivationState.WAITING)
    board.ask(strategy)
    assert board.finished(strategy)


def test_the_first_ending_ends_and_there_is_no_way_back() -> None:
    board = Playboard()
    board.post(Decision(approved=True))
    board.trigger("a")
    strategy = Manual().until(Deadline(60), Goal(Decision, Decision.approved))
    board.ask(strategy)
    assert board.last == "ended, goal: decision with decision.approved == true"
    board.post(Decision(approved=False))
    assert board.play(strategy) == []
    assert board.finished(strategy)


@given(seed=SEEDS, limit=st.integers(1, 3))
def test_a_step_of_several_sources_is_over_when_each_has_ended(seed: int, limit: int) -> None:
    """Also when one of them comes to the agenda late."""
    board = Playboard(seed, acts={"a": lambda board, _: board.trigger("b")})
    for source in "caa":
        board.trigger(source)
    granted = board.play(Sequential(Parallel(limit, ["a", "b"]), "c"))
    assert sorted(granted[:-1]) == ["a", "a", "b", "b"]
    assert granted[-1] == "c"


def test_so_is_a_step_whose_last_step_is_of_several_sources() -> None:
    board = Playboard()
    for source in "cba":
        board.trigger(source)
    assert board.play(Sequential(Sequential("a", Parallel(2, ["b"])), "c")) == ["a", "b", "c"]


def test_until_is_finished_with_the_strategy_itself() -> None:
    board = Playboard()
    board.trigger("a")
    strategy = Sequential("a").until(Budget(9))
    board.play(strategy)
    assert board.finished(strategy)


# ---------------------------------------------------------------------------- anything inside anything

SIMPLE = st.sampled_from(
    [
        Parallel(2),
        Parallel(1, ["a"]),
        Priority(order="lex"),
        Priority(2, "depth", ["b"]),
        RoundRobin(),
        Random(3, 2),
        Sequential("a", "b"),
        Graph("a", "b"),
        Swarm("a"),
        Manual(),
        Supervisor("c"),
        PlanExecute("c"),
    ]
)
ENDS = st.sampled_from([Budget(1), Budget(3), Quiescence(), Deadline(0.005), Goal(Claim), Goal(Decision)])


def ending(strategy: Strategy) -> Strategy:
    """The strategy, so that something can come after it."""
    return strategy.until(Budget(2)) if strategy.endless else strategy


def combined(inner: st.SearchStrategy[Strategy]) -> st.SearchStrategy[Strategy]:
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda both: ending(both[0]).then(both[1])),
        pairs.map(lambda both: Sequential(ending(both[0]), both[1])),
        pairs.map(lambda both: Graph(both[0].until(Budget(2)) >> both[1].until(Quiescence()))),
        st.tuples(inner, ENDS).map(lambda both: both[0].until(both[1])),
    )


ANY = st.recursive(SIMPLE, combined, max_leaves=4)


@given(seed=SEEDS, strategy=ANY, agenda=st.lists(st.sampled_from("abc"), max_size=8))
def test_every_combination_plays_by_the_rules(seed: int, strategy: Strategy, agenda: list[str]) -> None:
    """It grants only what is held, decides the same again, never spins; and once it is finished, it grants no more."""
    board = Playboard(seed, mortal="ab", acts={"a": lambda board, _: board.post(Claim(amount=1))})
    for source in agenda:
        board.trigger(source)
    board.play(strategy)
    assert all(moment.said for moment in board.moments)
    if board.finished(strategy):
        before = len(board.granted)
        for source in "abc":
            board.trigger(source)
        assert len(board.play(strategy)) == before
        assert board.finished(strategy)


@given(seed=SEEDS, names=st.lists(st.sampled_from("abcd"), min_size=2, max_size=4, unique=True))
def test_sequences_inside_sequences_keep_the_order(seed: int, names: list[str]) -> None:
    strategy: Strategy = Sequential(names[-1])
    for name in reversed(names[:-1]):
        strategy = Sequential(name, strategy)
    board = Playboard(seed)
    for source in "abcd" * 2:
        board.trigger(source)
    assert board.play(strategy) == [name for name in names for _ in range(2)]
    assert board.finished(strategy)


# ---------------------------------------------------------------------------- bad input

REFUSED: dict[str, Callable[[], Any]] = {
    "without an ending": lambda: Manual().until(),
    "'soon' is no ending": lambda: Manual().until("soon"),  # type: ignore[arg-type]
    "'a' is no strategy": lambda: Sequential("b").then("a"),  # type: ignore[arg-type]
    "Manual never ends": lambda: Manual().then(Sequential("a")),
    "Parallel never ends": lambda: Sequential(Parallel(2), "a"),
    "grants=0 is not a whole number": lambda: Budget(0),
    "after=0 is no duration": lambda: Deadline(0),
    "after=nan is no duration": lambda: Deadline(float("nan")),
    "after='1' is no duration": lambda: Deadline("1"),  # type: ignore[arg-type]
    "a condition is about claim, and the goal about decision": lambda: Goal(Decision, Claim.amount > 1),
    "not about the fields of one entry": lambda: Goal(Decision, Absent(Claim)),
}


@pytest.mark.parametrize("problem", REFUSED)
def test_what_cannot_work_is_refused(problem: str) -> None:
    with pytest.raises(InvalidStrategy, match=problem):
        REFUSED[problem]()


# ---------------------------------------------------------------------------- an ending of one's own


@dataclass(frozen=True)
class Patience(Ending):
    """Ends when so much is held that it had better be left to people."""

    at_most: int

    def reached(self, view: View, tally: Tally) -> bool:
        return len(view.held) > self.at_most


def test_an_ending_of_ones_own_is_a_class_with_one_method() -> None:
    board = Playboard()
    board.trigger("a")
    strategy = Parallel(1).until(Patience(2))
    assert board.play(strategy) == ["a"]
    for _ in range(3):
        board.trigger("a")
    assert board.play(strategy) == ["a"]
    assert board.last == "ended, patience"
    assert isinstance(strategy, Until)
    assert isinstance(strategy.then(Manual()), Then)

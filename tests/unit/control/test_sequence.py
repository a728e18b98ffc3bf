"""Sequential: nothing of a step is granted before the step before it is done."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackboard.activation import ActivationState
from blackboard.control import Parallel, Quiescence, Sequential
from blackboard.errors import InvalidStrategy
from blackboard.event import EventType
from tests.unit.control.playboard import Playboard, triggering

SEEDS = st.integers(0, 10_000)


@given(
    seed=SEEDS,
    agenda=st.lists(st.sampled_from("abcx"), max_size=12),
    followers=st.lists(st.sampled_from("abc"), max_size=3),
)
def test_no_step_begins_before_the_one_before_it_is_done(seed: int, agenda: list[str], followers: list[str]) -> None:
    """Steps are done in order; b may trigger anything once more, also what is over by then."""
    board = Playboard(seed, mortal="abc", acts={"a": triggering("b", "c")})
    for source in agenda:
        board.trigger(source)
    board.play(Sequential("a", "b", "c"))
    for seq, grant in board.grants():
        earlier = "abc"[: "abc".index(grant.source)]
        assert not [each for each in board.ended(*earlier) if each > seq], "an earlier step went on"
        assert all(board.ended(source) and min(board.ended(source)) <= seq for source in earlier)
    assert board.granted == sorted(board.granted)
    assert "x" not in board.granted


@given(seed=SEEDS, counts=st.tuples(*[st.integers(1, 4)] * 3))
def test_it_runs_everything_one_at_a_time_and_finishes(seed: int, counts: tuple[int, int, int]) -> None:
    board = Playboard(seed, mortal="b")
    for source, count in zip("abc", counts, strict=True):
        for _ in range(count):
            board.trigger(source)
    strategy = Sequential("a", "b", "c")
    board.play(strategy)
    assert board.granted == ["a"] * counts[0] + ["b"] * counts[1] + ["c"] * counts[2]
    assert all(len(moment.grants) <= 1 - len(moment.view.under_way) for moment in board.moments)
    assert board.finished(strategy)
    assert board.last == "finished, 3 of 3 steps"


def test_a_step_that_is_not_on_the_agenda_yet_is_waited_for() -> None:
    board = Playboard()
    board.trigger("b")
    strategy = Sequential("a", "b")
    assert board.play(strategy) == []
    assert board.last == "step 1 of 2: a, which is not on the agenda yet"
    board.trigger("a")
    assert board.play(strategy) == ["a", "b"]


def test_what_ended_before_a_step_began_does_not_end_it() -> None:
    board = Playboard()
    board.trigger("a")
    strategy = Sequential("a", "a")
    assert board.play(strategy) == ["a"]
    assert board.last == "step 2 of 2: a, which is not on the agenda yet"
    board.trigger("a")
    assert board.play(strategy) == ["a", "a"]
    assert board.finished(strategy)


def test_on_a_board_in_the_middle_what_was_done_before_is_passed_over() -> None:
    board = Playboard()
    board.end(board.trigger("a").number)
    running = board.trigger("b", state=ActivationState.RUNNING).number
    board.trigger("c")
    board.seen = len(board.log)
    strategy = Sequential("a", "b", "c")
    assert board.ask(strategy) == (), "b has begun before and must end first"
    board.end(running)
    assert board.play(strategy) == ["c"]
    assert board.finished(strategy)


def test_on_a_board_with_a_past_a_new_round_begins_with_the_first_step() -> None:
    board = Playboard()
    for source in "ab":
        board.end(board.trigger(source).number)
    board.seen = len(board.log)
    strategy = Sequential("a", "b")
    assert board.play(strategy) == []
    assert not board.finished(strategy)
    for source in "ba":
        board.trigger(source)
    assert board.play(strategy) == ["a", "b"]


def test_what_was_obviated_is_done() -> None:
    board = Playboard(acts={"a": lambda board, _: board.end(2, EventType.OBVIATED)})
    board.trigger("a")
    board.trigger("b")
    board.trigger("c")
    assert board.play(Sequential("a", "b", "c")) == ["a", "c"]


def test_what_was_declined_does_not_hold_up_the_others() -> None:
    board = Playboard()
    first = board.trigger("a")
    board.trigger("a")
    board.trigger("b")
    strategy = Sequential("a", "b")
    board.ask(strategy)
    board.move(first.number, ActivationState.WAITING)
    assert board.play(strategy) == ["a", "a", "b"]


def test_a_pause_takes_a_grant_back_and_it_is_given_again() -> None:
    board = Playboard()
    first = board.trigger("a")
    strategy = Sequential("a")
    board.ask(strategy)
    board.move(first.number, ActivationState.HELD)
    assert board.play(strategy) == ["a", "a"]
    assert board.finished(strategy)


@given(seed=SEEDS, many=st.integers(1, 6))
def test_a_step_may_be_a_strategy(seed: int, many: int) -> None:
    board = Playboard(seed, acts={"a": triggering(*"b" * many, *"c" * many)})
    board.trigger("a")
    board.trigger("d")
    crowd = Parallel(3, ["b", "c"]).until(Quiescence())
    strategy = Sequential("a", crowd, Sequential("d"))
    granted = board.play(strategy)
    assert granted[0] == "a"
    assert sorted(granted[1:-1]) == sorted("bc" * many)
    assert granted[-1] == "d"
    [(last, _)] = [(seq, grant) for seq, grant in board.grants() if grant.source == "d"]
    assert max(board.ended("b", "c")) <= last
    assert board.finished(strategy)


@pytest.mark.parametrize(
    ("steps", "problem"),
    [((), "no steps"), (("not a name",), "is no source"), ((3,), "is no source"), ((None,), "is no source")],
)
def test_what_is_no_sequence_is_refused(steps: Any, problem: str) -> None:
    with pytest.raises(InvalidStrategy, match=problem):
        Sequential(*steps)

"""Parallel, Priority, RoundRobin, Random: what they have in common, and the order of each as a property."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackboard.activation import Activation, ActivationState
from blackboard.control import Parallel, Priority, Random, RoundRobin, Strategy
from blackboard.errors import InvalidStrategy
from tests.unit.control.playboard import Playboard, triggering

SEEDS = st.integers(0, 10_000)
SOURCES = st.lists(st.sampled_from("abcd"), min_size=1, max_size=12)
LIMITED: dict[str, Callable[[int], Strategy]] = {
    "parallel": Parallel,
    "priority": Priority,
    "lex": lambda limit: Priority(limit, "lex"),
    "turns": lambda limit: RoundRobin(limit=limit),
    "chance": lambda limit: Random(7, limit=limit),
}
each_of_them = pytest.mark.parametrize("make", LIMITED.values(), ids=LIMITED.keys())


# ---------------------------------------------------------------------------- in common


@each_of_them
@given(seed=SEEDS, agenda=SOURCES, limit=st.integers(1, 4))
def test_never_more_than_the_limit_and_never_idle(
    make: Callable[[int], Strategy], seed: int, agenda: list[str], limit: int
) -> None:
    """After each decision either the limit is under way or nothing is held; and in the end everything has run."""
    board = Playboard(seed, mortal="ab", acts={"a": triggering("b", "c")})
    for source in agenda:
        board.trigger(source)
    board.play(make(limit))
    for moment in board.moments:
        under_way = len(moment.view.under_way) + len(moment.grants)
        assert under_way <= limit
        assert under_way == limit or len(moment.grants) == len(moment.view.held)
    assert not board.agenda


@each_of_them
def test_what_runs_from_before_the_switch_counts(make: Callable[[int], Strategy]) -> None:
    board = Playboard()
    board.trigger("a", state=ActivationState.RUNNING)
    board.trigger("b")
    assert board.ask(make(1)) == ()
    assert [each.source for each in board.ask(make(2))] == ["b"]


@pytest.mark.parametrize(
    "strategy",
    [Parallel(1, ["a", "b"]), Priority(sources=["a", "b"]), RoundRobin(["b", "a"]), Random(1, sources=["a", "b"])],
    ids=repr,
)
def test_only_its_sources_count(strategy: Strategy) -> None:
    board = Playboard()
    board.trigger("x", state=ActivationState.RUNNING)
    for source in "xxab":
        board.trigger(source)
    assert len(board.ask(strategy)) == 1
    assert sorted(board.play(strategy)) == ["a", "b"]


REFUSED: dict[str, Callable[[], Any]] = {
    "limit=0 is not a whole number": lambda: Parallel(0),
    "limit=True is not a whole number": lambda: Parallel(True),
    "limit=1.5 is not a whole number": lambda: Priority(limit=1.5),  # type: ignore[arg-type]
    "of no sources": lambda: Parallel(2, []),
    "3 is no source": lambda: RoundRobin([3]),  # type: ignore[list-item]
    "no order 'best'.*rating, depth, breadth, lex, mea": lambda: Priority(order="best"),  # type: ignore[arg-type]
    "neither a whole number nor text": lambda: Random(None),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("problem", REFUSED)
def test_what_cannot_work_is_refused(problem: str) -> None:
    with pytest.raises(InvalidStrategy, match=problem):
        REFUSED[problem]()


# ---------------------------------------------------------------------------- Parallel


@given(seed=SEEDS, priorities=st.lists(st.integers(-2, 2), min_size=1, max_size=10))
def test_parallel_grants_in_rank_order(seed: int, priorities: list[int]) -> None:
    board = Playboard(seed)
    for priority in priorities:
        board.trigger("a", priority=priority)
    board.play(Parallel(2))
    ranks = [grant.rank for _, grant in board.grants()]
    assert ranks == sorted(ranks)


# ---------------------------------------------------------------------------- Priority

FACTS = st.fixed_dictionaries(
    {"priority": st.integers(-1, 1), "rating": st.sampled_from([-1.5, 0.0, 2.0]), "since": st.integers(1000, 1003)}
)
BOUND = st.lists(st.integers(0, 5), max_size=3, unique=True)


def beats(order: str, written: dict[str, int], a: Activation, b: Activation) -> bool:
    """Whether one activation comes before another, straight from the definition of the order."""
    if a.priority != b.priority:
        return a.priority > b.priority
    by_rank = a.rank < b.rank
    match order:
        case "depth":
            return a.number > b.number
        case "breadth":
            return a.number < b.number
        case "rating":
            return by_rank
    ours, theirs = ([written[address] for address in each.addresses] or [each.cause] for each in (a, b))
    if order == "mea" and ours[0] != theirs[0]:
        return ours[0] > theirs[0]
    for mine, other in zip(sorted(ours, reverse=True), sorted(theirs, reverse=True), strict=False):
        if mine != other:
            return mine > other
    return len(ours) > len(theirs) if len(ours) != len(theirs) else by_rank


@pytest.mark.parametrize("order", ["rating", "depth", "breadth", "lex", "mea"])
@given(seed=SEEDS, agenda=st.lists(st.tuples(FACTS, BOUND), min_size=1, max_size=8), times=st.permutations(range(6)))
def test_each_grant_beats_everything_else_that_is_held(
    order: Any, seed: int, agenda: list[tuple[dict[str, Any], list[int]]], times: list[int]
) -> None:
    board = Playboard(seed)
    written = {f"claim/{key}": time + 1 for key, time in enumerate(times)}
    for facts, bound in agenda:
        board.trigger("a", *(f"claim/{key}" for key in bound), **facts)
    board.written = written
    board.play(Priority(order=order))
    assert len(board.granted) == len(agenda)
    for moment in board.moments:
        for grant in moment.grants:
            assert all(beats(order, written, grant, other) for other in moment.view.held if other != grant)


def test_only_lex_and_mea_ask_how_recent_entries_are() -> None:
    assert [order for order in ("rating", "depth", "breadth", "lex", "mea") if Priority(order=order).recency] == [
        "lex",
        "mea",
    ]


def test_lex_and_mea_differ_in_what_comes_first() -> None:
    """Recencies as in the manual of OPS5: one activation has the most recent entry, the other the more recent goal."""
    written = {"goal/old": 1, "goal/new": 2, "fact/old": 3, "fact/new": 4}
    firsts: dict[Any, str] = {"lex": "old", "mea": "new"}
    for order, first in firsts.items():
        board = Playboard()
        board.trigger("old", "goal/old", "fact/new")
        board.trigger("new", "goal/new", "fact/old")
        board.written = written
        assert board.play(Priority(order=order))[0] == first


# ---------------------------------------------------------------------------- RoundRobin


@given(seed=SEEDS, agenda=SOURCES, limit=st.integers(1, 3))
def test_between_two_grants_of_a_source_every_other_that_has_something_gets_one(
    seed: int, agenda: list[str], limit: int
) -> None:
    board = Playboard(seed, acts={"a": triggering("b", "d"), "c": triggering("d")})
    for source in agenda:
        board.trigger(source)
    board.play(RoundRobin(limit=limit))
    grants = [
        (grant.source, held_beside(moment, i)) for moment in board.moments for i, grant in enumerate(moment.grants)
    ]
    for source in "abcd":
        own = [i for i, (granted, _) in enumerate(grants) if granted == source]
        for earlier, later in pairwise(own):
            between = {granted for granted, _ in grants[earlier + 1 : later]}
            assert grants[later][1] - {source} <= between


def held_beside(moment: Any, index: int) -> set[str]:
    """The sources with something held when the grant of this index was made."""
    taken = {grant.number for grant in moment.grants[: index + 1]}
    return {each.source for each in moment.view.held if each.number not in taken}


def test_the_turn_begins_in_the_order_of_the_sources() -> None:
    board = Playboard()
    for source in "aabbcc":
        board.trigger(source)
    assert board.play(RoundRobin(["c", "a", "b"])) == ["c", "a", "b"] * 2
    assert board.last == "RoundRobin: 0 of at most 1 under way, 0 held, the last turn was that of b"


# ---------------------------------------------------------------------------- Random


@given(seed=SEEDS, agenda=SOURCES, drawn=st.one_of(st.integers(), st.text()))
def test_the_same_seed_draws_the_same(seed: int, agenda: list[str], drawn: int | str) -> None:
    runs = []
    for _ in range(2):
        board = Playboard(seed, acts={"a": triggering("b")})
        for source in agenda:
            board.trigger(source)
        board.play(Random(drawn))
        runs.append([grant.name for _, grant in board.grants()])
    assert runs[0] == runs[1]
    assert len(runs[0]) == len(agenda) + agenda.count("a"), "everything is granted in the end"


def test_each_has_the_same_chance() -> None:
    first = []
    for seed in range(600):
        board = Playboard()
        for source in "abc":
            board.trigger(source)
        first.append(board.ask(Random(seed))[0].source)
    assert all(150 < first.count(source) < 250 for source in "abc")


def test_another_seed_draws_otherwise() -> None:
    orders = set()
    for seed in range(20):
        board = Playboard()
        for source in "abcd":
            board.trigger(source)
        orders.add("".join(board.play(Random(seed))))
    assert len(orders) > 10

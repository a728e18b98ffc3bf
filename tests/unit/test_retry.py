"""Backoff: waits that grow, never beyond their maximum, with chance as an argument."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackboard.errors import InvalidSource
from blackboard.retry import Backoff

seconds = st.floats(0, 1e6)


def test_the_ceiling_doubles_up_to_the_maximum() -> None:
    backoff = Backoff(initial=1, factor=2, maximum=10)
    assert [backoff.ceiling(attempt) for attempt in (1, 2, 3, 4, 5, 6)] == [1, 2, 4, 8, 10, 10]


def test_full_jitter_leaves_the_whole_wait_to_chance() -> None:
    backoff = Backoff(initial=8)
    assert [backoff.delay(1, chance) for chance in (0, 0.5, 1)] == [8, 4, 0]


def test_without_jitter_chance_does_not_matter() -> None:
    backoff = Backoff(initial=8, jitter=0)
    assert {backoff.delay(1, chance) for chance in (0, 0.3, 1)} == {8}


@given(
    st.builds(lambda a, b, f, j: Backoff(a, f, a + b, j), seconds, seconds, st.floats(1, 1e6), st.floats(0, 1)),
    st.integers(1, 10**9),
    st.floats(0, 1),
)
def test_every_wait_is_finite_and_within_its_bounds(backoff: Backoff, attempt: int, chance: float) -> None:
    delay = backoff.delay(attempt, chance)
    assert 0 <= delay <= backoff.ceiling(attempt) <= backoff.maximum
    assert backoff.ceiling(attempt) <= backoff.ceiling(attempt + 1)


@pytest.mark.parametrize(
    ("numbers", "remedy"),
    [
        ({"initial": -1}, "Give `initial` seconds from 0 up"),
        ({"factor": 0.5}, "Give `factor` a number from 1 up"),
        ({"initial": 10, "maximum": 5}, "Give `maximum` at least `initial`"),
        ({"maximum": math.inf}, "Give `maximum`"),
        ({"jitter": 1.5}, "Give `jitter` a share from 0 to 1"),
        ({"initial": math.nan}, "Give `initial`"),
    ],
)
def test_numbers_without_sense_are_refused(numbers: dict[str, float], remedy: str) -> None:
    with pytest.raises(InvalidSource, match=remedy):
        Backoff(**numbers)

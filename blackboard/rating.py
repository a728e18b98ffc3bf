"""Ratings: what orders the activations of one priority, the highest first.

A source says `rating=`, a number that the store computes from the entries that are bound, or `bid=`, a function that a
worker asks before a controller chooses (R. G. Smith, The Contract Net Protocol, IEEE Transactions on Computers C-29, 1980).
"""

import math
from dataclasses import dataclass
from typing import Final

from blackboard.errors import InvalidSource
from blackboard.question import Question
from blackboard.term import Term, number_of

HIGHEST: Final = 1e10
"""A rating beyond this, either way, counts as this. Ratings are kept to a thousandth."""

LONGEST_BID: Final = 2.0
"""Seconds that a bid may take: a controller, and a worker's slot, wait for it."""


@dataclass(frozen=True, slots=True)
class Bid(Question):
    """What running an activation is worth, as its source says it: a Python function that returns a number."""


def rating_term(rating: object) -> Term | None:
    """What `rating=` says, as a term; None when it says nothing. Raises InvalidTrigger for what is no number."""
    return None if rating is None else number_of(rating, f"rating={rating!r}")


def as_rating(answer: object, subject: str) -> float:
    """What a bid answered, as a rating. Raises InvalidSource for what is no number."""
    countless = isinstance(answer, bool) or (isinstance(answer, float) and math.isnan(answer))
    if countless or not isinstance(answer, int | float):
        raise InvalidSource(subject, f"it returned {answer!r}, which is no number", "Return an int or a float")
    return float(min(HIGHEST, max(-HIGHEST, answer)))

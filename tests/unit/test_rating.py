"""Ratings: what `rating=` may say and how the store reads it; what a bid may answer."""

from enum import IntEnum
from typing import Any

import pytest

from blackboard.condition import Count, field, param
from blackboard.entry import Entry
from blackboard.errors import InvalidSource, InvalidTrigger
from blackboard.knowledge_source import make_source
from blackboard.rating import HIGHEST, as_rating
from blackboard.signature import Mode, Pattern


class Urgency(IntEnum):
    LOW = 1


class Place(Entry):
    x: float


class Claim(Entry):
    amount: float
    age: int
    text: str = ""
    late: bool = False
    share: float | None = None
    anything: Any = None
    urgency: Urgency = Urgency.LOW
    mixed: int | str = 0
    place: Place


class Finding(Entry, key="source"):
    source: str
    risk: float


def act(claim: Claim, finding: Finding, others: list[Finding]) -> None: ...
def compare(a: Finding, b: Finding) -> None: ...


AMOUNT, RISK = ["f", 1, "amount"], ["f", 2, "risk"]
OF_FINDING = param("finding", Finding)


# ---------------------------------------------------------------------------- formulas


@pytest.mark.parametrize(
    ("rating", "compiled", "text"),
    [
        (Claim.amount, AMOUNT, "claim.amount"),
        (Claim.amount * 2, ["*", AMOUNT, ["v", 2]], "claim.amount * 2"),
        (-Claim.age, ["-", ["v", 0], ["f", 1, "age"]], "0 - claim.age"),
        (
            Claim.amount * 2 + OF_FINDING.risk,
            ["+", ["*", AMOUNT, ["v", 2]], RISK],
            "(claim.amount * 2) + finding.risk",
        ),
        (1 / Claim.amount, ["/", ["v", 1], AMOUNT], "1 / claim.amount"),
        (3 - Claim.amount, ["-", ["v", 3], AMOUNT], "3 - claim.amount"),
        (3 + Claim.amount / 2, ["+", ["v", 3], ["/", AMOUNT, ["v", 2]]], "3 + (claim.amount / 2)"),
        (0.5 * (Claim.amount - 1), ["*", ["v", 0.5], ["-", AMOUNT, ["v", 1]]], "0.5 * (claim.amount - 1)"),
        (field(Claim.share) * 2, ["*", ["f", 1, "share"], ["v", 2]], "claim.share * 2"),
        (Claim.place.x, ["f", 1, ["place", "x"]], "claim.place.x"),
        (Claim.anything, ["f", 1, "anything"], "claim.anything"),
        (Claim.urgency, ["f", 1, "urgency"], "claim.urgency"),
        (7, ["v", 7], "7"),
    ],
    ids=str,
)
def test_a_rating_is_compiled_to_data(rating: Any, compiled: Any, text: str) -> None:
    source = make_source(act, rating=rating)
    assert source.compile()["rt"] == compiled
    assert source.card().rating == text


def test_without_a_rating_the_store_reads_nothing_of_it() -> None:
    assert not {"rt", "bd"} & make_source(act).compile().keys()
    assert (make_source(act).card().rating, make_source(act).card().bid) == (None, None)


@pytest.mark.parametrize(
    ("rating", "message"),
    [
        (Claim.text, r"rating=claim\.text: claim\.text is no number\. Use numbers, and fields of type int or float"),
        (Claim.late, r"claim\.late is no number"),
        (Claim.mixed, r"claim\.mixed is no number"),
        ("high", "rating='high': 'high' is no number"),
        (True, "True is no number"),
        (float("nan"), "nan is no number"),
        (float("-inf"), "-inf is no number"),
        (10**400, "is no number"),
        (Count(Finding), r"count\(finding\) is no number"),
        (Claim.amount > 3, "is no number"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_number_rates_nothing(rating: Any, message: str) -> None:
    with pytest.raises(InvalidTrigger, match=message):
        make_source(act, rating=rating)


def test_only_numbers_are_calculated_with() -> None:
    with pytest.raises(InvalidTrigger, match=r"claim\.amount \* 'x': 'x' is no number"):
        _ = field(Claim.amount) * "x"
    with pytest.raises(InvalidTrigger, match=r"claim\.text \+ claim\.amount: claim\.text is no number"):
        _ = field(Claim.text) + Claim.amount


@pytest.mark.parametrize(
    "compare_it",
    [
        lambda: Claim.amount * 2 > 3,
        lambda: Claim.amount * 2 == 3,
        lambda: Claim.amount == field(Claim.age) * 2,
        lambda: Claim.amount > field(Claim.age) * 2,
        lambda: Count(Finding) == field(Claim.age) + 1,  # type: ignore[comparison-overlap]
    ],
    ids=["ordered", "equal", "on the right", "ordered on the right", "count"],
)
def test_what_is_calculated_is_no_clause(compare_it: Any) -> None:
    with pytest.raises(InvalidTrigger, match=r"it compares what is calculated.*precondition="):
        compare_it()


@pytest.mark.parametrize(
    ("function", "rating", "message"),
    [
        (
            act,
            Place.x,
            r"its rating is about place\.x, and no parameter binds one place at a time\. Take .*claim: Claim",
        ),
        (act, param("others", Finding).risk, r"no parameter binds one finding at a time"),
        (act, param("ghost", Finding).risk, r"no parameter binds one finding at a time"),
        (compare, Finding.risk, r'the rating finding\.risk may mean any of .* a, b.*param\("a"'),
    ],
    ids=["another kind", "gathered", "no parameter", "two parameters"],
)
def test_a_rating_is_about_entries_that_are_bound_one_at_a_time(function: Any, rating: Any, message: str) -> None:
    with pytest.raises(InvalidTrigger, match=message):
        make_source(function, rating=rating)


# ---------------------------------------------------------------------------- bids


def test_a_bid_takes_parameters_by_name_or_annotation() -> None:
    def worth(claim, places: list[Place]) -> float:  # type: ignore[no-untyped-def]
        return float(claim.amount)

    source = make_source(act, bid=worth)
    assert source.bid is not None
    assert source.bid.parameters == (Pattern("claim", Mode.EACH, Claim), Pattern("places", Mode.GATHER, Place))
    assert (source.compile()["bd"], "wk" in source.compile(), source.card().bid) == (1, False, "worth")
    assert Place in source.reads


def test_a_bid_about_what_the_source_does_not_bind_is_refused() -> None:
    def worth(place: Place) -> float:
        return place.x

    with pytest.raises(InvalidSource, match=r"bid of source act, parameter place: the source has no parameter place"):
        make_source(act, bid=worth)
    with pytest.raises(InvalidSource, match=r"bid=3 is not a function"):
        make_source(act, bid=3)  # type: ignore[arg-type]


@pytest.mark.parametrize(("answer", "rating"), [(3, 3.0), (-0.5, -0.5), (10**400, HIGHEST), (float("-inf"), -HIGHEST)])
def test_a_bid_answers_a_number(answer: object, rating: float) -> None:
    assert as_rating(answer, "bid") == rating


@pytest.mark.parametrize("answer", [None, True, "3", float("nan")])
def test_a_bid_that_is_no_number_is_refused(answer: object) -> None:
    with pytest.raises(InvalidSource, match=r"it returned .*, which is no number\. Return an int or a float"):
        as_rating(answer, "bid worth of source act")

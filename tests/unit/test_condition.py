"""Clauses: how each prints, when each holds, and which can never work."""

import enum
import json
import operator
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, RootModel

from blackboard.condition import (
    Absent,
    Clause,
    Count,
    Quiescent,
    any_of,
    clause_of,
    clauses_of,
    compare,
    field,
    holds,
    leaves,
    param,
    value_at,
)
from blackboard.entry import Entry
from blackboard.errors import InvalidTrigger, UnknownField


class Status(enum.Enum):
    OPEN = "open"
    SHUT = "shut"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Customer(BaseModel):
    tier: str | None = None
    contains: str = ""


class Names(RootModel[list[str]]):
    pass


class Claim(Entry):
    amount: float = 0
    text: str = ""
    urgent: bool = False
    status: Status = Status.OPEN
    level: Level | None = None
    count: int | None = None
    day: date | None = None
    moment: datetime | None = None
    wait: timedelta | None = None
    price: Decimal | None = None
    tags: list[str] = Field(default_factory=list)
    names: Names = Names([])
    customer: Customer | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    anything: Any = None


class Finding(Entry, key="source"):
    source: str
    risk: float = 0
    group: str = ""


class Plan(Entry):
    total: int
    name: str = ""


C: Any = Claim  # as the code at run time sees it: its fields are terms


# ---------------------------------------------------------------------------- printing


@pytest.mark.parametrize(
    ("clause", "text"),
    [
        (C.amount > 100, "claim.amount > 100"),
        (C.amount >= 0.5, "claim.amount >= 0.5"),
        (C.amount < Plan.total, "claim.amount < plan.total"),
        (100 <= C.amount, "claim.amount >= 100"),  # noqa: SIM300  # a user may write it so
        (C.text == 'a "b" ü', r'claim.text == "a \"b\" ü"'),
        (C.text != "x", 'claim.text != "x"'),
        (C.urgent == True, "claim.urgent == true"),  # noqa: E712
        (C.status == Status.OPEN, 'claim.status == "open"'),
        (C.status == "open", 'claim.status == "open"'),
        (C.level >= Level.HIGH, "claim.level >= 2"),
        (C.day < date(2026, 1, 2), 'claim.day < "2026-01-02"'),
        (C.price == Decimal("1.10"), 'claim.price == "1.10"'),
        (C.status.in_([Status.OPEN, "shut"]), 'claim.status in ["open", "shut"]'),
        (C.tags.contains("a"), 'claim.tags contains "a"'),
        (C.names.contains("a"), 'claim.names contains "a"'),
        (C.text.contains("a"), 'claim.text contains "a"'),
        (C.text.startswith("a"), 'claim.text starts with "a"'),
        (C.customer.is_none(), "claim.customer is none"),
        (C.customer == None, "claim.customer is none"),  # noqa: E711
        (C.count != None, "claim.count is not none"),  # noqa: E711
        (C.customer.tier.is_not_none(), "claim.customer.tier is not none"),
        (C.customer["contains"] == "x", 'claim.customer.contains == "x"'),
        (C.labels["origin"] == "x", 'claim.labels.origin == "x"'),
        (param("a", Claim).text == param("b", Claim).text, "a.text == b.text"),
        (Count(Finding) >= 3, "count(finding) >= 3"),
        (
            Count(Finding, Finding.risk > 0.5) == Plan.total,
            "count(finding, finding.risk > 0.5) == plan.total",
        ),
        (Plan.total == Count(Finding), "plan.total == count(finding)"),
        (Absent(Plan), "absent(plan)"),
        (Absent(Finding, Claim.text == Finding.source), "absent(finding, finding.source == claim.text)"),
        (
            any_of(C.amount > 1, [C.urgent, Absent(Plan)]),
            "any_of(claim.amount > 1, [claim.urgent == true, absent(plan)])",
        ),
        (Quiescent(), "quiescent()"),
    ],
)
def test_a_clause_prints_as_it_reads(clause: Clause, text: str) -> None:
    assert str(clause) == text


# ---------------------------------------------------------------------------- holding


ENTRY = Claim(
    amount=5,
    text="grün",
    status=Status.SHUT,
    level=Level.LOW,
    day=date(2026, 1, 2),
    tags=["a", "b"],
    labels={"o": "x"},
)


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        (C.amount > 4, True),
        (C.amount > 5, False),
        (C.amount >= 5, True),
        (C.amount == 5, True),
        (C.amount.in_([4, 5.0]), True),
        (C.amount.in_([4]), False),
        (C.status == Status.SHUT, True),
        (C.day > date(2025, 12, 31), True),
        (C.tags.contains("a"), True),
        (C.tags.contains("c"), False),
        (C.text.contains("rü"), True),
        (C.text.startswith("gr"), True),
        (C.text.startswith("rü"), False),
        (C.count.is_none(), True),
        (C.count.is_not_none(), False),
        (C.level.is_not_none(), True),
        (C.count == 1, False),
        (C.count != 1, True),
        (C.count < 1, False),
        (C.count >= 1, False),
        (C.count.in_([1]), False),
        (C.count == C.level, False),
        (C.customer.tier == "gold", False),
        (C.customer.tier != "gold", True),
        (C.labels["o"] == "x", True),
        (C.labels["p"] == "x", False),
        (C.anything == 1, False),
        (any_of(C.amount > 9, C.text == "grün"), True),
        (any_of(C.amount > 9, [C.text == "grün", C.urgent]), False),
        (any_of([C.text == "grün", C.amount == 5]), True),
    ],
    ids=str,
)
def test_a_clause_holds_for_an_entry_and_for_its_json(clause: Clause, expected: bool) -> None:
    assert holds(clause, ENTRY) is expected
    assert holds(clause, ENTRY.model_dump(mode="json")) is expected


@pytest.mark.parametrize(
    ("op", "a", "b", "expected"),
    [
        ("==", None, None, False),
        ("!=", None, None, True),
        ("==", True, 1, False),
        ("!=", True, 1, True),
        ("==", 1, 1.0, True),
        ("==", "1", 1, False),
        ("<", True, 2, False),
        ("<", "1", 2, False),
        ("<", [1], [2], False),
        ("in", True, (1,), False),
        ("has", [1, True], True, True),
        ("has", [1], True, False),
        ("has", "abc", "b", True),
        ("has", {"a": 1}, "a", False),
        ("has", None, "a", False),
        ("pre", ["a"], "a", False),
        ("nil", False, None, False),
        ("some", False, None, True),
    ],
)
def test_types_are_those_of_json(op: str, a: object, b: object, expected: bool) -> None:
    assert compare(op, a, b) is expected


VALUES = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3) | st.text("aäz😀", max_size=2)


@given(VALUES, VALUES)
def test_the_operators_agree_with_each_other(a: object, b: object) -> None:
    assert compare("==", a, b) is not compare("!=", a, b)
    assert compare("<", a, b) is compare(">", b, a)
    assert compare("<=", a, b) is compare(">=", b, a)
    assert compare("in", a, (b,)) is compare("==", a, b) is compare("has", [a], b)
    if compare("<", a, b):
        assert compare("<=", a, b)
        assert compare("!=", a, b)


@given(st.text(), st.text())
def test_text_is_ordered_by_its_bytes(a: str, b: str) -> None:
    assert compare("<", a, b) is (a.encode("utf-8", "surrogatepass") < b.encode("utf-8", "surrogatepass"))


@given(st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_a_constant_compares_as_its_python_value(constant: float, amount: float) -> None:
    pairs: list[tuple[Callable[[Any, Any], Any], Any]] = [
        (operator.lt, C),
        (operator.ge, C),
        (operator.eq, C),
    ]
    for op, kind in pairs:
        clause = op(kind.amount, constant)
        assert holds(clause, Claim(amount=amount)) is op(amount, constant)
        json.dumps(clause.right.value, allow_nan=False)


def test_a_path_leads_through_objects_only() -> None:
    assert value_at({"a": {"b": 1}}, ("a", "b")) == 1
    assert value_at({"a": [1]}, ("a", "b")) is None
    assert value_at({}, ("a", "b")) is None


@pytest.mark.parametrize("clause", [Absent(Plan), Count(Finding) > 1, Quiescent(), any_of(Absent(Plan))], ids=str)
def test_a_clause_about_the_board_does_not_hold_for_an_entry(clause: Clause) -> None:
    with pytest.raises(InvalidTrigger, match=r"about the whole board, not about one entry\. Use it in when="):
        holds(clause, ENTRY)


# ---------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: C.amount > "1",
            "claim.amount: '1' is not a value of its type, float. Compare it with a value",
        ),
        (lambda: C.amount > True, "True is not a value of its type"),
        (lambda: C.amount == float("inf"), "inf is not a number in JSON. Compare it with a finite"),
        (lambda: C.text == 1, "claim.text: 1 is not a value of its type, str"),
        (lambda: C.status == "ajar", "'ajar' is not a value of its type, Status"),
        (lambda: C.count == 2**53 + 1, r"beyond 2\*\*53.*declare the field as str"),
        (lambda: C.count > None, r"None is not a value to compare with here. Ask with \.is_none"),
        (lambda: C.price > 1, "claim.price: its JSON has no order.*as an int in its smallest unit"),
        (
            lambda: C.moment > datetime.now(UTC),
            "claim.moment: its JSON has no order.*milliseconds since 1970",
        ),
        (lambda: C.wait > timedelta(1), "claim.wait: its JSON has no order.*as a number"),
        (lambda: C.urgent > False, "claim.urgent: its JSON has no order.*== or !="),
        (lambda: C.customer > 1, "claim.customer: its JSON has no order"),
        (lambda: C.amount > C.price, "claim.price: its JSON has no order"),
        (lambda: C.amount == C.text, "one is number and the other string; they are never equal"),
        (lambda: C.customer == Customer(), "is not a single value. Compare one of its fields"),
        (lambda: C.tags == ["a"], r"is not a single value.*\.contains\(\)"),
        (lambda: C.tags.contains(1), "1 is not a value of its type, str"),
        (lambda: C.amount.contains(1), "its JSON is number, not list or string. Test the field with another"),
        (lambda: C.amount.startswith("1"), "its JSON is number, not string"),
        (lambda: C.text.in_("ab"), r"'ab' is not a list of values. Write \.in_\(\["),
        (lambda: C.text.in_([]), "without a value it never holds. List at least one"),
        (lambda: C.count.in_([None]), "None is not a value to compare with here"),
        (lambda: Count(Finding) > 1.5, "1.5 is not a number of entries. Compare it with 0, 1, 2"),
        (lambda: Count(Finding) == True, "True is not a number of entries"),  # noqa: E712
        (lambda: Count(Finding) == C.text, "they are never equal. Compare fields of one type"),
        (lambda: Count(dict), r"Count\(dict\): only entries are counted. Give it a subclass of Entry"),  # type: ignore[arg-type]
        (lambda: Count(Finding, C.amount > 1), "neither tests a field of finding nor equates"),
        (
            lambda: Absent(Finding, Finding.risk > C.amount),
            r"Absent\(Finding\): the condition .* neither tests",
        ),
        (lambda: Count(Finding, Finding.group == Finding.source), r'name a bound finding with param\("…"'),
        (lambda: Count(Finding, any_of(Finding.risk > 1)), "neither tests a field"),
        (any_of, "of no alternatives none ever holds. Give it at least one clause"),
        (lambda: any_of(Quiescent()), r"quiescence is a moment.*Put Quiescent\(\) beside it"),
        (lambda: clause_of(True), "True: it was computed while the program was imported.*Compare a field"),
        (lambda: clause_of("x"), "'x': it is not a clause. Compare a field"),
        (lambda: clause_of(C.text), "claim.text: it is not a clause"),
        (lambda: clause_of(Count(Finding)), r"count\(finding\): it is not a clause"),
        (lambda: field(3), r"field\(3\): it is not a field of a kind. Give it one"),
        (lambda: C.amount > 1 and C.urgent, "neither true nor false here. Instead of `and` or `&` give a list"),
        (lambda: not C.urgent, "claim.urgent: it is tested later.*instead of `not`, the opposite operator"),
        (lambda: 0 < C.amount < 5, "neither true nor false here.*instead of a < b < c, two clauses"),
    ],
)
def test_what_can_never_work_is_refused_with_the_way_out(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(InvalidTrigger, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: C.amount.x, "claim.amount: there is no field 'x'. Only models"),
        (
            lambda: C.customer.level,
            "claim.customer: there is no field 'level'. Its fields are: tier, contains",
        ),
        (lambda: param("a", C).amont, "a: there is no field 'amont'. Its fields are: amount, text"),
    ],
)
def test_an_unknown_field_is_refused_with_those_there_are(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(UnknownField, match=message):
        make()


# ---------------------------------------------------------------------------- lists of clauses


def test_when_is_none_one_or_several_clauses() -> None:
    assert clauses_of(None) == ()
    assert clauses_of(C.urgent) == (C.urgent == True,)  # noqa: E712
    assert len(clauses_of([C.amount > 1, Absent(Plan)])) == 2


def test_the_leaves_of_a_clause_are_its_plain_clauses() -> None:
    nested = any_of(C.amount > 1, [C.urgent, any_of(Absent(Plan))])
    assert list(map(str, leaves([nested]))) == ["claim.amount > 1", "claim.urgent == true", "absent(plan)"]


def test_equal_clauses_are_equal() -> None:
    assert {Count(Finding, Finding.risk > 1) > 2, Absent(Plan)} == {
        Absent(Plan),
        Count(Finding, Finding.risk > 1) > 2,
    }
    assert field(C.amount) is not None


def test_a_field_that_may_only_be_none_has_fields_like_any_other() -> None:
    class Empty(Entry):
        nothing: None = None

    nothing: Any = Empty.nothing
    assert holds(nothing.is_none(), Empty())

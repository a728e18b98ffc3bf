"""Triggers: what a signature and `when=` mean as data, and what is refused because it could never work."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from blackboard.condition import Absent, Condition, Count, Quiescent, any_of, field, param
from blackboard.entry import UNIQUE, Entry
from blackboard.errors import InvalidSource, InvalidTrigger
from blackboard.signature import Injected, Injection, Mode, read_signature
from blackboard.trigger import Trigger


class Claim(Entry):
    amount: float
    text: str = ""


class Finding(Entry, key="source"):
    source: str
    risk: float = 0
    claim: str = ""


class Order(Entry, key="id"):
    id: str
    customer: str = ""


class Payment(Entry, key=UNIQUE):
    order: str
    amount: float = 0


class Plan(Entry):
    total: int


class Decision(Entry):
    approved: bool


class Desk(Injected):
    """Stands for what workers inject: boards and contexts live on higher floors."""


def trigger_of(function: Callable[..., Any], *when: Condition, **options: Any) -> Trigger:
    signature = read_signature(function, "source example")
    clauses = tuple(clause for clause in when if not isinstance(clause, bool))
    return Trigger("example", signature.patterns, clauses, **options)


def compiled(function: Callable[..., Any], *when: Condition, **options: Any) -> dict[str, Any]:
    return trigger_of(function, *when, **options).compile()


# ---------------------------------------------------------------------------- signatures


def test_a_parameter_binds_by_its_annotation() -> None:
    def act(a: Claim, b: list[Finding], c: Plan | None, d: list[Order] | None, desk: Desk) -> None: ...

    signature = read_signature(act, "source act")
    assert [pattern.mode for pattern in signature.patterns] == [
        Mode.EACH,
        Mode.GATHER,
        Mode.CONTEXT,
        Mode.CONTEXT_GATHER,
    ]
    assert [pattern.kind for pattern in signature.patterns] == [Claim, Finding, Plan, Order]
    assert signature.parameters[-1] == Injection("desk", Desk)


def test_annotations_may_be_strings_about_kinds_of_the_function_around() -> None:
    class Local(Entry):
        text: str

    def outer() -> Callable[..., Any]:
        def act(local: "Local", claim: "Claim | None") -> "Local | None": ...

        return read_signature(act, "source act").patterns[0].kind

    assert outer() is Local


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (int, "int is not a kind of entry. Annotate it with K, list"),
        (Entry, "Entry is not a kind of entry"),
        (list[int], r"list\[int\] is not a kind"),
        (dict[str, Claim], "is not a kind of entry"),
        (Claim | Plan, "names several kinds, and a pattern has one"),
        (None, "None.* is not a kind of entry"),
        ("Nowhere", "annotation cannot be resolved: name 'Nowhere' is not defined. Import it"),
    ],
    ids=str,
)
def test_a_parameter_that_is_no_pattern_is_refused(annotation: Any, message: str) -> None:
    def act(x: Any) -> None: ...

    act.__annotations__["x"] = annotation
    with pytest.raises(InvalidSource, match=message):
        read_signature(act, "source act")


def bare(x) -> None: ...  # type: ignore[no-untyped-def]
def default(x: Claim | None = None) -> None: ...
def several(*xs: Claim) -> None: ...
def named(**xs: Claim) -> None: ...
def positional(x: Claim, /) -> None: ...


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (bare, "source act, parameter x: it has no annotation.*Annotate it with a kind"),
        (default, "parameter x: its default, .*, would never be used.*Remove the default"),
        (several, "parameter xs: it stands for any number of arguments. Declare one named"),
        (named, "parameter xs: it stands for any number of arguments"),
        (positional, "parameter x: it is positional only, and arguments are passed by name"),
    ],
)
def test_a_parameter_that_no_worker_could_fill_is_refused(function: Callable[..., Any], message: str) -> None:
    with pytest.raises(InvalidSource, match=message):
        read_signature(function, "source act")


# ---------------------------------------------------------------------------- compilation


def decide(claim: Claim, findings: list[Finding]) -> None: ...
def claims(claim: Claim) -> None: ...
def finds(finding: Finding) -> None: ...
def pays(order: Order, payment: Payment, plan: Plan) -> None: ...
def twins(a: Finding, b: Finding) -> None: ...
def nothing() -> None: ...


def test_the_smallest_trigger() -> None:
    assert compiled(claims) == {"s": "example", "p": [{"k": "claim", "m": "e", "u": 1}]}


def test_a_test_goes_to_the_pattern_of_its_kind() -> None:
    pattern = compiled(claims, Claim.amount > 100, field(Claim.text).startswith("a"))["p"][0]
    assert pattern["t"] == [[">", "amount", 100], ["pre", "text", "a"]]
    assert compiled(claims, field(Claim.text).is_none())["p"][0]["t"] == [["nil", "text"]]
    assert compiled(claims, field(Claim.text).in_(["a"]))["p"][0]["t"] == [["in", "text", ["a"]]]


def test_a_test_goes_to_every_pattern_of_its_kind_or_to_the_one_that_is_named() -> None:
    assert [p["t"] for p in compiled(twins, Finding.risk > 1)["p"]] == [[[">", "risk", 1]]] * 2
    assert ["t" in p for p in compiled(twins, param("b", Finding).risk > 1)["p"]] == [False, True]


def test_keyed_patterns_have_memories_and_equal_memories_one_name() -> None:
    plain = compiled(finds)["p"][0]
    tested = compiled(finds, Finding.risk > 1)["p"][0]
    assert plain == {"k": "finding", "m": "e", "a": "finding"}
    assert tested["a"].startswith("~")
    assert len(tested["a"]) == 11
    assert tested["a"] == compiled(twins, Finding.risk > 1)["p"][1]["a"]
    assert tested["a"] != compiled(finds, Finding.risk > 2)["p"][0]["a"]


def test_the_readme_example() -> None:
    assert compiled(decide, Count(Finding) >= 3, Absent(Decision)) == {
        "s": "example",
        "p": [{"k": "claim", "m": "e", "u": 1}, {"k": "finding", "m": "g", "a": "finding"}],
        "c": [{"k": "finding", "a": "finding"}, {"k": "decision", "u": 1}],
        "w": [[">=", ["n", 1], ["v", 3]], ["==", ["n", 2], ["v", 0]]],
    }


def test_an_equality_of_two_patterns_is_a_join_indexed_on_both_sides() -> None:
    data = compiled(pays, Order.id == Payment.order, Order.customer == Payment.order)
    assert data["j"] == [[1, "id", 2, "order"], [1, "customer", 2, "order"]]
    assert [pattern.get("ix") for pattern in data["p"]] == ["id", "order", None]
    assert data["p"][0]["a"] != "order", "another order, another memory"


def test_a_gathering_may_be_joined() -> None:
    data = compiled(decide, Finding.claim == Claim.text)
    assert data["j"] == [[2, "claim", 1, "text"]]
    assert data["p"][1]["ix"] == "claim"
    assert "ix" not in data["p"][0], "a kind without key needs no index"


def test_other_comparisons_are_tested_for_each_binding() -> None:
    assert compiled(pays, Payment.amount >= Plan.total)["w"] == [[">=", ["f", 2, "amount"], ["f", 3, "total"]]]
    assert compiled(pays, Order.id == Order.customer)["w"] == [["==", ["f", 1, "id"], ["f", 1, "customer"]]]
    alternatives = any_of(Payment.amount > 1, [Order.id == "x", field(Order.customer).is_none()])
    assert compiled(pays, alternatives)["w"] == [
        [
            "any",
            [
                [">", ["f", 2, "amount"], ["v", 1]],
                ["all", [["==", ["f", 1, "id"], ["v", "x"]], ["nil", ["f", 1, "customer"]]]],
            ],
        ]
    ]


def test_a_fan_in_of_a_size_known_at_run_time() -> None:
    joined = Count(Finding, Finding.claim == Order.id, Finding.risk > 0.5)
    data = compiled(pays, joined == Plan.total, Absent(Payment, param("order", Order).customer == Payment.order))
    assert data["c"][0] | {"a": ""} == {
        "k": "finding",
        "t": [[">", "risk", 0.5]],
        "ix": "claim",
        "a": "",
        "j": [["claim", 1, "id"]],
    }
    assert data["c"][1]["j"] == [["order", 1, "customer"]]
    assert data["w"] == [["==", ["n", 1], ["f", 3, "total"]], ["==", ["n", 2], ["v", 0]]]


def test_what_is_counted_twice_is_counted_once() -> None:
    data = compiled(claims, Count(Finding) > 1, Count(Finding) < 5)
    assert len(data["c"]) == 1
    assert data["w"] == [[">", ["n", 1], ["v", 1]], ["<", ["n", 1], ["v", 5]]]


@pytest.mark.parametrize(
    ("when", "needs_one"),
    [
        ((), True),
        ((Count(Finding) >= 0,), False),
        ((Quiescent(),), False),
        ((Absent(Finding, Finding.risk > 1),), True),
    ],
    ids=["alone", "counted", "quiescent", "absent"],
)
def test_a_gathering_needs_an_entry_unless_somebody_counts(when: tuple[Condition, ...], needs_one: bool) -> None:
    assert ("n" in compiled(decide, *when)["p"][1]) is needs_one


def test_what_is_not_the_default_is_written_down() -> None:
    data = compiled(nothing, Quiescent(), after=1500, refire="once", reentrant=True)
    assert data == {"s": "example", "q": 1, "af": 1500, "rf": "o", "re": 1}
    assert compiled(claims, refire="entry")["rf"] == "e"


def test_nested_fields_are_paths() -> None:
    class Box(Entry):
        labels: dict[str, str]

    def act(box: Box) -> None: ...

    labels: Any = Box.labels
    assert compiled(act, labels["a"] == "b")["p"][0]["t"] == [["==", ["labels", "a"], "b"]]


def test_it_is_json_without_empty_objects_or_lists() -> None:
    data = compiled(pays, Order.id == Payment.order, Absent(Decision), Count(Finding) == Plan.total)
    text = json.dumps(data)
    assert json.loads(text) == data
    assert not any(nothing in text for nothing in ("{}", "[]", "null"))


def test_it_knows_the_kinds_it_concerns() -> None:
    assert trigger_of(decide, Absent(Decision), Count(Finding) > 1).kinds == (Claim, Finding, Decision)


# ---------------------------------------------------------------------------- refusals


def context(claim: Claim | None, all_orders: list[Order] | None) -> None: ...
def optional(claim: Claim, plan: Plan | None) -> None: ...
def gathers(findings: list[Finding], orders: list[Order]) -> None: ...


@pytest.mark.parametrize(
    ("function", "clause", "message"),
    [
        (
            nothing,
            Order.id == "x",
            "source example: order.id == .* is about the kind order, which no parameter binds. Add a",
        ),
        (
            claims,
            Finding.claim == Claim.text,
            r"kind finding, which no parameter binds.*inside Count\(…\) or Absent",
        ),
        (claims, Count(Finding) == Plan.total, "kind plan, which no parameter binds"),
        (claims, Absent(Finding, Finding.claim == Order.id), "kind order, which no parameter binds"),
        (
            claims,
            param("c", Claim).amount > 1,
            "a parameter c of kind claim, which it does not have. Name one.*: claim",
        ),
        (
            twins,
            any_of(Finding.risk > 1),
            "may mean any of the parameters a, b.*param",
        ),
        (
            twins,
            Count(Order, Order.id == Finding.source) > 1,
            r'may mean any of .* a, b.*param\("a", …\)\.source',
        ),
        (
            decide,
            any_of(Finding.risk > 1),
            "parameter findings binds any number of them or none. Declare it as findings: F",
        ),
        (
            optional,
            Count(Finding) == Plan.total,
            "parameter plan binds any number of them or none. Declare it as plan: P",
        ),
        (
            gathers,
            Finding.claim == Order.id,
            "joins two parameters of which neither binds one.*Declare one of them as K",
        ),
        (
            context,
            Claim.amount > 1,
            "nothing can ever trigger it.*Add such a parameter, or Count, Absent or Quiescent",
        ),
    ],
)
def test_a_trigger_that_could_never_work_is_refused(function: Any, clause: Condition, message: str) -> None:
    with pytest.raises(InvalidTrigger, match=message):
        compiled(function, clause)


def test_two_classes_for_one_kind_are_refused() -> None:
    class Other(Entry, kind="claim"):
        amount: float

    with pytest.raises(InvalidTrigger, match=r"Claim and .*Other are two classes for one kind, claim\. Use one"):
        compiled(claims, Absent(Other))

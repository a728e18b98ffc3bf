"""Limits of a source: what may be said, how the store reads it, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from blackboard.card import SourceCard
from blackboard.condition import Count, field, param
from blackboard.entry import Entry
from blackboard.errors import InvalidSource, InvalidTrigger
from blackboard.knowledge_source import KnowledgeSource, make_source
from blackboard.limit import Breaker, BreakerState, Concurrency, Gauge, Rate


class Place(Entry):
    city: str


class Order(Entry, key="id"):
    id: str
    customer: str
    urgent: bool = False
    place: Place


class Invoice(Entry, key="id"):
    id: str


def ship(invoice: Invoice, order: Order, others: list[Order]) -> None: ...
def compare(a: Order, b: Order) -> None: ...


def source(function: Any = ship, **options: Any) -> KnowledgeSource[..., Any]:
    return make_source(function, **options)


LIMITS = ("cn", "cp", "rl", "bk", "fr")


def limits(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in source(**options).compile().items() if name in LIMITS}


CUSTOMER: Any = param("order", Order).customer


@pytest.mark.parametrize(
    ("options", "compiled"),
    [
        ({}, {}),
        ({"concurrency": None, "rate": None, "breaker": None, "fair": False}, {}),
        ({"concurrency": 4}, {"cn": 4}),
        ({"concurrency": Concurrency(1, per=CUSTOMER)}, {"cn": 1, "cp": [2, "customer"]}),
        (
            {"concurrency": Concurrency(2, per=param("order", Order).place.city)},
            {"cn": 2, "cp": [2, ["place", "city"]]},
        ),
        ({"concurrency": Concurrency(2, per=Invoice.id)}, {"cn": 2, "cp": [1, "id"]}),
        ({"concurrency": Concurrency(2, per=field(Invoice.id))}, {"cn": 2, "cp": [1, "id"]}),
        ({"rate": Rate(10)}, {"rl": [10, 1000, 10]}),
        ({"rate": Rate(1, per=timedelta(minutes=2), burst=3)}, {"rl": [1, 120_000, 3]}),
        ({"rate": "100/m"}, {"rl": [100, 60_000, 100]}),
        ({"rate": " 5 / 30 s"}, {"rl": [5, 30_000, 5]}),
        ({"rate": "7/h"}, {"rl": [7, 3_600_000, 7]}),
        ({"breaker": Breaker()}, {"bk": [5, 30_000]}),
        ({"breaker": 3}, {"bk": [3, 30_000]}),
        ({"breaker": Breaker(1, cooldown=timedelta(seconds=0.5))}, {"bk": [1, 500]}),
        ({"fair": True}, {"fr": 1}),
    ],
)
def test_what_a_source_is_held_to(options: dict[str, Any], compiled: dict[str, Any]) -> None:
    assert limits(**options) == compiled


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"concurrency": 0}, "whole number from 1"),
        ({"concurrency": True}, "whole number from 1"),
        ({"concurrency": "4"}, "whole number from 1"),
        ({"rate": 10}, 'a Rate, or a text like "10/s"'),
        ({"rate": "10"}, "a text like 10/s"),
        ({"rate": "10/y"}, "a text like 10/s"),
        ({"rate": "0/s"}, "whole number from 1"),
        ({"rate": "1/999h"}, None),
        ({"rate": "1/99999h"}, "1 ms to a year"),
        ({"breaker": 0}, "a Breaker"),
        ({"breaker": True}, "a Breaker"),
        ({"fair": 1.5}, "True or False"),
    ],
)
def test_what_makes_no_limit(options: dict[str, Any], said: str | None) -> None:
    if said is None:
        limits(**options)
        return
    with pytest.raises(InvalidSource, match=said):
        limits(**options)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Concurrency(0), "limit=0 is not a whole number"),
        (lambda: Concurrency(1, per="customer"), "per='customer' is not a field"),
        (lambda: Concurrency(1, per=Order), "is not a field"),
        (lambda: Rate(0), "count=0"),
        (lambda: Rate(1.5), "count=1.5"),  # type: ignore[arg-type]  # that is the point
        (lambda: Rate(1, per=0), "per=0"),
        (lambda: Rate(1, per=float("nan")), "per=nan"),
        (lambda: Rate(1, burst=0), "burst=0"),
        (lambda: Breaker(failures=0), "failures=0"),
        (lambda: Breaker(cooldown=-1), "cooldown=-1"),
    ],
)
def test_numbers_that_make_no_sense(make: Any, said: str) -> None:
    with pytest.raises(InvalidSource, match=said):
        make()


@pytest.mark.parametrize(
    ("function", "per", "said"),
    [
        (ship, Order.customer, "no parameter|may mean any"),
        (ship, param("others", Order).customer, "no parameter binds one order at a time"),
        (compare, Order.customer, "may mean any of the parameters a, b"),
        (compare, Invoice.id, "no parameter binds one invoice at a time"),
    ],
)
def test_a_field_that_no_parameter_binds_alone(function: Any, per: Any, said: str) -> None:
    with pytest.raises(InvalidTrigger, match=said):
        source(function, concurrency=Concurrency(1, per=per))


def test_only_a_field_can_be_counted_apart() -> None:
    with pytest.raises((InvalidSource, InvalidTrigger)):
        Concurrency(1, per=Count(Order))
    with pytest.raises((InvalidSource, InvalidTrigger)):
        Concurrency(1, per=Order.customer == "ann")


def test_a_card_carries_limits_there_and_back() -> None:
    made = source(concurrency=Concurrency(1, per=CUSTOMER), rate="10/s", breaker=Breaker(2, 5), fair=True)
    card = made.card()
    assert (card.policies.concurrency, card.per) == (1, "order.customer")
    assert (card.policies.rate, card.policies.breaker, card.policies.fair) == (Rate(10), Breaker(2, 5), True)
    assert SourceCard.from_json(card.to_json()) == card


def test_limits_can_be_compared_and_read() -> None:
    assert Concurrency(1, per=CUSTOMER) == Concurrency(1, per=CUSTOMER)
    assert Concurrency(1, per=CUSTOMER) != Concurrency(1, per=Invoice.id)
    assert [str(rate) for rate in (Rate(10), Rate(5, 30), Rate(1, 60, burst=2))] == ["10/s", "5/30 s", "1/m, burst 2"]
    assert str(Breaker(5, 30)) == "opens after 5 failures, for 30 s"


def test_gauges_of_two_partitions_are_told_as_one() -> None:
    closed = Gauge(running=1, waiting=2, breaker=BreakerState.CLOSED, failures=1, next_start=5)
    opened = Gauge(running=3, waiting=0, breaker=BreakerState.OPEN, failures=4, opened=7, probe_at=9, next_start=3)
    both = Gauge(running=4, waiting=2, breaker=BreakerState.OPEN, failures=4, opened=7, probe_at=9, next_start=3)
    assert closed + opened == opened + closed == both

"""Three releases of one shop, each with its own shape of orders, invoices and reports: what the rolling update rolls.

A price was euros first, then cents, then an amount with its currency. `release` says which one is built; what only a later
release knows, an earlier one has never heard of.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from blackboard import Absent, Blackboard, Entry, Quiescent
from blackboard.store.connection import Settings
from tests.chaos.app import Cut, pass_by

CHEAP = 10
"""Euros up to which an order needs no invoice."""


class Order1(Entry, key="number", kind="order"):
    number: int
    euros: int


class Invoice1(Entry, key="number", kind="invoice"):
    number: int
    euros: int


class Report1(Entry, kind="report"):
    numbers: list[int]


class Order2(Entry, key="number", kind="order", version=2):
    number: int
    cents: int


class Invoice2(Entry, key="number", kind="invoice", version=2):
    number: int
    cents: int
    note: str = ""


class Report2(Entry, kind="report", version=2):
    numbers: list[int]
    cents: int


class Amount(BaseModel, extra="forbid"):
    cents: int
    currency: str = "EUR"


class Order3(Entry, key="number", kind="order", version=3):
    number: int
    amount: Amount


class Invoice3(Entry, key="number", kind="invoice", version=3):
    number: int
    amount: Amount


class Report3(Entry, kind="report", version=3):
    numbers: list[int]
    total: Amount


@Order2.upcast(1)
@Order3.upcast(1)
def count_cents(data: dict[str, Any]) -> dict[str, Any]:
    return {"number": data["number"], "cents": data["euros"] * 100}


@Invoice2.upcast(1)
@Invoice3.upcast(1)
def count_cents_of_invoices(data: dict[str, Any]) -> dict[str, Any]:
    return count_cents(data)


@Report2.upcast(1)
@Report3.upcast(1)
def report_cents(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "cents": -1}


@Order3.upcast(2)
@Invoice3.upcast(2)
def name_the_currency(data: dict[str, Any]) -> dict[str, Any]:
    return {"number": data["number"], "amount": {"cents": data["cents"], "currency": "EUR"}}


@Report3.upcast(2)
def total(data: dict[str, Any]) -> dict[str, Any]:
    return {"numbers": data["numbers"], "total": {"cents": data["cents"], "currency": "EUR"}}


ORDERS = {
    1: lambda number, euros: Order1(number=number, euros=euros),
    2: lambda number, euros: Order2(number=number, cents=euros * 100),
    3: lambda number, euros: Order3(number=number, amount=Amount(cents=euros * 100)),
}
"""An order as each release writes it."""


def build(
    namespace: str,
    url: str | None,
    cut: Cut = pass_by,
    lease: float = 1.0,
    settings: Settings | None = None,
    release: int = 1,
) -> Blackboard:
    """The shop in one of its releases: it bills what is not cheap, and reports when a board has come to rest."""
    bb = Blackboard(namespace, url=url, lease=lease, settings=settings)
    {1: _first, 2: _second, 3: _third}[release](bb, cut)
    return bb


def _first(bb: Blackboard, cut: Cut) -> None:
    @bb.knowledge_source(when=Order1.euros > CHEAP)
    async def bill(order: Order1) -> Invoice1:
        await cut("billing")
        return Invoice1(number=order.number, euros=order.euros)

    @bb.knowledge_source(when=[Quiescent(), Absent(Invoice1, Invoice1.euros <= CHEAP)])
    async def report(invoices: list[Invoice1], last: Report1 | None) -> Report1:
        return _upon(last, Report1(numbers=sorted(each.number for each in invoices)))


def _second(bb: Blackboard, cut: Cut) -> None:
    @bb.knowledge_source(when=Order2.cents > CHEAP * 100)
    async def bill(order: Order2) -> Invoice2:
        await cut("billing")
        return Invoice2(number=order.number, cents=order.cents)

    @bb.knowledge_source(when=[Quiescent(), Absent(Invoice2, Invoice2.cents <= CHEAP * 100)])
    async def report(invoices: list[Invoice2], last: Report2 | None) -> Report2:
        cents = sum(each.cents for each in invoices)
        return _upon(last, Report2(numbers=sorted(each.number for each in invoices), cents=cents))


def _third(bb: Blackboard, cut: Cut) -> None:
    @bb.knowledge_source(when=Order3.amount.cents > CHEAP * 100)
    async def bill(order: Order3) -> Invoice3:
        await cut("billing")
        return Invoice3(number=order.number, amount=order.amount)

    @bb.knowledge_source(when=[Quiescent(), Absent(Invoice3, Invoice3.amount.cents <= CHEAP * 100)])
    async def report(invoices: list[Invoice3], last: Report3 | None) -> Report3:
        cents = sum(each.amount.cents for each in invoices)
        return _upon(last, Report3(numbers=sorted(each.number for each in invoices), total=Amount(cents=cents)))


def _upon(last: Any, new: Any) -> Any:
    """The new report in the place of the last: all that was known of that."""
    return new if last is None else last.model_copy(update=new.__dict__)

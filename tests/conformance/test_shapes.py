"""Two releases of one program on one store: each sees what it can read, and nothing is lost.

A release is a blackboard of its own here, with classes of its own; in a rolling update they would be processes.
"""

from __future__ import annotations

import logging
from typing import Any

import pytest

from blackboard import Absent, Blackboard, Board, Count, Entry, IncompatibleSchema, InvalidEntry, NewerSchema, TimedOut
from tests.eventually import async_eventually


class First:
    """The first release."""

    class Order(Entry, key="number", kind="order"):
        number: int
        price: int

    class Invoice(Entry, key="number", kind="invoice"):
        number: int
        euros: int

    class Summary(Entry, kind="summary"):
        orders: int


class Second:
    """The second: prices have a currency, summaries a list."""

    class Order(Entry, key="number", kind="order", version=2):
        number: int
        cents: int
        currency: str

    class Invoice(Entry, key="number", kind="invoice", version=2):
        number: int
        euros: int
        currency: str = "EUR"

    class Summary(Entry, kind="summary", version=2):
        orders: list[int]


@Second.Order.upcast(1)
def name_the_currency(data: dict[str, Any]) -> dict[str, Any]:
    return {"number": data["number"], "cents": data["price"] * 100, "currency": "EUR"}


@Second.Summary.upcast(1)
def forget_the_number(data: dict[str, Any]) -> dict[str, Any]:
    return {"orders": []}


def first(namespace: str, url: str) -> Blackboard:
    bb = Blackboard(namespace, url=url)

    @bb.knowledge_source(when=First.Order.price > 10)
    def bill(order: First.Order) -> First.Invoice:
        return First.Invoice(number=order.number, euros=order.price)

    return bb


def second(namespace: str, url: str, store: Blackboard | None = None) -> Blackboard:
    bb = Blackboard(namespace, url=url)

    @bb.knowledge_source(when=Second.Order.cents > 1000)
    def bill(order: Second.Order) -> Second.Invoice:
        return Second.Invoice(number=order.number, euros=order.cents // 100, currency=order.currency)

    @bb.knowledge_source(when=[Count(Second.Invoice) >= 2, Absent(Second.Order, Second.Order.currency == "USD")])
    def sum_up(invoices: list[Second.Invoice]) -> Second.Summary:
        return Second.Summary(orders=sorted(each.number for each in invoices))

    return bb


@pytest.fixture
def url(store_url: str) -> str:
    return store_url


async def test_the_newer_release_takes_over_what_the_older_one_left(url: str, namespace: str) -> None:
    """Old entries trigger the new agents, once, in their own words."""
    async with first(namespace, url) as old:
        await old.board("b").post(First.Order(number=1, price=20))
    async with second(namespace, url) as new:
        board = new.board("b")
        assert await board.read(Second.Order) == [Second.Order(number=1, cents=2000, currency="EUR")]
        await board.run_until_settled(timeout=20)
        assert await board.read(Second.Invoice) == [Second.Invoice(number=1, euros=20)]
        stored = await board.get("order/1")
        assert stored is not None
        assert (stored.schema, stored.version) == (2, 1), "brought forward, and no new version"


async def test_both_releases_side_by_side(url: str, namespace: str) -> None:
    """The older one goes on posting while the newer one works; nothing it posts is judged by the wrong fields."""
    async with first(namespace, url) as old, second(namespace, url) as new, new.workers():
        await old.board("b").post(First.Order(number=1, price=20))
        await new.board("b").post(Second.Order(number=2, cents=3000, currency="EUR"))
        board = new.board("b")
        assert await board.wait_for(Second.Summary, timeout=20) == Second.Summary(orders=[1, 2])
        await board.settled(timeout=20)
        facts = await board.status()
        assert facts.behind == 0
        assert [each.state for each in await board.agenda()] == []


async def test_a_worker_of_the_older_release_leaves_what_it_cannot_read(
    url: str, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its sources are the newer one's; it says so, and waits."""
    caplog.set_level(logging.WARNING, logger="blackboard")
    async with first(namespace, url) as old, second(namespace, url) as new:
        async with old.workers():
            assert "left to a newer release, which knows newer versions of their kinds: bill" in caplog.text
            await new.board("b").post(Second.Order(number=1, cents=2000, currency="EUR"))
            with pytest.raises(TimedOut):
                await old.board("b").settled(timeout=0.2)
            async with new.workers():
                await old.board("b").settled(timeout=20)
        assert await new.board("b").read(Second.Invoice) == [Second.Invoice(number=1, euros=20)]


async def test_each_release_reads_what_it_can(url: str, namespace: str, caplog: pytest.LogCaptureFixture) -> None:
    """Of a list, what it cannot read is left out; a kind with one entry says that it cannot be read."""
    caplog.set_level(logging.WARNING, logger="blackboard")
    async with first(namespace, url) as old:
        await old.board("b").post(First.Order(number=1, price=5))
        async with second(namespace, url) as new:
            await new.board("b").post(
                Second.Order(number=2, cents=1, currency="USD"),
                Second.Invoice(number=2, euros=1, currency="USD"),
                Second.Summary(orders=[2]),
            )
        board = old.board("b")
        assert await board.read(First.Order) == [First.Order(number=1, price=5)]
        assert "left out: order/2 has version 2 of its kind's schema, and this release knows version 1" in caplog.text
        [invoice] = await board.read(First.Invoice)
        assert (invoice.euros, invoice.stamp.newer) == (1, 2), "what it knows of it"
        with pytest.raises(NewerSchema, match="summary has version 2"):
            await board.read(First.Summary)
        with pytest.raises(NewerSchema, match="summary has version 2"):
            await board.wait_for(First.Summary, timeout=5)
        with pytest.raises(TimedOut):
            await board.wait_for(First.Order, First.Order.number == 2, timeout=0.05)


async def test_the_older_release_cannot_take_away_what_it_does_not_know(url: str, namespace: str) -> None:
    """Not by writing back what it read, and not by writing over it; it may retract it."""
    async with second(namespace, url) as new:
        await new.board("b").post(Second.Invoice(number=2, euros=1, currency="USD"))
    async with first(namespace, url) as old:
        board = old.board("b")
        [invoice] = await board.read(First.Invoice)
        invoice.euros = 2
        with pytest.raises(NewerSchema, match="writing it back would lose"):
            await board.revise(invoice)
        with pytest.raises(NewerSchema, match=r"invoice/2 has version 2 .*knows version 1"):
            await board.revise(First.Invoice(number=2, euros=3), version="any")
        with pytest.raises(NewerSchema):
            await board.post(First.Invoice(number=2, euros=3))
        assert (await board.get("invoice/2")).payload == b'{"number":2,"euros":1,"currency":"USD"}'  # type: ignore[union-attr]
        await board.retract("invoice/2")
        assert await board.get("invoice/2") is None


async def test_an_agent_that_meets_what_a_newer_release_wrote_leaves_it_without_charge(
    url: str, namespace: str
) -> None:
    old = Blackboard(namespace, url=url)

    @old.knowledge_source
    async def look(order: First.Order, board: Board) -> None:
        await board.read(First.Summary)

    async with Blackboard(namespace, url=url) as new:
        await new.board("b").post(Second.Summary(orders=[1]))
    async with old, old.workers():
        board = old.board("b")
        await board.post(First.Order(number=1, price=1))

        async def waits() -> bool:
            return [(each.state.value, each.attempts) for each in await board.agenda()] == [("waiting", 0)]

        await async_eventually(waits, 10, "it waits for a newer release")


async def test_what_cannot_be_brought_forward_is_named_and_leaves_the_rest_alone(
    url: str, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Blackboard(namespace, url=url) as raw:
        await raw.board("b").post(First.Order(number=1, price=20))
        await raw.board("b").post(First.Order(number=3, price=40))
    new = second(namespace, url)

    class Odd(Entry, key="number", kind="order"):
        number: int
        prize: int

    async with Blackboard(namespace, url=url) as raw:
        await raw.board("b").post(Odd(number=2, prize=30))
    async with new, new.workers():
        board = new.board("b")

        async def brought() -> bool:
            return [each.number for each in await board.read(Second.Invoice)] == [1, 3]

        await async_eventually(brought, 20, "the others are billed")

        async def told() -> bool:
            return (
                "order/2 does not fit its kind: the upcaster from version 1 to 2 raised KeyError: 'price'"
                in caplog.text
            )

        await async_eventually(told, 20, "the log names it")
        assert f"board {board.id} does not settle: order/2" in caplog.text
        remedy = "Correct the upcasters of Order and restart the workers, or retract order/2."
        assert remedy in caplog.text
        with pytest.raises(TimedOut, match="wait to be brought forward: `blackboard show b` says which"):
            await board.settled(timeout=0.1)
        with pytest.raises(InvalidEntry, match="the upcaster from version 1 to 2") as refused:
            await board.read(Second.Order)
        assert str(refused.value).endswith(remedy)
        await board.retract("order/2")
        await board.settled(timeout=20)


# ---------------------------------------------------------------------------- at start-up


async def test_a_change_that_cannot_read_old_data_is_refused_at_start_up(url: str, namespace: str) -> None:
    class Order(Entry, key="number", kind="order"):
        number: int
        price: int
        currency: str

    changed = Blackboard(namespace, url=url)

    @changed.knowledge_source
    def bill(order: Order) -> None: ...

    async with first(namespace, url) as old:
        with pytest.raises(IncompatibleSchema) as refusal:
            async with changed:
                pytest.fail("it must not start")
        assert (refusal.value.field, refusal.value.problem) == ("order.currency", "is new and required")
        assert (refusal.value.stored, refusal.value.version) == (1, 1)
        assert "order.currency is new and required" in str(refusal.value)
        assert "class Order(Entry, version=2) and @Order.upcast(1)" in str(refusal.value)
        cards = await old.store().partitions[0].cards()
        assert [kind["version"] for kind in cards["bill"]["reads"]] == [1]


async def test_a_new_version_needs_an_upcaster_unless_it_reads_old_data(url: str, namespace: str) -> None:
    class Strict(Entry, key="number", kind="order", version=2):
        number: int
        cents: int

    class Mild(Entry, key="number", kind="order", version=2):
        number: int
        price: float
        note: str = ""

    async with first(namespace, url):
        strict, mild = Blackboard(namespace, url=url), Blackboard(namespace, url=url)
        strict.know(Strict)
        mild.know(Mild)
        with pytest.raises(IncompatibleSchema, match=r"order.cents is new and required.*@Strict.upcast"):
            async with strict:
                pytest.fail("it must not start")
        async with mild:
            await mild.board("b").post(Mild(number=1, price=1.5))


async def test_a_gap_on_the_way_is_refused_when_the_store_has_known_what_is_before_it(url: str, namespace: str) -> None:
    class Third(Entry, key="number", kind="order", version=3):
        number: int
        total: int

    Third.upcast(2)(lambda data: {"number": data["number"], "total": data["cents"]})
    bb = Blackboard(namespace, url=url)
    bb.know(Third)
    async with first(namespace, url), second(namespace, url):
        with pytest.raises(IncompatibleSchema, match="order has no upcaster from version 1 to 2"):
            async with bb:
                pytest.fail("it must not start")
    async with Blackboard(f"{namespace}x", url=url) as empty:
        empty.know(Third)


async def test_a_version_may_grow_and_the_older_program_may_come_back(url: str, namespace: str) -> None:
    """A new optional field: what it wrote, the older program reads without it."""

    class Grown(Entry, key="number", kind="order"):
        number: int
        price: int
        note: str = ""

    grown = Blackboard(namespace, url=url)
    grown.know(Grown)
    async with first(namespace, url):
        pass
    async with grown:
        await grown.board("b").post(Grown(number=1, price=5, note="a gift"))
    async with first(namespace, url) as again:
        [order] = await again.board("b").read(First.Order)
        assert (order.price, order.stamp.newer) == (5, 1)
        order.price = 6
        with pytest.raises(NewerSchema, match="writing it back would lose"):
            await again.board("b").revise(order)

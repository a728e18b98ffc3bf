"""Upcasters: how a kind says what became of its earlier versions, and what reading data of another version comes to."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from blackboard import Entry, InvalidEntry, InvalidKind, NewerSchema, ReservedName, Stamp
from blackboard.entry import check_whole, decode

AT = Stamp("order/7", 4, 17)


class Order(Entry, key="number", version=3):
    """What two earlier releases wrote otherwise."""

    number: int
    cents: int
    currency: str = "EUR"


@Order.upcast(1)
def euros_have_a_name(data: dict[str, Any]) -> dict[str, Any]:
    return {"number": data["number"], "euros": data["price"]}


@Order.upcast(2)
def euros_are_cents(data: dict[str, Any]) -> dict[str, Any]:
    return {"number": data["number"], "cents": data["euros"] * 100}


def test_old_data_is_brought_forward_step_by_step() -> None:
    expected = Order(number=7, cents=500)
    assert decode(Order, '{"number":7,"price":5}', AT, 1) == expected
    assert decode(Order, '{"number":7,"euros":5}', AT, 2) == expected
    assert decode(Order, '{"number":7,"cents":500,"currency":"EUR"}', AT, 3) == expected
    assert decode(Order, '{"number":7,"price":5}', AT, 1).stamp == AT


def test_an_upcaster_can_still_be_called() -> None:
    assert euros_are_cents({"number": 1, "euros": 2}) == {"number": 1, "cents": 200}


def test_a_step_that_fails_is_named() -> None:
    with pytest.raises(InvalidEntry, match=r"order/7 .*from version 2 to 3 raised KeyError: 'euros'"):
        decode(Order, '{"number":7}', AT, 2)

    class Broken(Entry, version=2):
        number: int

    @Broken.upcast(1)
    def forget_to_return(data: dict[str, Any]) -> None:  # type: ignore[type-var]
        data["number"] = 1

    with pytest.raises(InvalidEntry, match="from version 1 to 2 returned NoneType and not a dict"):
        decode(Broken, "{}", None, 1)


def test_what_comes_out_must_fit() -> None:
    with pytest.raises(
        InvalidEntry, match="brought forward from version 2 to 3, cents: Input should be a valid integer"
    ):
        decode(Order, '{"number":7,"euros":"x"}', AT, 2)
    with pytest.raises(InvalidEntry, match="brought forward from version 1, its key is 8"):
        decode(Order, '{"number":8,"price":5}', AT, 1)


def test_a_version_without_upcaster_is_read_as_it_is() -> None:
    class Note(Entry, version=2):
        text: str
        tags: tuple[str, ...] = ()

    assert decode(Note, '{"text":"a"}', None, 1) == Note(text="a")


def test_an_upcaster_belongs_to_an_earlier_version_and_only_one_to_each() -> None:
    with pytest.raises(InvalidKind, match=r"upcaster 3 of kind Order: .*has version 3. Name one from 1 to 2"):
        Order.upcast(3)(dict)
    with pytest.raises(InvalidKind, match="upcaster 0 of kind Order"):
        Order.upcast(0)(dict)
    with pytest.raises(InvalidKind, match="version 2 has an upcaster already"):
        Order.upcast(2)(dict)

    class Plain(Entry, version=2):
        pass

    with pytest.raises(InvalidKind, match="is no plain function"):
        Plain.upcast(1)(7)  # type: ignore[type-var]

    async def late(data: dict[str, Any]) -> dict[str, Any]:
        return data

    with pytest.raises(InvalidKind, match="is no plain function"):
        Plain.upcast(1)(late)  # type: ignore[type-var]


def test_a_kind_of_version_one_has_none() -> None:
    class First(Entry):
        pass

    with pytest.raises(InvalidKind, match=r"Name none: raise its version first, class First\(Entry, version=2\)"):
        First.upcast(1)(dict)


def test_a_subclass_has_versions_of_its_own() -> None:
    class Rush(Order, version=2):
        pass

    Rush.upcast(1)(dict)
    assert list(Order.__upcasters__) == [1, 2]
    assert list(Rush.__upcasters__) == [1]


def test_a_field_cannot_be_called_upcast() -> None:
    with pytest.warns(UserWarning, match="shadows"), pytest.raises(ReservedName):

        class Odd(Entry):
            upcast: str  # type: ignore[assignment]


# ---------------------------------------------------------------------------- what a newer release wrote


class Line(BaseModel, extra="forbid"):
    price: int


class Cart(Entry, version=2):
    lines: tuple[Line, ...] = ()
    note: str = ""


def test_what_a_release_knows_of_a_newer_entry_it_can_read() -> None:
    found = decode(Cart, '{"lines":[{"price":5,"tax":1}],"note":"a","gift":true}', Stamp("cart", 1, 2), 3)
    assert found == Cart(lines=(Line(price=5),), note="a")
    assert found.stamp == Stamp("cart", 1, 2, newer=3)


def test_it_cannot_be_written_back() -> None:
    found = decode(Cart, '{"note":"a","gift":true}', Stamp("cart", 1, 2), 3)
    with pytest.raises(NewerSchema, match=r"cart has version 3 .* knows version 2: writing it back would lose"):
        check_whole(found)
    with pytest.raises(NewerSchema):
        check_whole(found.model_copy(update={"note": "b"}))
    same_fields = decode(Cart, '{"note":"a"}', Stamp("cart", 1, 2), 3)
    with pytest.raises(NewerSchema):
        check_whole(same_fields)
    check_whole(decode(Cart, '{"note":"a"}', Stamp("cart", 1, 2), 2))


def test_so_it_is_with_a_field_that_the_same_version_has_got_since() -> None:
    found = decode(Cart, '{"note":"a","gift":true}', Stamp("cart", 1, 2), 2)
    assert found == Cart(note="a")
    with pytest.raises(NewerSchema):
        check_whole(found)


def test_what_it_cannot_make_an_entry_of_is_an_error_that_says_who_can() -> None:
    with pytest.raises(
        NewerSchema, match=r"cart has version 3 .* version 2: note: Input should be a valid string.*update"
    ):
        decode(Cart, '{"note":{"text":"a"}}', Stamp("cart", 1, 2), 3)
    with pytest.raises(InvalidEntry, match="note: Input should be a valid string"):
        decode(Cart, '{"note":{"text":"a"},"gift":1}', Stamp("cart", 1, 2), 2)

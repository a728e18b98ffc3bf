"""Entries: kinds, keys and addresses; what is written and what is read back; which classes cannot be kinds."""

import pickle
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError, computed_field, create_model

from blackboard.entry import (
    UNIQUE,
    Entry,
    Stamp,
    address,
    address_of,
    decode,
    encode,
    key_of,
    restamp,
    snake_case,
    split_address,
)
from blackboard.errors import (
    EntryTooLarge,
    InvalidBoardId,
    InvalidEntry,
    InvalidKey,
    InvalidKind,
    ReservedName,
    UnknownField,
)
from blackboard.ids import check_board_id, operation_id

T = TypeVar("T")


class Claim(Entry):
    amount: float
    tags: list[str] = Field(default_factory=list)


class Finding(Entry, key="source"):
    source: str
    risk: float = 0.0


class Payment(Entry, key=UNIQUE):
    amount: int


class Colour(Enum):
    RED = "red"


# ---------------------------------------------------------------------------- kinds


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Claim", "claim"),
        ("FileReport", "file_report"),
        ("HTTPError", "http_error"),
        ("Q3Report", "q3_report"),
    ],
)
def test_a_kind_is_named_after_its_class(name: str, kind: str) -> None:
    assert snake_case(name) == kind


def test_a_class_statement_names_kind_key_and_version() -> None:
    class Report(Entry, kind="file_report", key="path", version=3):
        path: str

    assert (Report.__kind__, Report.__key__, Report.__version__) == ("file_report", "path", 3)
    assert (Claim.__kind__, Claim.__key__, Claim.__version__) == ("claim", None, 1)


def test_a_subclass_is_a_kind_of_its_own_with_the_key_of_its_parent() -> None:
    class Doubt(Finding, kind="warning"):
        source: str  # declared again: no warning about hiding the parent's
        text: str = ""

    assert (Doubt.__kind__, Doubt.__key__) == ("warning", "source")
    assert str(Doubt.text == "x") == 'warning.text == "x"'


def test_the_class_of_a_generic_kind_that_names_its_type_is_a_kind() -> None:
    class Box(Entry, Generic[T]):
        content: T

    class IntBox(Box[int]):
        pass

    assert IntBox.__kind__ == "int_box"
    assert decode(IntBox, encode(IntBox(content=3))) == IntBox(content=3)


def test_a_field_that_the_kind_does_not_have_is_named_with_those_it_has() -> None:
    with pytest.raises(UnknownField, match=r"claim: there is no field 'amont'\. Its fields are: amount, tags"):
        _ = Claim.amont  # type: ignore[attr-defined]
    assert not hasattr(Claim, "amont")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "Claim"}, "'Claim' is not 1 to 64 lower case letters.*kind="),
        (
            {"key": "nothing"},
            "its key, 'nothing', is not one of its fields. Use one of: text, ratio, flag, UNIQUE",
        ),
        (
            {"key": "ratio"},
            "its key, 'ratio', .*not all plain text. Key it by a field of type str, int, Enum",
        ),
        ({"key": "flag"}, "its key, 'flag', .*not all plain text"),
        ({"version": 0}, "version 0 is not a whole number from 1. Count schema versions"),
        ({"version": True}, "version True is not a whole number"),
        ({"keey": "text"}, "its class statement says keey=, which means nothing. Say key="),
    ],
)
def test_a_class_that_cannot_be_a_kind_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidKind, match=f"kind Odd: {message}"):
        create_model(
            "Odd",
            __base__=Entry,
            __cls_kwargs__=options,
            text=(str, ...),
            ratio=(float, ...),
            flag=(bool | None, ...),
        )


@pytest.mark.filterwarnings("ignore:Field name:UserWarning")  # pydantic's own, weaker word on the matter
@pytest.mark.parametrize("name", ["stamp", "copy", "model_fields_set"])
def test_a_field_that_hides_what_entries_need_is_refused(name: str) -> None:
    with pytest.raises(ReservedName, match=rf"hides Entry.{name}. Rename the field, for example to {name}_"):
        create_model("Odd", __base__=Entry, **{name: (int, 0)})  # type: ignore[call-overload]


# ---------------------------------------------------------------------------- addresses


def test_an_address_is_the_kind_and_the_key() -> None:
    assert address_of(Claim(amount=1)) == "claim"
    assert address_of(Finding(source="a/b")) == "finding/a/b"
    assert split_address("finding/a/b") == ("finding", "a/b")
    assert split_address("claim") == ("claim", None)
    assert address("finding", "a") == "finding/a"


def test_the_store_gives_unique_keys_once() -> None:
    payment = Payment(amount=1)
    assert key_of(payment) is None
    assert address_of(payment, unique="17.0") == "payment/17.0"
    assert address_of(restamp(payment, Stamp("payment/17.0", 1, 3)), unique="18.0") == "payment/17.0"
    with pytest.raises(InvalidKey, match="the store gives it one when it is posted"):
        address_of(Payment(amount=1))


@pytest.mark.parametrize(
    ("kind", "value", "key"),
    [
        (str, "ä b", "ä b"),
        (int, -7, "-7"),
        (Colour, Colour.RED, "red"),
        (Literal["x", 1], 1, "1"),
        (UUID, UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (date, date(2026, 1, 2), "2026-01-02"),
    ],
)
def test_a_key_is_the_text_of_a_plain_value(kind: Any, value: Any, key: str) -> None:
    keyed: Any = create_model("Keyed", __base__=Entry, __cls_kwargs__={"key": "name"}, name=(kind, ...))
    assert key_of(keyed(name=value)) == key


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("", "it is empty"),
        ("a\x1fb", r"the control character U\+001F"),
        ("\x7f", r"U\+007F"),
        ("\x85", r"U\+0085"),
        ("ä" * 257, "it has 514 bytes"),
    ],
)
def test_a_key_that_cannot_be_in_an_address_is_refused(key: str, problem: str) -> None:
    with pytest.raises(InvalidKey, match=rf"finding cannot have the key .*{problem}.*shorten the value"):
        address_of(Finding(source=key))


@given(st.text(st.characters(blacklist_categories=["Cc", "Cs"]), min_size=1, max_size=128))
def test_any_other_text_is_a_key(key: str) -> None:
    assert split_address(address_of(Finding(source=key))) == ("finding", key)


def test_a_board_id_is_as_plain_as_a_key() -> None:
    assert check_board_id("claim 42/ä") == "claim 42/ä"
    for board, problem in (("", "it is empty"), ("a\nb", r"U\+000A"), ("x" * 201, "it has 201 bytes")):
        with pytest.raises(InvalidBoardId, match=rf"cannot be a board's id: .*{problem}.*derive one from it"):
            check_board_id(board)


def test_operation_ids_are_unique_and_in_order_of_time() -> None:
    ids = [operation_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert [each[:11] for each in ids] == sorted(each[:11] for each in ids)
    assert {len(each) for each in ids} == {23}


# ---------------------------------------------------------------------------- JSON


class Everything(Entry):
    number: int = 3
    when: datetime = datetime(2026, 1, 2, tzinfo=UTC)
    wait: timedelta = timedelta(seconds=90)
    price: Decimal = Decimal("1.10")
    colour: Colour = Colour.RED
    raw: bytes = b"\xff\x00"
    other: str | None = Field(default=None, alias="Other")
    inner: Finding = Finding(source="inner")

    @computed_field  # type: ignore[prop-decorator]  # mypy's own limitation
    @property
    def double(self) -> int:
        return 2 * self.number


def test_what_is_written_is_read_back() -> None:
    entry = Everything(Other="x")
    payload = encode(entry)
    assert decode(Everything, payload, Stamp("everything", 2, 9)) == entry
    assert '"other":"x"' in payload, "by field name, not by alias"
    assert "double" not in payload, "computed again when it is read"
    assert encode(decode(Everything, payload.encode())) == payload, "equal data, equal text"


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(st.text(st.characters(blacklist_categories=["Cs"]))),
)
def test_the_text_of_equal_data_is_equal(amount: float, tags: list[str]) -> None:
    payload = encode(Claim(amount=amount, tags=tags))
    assert encode(decode(Claim, payload)) == payload
    assert "\x1f" not in payload


def test_a_stamp_says_where_an_entry_was_read_and_is_no_data() -> None:
    read = decode(Claim, '{"amount":1}', Stamp("claim", 4, 17))
    assert read.stamp == Stamp(address="claim", version=4, seq=17)
    assert read.model_copy(update={"amount": 2.0}).stamp == read.stamp
    assert pickle.loads(pickle.dumps(read)).stamp == read.stamp
    assert read == Claim(amount=1)
    assert Claim(amount=1).stamp is None
    assert "stamp" not in encode(read)


def test_entries_of_other_kinds_are_not_equal() -> None:
    class Other(Entry):
        amount: float
        tags: list[str] = Field(default_factory=list)

    assert Claim(amount=1) != Other(amount=1)
    assert Claim(amount=1) != Claim(amount=2)
    assert Claim(amount=1) != 1


def test_a_frozen_kind_has_a_hash() -> None:
    class Fixed(Entry, frozen=True):
        text: str

    assert len({Fixed(text="a"), Fixed(text="a"), Fixed(text="b")}) == 2


def test_data_that_does_not_fit_its_kind_is_refused_where_it_is_made() -> None:
    with pytest.raises(ValidationError):
        Claim(amount=float("nan"))
    with pytest.raises(ValidationError):
        Claim(amount=1, amont=2)  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        Claim(amount=1).amount = "much"  # type: ignore[assignment]


def test_data_that_was_spoilt_later_is_refused_when_it_is_written() -> None:
    claim = Claim(amount=1)
    claim.tags.append(3)  # type: ignore[arg-type]
    with pytest.raises(InvalidEntry, match=r"claim does not fit its kind: .*Correct the data"):
        encode(claim)


def test_stored_data_that_no_longer_fits_is_named_with_its_address_and_field() -> None:
    with pytest.raises(InvalidEntry, match=r"finding/a does not fit .*risk: Input should be a valid number"):
        decode(Finding, '{"source":"a","risk":"high"}', Stamp("finding/a", 1, 1))
    with pytest.raises(InvalidEntry, match="claim does not fit its kind: amount: Field required"):
        decode(Claim, "{}")


def test_an_entry_over_the_limit_is_refused_with_its_size() -> None:
    claim = Claim(amount=1, tags=["ä" * 100])
    size = len(encode(claim).encode())
    assert encode(claim, limit=size)
    with pytest.raises(EntryTooLarge, match=rf"claim has {size} bytes and the limit is {size - 1}.*entry_bytes"):
        encode(claim, limit=size - 1)


def test_a_kind_may_hold_models() -> None:
    class Customer(BaseModel):
        tier: str

    class Order(Entry):
        customer: Customer | None

    order = Order(customer=Customer(tier="gold"))
    assert decode(Order, encode(order)) == order
    assert str(Order.customer.tier == "gold") == 'order.customer.tier == "gold"'  # type: ignore[union-attr]

"""Whether data of an earlier schema can still be read: every kind of change, and those that harm nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, PlainValidator, ValidationError, create_model

from blackboard import Entry
from blackboard.schema import differences, digest, fields_of, obstacles, schema_of


def order(key: str | None = None, **fields: Any) -> type[Entry]:
    """A kind named order with these fields."""
    found: type[Entry] = create_model("Order", __base__=Entry, __cls_kwargs__={"kind": "order", "key": key}, **fields)
    return found


def told(old: type[Entry], new: type[Entry]) -> list[str]:
    return [str(each) for each in obstacles("order", schema_of(old), schema_of(new))]


class Small(Enum):
    A = "a"
    B = "b"


class Large(Enum):
    A = "a"
    B = "b"
    C = "c"


class Line(BaseModel):
    price: int


class LongLine(BaseModel):
    price: int
    tax: int


class Tree(BaseModel):
    children: list[Tree] = []


class NamedTree(BaseModel):
    children: list[NamedTree] = []
    name: str


WIDER: Sequence[tuple[Any, Any]] = (
    (int, float),
    (int, int | None),
    (int, int | str),
    (int | str, int | str | None),
    (Literal["a"], Literal["a", "b"]),
    (Literal["a", "b"], str),
    (Small, Large),
    (Small, str),
    (list[int], list[float]),
    (set[int], list[int]),
    (dict[str, int], dict[str, float]),
    (dict[str, int], dict[str, Any]),
    (tuple[int, str], tuple[float, str]),
    (int, Any),
    (Any, Any),
    (date, str),
    (Line, Line),
    (Tree, Tree),
    (Annotated[int, Field(ge=5)], Annotated[int, Field(ge=3)]),
    (Annotated[int, Field(le=5)], int),
    (Annotated[str, Field(max_length=5)], Annotated[str, Field(max_length=9)]),
    (list[Line], list[Line] | None),
)

NARROWER: Sequence[tuple[Any, Any, str]] = (
    (float, int, "order.f was number and is integer"),
    (int, str, "order.f was integer and is string"),
    (int | None, int, "order.f was null and is integer"),
    (int | str, int | bool, "order.f was string and is integer or boolean"),
    (Literal["a", "b"], Literal["a"], 'order.f may no longer be "b"'),
    (Large, Small, 'order.f may no longer be "c"'),
    (str, Small, 'order.f was string and is one of "a", "b"'),
    (list[float], list[int], "order.f[] was number and is integer"),
    (list[int], set[int], "order.f may no longer hold one thing twice"),
    (dict[str, float], dict[str, int], "order.f.* was number and is integer"),
    (tuple[int, str], tuple[int, int], "order.f[1] was string and is integer"),
    (Any, int, "order.f was anything and is integer"),
    (str, date, 'order.f must now have the format "date"'),
    (Line, LongLine, "order.f.tax is new and required"),
    (LongLine | None, Line | None, ""),
    (list[LongLine], list[Line], ""),
    (Tree, NamedTree, "order.f.name is new and required"),
    (Annotated[int, Field(ge=3)], Annotated[int, Field(ge=5)], "order.f has a new bound, minimum 5"),
    (int, Annotated[int, Field(le=5)], "order.f has a new bound, maximum 5"),
    (int, Annotated[int, Field(multiple_of=5)], "order.f must now have the multipleOf 5"),
    (str, Annotated[str, Field(pattern="^a")], 'order.f must now have the pattern "^a"'),
    (Line, int, "order.f was Line and is integer"),
)


@pytest.mark.parametrize(("old", "new"), WIDER, ids=str)
def test_a_wider_type_reads_old_data(old: Any, new: Any) -> None:
    assert told(order(f=(old, ...)), order(f=(new, ...))) == []


@pytest.mark.parametrize(("old", "new", "problem"), [each for each in NARROWER if each[2]], ids=str)
def test_a_narrower_type_is_named(old: Any, new: Any, problem: str) -> None:
    assert told(order(f=(old, ...)), order(f=(new, ...))) == [problem]


def test_fields_that_come() -> None:
    assert told(order(a=(int, ...)), order(a=(int, ...), b=(int, 0))) == []
    assert told(order(a=(int, ...)), order(a=(int, ...), b=(int, ...))) == ["order.b is new and required"]
    assert told(order(a=(int, 0)), order(a=(int, ...))) == ["order.a was optional and is required"]
    assert told(order(a=(int, ...)), order(a=(int, 0))) == []


def test_fields_that_go() -> None:
    """An entry takes no field that it does not know."""
    assert told(order(a=(int, ...), b=(int, 0)), order(a=(int, ...))) == ["order.b is gone"]
    assert told(order(a=(int, ...)), order(b=(int, ...))) == ["order.b is new and required", "order.a is gone"]


def test_another_key_is_another_kind() -> None:
    fields: dict[str, Any] = {"a": (str, ...), "b": (str, ...)}
    assert told(order("a", **fields), order("b", **fields)) == ["order was keyed by a and is keyed by b"]
    assert told(order(None, **fields), order("b", **fields)) == ["order was keyed by nothing and is keyed by b"]


def test_what_no_data_depends_on_is_no_change() -> None:
    old = order(a=(int, Field(default=1, description="a number", title="A")))
    new = order(a=(int, Field(default=2)))
    assert told(old, new) == []
    assert digest(schema_of(old)) == digest(schema_of(new))
    assert digest(schema_of(old)) != digest(schema_of(order(a=(float, 1))))


def test_a_field_may_be_called_like_what_a_schema_says() -> None:
    fields: dict[str, Any] = {"title": (str, ...), "default": (int, ...)}
    assert list(fields_of(schema_of(order(**fields)))) == ["title", "default"]
    assert digest(schema_of(order(**fields))) != digest(schema_of(order(title=(str, ...))))


def test_a_type_that_says_nothing_of_its_json_can_be_anything() -> None:
    class Own(Entry, kind="order", arbitrary_types_allowed=True):
        value: Annotated[object, PlainValidator(str)]

    assert told(order(value=(str, ...)), Own) == []


def test_differences_are_told_whether_they_harm_or_not() -> None:
    old, new = (
        order(a=(int, ...), b=(int, 0), c=(Line, ...)),
        order(a=(float, ...), d=(str | None, None), c=(LongLine, ...)),
    )
    assert [str(each) for each in differences("order", schema_of(old), schema_of(new))] == [
        "order.a was integer and is number",
        "order.b is gone; it was integer, optional",
        "order.c was Line and is LongLine",
        "order.d is new: string or null, optional",
    ]
    assert differences("order", schema_of(old), schema_of(old)) == []


# ---------------------------------------------------------------------------- against pydantic itself

ATOMS = st.sampled_from([
    int, float, str, bool, None, Literal["a", 1], Literal["a"], Small, Large, Line, LongLine, Any,
    Annotated[int, Field(ge=1)], Annotated[str, Field(min_length=1)],
])  # fmt: skip


def _compounds(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        inner.map(lambda each: list[each]),
        inner.map(lambda each: dict[str, each]),
        st.tuples(inner, inner).map(lambda each: each[0] | each[1] if each[0] != each[1] else each[0]),
        st.tuples(inner, inner).map(lambda each: tuple[each[0], each[1]]),
    )


VALUES = st.recursive(
    st.sampled_from([0, 1, -1, 1.5, "", "a", "b", "c", True, None]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(["price", "tax", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(
    old=st.recursive(ATOMS, _compounds, max_leaves=3),
    new=st.recursive(ATOMS, _compounds, max_leaves=3),
    value=VALUES,
)
def test_what_is_let_through_can_be_read(old: Any, new: Any, value: Any) -> None:
    """Data that the old class takes, and writes, is taken by the new one, unless the change was refused."""
    before, after = order(f=(old, ...)), order(f=(new, ...))
    if told(before, after):
        return
    try:
        entry = before(f=value)
    except ValidationError:
        return
    after.model_validate_json(entry.model_dump_json())

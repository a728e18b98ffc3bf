"""Shapes: what the JSON of a type may be, as far as the type says.

Everything here works on types alone and knows neither entries nor terms.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import RootModel


def members(annotation: Any) -> Iterator[Any]:
    """The plain types that a type stands for: unions, aliases and annotations taken apart."""
    origin = get_origin(annotation)
    if origin in {Union, UnionType}:
        for member in get_args(annotation):
            yield from members(member)
    elif origin is Annotated:
        yield from members(get_args(annotation)[0])
    elif (inner := _behind(annotation)) is not None:
        yield from members(inner)
    else:
        yield annotation


def _behind(annotation: Any) -> Any:
    """What a NewType, a `type` alias or a RootModel stands for; None for any other type."""
    if isinstance(annotation, type) and issubclass(annotation, RootModel) and "root" in annotation.model_fields:
        return annotation.model_fields["root"].annotation
    return getattr(annotation, "__supertype__", None) or getattr(annotation, "__value__", None)


def shapes(annotation: Any) -> frozenset[str]:
    """What the JSON of a type may be: number, string, bool, null, list, other; `any` when the type says nothing."""
    return frozenset(shape for member in members(annotation) for shape in _shapes_of_member(member))


def _shapes_of_member(member: Any) -> Iterator[str]:
    if member in (Any, object):
        yield "any"
    elif get_origin(member) is Literal:
        for value in get_args(member):
            yield from shapes(type(value))
    elif isinstance(member, type) and issubclass(member, Enum):
        for item in member:
            yield from shapes(type(item.value))
    else:
        yield _shape_of_class(get_origin(member) or member)


# In this order: a bool is an int and a datetime a date to Python, but not in JSON.
_SHAPES: Final[tuple[tuple[tuple[type, ...], str], ...]] = (
    ((bool,), "bool"),
    ((NoneType,), "null"),
    ((datetime, bytes), "other"),
    ((int, float), "number"),
    ((str, date), "string"),
    ((Sequence, AbstractSet), "list"),
)


def _shape_of_class(cls: Any) -> str:
    fitting = (shape for classes, shape in _SHAPES if isinstance(cls, type) and issubclass(cls, classes))
    return next(fitting, "other")


def element_of(annotation: Any) -> Any:
    """The type of the elements of a list type; the type itself when it is none."""
    for member in members(annotation):
        if _shape_of_class(get_origin(member) or member) == "list":
            elements = tuple(element for element in get_args(member) if element is not ...)
            return Union[elements] if elements else Any  # noqa: UP007  # the types are only known at run time
    return annotation


_INSTEAD: Final[tuple[tuple[type, str], ...]] = (
    (Decimal, "Keep the number as an int in its smallest unit (cents), or as a float"),
    (datetime, "Keep the moment as an int (milliseconds since 1970)"),
    (timedelta, "Keep the duration as a number (seconds)"),
)


def substitute(annotation: Any) -> str | None:
    """How to keep what a type stands for as a number, when its own JSON is none; None for other types."""
    classes = [member for member in members(annotation) if isinstance(member, type)]
    remedies = [remedy for cls in classes for types, remedy in _INSTEAD if issubclass(cls, types)]
    return remedies[-1] if remedies else None

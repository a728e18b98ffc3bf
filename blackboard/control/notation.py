"""Strategies as data, so that they can be kept on a board and taken up by any controller.

    {"notation": 1, "strategy": "Sequential", "with": {"steps": ["check_text", {"strategy": "Parallel", "with": {"limit": 2}}]}}

A value that is not plain JSON is an object with one telling name: ``strategy``, ``ending``, ``condition``, ``function``
(`module:qualname`), ``seconds`` (a timedelta), ``map`` (a dictionary). A condition is `{"any": […]}`, `{"all": […]}`, or
`{"field": [kind, name, …], "op": ">", "value": 100}`, with ``other`` for ``value`` to compare two fields of an entry.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from datetime import timedelta
from types import FunctionType
from typing import Any, Final

from blackboard import term
from blackboard.condition import AllOf, AnyOf, Clause, Comparison, Constant
from blackboard.control.ending import ENDINGS, Ending
from blackboard.control.reference import function_at, reference_of
from blackboard.control.strategy import STRATEGIES, Strategy
from blackboard.errors import InvalidStrategy

VERSION: Final = 1
"""What this release writes, and the latest that it reads."""

Data = dict[str, Any]


def to_data(strategy: Strategy) -> Data:
    """A strategy as JSON. Raises InvalidStrategy when a part of it cannot be written down, such as a lambda."""
    return {"notation": VERSION, **_part("strategy", strategy)}


def from_data(data: Any) -> Strategy:
    """The strategy that was written so.

    Raises InvalidStrategy when it was written by another release, names a class that this process does not know or a
    function that it cannot import, or is not what `to_data` writes.
    """
    _check_version(data)
    try:
        strategy = read({name: value for name, value in data.items() if name != "notation"})
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise _unreadable(data) from error
    if not isinstance(strategy, Strategy):
        raise _unreadable(data)
    return strategy


def _check_version(data: Any) -> None:
    version = data.get("notation") if isinstance(data, Mapping) else None
    if version is None:
        raise _unreadable(data)
    if version != VERSION:
        problem = f"it is written in notation {version}, and this release reads {VERSION}"
        remedy = "Run controllers of the release that wrote it, or hand the board to the strategy again"
        raise InvalidStrategy("strategy", problem, remedy)


# ---------------------------------------------------------------------------- writing


def write(value: Any) -> Any:
    """A value of a field as JSON; raises InvalidStrategy for one that has no form here."""
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, list | tuple):
        return [write(each) for each in value]
    for cls, form in _WRITTEN:
        if isinstance(value, cls):
            written: Data = form(value)
            return written
    remedy = "Use JSON values, strategies, endings, sources, conditions, functions of a module, timedeltas, and lists of these"
    raise InvalidStrategy(f"the value {value!r}", f"a {type(value).__name__} cannot be kept on a board", remedy)


def _part(noun: str, part: Strategy | Ending) -> Data:
    """A strategy or an ending: its class, and its fields if it has any."""
    written = {each.name: write(getattr(part, each.name)) for each in fields(part)}
    return {noun: type(part).__name__} | ({"with": written} if written else {})


def _map(value: Mapping[str, Any]) -> Data:
    if not all(isinstance(name, str) for name in value):
        raise InvalidStrategy(f"the value {value!r}", "JSON has only text as names", "Make its names text")
    return {"map": {name: write(each) for name, each in value.items()}}


def _clause(clause: Clause) -> Data:
    if isinstance(clause, AnyOf | AllOf):
        return {"any" if isinstance(clause, AnyOf) else "all": [_clause(each) for each in clause.clauses]}
    if isinstance(clause, Comparison) and isinstance(clause.left, term.Field):
        return {"field": _path(clause.left), "op": clause.op} | _right(clause.right)
    raise InvalidStrategy(
        f"the condition {clause}", "it is not about the fields of one entry", "Test a field: Claim.amount > 100"
    )


def _right(operand: term.Term | None) -> Data:
    if isinstance(operand, term.Field):
        return {"other": _path(operand)}
    if isinstance(operand, Constant):
        return {"value": list(operand.value) if isinstance(operand.value, tuple) else operand.value}
    return {}


def _path(field: term.Field) -> list[str]:
    return [field.kind, *field.path]


_WRITTEN: Final[tuple[tuple[type, Callable[[Any], Data]], ...]] = (
    (Strategy, lambda value: _part("strategy", value)),
    (Ending, lambda value: _part("ending", value)),
    (Clause, lambda value: {"condition": _clause(value)}),
    (FunctionType, lambda value: {"function": reference_of(value)}),
    (timedelta, lambda value: {"seconds": value.total_seconds()}),
    (Mapping, _map),
)


# ---------------------------------------------------------------------------- reading


def read(data: Any) -> Any:
    """The value that was written so; raises InvalidStrategy for what is not written by `write`."""
    if isinstance(data, list):
        return tuple(read(each) for each in data)
    if not isinstance(data, Mapping):
        return data
    for noun, form in _READ.items():
        if noun in data:
            return form(data)
    raise _unreadable(data)


def _rebuilt(cls: type[Any], data: Mapping[str, Any]) -> Any:
    """An instance with these fields, checked as if it had been called; strategies may be called otherwise."""
    written = data.get("with", {})
    if unknown := set(written) - {each.name for each in fields(cls)}:
        remedy = "Run the same version of the class where the strategy is given and where controllers run"
        raise InvalidStrategy(cls.__name__, f"it has no field {', '.join(sorted(unknown))} here", remedy)
    made = object.__new__(cls)
    for each in fields(cls):
        value = read(written[each.name]) if each.name in written else _default(cls, each)
        object.__setattr__(made, each.name, value)
    made.__post_init__()
    return made


def _default(cls: type[Any], field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    if field.default is MISSING:
        remedy = "Give the field a default, or hand the board to the strategy again"
        raise InvalidStrategy(
            cls.__name__, f"its field {field.name} is missing, as when it was written before it had one", remedy
        )
    return field.default


def _clause_of(data: Any) -> Clause:
    for noun, combined in (("any", AnyOf), ("all", AllOf)):
        if noun in data:
            clause: Clause = combined(tuple(_clause_of(each) for each in data[noun]))
            return clause
    return Comparison(_field(data["field"]), data["op"], _operand(data))


def _operand(data: Mapping[str, Any]) -> term.Term | None:
    if "other" in data:
        return _field(data["other"])
    if "value" in data:
        return Constant(tuple(data["value"]) if isinstance(data["value"], list) else data["value"])
    return None


def _field(path: list[str]) -> term.Field:
    kind, *names = path
    return term.Field(kind, tuple(names), Any)


_READ: Final[Mapping[str, Callable[[Mapping[str, Any]], Any]]] = {
    "strategy": lambda data: _rebuilt(STRATEGIES.find(data["strategy"]), data),
    "ending": lambda data: _rebuilt(ENDINGS.find(data["ending"]), data),
    "condition": lambda data: _clause_of(data["condition"]),
    "function": lambda data: function_at(data["function"]),
    "seconds": lambda data: timedelta(seconds=data["seconds"]),
    "map": lambda data: {name: read(each) for name, each in data["map"].items()},
}


def _unreadable(data: Any) -> InvalidStrategy:
    remedy = "Write it with blackboard.control.to_data, or hand the board to the strategy again"
    return InvalidStrategy(f"the data {data!r}", "it is no strategy as this release writes it", remedy)

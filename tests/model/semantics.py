"""What a trigger says about a set of entries, by plain enumeration: every combination is tried, nothing is remembered.

Written from the specification of triggers, not from the scripts: no index, no memory, no order of evaluation. An entry
is an object with `address`, `kind`, `seq` and `data` (its JSON); a trigger is the data that the store reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import floor
from typing import Any

Json = Any
Trigger = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as the model keeps it; `seq` is the event that wrote this version."""

    address: str
    version: int
    seq: int
    schema: int
    payload: str
    data: Mapping[str, Json]

    @property
    def kind(self) -> str:
        return self.address.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Binding:
    """One combination for which a trigger holds: per pattern the entries it hands over, and those that can trigger."""

    addresses: tuple[str, ...]
    slots: tuple[tuple[Entry, ...], ...]
    triggering: tuple[Entry, ...]

    def newest(self, own: frozenset[int] = frozenset()) -> int:
        """The newest event among its triggering entries, leaving out the events `own`; 0 without any."""
        return max((entry.seq for entry in self.triggering if entry.seq not in own), default=0)


# ---------------------------------------------------------------------------- ratings

HIGHEST = 1e10


def rate(trigger: Trigger, binding: Binding) -> float:
    """What a trigger's formula makes of a binding: bounded, to a thousandth, and 0 for what is no number."""
    value = _compute(trigger["rt"], binding) if "rt" in trigger else None
    if value is None or value != value:  # noqa: PLR0124  # NaN alone is not equal to itself
        return 0.0
    return floor(max(-HIGHEST, min(HIGHEST, value)) * 1000 + 0.5) / 1000


def _compute(formula: Sequence[Any], binding: Binding) -> float | None:
    op, *operands = formula
    if op == "v":
        return float(operands[0])
    if op == "f":
        value = value_at(binding.slots[operands[0] - 1][0].data, operands[1])
        return float(value) if json_type(value) == "number" else None
    a, b = (_compute(operand, binding) for operand in operands)
    if a is None or b is None or (op == "/" and b == 0):
        return None
    return {"+": a + b, "-": a - b, "*": a * b, "/": a / (b or 1)}[op]


# ---------------------------------------------------------------------------- values


def value_at(data: Json, path: str | Sequence[str]) -> Json:
    """The value at a path; None when it is missing or null."""
    for name in [path] if isinstance(path, str) else path:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def json_type(value: Json) -> str:
    """The JSON type of a value: true is no number."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return type(value).__name__


def same(a: Json, b: Json) -> bool:
    """Whether two values are one JSON value; a null of its own is like nothing, and equal to nothing."""
    return a is not None and _alike(a, b)


def _alike(a: Json, b: Json) -> bool:
    if json_type(a) != json_type(b):
        return False
    if isinstance(a, list):
        return len(a) == len(b) and all(_alike(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_alike(a[name], b[name]) for name in a)
    return bool(a == b)


def ordered(a: Json, b: Json) -> bool:
    """Whether two values have an order: numbers, and texts by their code points."""
    return json_type(a) == json_type(b) and json_type(a) in {"number", "str"}


def has(a: Json, b: Json) -> bool:
    """Whether a list contains a value, or a text a text."""
    if isinstance(a, str):
        return isinstance(b, str) and b in a
    return isinstance(a, list) and any(same(item, b) for item in a)


OPERATORS: Mapping[str, Callable[[Json, Json], bool]] = {
    "==": same,
    "!=": lambda a, b: not same(a, b),
    "<": lambda a, b: ordered(a, b) and a < b,
    "<=": lambda a, b: ordered(a, b) and a <= b,
    ">": lambda a, b: ordered(a, b) and a > b,
    ">=": lambda a, b: ordered(a, b) and a >= b,
    "in": lambda a, b: any(same(a, item) for item in b),
    "has": has,
    "pre": lambda a, b: isinstance(a, str) and a.startswith(b),
    "nil": lambda a, _: a is None,
    "some": lambda a, _: a is not None,
}


def joined(a: Json, b: Json) -> bool:
    """Whether two field values join: equal scalars; null, lists and objects join nothing."""
    return same(a, b) and not isinstance(a, list | dict)


# ---------------------------------------------------------------------------- bindings


def passes(entry: Entry, pattern: Mapping[str, Any]) -> bool:
    """Whether an entry is of a pattern's kind and passes its tests."""
    return entry.kind == pattern["k"] and all(
        OPERATORS[op](value_at(entry.data, path), constant[0] if constant else None)
        for op, path, *constant in pattern.get("t", ())
    )


def bindings(trigger: Trigger, entries: Sequence[Entry], *, joined_only: bool = False) -> Iterator[Binding]:
    """All combinations for which a trigger holds, quiescence aside, in the order of their addresses.

    `joined_only`: all that pass tests and joins, whatever the other clauses say.
    """
    patterns = trigger.get("p", ())
    each = [i for i, pattern in enumerate(patterns) if pattern["m"] == "e"]
    in_order = sorted(entries, key=lambda entry: entry.address.encode())
    for chosen in product(*([e for e in in_order if passes(e, patterns[i])] for i in each)):
        bound = dict(zip(each, chosen, strict=True))
        if _joins_hold(trigger, bound):
            slots = _slots(trigger, bound, in_order)
            if joined_only or _holds(trigger, bound, slots, in_order):
                yield _binding(trigger, bound, slots)


def _joins_hold(trigger: Trigger, bound: Mapping[int, Entry]) -> bool:
    return all(
        joined(value_at(bound[i - 1].data, path), value_at(bound[k - 1].data, other))
        for i, path, k, other in trigger.get("j", ())
        if i - 1 in bound and k - 1 in bound
    )


def _slots(trigger: Trigger, bound: Mapping[int, Entry], entries: Sequence[Entry]) -> tuple[tuple[Entry, ...], ...]:
    """What every pattern hands over beside the entries bound one by one."""
    slots = []
    for i, pattern in enumerate(trigger.get("p", ())):
        if i in bound:
            slots.append((bound[i],))
            continue
        found = tuple(e for e in entries if passes(e, pattern) and _joins_hold(trigger, {**bound, i: e}))
        slots.append(found[:1] if pattern["m"] == "c" else found)
    return tuple(slots)


def _binding(trigger: Trigger, bound: Mapping[int, Entry], slots: tuple[tuple[Entry, ...], ...]) -> Binding:
    modes = [pattern["m"] for pattern in trigger.get("p", ())]
    triggering = tuple(e for mode, slot in zip(modes, slots, strict=True) if mode in "eg" for e in slot)
    return Binding(tuple(bound[i].address for i in sorted(bound)), slots, triggering)


def _holds(
    trigger: Trigger, bound: Mapping[int, Entry], slots: Sequence[Sequence[Entry]], entries: Sequence[Entry]
) -> bool:
    patterns = trigger.get("p", ())
    if any(pattern.get("n") and not slot for pattern, slot in zip(patterns, slots, strict=True)):
        return False
    return all(_clause(clause, trigger, bound, entries) for clause in trigger.get("w", ()))


def _clause(clause: Sequence[Any], trigger: Trigger, bound: Mapping[int, Entry], entries: Sequence[Entry]) -> bool:
    op, *operands = clause
    if op in {"any", "all"}:
        return (any if op == "any" else all)(_clause(inner, trigger, bound, entries) for inner in operands[0])
    values = [_operand(operand, trigger, bound, entries) for operand in operands]
    return OPERATORS[op](values[0], values[1] if len(values) > 1 else None)


def _operand(operand: Sequence[Any], trigger: Trigger, bound: Mapping[int, Entry], entries: Sequence[Entry]) -> Json:
    what, *rest = operand
    if what == "v":
        return rest[0]
    if what == "f":
        return value_at(bound[rest[0] - 1].data, rest[1])
    return _count(trigger["c"][rest[0] - 1], bound, entries)


def _count(counted: Mapping[str, Any], bound: Mapping[int, Entry], entries: Sequence[Entry]) -> int:
    return sum(
        passes(entry, counted)
        and all(
            joined(value_at(entry.data, path), value_at(bound[i - 1].data, other))
            for path, i, other in counted.get("j", ())
        )
        for entry in entries
    )

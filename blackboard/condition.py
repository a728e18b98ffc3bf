"""Clauses as data: field tests, joins, Absent, Count, any_of, Quiescent; how each prints and how it is tested.

The store tests the same clauses with the same meaning (`store/lua/lib/condition.lua`):

- A field that is missing or null passes no test but `!=` and `nil`.
- Values of different JSON types are never equal and have no order; true is not 1.
- Text is ordered by its UTF-8 bytes, which is the order of its code points.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from pydantic_core import from_json

from blackboard.entry import Entry, encode
from blackboard.errors import InvalidTrigger
from blackboard.term import Clause, Comparison, Constant, Field, FieldRef, Operand, Term, field_of, term_of

__all__ = [
    "Absent",
    "AllOf",
    "AnyOf",
    "Clause",
    "Comparison",
    "Condition",
    "Constant",
    "Count",
    "Field",
    "FieldRef",
    "Quiescent",
    "Size",
    "any_of",
    "clause_of",
    "clauses_of",
    "compare",
    "field",
    "holds",
    "leaves",
    "param",
    "value_at",
]

K = TypeVar("K", bound=Entry)

Condition = Clause | bool
"""A clause as a program writes it. To a type checker, `Claim.amount > 100` is the bool it would be on an instance."""


# ---------------------------------------------------------------------------- counting


@dataclass(frozen=True, slots=True)
class Size(Term):
    """How many entries of a kind there are that pass the tests and join what is bound."""

    kind: type[Entry]
    conditions: tuple[Comparison, ...] = ()

    def __str__(self) -> str:
        return f"count({self.listed()})"

    def listed(self) -> str:
        """The kind and the conditions, as they stand between parentheses."""
        return ", ".join((self.kind.__kind__, *map(str, self.conditions)))

    @property
    def shapes(self) -> frozenset[str]:
        return frozenset({"number"})

    @property
    def tests(self) -> tuple[Comparison, ...]:
        """The conditions on an entry alone."""
        return tuple(c for c in self.conditions if not isinstance(c.right, Field))

    @property
    def joins(self) -> tuple[Comparison, ...]:
        """The equalities with fields of bound entries; the counted entry's own field is on the left."""
        return tuple(c for c in self.conditions if isinstance(c.right, Field))


class Count(Operand):
    """The number of entries of a kind: `Count(Finding) >= 3`, `Count(Vote, Vote.poll == Poll.id) == Poll.voters`.

    The conditions are tests of the counted kind, or equalities with fields of bound entries.
    Raises InvalidTrigger for a condition that is neither.
    """

    __slots__ = ()

    def __init__(self, kind: type[Entry], *conditions: Condition) -> None:
        super().__init__(_size("Count", kind, conditions))

    def _constant(self, op: str, value: object) -> Constant:
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise InvalidTrigger(
                str(self._term),
                f"{value!r} is not a number of entries",
                "Compare it with 0, 1, 2, … or a number field",
            )
        return Constant(value)


@dataclass(frozen=True, slots=True, init=False)
class Absent(Clause):
    """Holds while there is no entry of the kind that passes the conditions, which are as in Count."""

    size: Size

    def __init__(self, kind: type[Entry], *conditions: Condition) -> None:
        object.__setattr__(self, "size", _size("Absent", kind, conditions))

    def __str__(self) -> str:
        return f"absent({self.size.listed()})"


def _size(word: str, kind: Any, conditions: Sequence[Condition]) -> Size:
    subject = f"{word}({getattr(kind, '__name__', kind)})"
    if not isinstance(kind, type) or not issubclass(kind, Entry):
        raise InvalidTrigger(subject, "only entries are counted", "Give it a subclass of Entry")
    clauses = clauses_of(conditions)
    return Size(kind, tuple(_counted(subject, kind.__kind__, clause) for clause in clauses))


def _counted(subject: str, kind: str, clause: Clause) -> Comparison:
    """The clause with the counted kind's own field on the left."""
    if isinstance(clause, Comparison):
        ours, theirs = _owns(kind, clause.left), _owns(kind, clause.right)
        if ours and not isinstance(clause.right, Field | Size):
            return clause
        if clause.op == "==" and ours != theirs and isinstance(clause.left, Field) and isinstance(clause.right, Field):
            return clause if ours else Comparison(clause.right, "==", clause.left)
    raise InvalidTrigger(
        subject,
        f"the condition {clause} neither tests a field of {kind} nor equates one with a field of a bound entry",
        f'Write {kind}.field > 1, or {kind}.field == Other.field; name a bound {kind} with param("…", …)',
    )


def _owns(kind: str, term: Term | None) -> bool:
    return isinstance(term, Field) and term.kind == kind and term.parameter is None


# ---------------------------------------------------------------------------- other clauses


@dataclass(frozen=True, slots=True)
class AnyOf(Clause):
    """Holds when one of its clauses does. Made by any_of."""

    clauses: tuple[Clause, ...]

    def __str__(self) -> str:
        return f"any_of({', '.join(map(str, self.clauses))})"


@dataclass(frozen=True, slots=True)
class AllOf(Clause):
    """Holds when all of its clauses do. Made by a list inside any_of."""

    clauses: tuple[Clause, ...]

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.clauses))}]"


@dataclass(frozen=True, slots=True)
class Quiescent(Clause):
    """Holds when nothing else will happen on the board without input from outside: the moment for a closing report."""

    def __str__(self) -> str:
        return "quiescent()"


def any_of(*alternatives: Condition | Sequence[Condition]) -> AnyOf:
    """Holds when one of the alternatives does; a list among them holds when all of its clauses do.

    Raises InvalidTrigger without alternatives, or for Quiescent, which stands alone.
    """
    if not alternatives:
        raise InvalidTrigger("any_of()", "of no alternatives none ever holds", "Give it at least one clause")
    clauses = tuple(_alternative(alternative) for alternative in alternatives)
    if any(isinstance(leaf, Quiescent) for leaf in leaves(clauses)):
        problem = "quiescence is a moment of the board and no alternative to a state"
        raise InvalidTrigger("any_of()", problem, "Put Quiescent() beside it in when=, or make another source")
    return AnyOf(clauses)


def _alternative(alternative: Condition | Sequence[Condition]) -> Clause:
    if isinstance(alternative, list | tuple):
        return AllOf(clauses_of(alternative))
    return clause_of(alternative)


def leaves(clauses: Sequence[Clause]) -> Iterator[Clause]:
    """The clauses without the any_of and the lists around them."""
    for clause in clauses:
        if isinstance(clause, AnyOf | AllOf):
            yield from leaves(clause.clauses)
        else:
            yield clause


def clause_of(condition: object) -> Clause:
    """The clause that a program wrote; a field of type bool is one by itself. Raises InvalidTrigger."""
    if isinstance(condition, Clause):
        return condition
    if isinstance(condition, FieldRef) and term_of(condition).shapes <= {"bool", "null"}:
        return condition == True  # noqa: E712  # builds a clause
    if isinstance(condition, bool):
        problem = "it was computed while the program was imported and says nothing about a board"
    else:
        problem = "it is not a clause"
    remedy = "Compare a field of a kind (Claim.amount > 100), or use Count or Absent"
    raise InvalidTrigger(f"the condition {condition!r}", problem, remedy)


def clauses_of(conditions: object) -> tuple[Clause, ...]:
    """The clauses of `when=`: none, one, or a list of them."""
    if conditions is None:
        return ()
    if isinstance(conditions, list | tuple):
        return tuple(clause_of(condition) for condition in conditions)
    return (clause_of(conditions),)


# ---------------------------------------------------------------------------- saying what is meant


def field(value: object) -> FieldRef:
    """The field that `Claim.status` names, so that a type checker knows its methods: `field(Claim.status).in_(…)`."""
    if isinstance(value, FieldRef):
        return value
    raise InvalidTrigger(f"field({value!r})", "it is not a field of a kind", "Give it one: field(Claim.status)")


class _Parameter:
    """A kind as one parameter binds it."""

    def __init__(self, name: str, kind: type[Entry]) -> None:
        self._name, self._kind = name, kind

    def __getattr__(self, name: str) -> FieldRef:
        if name.startswith("_"):
            raise AttributeError(name)
        return field_of(self._kind.__kind__, self._kind, name, self._name)


def param(name: str, kind: type[K]) -> type[K]:
    """The kind as the parameter of this name binds it, for sources with several parameters of one kind.

    `when=param("a", Word).text == param("b", Word).text`. To a type checker it is the kind itself.
    """
    return cast("type[K]", _Parameter(name, kind))


# ---------------------------------------------------------------------------- testing


def _json_type(value: object) -> type:
    """The JSON type of a value: a number is a number whether Python keeps it as int or as float."""
    return float if type(value) is int else type(value)


def _equal(a: object, b: object) -> bool:
    return a is not None and _json_type(a) is _json_type(b) and a == b


def _ordered(decide: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda a, b: _json_type(a) is _json_type(b) and _json_type(a) in {float, str} and decide(a, b)


def _contains(a: object, b: object) -> bool:
    if isinstance(a, str):
        return isinstance(b, str) and b in a
    return isinstance(a, list) and any(_equal(item, b) for item in a)


_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": _equal,
    "!=": lambda a, b: not _equal(a, b),
    "<": _ordered(lambda a, b: a < b),
    "<=": _ordered(lambda a, b: a <= b),
    ">": _ordered(lambda a, b: a > b),
    ">=": _ordered(lambda a, b: a >= b),
    "in": lambda a, b: any(_equal(a, item) for item in b),
    "has": _contains,
    "pre": lambda a, b: isinstance(a, str) and a.startswith(b),
    "nil": lambda a, _: a is None,
    "some": lambda a, _: a is not None,
}


def compare(op: str, a: object, b: object = None) -> bool:
    """Whether a comparison of two JSON values holds; None stands for null and for missing."""
    return _OPERATORS[op](a, b)


def value_at(payload: Mapping[str, Any], path: Sequence[str]) -> Any:
    """The value at a path in an entry's JSON; None when it is null or missing."""
    value: Any = payload
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def holds(clause: Clause, entry: Entry | Mapping[str, Any]) -> bool:
    """Whether a clause about one entry holds for it; an entry's decoded JSON does as well as the entry.

    Raises InvalidTrigger for a clause that no single entry can answer (Count, Absent, Quiescent).
    """
    payload = from_json(encode(entry)) if isinstance(entry, Entry) else entry
    if isinstance(clause, AnyOf):
        return any(holds(inner, payload) for inner in clause.clauses)
    if isinstance(clause, AllOf):
        return all(holds(inner, payload) for inner in clause.clauses)
    if isinstance(clause, Comparison):
        return compare(clause.op, _operand(clause, clause.left, payload), _operand(clause, clause.right, payload))
    raise _not_about_one_entry(clause)


def _operand(clause: Clause, term: Term | None, payload: Mapping[str, Any]) -> Any:
    if isinstance(term, Field):
        return value_at(payload, term.path)
    if isinstance(term, Size):
        raise _not_about_one_entry(clause)
    return term.value if isinstance(term, Constant) else None


def _not_about_one_entry(clause: Clause) -> InvalidTrigger:
    return InvalidTrigger(
        str(clause),
        "it is about the whole board, not about one entry",
        "Use it in when= of a knowledge source",
    )

"""Fields of entries as terms: `Claim.amount` is not a value but a question that the store can be asked.

Everything here works on names, paths and types and knows no entry class: entries are built on top of it.
"""

import json
import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field as attribute
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticSerializationError, to_json

from blackboard.errors import InvalidTrigger, UnknownField
from blackboard.shape import element_of, members, shapes, substitute

Scalar = str | int | float | bool | None
ORDERED: Final = frozenset({"<", "<=", ">", ">="})
# Numbers in the store are doubles: beyond this one, neighbouring integers are the same.
_LARGEST_INTEGER: Final = 2**53
_WORDS: Final = {"has": "contains", "pre": "starts with", "nil": "is none", "some": "is not none"}


# ---------------------------------------------------------------------------- clauses and terms


class Clause:
    """A condition on the state of a board, as data: the store tests it and people read it.

    Several clauses in a list must all hold; `any_of(…)` asks for one of several.
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        raise _no_truth(self)

    def __and__(self, _other: object) -> "Clause":
        raise _no_truth(self)

    __or__ = __rand__ = __ror__ = __and__

    def __invert__(self) -> "Clause":
        raise _no_truth(self)


def _no_truth(subject: object) -> InvalidTrigger:
    # With a truth value, `and`, `or`, `not` and chained comparisons would silently drop half of what was meant.
    return InvalidTrigger(
        str(subject),
        "it is tested later, by the store, and is neither true nor false here",
        "Instead of `and` or `&` give a list, when=[a, b]; instead of `or` or `|`, any_of(a, b); instead of `not`, the opposite "
        "operator; instead of a < b < c, two clauses",
    )


class Term:
    """One side of a comparison."""

    __slots__ = ()

    @property
    def shapes(self) -> frozenset[str]:
        """What its JSON may be: number, string, bool, null, list, other; `any` when nothing is known."""
        return frozenset({"any"})


@dataclass(frozen=True, slots=True)
class Field(Term):
    """A field of a kind, by its path; of one parameter, when several have that kind."""

    kind: str
    path: tuple[str, ...]
    annotation: Any = attribute(compare=False, repr=False)
    parameter: str | None = None

    def __str__(self) -> str:
        return ".".join((self.parameter or self.kind, *self.path))

    @property
    def shapes(self) -> frozenset[str]:
        return shapes(self.annotation)


@dataclass(frozen=True, slots=True)
class Constant(Term):
    """A value that a term is compared with, as it is in JSON; a tuple of them for `in`."""

    value: Scalar | tuple[Scalar, ...]

    def __str__(self) -> str:
        return json.dumps(self.value, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Formula(Term):
    """Two numbers and an operator: `+ - * /`."""

    left: Term
    op: str
    right: Term

    def __str__(self) -> str:
        return f"{self._part(self.left)} {self.op} {self._part(self.right)}"

    @property
    def shapes(self) -> frozenset[str]:
        return frozenset({"number"})

    @staticmethod
    def _part(term: Term) -> str:
        return f"({term})" if isinstance(term, Formula) else str(term)


@dataclass(frozen=True, slots=True)
class Comparison(Clause):
    """Two terms and an operator: `== != < <= > >= in has pre`; one term for `nil` and `some`."""

    left: Term
    op: str
    right: Term | None = None

    def __str__(self) -> str:
        words = (self.left, _WORDS.get(self.op, self.op), self.right)
        return " ".join(str(word) for word in words if word is not None)


class Operand:
    """What a program writes on one side of an operator. The result is a clause, not a truth value."""

    __slots__ = ("_term",)

    def __init__(self, term: Term) -> None:
        self._term = term

    def __repr__(self) -> str:
        return str(self._term)

    def __hash__(self) -> int:
        return hash(self._term)

    def __eq__(self, other: object) -> Comparison:  # type: ignore[override]  # a clause is the point
        return self._compare("==", other)

    def __ne__(self, other: object) -> Comparison:  # type: ignore[override]  # a clause is the point
        return self._compare("!=", other)

    def __lt__(self, other: object) -> Comparison:
        return self._compare("<", other)

    def __le__(self, other: object) -> Comparison:
        return self._compare("<=", other)

    def __gt__(self, other: object) -> Comparison:
        return self._compare(">", other)

    def __ge__(self, other: object) -> Comparison:
        return self._compare(">=", other)

    def __bool__(self) -> bool:
        raise _no_truth(self)

    def _compare(self, op: str, other: object) -> Comparison:
        if op in ORDERED:
            _require_order(self._term)
        right = term_of(other) if isinstance(other, Operand) else self._constant(op, other)
        if right is None:
            return Comparison(self._term, "nil" if op == "==" else "some")
        _require_comparable(self._term, op, right)
        return Comparison(self._term, op, right)

    def _constant(self, op: str, value: object) -> Constant | None:
        """The value as a constant of this operand's type, None for none; raises InvalidTrigger."""
        raise NotImplementedError


def term_of(operand: Operand) -> Term:
    """What an operand stands for."""
    return operand._term  # noqa: SLF001  # private so that it hides no field of that name


# ---------------------------------------------------------------------------- calculating


class Quantity(Operand):
    """An operand to calculate with, for `rating=`: `Claim.amount * 2 + Finding.risk`. Raises InvalidTrigger for no number."""

    __slots__ = ()

    def __add__(self, other: object) -> "Quantity":
        return _formula(self, "+", other)

    def __radd__(self, other: object) -> "Quantity":
        return _formula(other, "+", self)

    def __sub__(self, other: object) -> "Quantity":
        return _formula(self, "-", other)

    def __rsub__(self, other: object) -> "Quantity":
        return _formula(other, "-", self)

    def __mul__(self, other: object) -> "Quantity":
        return _formula(self, "*", other)

    def __rmul__(self, other: object) -> "Quantity":
        return _formula(other, "*", self)

    def __truediv__(self, other: object) -> "Quantity":
        return _formula(self, "/", other)

    def __rtruediv__(self, other: object) -> "Quantity":
        return _formula(other, "/", self)

    def __neg__(self) -> "Quantity":
        return _formula(0, "-", self)

    def _constant(self, op: str, value: object) -> Constant | None:
        raise _is_calculated(f"{self._term} {op} {value!r}")


def _formula(left: object, op: str, right: object) -> Quantity:
    subject = f"{left!r} {op} {right!r}"
    return Quantity(Formula(number_of(left, subject), op, number_of(right, subject)))


def number_of(value: object, subject: str) -> Term:
    """The term of a number: a field that is one, what was calculated, or a constant. Raises InvalidTrigger."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max:
        return Constant(value)
    term = term_of(value) if isinstance(value, Quantity) else None
    if term is not None and term.shapes - {"null"} in ({"number"}, {"any"}):
        return term
    instead = substitute(getattr(term, "annotation", None)) or "Use numbers, and fields of type int or float"
    raise InvalidTrigger(subject, f"{value!r} is no number", instead)


def _is_calculated(subject: str) -> InvalidTrigger:
    problem = "it compares what is calculated, and the store calculates ratings only"
    return InvalidTrigger(subject, problem, "Compare fields with values or fields, or test it in precondition=")


# ---------------------------------------------------------------------------- references to fields


class FieldRef(Quantity):
    """A field as written in a program: `Claim.amount`, `Claim.customer.tier`, `Claim.labels["origin"]`.

    Comparing it gives a clause. A nested field named like a method here is reached with brackets.
    Raises UnknownField for a field that the kind does not have, InvalidTrigger for a comparison that cannot work.
    """

    __slots__ = ()

    _term: Field

    def __getattr__(self, name: str) -> "FieldRef":
        if name.startswith("_"):
            raise AttributeError(name)
        return FieldRef(_child(self._term, name))

    def __getitem__(self, name: str) -> "FieldRef":
        return FieldRef(_child(self._term, name))

    def in_(self, values: Iterable[object]) -> Comparison:
        """Holds when the field equals one of the values."""
        subject = f"{self!r}.in_()"
        if isinstance(values, str | bytes) or not isinstance(values, Iterable):
            raise InvalidTrigger(subject, f"{values!r} is not a list of values", 'Write .in_(["a", "b"])')
        constants = tuple(_scalar(self._term, value, self._term.annotation) for value in values)
        if not constants:
            raise InvalidTrigger(subject, "without a value it never holds", "List at least one value")
        return Comparison(self._term, "in", Constant(constants))

    def contains(self, value: object) -> Comparison:
        """Holds when the field is a list with this element, or a text with this part."""
        _require_shape(self._term, "contains", {"list", "string"})
        return Comparison(self._term, "has", Constant(_scalar(self._term, value, element_of(self._term.annotation))))

    def startswith(self, prefix: str) -> Comparison:
        """Holds when the field is a text that starts like this."""
        _require_shape(self._term, "startswith", {"string"})
        return Comparison(self._term, "pre", Constant(_scalar(self._term, prefix, str)))

    def is_none(self) -> Comparison:
        """Holds when the field is None, or missing in an entry stored before the field was."""
        return Comparison(self._term, "nil")

    def is_not_none(self) -> Comparison:
        """Holds when the field has a value."""
        return Comparison(self._term, "some")

    def _constant(self, op: str, value: object) -> Constant | None:
        if value is None and op in {"==", "!="}:
            return None
        return Constant(_scalar(self._term, value, self._term.annotation))


def field_of(kind: str, model: type[BaseModel], name: str, parameter: str | None = None) -> FieldRef:
    """A reference to a field of a kind; raises UnknownField when its model has none of that name."""
    return FieldRef(_child(Field(kind, (), model, parameter), name))


def _child(parent: Field, name: str) -> Field:
    known: list[str] = []
    for member in members(parent.annotation):
        annotation = None
        if isinstance(member, type) and issubclass(member, BaseModel):
            known += member.model_fields
            annotation = member.model_fields[name].annotation if name in member.model_fields else None
        elif get_origin(member) is dict:
            annotation = get_args(member)[1]
        if annotation is not None:
            return Field(parent.kind, (*parent.path, name), annotation, parent.parameter)
    others = f"Its fields are: {', '.join(known)}" if known else "Only models and dict[str, …] have fields"
    raise UnknownField(str(parent), f"there is no field {name!r}", others)


# ---------------------------------------------------------------------------- what can be compared


def _require_shape(term: Field, verb: str, wanted: set[str]) -> None:
    if not term.shapes & (wanted | {"any"}):
        problem = f"its JSON is {' or '.join(sorted(term.shapes))}, not {' or '.join(sorted(wanted))}"
        raise InvalidTrigger(f"{term}.{verb}()", problem, "Test the field with another operator, or in precondition=")


def _require_order(term: Term) -> None:
    known = term.shapes - {"null"}
    if known in ({"number"}, {"string"}, {"any"}):
        return
    instead = substitute(getattr(term, "annotation", None)) or "Compare it with == or !=, or in precondition="
    raise InvalidTrigger(str(term), "its JSON has no order: only numbers, plain strings and dates have one", instead)


def _require_comparable(left: Term, op: str, right: Term) -> None:
    if isinstance(right, Constant):
        return
    if isinstance(left, Formula) or isinstance(right, Formula):
        raise _is_calculated(f"{left} {op} {right}")
    if op in ORDERED:
        _require_order(right)
    ours, theirs = left.shapes - {"null"}, right.shapes - {"null"}
    if "any" not in ours | theirs and not ours & theirs:
        raise InvalidTrigger(
            f"{left} {op} {right}",
            f"one is {' or '.join(sorted(ours))} and the other {' or '.join(sorted(theirs))}; they are never equal",
            "Compare fields of one type",
        )


def _scalar(term: Field, value: object, annotation: Any) -> Scalar:
    """The value as it is in the JSON of the type; raises InvalidTrigger when the type has no such value."""
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(annotation)
        return _checked(term, adapter.dump_python(_validated(adapter, value), mode="json"))
    except (ValidationError, PydanticSerializationError) as error:
        name = getattr(annotation, "__name__", None) or str(annotation)
        problem = f"{value!r} is not a value of its type, {name}"
        raise InvalidTrigger(str(term), problem, "Compare it with a value of that type") from error
    except PydanticUserError as error:
        problem = f"its type, {annotation!r}, has no JSON form"
        raise InvalidTrigger(str(term), problem, "Test it in precondition=") from error


def _validated(adapter: TypeAdapter[Any], value: object) -> Any:
    """The value, strictly of the type; or the plain text or number that stands for it in JSON ("open" for an enum)."""
    try:
        return adapter.validate_python(value, strict=True)
    except ValidationError:
        if type(value) not in {str, int, float}:
            raise
        return adapter.validate_json(to_json(value), strict=True)


def _checked(term: Field, value: Any) -> Scalar:
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int | float):
        return _number(term, value)
    if value is None:
        raise InvalidTrigger(str(term), "None is not a value to compare with here", "Ask with .is_none()")
    problem = f"{value!r} is not a single value"
    raise InvalidTrigger(str(term), problem, "Compare one of its fields, or test it with .contains()")


def _number(term: Field, value: float) -> int | float:
    if not math.isfinite(value):
        raise InvalidTrigger(str(term), f"{value} is not a number in JSON", "Compare it with a finite number")
    if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        problem = f"{value} is beyond 2**53, where the store cannot tell neighbouring integers apart"
        raise InvalidTrigger(str(term), problem, "Keep such numbers as text: declare the field as str")
    whole = abs(value) <= _LARGEST_INTEGER and value == int(value)
    return int(value) if whole else value

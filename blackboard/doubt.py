"""Doubts: what of a source can never happen as it is written, found without a board.

What is found is certain: a clause is only doubted for what its types and the other clauses of its source say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, get_args, get_origin

from blackboard.condition import Absent, Clause, Comparison, Constant, Field, Size, compare, leaves
from blackboard.entry import Entry
from blackboard.shape import members
from blackboard.signature import Mode
from blackboard.trigger import Trigger

UNBOUNDED = 2**53


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something about a source, or a kind, that should be looked at; when it is ``fatal``, it cannot work."""

    subject: str
    problem: str
    remedy: str
    fatal: bool = True

    def __str__(self) -> str:
        return f"{self.subject}: {self.problem}. {self.remedy}."


def never_holds(trigger: Trigger) -> Iterator[Doubt]:
    """Why a trigger can never hold, if so."""
    problems = [*_sizes(trigger), *_equalities(trigger), *_tests(trigger)]
    for problem, remedy in dict.fromkeys(problems):
        yield Doubt(trigger.source, f"it can never be triggered: {problem}", remedy)


# ---------------------------------------------------------------------------- how many entries there are


@dataclass(frozen=True, slots=True)
class _Demand:
    """A clause that compares the size of a set with a number."""

    clause: Clause
    size: Size
    op: str
    number: int

    def allows(self, number: int) -> bool:
        return compare(self.op, number, self.number)


def _demand(clause: Clause) -> _Demand | None:
    """How large a clause wants a set to be, if it says so by a number."""
    if isinstance(clause, Absent):
        return _Demand(clause, clause.size, "==", 0)
    if isinstance(clause, Comparison) and isinstance(clause.left, Size) and isinstance(clause.right, Constant):
        return _Demand(clause, clause.left, clause.op, int(str(clause.right.value)))
    return None


def _demands(clauses: Iterable[Clause]) -> list[_Demand]:
    return [demand for clause in clauses if (demand := _demand(clause)) is not None]


def _sizes(trigger: Trigger) -> Iterator[tuple[str, str]]:
    """Sets of entries that would have to have a size which they cannot have."""
    for size in trigger.sizes:
        about = [demand for demand in _demands(trigger.clauses) if demand.size == size]
        lowest = 1 if _binds_one(trigger, size) else 0
        highest = 1 if size.kind.__key__ is None else UNBOUNDED
        if not any(all(demand.allows(n) for demand in about) for n in _candidates(about, lowest, highest)):
            said = " and ".join(str(demand.clause) for demand in about)
            yield f"{said}, but {_why_not(size, lowest, highest)}", "Change the clause, or the parameter"


def _why_not(size: Size, lowest: int, highest: int) -> str:
    kind = size.kind.__kind__
    because = [f"a parameter binds one {kind}"] if lowest else []
    because += [f"a board has at most one {kind}, which has no key"] if highest == 1 else []
    return " and ".join(because) or "both cannot be"


def _binds_one(trigger: Trigger, size: Size) -> bool:
    """Whether an entry that is bound is always one of the set."""
    if size.joins or not set(size.tests) <= set(trigger.clauses):
        return False
    return any(pattern.kind is size.kind and pattern.mode is Mode.EACH for pattern in trigger.patterns)


def _candidates(demands: Iterable[_Demand], lowest: int, highest: int) -> Iterator[int]:
    """Numbers of which one would do, if any did."""
    near = {demand.number + by for demand in demands for by in (-1, 0, 1)}
    yield from (n for n in {0, lowest, highest} | near if lowest <= n <= highest)


def at_least(trigger: Trigger) -> Iterator[type[Entry]]:
    """The kinds of which there must be an entry for the trigger to hold."""
    counted = {size.kind for leaf in leaves(trigger.clauses) for size in _compared(leaf)}
    for pattern in trigger.patterns:
        waits = pattern.mode is Mode.GATHER and not trigger.is_quiescent and pattern.kind not in counted
        if pattern.mode is Mode.EACH or waits:
            yield pattern.kind
    yield from (demand.size.kind for demand in _demands(trigger.clauses) if not demand.allows(0))


def growing(trigger: Trigger) -> Iterator[type[Entry]]:
    """The kinds of which more entries can make the trigger hold, since they are counted."""
    for clause in leaves(trigger.clauses):
        demand = _demand(clause)
        if demand is None or not demand.allows(0):
            yield from (size.kind for size in _compared(clause))


def bounding_clauses(trigger: Trigger) -> Iterator[tuple[Clause, type[Entry]]]:
    """The clauses that hold no more once there are enough entries of a kind."""
    for demand in _demands(trigger.clauses):
        if not demand.allows(UNBOUNDED):
            yield demand.clause, demand.size.kind


def _compared(clause: Clause) -> list[Size]:
    """The sets whose size a clause compares with something."""
    terms = (clause.left, clause.right) if isinstance(clause, Comparison) else ()
    return [term for term in terms if isinstance(term, Size)]


# ---------------------------------------------------------------------------- values that are never equal


def _equalities(trigger: Trigger) -> Iterator[tuple[str, str]]:
    needed = _needed(trigger)
    for clause in _conjunction(trigger):
        if isinstance(clause.left, Field) and clause.op == "==" and isinstance(clause.right, Field):
            if not {clause.left.kind, clause.right.kind} <= needed:
                continue
            problem = _never_equal(clause.left.annotation, clause.right.annotation)
            if problem:
                yield f"{clause} joins {problem}", "Join fields of which some values are the same"


def _needed(trigger: Trigger) -> set[str]:
    """The kinds without which the trigger does not hold: what is mere context may be missing."""
    return {kind.__kind__ for kind in at_least(trigger)}


def _conjunction(trigger: Trigger) -> Iterator[Comparison]:
    """The comparisons that must all hold; those inside of a count decide whether anything is counted."""
    yield from (clause for clause in trigger.clauses if isinstance(clause, Comparison))
    for demand in _demands(trigger.clauses):
        if not demand.allows(0):
            yield from demand.size.conditions


def _never_equal(left: Any, right: Any) -> str | None:
    """Why values of two types are never equal. (Types that differ in kind are refused when the clause is written.)"""
    ours, theirs = _values(left), _values(right)
    if ours is not None and theirs is not None and not ours & theirs:
        return f"{_listed(ours)} with {_listed(theirs)}"
    return None


def _values(annotation: Any) -> frozenset[Any] | None:
    """All values that a type has in JSON, when it says them."""
    found: set[Any] = set()
    for member in members(annotation):
        if get_origin(member) is Literal:
            found |= {each.value if isinstance(each, Enum) else each for each in get_args(member)}
        elif isinstance(member, type) and issubclass(member, Enum):
            found |= {each.value for each in member}
        elif member is not type(None):
            return None
    return frozenset(found - {None})


def _listed(values: frozenset[Any]) -> str:
    return "/".join(sorted(map(str, values)))


# ---------------------------------------------------------------------------- tests that exclude each other


def _tests(trigger: Trigger) -> Iterator[tuple[str, str]]:
    """A field that must be one value, and passes another test only with others."""
    needed = _needed(trigger)
    clauses = [clause for clause in trigger.clauses if isinstance(clause, Comparison)]
    tests = [each for each in clauses if isinstance(each.left, Field) and each.left.kind in needed]
    for fixed in tests:
        if fixed.op != "==" or not isinstance(fixed.right, Constant):
            continue
        for other in tests:
            if other.left != fixed.left or isinstance(other.right, Field | Size):
                continue
            constant = other.right.value if isinstance(other.right, Constant) else None
            if not compare(other.op, fixed.right.value, constant):
                yield f"{fixed} and {other} exclude each other", "Change one of them, or use any_of"


def tests_of(trigger: Trigger, kind: type[Entry]) -> list[Clause]:
    """The clauses that test entries of a kind: a value may fail them."""
    return [each for each in leaves(trigger.clauses) if isinstance(each, Comparison) and _is_about(each, kind)]


def _is_about(clause: Comparison, kind: type[Entry]) -> bool:
    return isinstance(clause.left, Field) and clause.left.kind == kind.__kind__

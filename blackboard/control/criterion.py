"""Criteria: clauses that a strategy tests itself, on the entries that it asked for.

A criterion is met when the board has an entry of its kind for which it holds; clauses about one kind must hold for the
same entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pydantic_core import from_json

from blackboard.condition import Clause, Comparison, Field, Size, clause_of, holds, leaves
from blackboard.control.view import View
from blackboard.errors import InvalidStrategy


def criteria(subject: str, conditions: Iterable[object]) -> tuple[Clause, ...]:
    """Conditions as clauses that a strategy can test. Raises InvalidStrategy, or InvalidTrigger for what is no clause."""
    clauses = tuple(clause_of(condition) for condition in conditions)
    for clause in clauses:
        if len(_kinds(clause)) != 1 or not all(_is_test(leaf) for leaf in leaves([clause])):
            problem = f"the condition {clause} is not about the fields of one entry"
            raise InvalidStrategy(subject, problem, "Test fields of one kind in each condition: Claim.amount > 100")
    return clauses


def kinds_of(clauses: Iterable[Clause]) -> frozenset[str]:
    """The kinds whose entries decide."""
    return frozenset(kind for clause in clauses for kind in _kinds(clause))


def are_met(clauses: Sequence[Clause], view: View) -> bool:
    """Whether for each kind there is an entry for which all the clauses about that kind hold."""
    return all(exists(kind, [each for each in clauses if kind in _kinds(each)], view) for kind in kinds_of(clauses))


def exists(kind: str, clauses: Sequence[Clause], view: View) -> bool:
    """Whether the board has an entry of a kind for which all the clauses hold."""
    entries: Iterable[Mapping[str, object]] = (from_json(each.payload) for each in view.entries.get(kind, ()))
    return any(all(holds(clause, entry) for clause in clauses) for entry in entries)


def _kinds(clause: Clause) -> frozenset[str]:
    return frozenset(field.kind for field in _fields(clause))


def _fields(clause: Clause) -> Iterator[Field]:
    for leaf in leaves([clause]):
        if isinstance(leaf, Comparison):
            yield from (term for term in (leaf.left, leaf.right) if isinstance(term, Field))


def _is_test(leaf: Clause) -> bool:
    """Whether one entry can answer it: a field, compared with a constant or another field of the same entry."""
    return (
        isinstance(leaf, Comparison)
        and isinstance(leaf.left, Field)
        and not isinstance(leaf.right, Size)
        and all(field.parameter is None for field in _fields(leaf))
    )

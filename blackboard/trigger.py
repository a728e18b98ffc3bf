"""Triggers: what a source waits for, from its signature and `when=`, as data that the store understands."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from blackboard.condition import (
    Absent,
    AllOf,
    AnyOf,
    Clause,
    Comparison,
    Constant,
    Field,
    Quiescent,
    Size,
    leaves,
)
from blackboard.entry import Entry
from blackboard.errors import InvalidTrigger
from blackboard.signature import Mode, Pattern
from blackboard.term import Formula, Term

Refire = Literal["version", "entry", "once"]
REFIRES: Final[tuple[str, ...]] = get_args(Refire)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trigger:
    """When a source is to run: patterns over entries, and clauses that must all hold.

    `after` delays an activation, in milliseconds. `refire` says what makes a binding new: a new version of an entry
    it triggers on, other entries, or nothing. A source's own writes do not trigger it again on the same entries
    unless it is `reentrant`. `rating` is computed from the fields of the entries that are bound; `per` is the one whose values
    a limit on its concurrency counts apart.

    Raises InvalidTrigger when it could never hold, or does not say one thing.
    """

    source: str
    patterns: tuple[Pattern, ...]
    clauses: tuple[Clause, ...] = ()
    after: int = 0
    refire: Refire = "version"
    reentrant: bool = False
    rating: Term | None = None
    per: Field | None = None

    def __post_init__(self) -> None:
        self.compile()
        _check_names(self)
        _check_cause(self)

    @property
    def sizes(self) -> tuple[Size, ...]:
        """The sets of entries that its clauses count, each once, in the order of the clauses."""
        return tuple(dict.fromkeys(size for leaf in leaves(self.clauses) for size in _sizes(leaf)))

    @property
    def kinds(self) -> tuple[type[Entry], ...]:
        """The kinds that its patterns bind and its clauses count."""
        bound = [pattern.kind for pattern in self.patterns]
        return tuple(dict.fromkeys(bound + [size.kind for size in self.sizes]))

    @property
    def is_quiescent(self) -> bool:
        """Whether it fires when the board falls quiescent."""
        return any(isinstance(clause, Quiescent) for clause in self.clauses)

    def compile(self) -> Json:
        """The trigger as the store reads it: JSON in which nothing absent is written down."""
        return _Compilation(self).result()


def _sizes(leaf: Clause) -> Iterator[Size]:
    if isinstance(leaf, Absent):
        yield leaf.size
    elif isinstance(leaf, Comparison):
        yield from (term for term in (leaf.left, leaf.right) if isinstance(term, Size))


def _check_names(trigger: Trigger) -> None:
    named: dict[str, type[Entry]] = {}
    for kind in trigger.kinds:
        if named.setdefault(kind.__kind__, kind) is not kind:
            other = named[kind.__kind__]
            raise InvalidTrigger(
                f"source {trigger.source}",
                f"{other.__module__}.{other.__qualname__} and {kind.__module__}.{kind.__qualname__} are two classes "
                f"for one kind, {kind.__kind__}",
                'Use one of them, or name one otherwise: class …(Entry, kind="…")',
            )


def _check_cause(trigger: Trigger) -> None:
    if not (trigger.is_quiescent or trigger.sizes or any(pattern.mode.triggers for pattern in trigger.patterns)):
        raise InvalidTrigger(
            f"source {trigger.source}",
            "nothing can ever trigger it: it has no parameter of type K or list[K], and no clause that counts",
            "Add such a parameter, or Count, Absent or Quiescent in when=",
        )


# ---------------------------------------------------------------------------- compilation


def _path(field: Field) -> str | list[str]:
    return field.path[0] if len(field.path) == 1 else list(field.path)


def _value(term: Term | None) -> list[Any]:
    """The constant of a comparison, if it has one, as the tail of its JSON."""
    if not isinstance(term, Constant):
        return []
    return [list(term.value) if isinstance(term.value, tuple) else term.value]


def _test(clause: Comparison, field: Field) -> list[Any]:
    return [clause.op, _path(field), *_value(clause.right)]


def _alpha(kind: type[Entry], tests: Sequence[Any], index: Any) -> str:
    """The name of the memory of those entries of a kind that pass the tests, ordered by the index field.

    Equal for equal memories, so that sources share them. Fields of another schema version are other fields.
    """
    if not tests and index is None:
        return kind.__kind__
    version = [kind.__version__] if kind.__version__ > 1 else []
    text = json.dumps(
        [kind.__kind__, tests, index, *version], ensure_ascii=False, separators=(",", ":"), sort_keys=True
    )
    return f"~{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def _concerning(kind: type[Entry], tests: list[Any], index: Any) -> Json:
    """What a pattern and a counted set have in common. A kind without key has one entry and needs no memory."""
    found: Json = {"k": kind.__kind__, "t": tests, "v": str(kind.__version__) if kind.__version__ > 1 else None}
    if kind.__key__ is None:
        return found | {"u": 1}
    return found | {"ix": index, "a": _alpha(kind, tests, index)}


def _without_nothing(data: Json) -> Json:
    # The store's JSON library cannot tell an empty list from an empty object: neither is ever written.
    return {name: value for name, value in data.items() if value not in (None, 0, [], {})}


class _Compilation:
    """One walk over a trigger's clauses, which sorts each to where the store tests it soonest."""

    def __init__(self, trigger: Trigger) -> None:
        self.trigger = trigger
        self.patterns = trigger.patterns
        self.sizes = trigger.sizes
        self.tests: list[list[Any]] = [[] for _ in self.patterns]
        self.joins: list[list[Any]] = []
        self.residual: list[Any] = []
        self._looked_into: set[int] = set()
        """The patterns of whose entries a field decides something: these must be of the trigger's own schema version."""
        for clause in trigger.clauses:
            self._place(clause)

    def result(self) -> Json:
        trigger = self.trigger
        counted, rating = [self._counted(size) for size in self.sizes], self._rating(trigger.rating)
        return _without_nothing(
            {
                "s": trigger.source,
                "p": [self._pattern(index) for index in range(len(self.patterns))],
                "j": self.joins,
                "c": counted,
                "w": self.residual,
                "q": int(trigger.is_quiescent),
                "af": trigger.after,
                "rf": {"version": None, "entry": "e", "once": "o"}[trigger.refire],
                "re": int(trigger.reentrant),
                "rt": rating,
                "cp": None
                if trigger.per is None
                else [self._single(trigger.per, "concurrency") + 1, _path(trigger.per)],
            }
        )

    # ------------------------------------------------------------------ where a clause goes

    def _place(self, clause: Clause) -> None:
        """A test goes to its patterns, an equality of two patterns to the joins, all else is tested per binding."""
        if isinstance(clause, Comparison) and isinstance(clause.left, Field):
            if not isinstance(clause.right, Field | Size):
                for index in self._bound(clause.left, clause):
                    self.tests[index].append(_test(clause, clause.left))
                return
            if isinstance(clause.right, Field) and self._joins(clause, clause.left, clause.right):
                return
        if not isinstance(clause, Quiescent):
            self.residual.append(self._clause(clause))

    def _joins(self, clause: Comparison, left: Field, right: Field) -> bool:
        """Notes an equality of two patterns as a join; says whether it is one."""
        a, b = self._one(left, clause), self._one(right, clause)
        if clause.op != "==" or a == b:
            return False
        if Mode.EACH not in {self.patterns[a].mode, self.patterns[b].mode}:
            raise self._invalid(
                f"{clause} joins two parameters of which neither binds one entry at a time",
                "Declare one of them as K, not as list[K] or K | None",
            )
        self.joins.append([a + 1, _path(left), b + 1, _path(right)])
        return True

    # ------------------------------------------------------------------ JSON

    def _pattern(self, index: int) -> Json:
        pattern = self.patterns[index]
        own = [path for a, pa, b, pb in self.joins for i, path in ((a, pa), (b, pb)) if i == index + 1]
        found = _concerning(pattern.kind, self.tests[index], own[0] if own else None)
        blind = pattern.kind.__version__ > 1 and not (own or self.tests[index] or index in self._looked_into)
        return _without_nothing(found | {"m": pattern.mode.value, "n": int(self._needs_one(pattern)), "b": int(blind)})

    def _needs_one(self, pattern: Pattern) -> bool:
        """An empty gathering counts only for who asked how many there are, or waited until no more will come."""
        counts = (leaf for leaf in leaves(self.trigger.clauses) if isinstance(leaf, Comparison))
        counted = {size.kind for leaf in counts for size in _sizes(leaf)}
        return pattern.mode is Mode.GATHER and not self.trigger.is_quiescent and pattern.kind not in counted

    def _counted(self, size: Size) -> Json:
        tests = [_test(test, test.left) for test in size.tests if isinstance(test.left, Field)]
        joins = [self._counted_join(join) for join in size.joins]
        found = _concerning(size.kind, tests, joins[0][0] if joins else None)
        return _without_nothing(found | {"j": joins})

    def _counted_join(self, join: Comparison) -> list[Any]:
        _, index, path = self._operand(join.right, join)
        return [self._own_path(join), index, path]

    @staticmethod
    def _own_path(join: Comparison) -> Any:
        return _path(join.left) if isinstance(join.left, Field) else None

    def _clause(self, clause: Clause) -> list[Any]:
        if isinstance(clause, AnyOf):
            return ["any", [self._clause(inner) for inner in clause.clauses]]
        if isinstance(clause, AllOf):
            return ["all", [self._clause(inner) for inner in clause.clauses]]
        if isinstance(clause, Absent):
            return ["==", self._operand(clause.size, clause), ["v", 0]]
        if isinstance(clause, Comparison):
            terms = [term for term in (clause.left, clause.right) if term is not None]
            return [clause.op, *(self._operand(term, clause) for term in terms)]
        raise self._invalid(f"{clause} is not known here", "Use the clauses of blackboard.condition")

    def _rating(self, term: Term | None) -> list[Any] | None:
        if isinstance(term, Formula):
            return [term.op, self._rating(term.left), self._rating(term.right)]
        if isinstance(term, Field):
            return ["f", self._single(term, "rating") + 1, _path(term)]
        return None if term is None else ["v", *_value(term)]

    def _operand(self, term: Term | None, clause: Clause) -> list[Any]:
        if isinstance(term, Size):
            return ["n", self.sizes.index(term) + 1]
        if isinstance(term, Field):
            return ["f", self._each(term, clause) + 1, _path(term)]
        return ["v", *_value(term)]

    # ------------------------------------------------------------------ which parameter is meant

    def _bound(self, field: Field, clause: Clause | str) -> list[int]:
        """The patterns that bind the kind of the field, or its parameter."""
        found = [index for index, pattern in enumerate(self.patterns) if self._binds(pattern, field)]
        if found:
            return found
        if field.parameter:
            known = ", ".join(pattern.name for pattern in self.patterns) or "none"
            raise self._invalid(
                f"{clause} is about a parameter {field.parameter} of kind {field.kind}, which it does not have",
                f"Name one of its parameters: {known}",
            )
        raise self._invalid(
            f"{clause} is about the kind {field.kind}, which no parameter binds",
            "Add a parameter of that kind, or ask for it inside Count(…) or Absent(…)",
        )

    @staticmethod
    def _binds(pattern: Pattern, field: Field) -> bool:
        return pattern.kind.__kind__ == field.kind and field.parameter in {None, pattern.name}

    def _single(self, field: Field, policy: str) -> int:
        """The only pattern that a rating or a limit means, which must bind one entry at a time."""
        each = [pattern for pattern in self.patterns if pattern.mode is Mode.EACH]
        if not any(self._binds(pattern, field) for pattern in each):
            names = ", ".join(f"{pattern.name}: {pattern.kind.__name__}" for pattern in each) or "none yet"
            raise self._invalid(
                f"its {policy} is about {field}, and no parameter binds one {field.kind} at a time",
                f"Take a field of such a parameter: {names}",
            )
        return self._one(field, f"the {policy} {field}")

    def _one(self, field: Field, clause: Clause | str) -> int:
        """The only pattern that is meant."""
        first, *others = self._bound(field, clause)
        self._looked_into.add(first)
        if others:
            names = ", ".join(self.patterns[index].name for index in (first, *others))
            raise self._invalid(
                f"{clause} may mean any of the parameters {names}, which have one kind",
                f'Say which: param("{self.patterns[first].name}", …).{".".join(field.path)}',
            )
        return first

    def _each(self, field: Field, clause: Clause) -> int:
        """The only pattern that is meant, which must bind one entry at a time."""
        index = self._one(field, clause)
        pattern = self.patterns[index]
        if pattern.mode is not Mode.EACH:
            raise self._invalid(
                f"{clause} needs one {field.kind}, and the parameter {pattern.name} binds any number of them or none",
                f"Declare it as {pattern.name}: {pattern.kind.__name__}, or test the fields one by one in when=",
            )
        return index

    def _invalid(self, problem: str, remedy: str) -> InvalidTrigger:
        return InvalidTrigger(f"source {self.trigger.source}", problem, remedy)

"""Cycles: sources that drive each other, directly or through others, and what ends that."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from blackboard.doubt import bounding_clauses, tests_of
from blackboard.entry import UNIQUE, Entry
from blackboard.knowledge_source import KnowledgeSource
from blackboard.signature import Mode

Source = KnowledgeSource[..., Any]

Bound = Literal["once", "count", "budget", "own", "entry", "refraction", "depth"]

HANDOFF = "(handoff)"


@dataclass(frozen=True, slots=True)
class Edge:
    """A source may cause an activation of another: by an entry of a kind, or by handing control over (no kind)."""

    source: Source
    kind: type[Entry] | None
    following: Source

    @property
    def label(self) -> str:
        """The kind, as a chain of sources and entries has it."""
        return self.kind.__kind__ if self.kind else HANDOFF


@dataclass(frozen=True, slots=True)
class Cycle:
    """Sources and kinds that lead back to where they begin, and what bounds that.

    ``once``, ``entry``: a source fires once per board, or per set of addresses; ``count``: an Absent or a Count that what is
    written makes untrue; ``budget``: that of a source; ``own``: a source's own writes do not trigger it on the same entry;
    ``refraction``: it ends when what is written no longer changes; ``depth``: nothing but the guard of depth ends it.
    """

    path: tuple[str, ...]
    bound: Bound
    why: str

    def __str__(self) -> str:
        return " → ".join(self.path)

    @property
    def is_bounded(self) -> bool:
        """Whether it ends whatever its sources write."""
        return self.bound not in {"refraction", "depth"}


def find_cycles(edges: Sequence[Edge]) -> list[Cycle]:
    """The shortest cycle through each edge; then, without the sources that bound those, what cycles are left.

    So one that nothing bounds is not hidden by a shorter one that something does.
    """
    found: dict[tuple[str, ...], Cycle] = {}
    left = list(edges)
    while left:
        cycles = [_cycle(path) for path in _shortest(left)]
        found |= {cycle.path: cycle for cycle in cycles if cycle.path not in found}
        bounding = {name for path in _shortest(left) for name in _bounding_sources(path)}
        rest = [each for each in left if each.source.name not in bounding and each.following.name not in bounding]
        if len(rest) == len(left):
            break
        left = rest
    return list(found.values())


def _shortest(edges: Sequence[Edge]) -> list[tuple[Edge, ...]]:
    """For each edge the shortest way back to where it begins, each cycle once."""
    leaving: dict[str, list[Edge]] = {}
    for edge in edges:
        leaving.setdefault(edge.source.name, []).append(edge)
    found: dict[frozenset[tuple[str, str]], tuple[Edge, ...]] = {}
    for edge in edges:
        way = _way(leaving, edge.following.name, edge.source.name)
        if way is not None:
            cycle = (edge, *way)
            found.setdefault(frozenset((each.source.name, each.label) for each in cycle), cycle)
    return list(found.values())


def _way(leaving: dict[str, list[Edge]], start: str, end: str) -> tuple[Edge, ...] | None:
    """The shortest way from one source to another."""
    came: dict[str, Edge | None] = {start: None}
    waiting = deque([start])
    while waiting and end not in came:
        name = waiting.popleft()
        for edge in leaving.get(name, ()):
            if edge.following.name not in came:
                came[edge.following.name] = edge
                waiting.append(edge.following.name)
    if end not in came:
        return None
    way: list[Edge] = []
    step = came[end]
    while step is not None:
        way.insert(0, step)
        step = came[step.source.name]
    return tuple(way)


# ---------------------------------------------------------------------------- what bounds one


def _cycle(edges: tuple[Edge, ...]) -> Cycle:
    path = [word for edge in edges for word in (edge.source.name, edge.label)]
    bound, why = next(_bounds(edges))
    return Cycle((*path, edges[0].source.name), bound, why)


def _bounding_sources(edges: tuple[Edge, ...]) -> Iterator[str]:
    """The sources that bound a cycle by themselves."""
    for edge in edges:
        if any(_bounds_of_source(edge.following, {each.source for each in edges})):
            yield edge.following.name


def _bounds(edges: tuple[Edge, ...]) -> Iterator[tuple[Bound, str]]:
    """What bounds a cycle, the firmest first; the last always does."""
    sources = {edge.source for edge in edges}
    for edge in edges:
        yield from _bounds_of_source(edge.following, sources)
    if len(edges) == 1 and (own := _own(edges[0])):
        yield own
    kinds = [edge.kind for edge in edges if edge.kind is not None]
    unless = _unless(edges)
    new = next((kind.__kind__ for kind in kinds if kind.__key__ is UNIQUE), None)
    if new is not None:
        yield "depth", f"each round posts a new {new}, so that nothing but the guard of depth ends it{unless}"
    if not kinds:
        yield "depth", f"control is handed round, so that nothing but the guard of depth ends it{unless}"
    yield "refraction", f"it ends when what is written no longer changes{unless}"


def _bounds_of_source(source: Source, among: Collection[Source]) -> Iterator[tuple[Bound, str]]:
    trigger = source.trigger
    if trigger.refire == "once":
        yield "once", f"{source.name} fires once per board"
    written = {kind for each in among for kind in each.writes}
    for clause, kind in bounding_clauses(trigger):
        if kind in written:
            yield "count", f"{source.name} is triggered no more once {clause} does not hold"
    if source.policies.budget is not None:
        yield "budget", f"{source.name} has a budget of {source.policies.budget} activations per board"
    each = [pattern.kind for pattern in trigger.patterns if pattern.mode is Mode.EACH]
    if trigger.refire == "entry" and not any(kind.__key__ is UNIQUE for kind in each):
        addresses = "for each set of addresses" if any(kind.__key__ for kind in each) else "per board"
        yield "entry", f"{source.name} fires once {addresses}"


def _own(edge: Edge) -> tuple[Bound, str] | None:
    """A source that writes what it reads is not triggered by that on the same entry."""
    if edge.kind is None or edge.kind.__key__ is not None or edge.source.trigger.reentrant:
        return None
    return "own", f"what {edge.source.name} writes itself does not trigger it again on the same entry"


def _unless(edges: tuple[Edge, ...]) -> str:
    """What else may end a cycle, by the values that are written."""
    ends = [str(clause) for edge in edges if edge.kind for clause in tests_of(edge.following.trigger, edge.kind)]
    ends += [f"custom: {each.following.precondition.name}" for each in edges if each.following.precondition]
    return f", or when this does not hold: {', '.join(dict.fromkeys(ends))}" if ends else ""

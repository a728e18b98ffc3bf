"""Stages that follow from each other, with conditions and joins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from types import FunctionType
from typing import Any

from blackboard.activation import Activation
from blackboard.condition import Clause
from blackboard.control.criterion import are_met, criteria, kinds_of
from blackboard.control.reference import reference_of
from blackboard.control.step import Step
from blackboard.control.strategy import Grants, State, Strategy, follow, is_over
from blackboard.control.view import View
from blackboard.edge import Edge, Node, Path, path_of
from blackboard.entry import Entry
from blackboard.errors import InvalidStrategy
from blackboard.knowledge_source import KnowledgeSource


def _tuple(given: Any) -> Any:
    """What is given as a tuple, if it is several of something; else as it is, to be refused."""
    return tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else given


@dataclass(frozen=True, init=False)
class Graph(Strategy):
    """Grants along a graph without cycles: `Graph(a >> [b, c] >> d)`.

    A node is a source, done as `Step` says, or a strategy, done when it is finished and all that it granted has ended. Nodes that
    no edge leads to begin at once. A node begins once all before it are done; with `node(d, join="any")`, once the first is.
    Several paths make one graph: `Graph(a >> b, a >> c)`; `"check"` is the source of that name.

    `a >> when(Claim.amount > 100) >> b` is an edge with a condition, tested once, when ``a`` is done, on the entries of that
    moment. A node to which no edge is taken is not run, and no edge from it is taken; a join waits only for those that run.

        Graph(check >> [when(Claim.amount > 1000) >> ask_lawyer, when(is_foreign) >> translate] >> decide)

    A condition may be a function at the top of a module that gets the view; ``reads`` names the kinds it wants to see. Raises
    InvalidStrategy for a graph with a cycle, which it names, and for anything that is no node or no condition.
    """

    nodes: tuple[tuple[str, str | Strategy], ...]
    edges: tuple[Edge, ...]
    joins: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()

    def __init__(self, *paths: Any, reads: Iterable[type[Entry] | str] = ()) -> None:
        drawing = _Drawing(path_of(paths))
        object.__setattr__(self, "nodes", tuple(drawing.nodes.items()))
        object.__setattr__(self, "edges", tuple(drawing.edges))
        object.__setattr__(self, "joins", tuple(drawing.joins))
        object.__setattr__(self, "reads", _tuple(reads))
        self.__post_init__()

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_kinds(self.reads)
        object.__setattr__(self, "edges", tuple(dict.fromkeys(self._checked(*edge) for edge in self.edges)))
        self._require(bool(self.nodes), "it has no nodes", "Name the sources: Graph(first >> second)")
        self._require_sources(*(what for _, what in self.nodes if not isinstance(what, Strategy)))
        _ = self._order

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        # What was done before this strategy began counts only when there is nothing else to do.
        walk = _Walk(self, replace(view, history={}), state, now)
        if not walk.grants:
            walk = _Walk(self, view, state, now)
        return walk.grants, walk.state

    def finished(self, view: View, state: State, now: int) -> bool:
        return len(state["done"]) + len(state["skipped"]) == len(self.nodes)

    def wake(self, view: View, state: State, now: int) -> int | None:
        times = (strategy.wake(view, inner, now) for _, strategy, inner in self._active(state))
        return min((time for time in times if time is not None), default=None)

    def posts(self, view: View, state: State, now: int) -> tuple[Entry, ...]:
        return tuple(post for _, strategy, inner in self._active(state) for post in strategy.posts(view, inner, now))

    def describe(self, view: View, state: State, now: int) -> str:
        done = f"{len(state['done'])} of {len(self.nodes)} done"
        skipped = f", {', '.join(state['skipped'])} not taken" if state["skipped"] else ""
        active = [strategy.describe(view, inner, now) for _, strategy, inner in self._active(state)]
        return "; ".join([done + skipped, *active])

    @property
    def kinds(self) -> frozenset[str]:
        clauses = (each for edge in self.edges for each in edge.conditions if isinstance(each, Clause))
        return super().kinds | kinds_of(clauses) | frozenset(self.reads)

    # ------------------------------------------------------------------ its shape

    @cached_property
    def strategies(self) -> Mapping[str, Strategy]:
        """What each node runs, by name, every node after those that lead to it."""
        what = dict(self.nodes)
        return {name: self._strategy(what[name]) for name in self._order}

    def incoming(self, name: str) -> list[Edge]:
        """The edges that lead to a node."""
        return [edge for edge in self.edges if edge.after == name]

    def outgoing(self, name: str) -> list[Edge]:
        """The edges that lead on from a node."""
        return [edge for edge in self.edges if edge.before == name]

    @cached_property
    def _order(self) -> tuple[str, ...]:
        before: dict[str, list[str]] = {name: [edge.before for edge in self.incoming(name)] for name, _ in self.nodes}
        try:
            return tuple(TopologicalSorter(before).static_order())
        except CycleError as error:
            cycle = " >> ".join(error.args[1])
            remedy = "Leave out one of these edges; to repeat work, let what one of them writes trigger the first again"
            self._require(False, f"{cycle} is a cycle, in which nothing could ever begin", remedy)
            raise

    def _checked(self, before: Any, after: Any, conditions: tuple[Any, ...]) -> Edge:
        names = {name for name, _ in self.nodes}
        self._require({before, after} <= names, f"{before} >> {after} leads nowhere", "Put a node at both of its ends")
        functions = tuple(each for each in conditions if isinstance(each, FunctionType))
        for function in functions:
            reference_of(function)
        clauses = criteria("Graph", (each for each in conditions if not isinstance(each, FunctionType)))
        return Edge(before, after, clauses + functions)

    @staticmethod
    def _strategy(what: str | Strategy) -> Strategy:
        return what if isinstance(what, Strategy) else Step(what)

    def _active(self, state: State) -> Iterator[tuple[str, Strategy, State]]:
        for name, memory in state["active"].items():
            yield name, self.strategies[name], memory["state"]


# ---------------------------------------------------------------------------- a walk along a graph


class _Walk:
    """Where one is on a graph after a decision: the nodes by what became of them, the edges that were taken, the grants."""

    def __init__(self, graph: Graph, view: View, state: State, now: int) -> None:
        state = state or {"active": {}, "done": [], "skipped": [], "taken": []}
        self.graph, self.view, self.now = graph, view, now
        self.active: dict[str, State] = dict(state["active"])
        self.done, self.skipped, self.taken = list(state["done"]), list(state["skipped"]), list(state["taken"])
        self.grants: list[Activation] = []
        self._advance()

    @property
    def state(self) -> State:
        """What is to be remembered."""
        return {"active": self.active, "done": self.done, "skipped": self.skipped, "taken": self.taken}

    def _advance(self) -> None:
        for name in self._on_the_way():
            self._follow(name)
        self._begin()
        while over := [name for name in self._on_the_way() if self._is_over(name)]:
            for name in over:
                self._finish(name)
            self._begin()

    def _on_the_way(self) -> list[str]:
        return [name for name in self.graph.strategies if name in self.active]

    def _follow(self, name: str) -> None:
        view = self.view.granting(self.grants)  # so that no two nodes grant the same
        grants, self.active[name] = follow(self.graph.strategies[name], view, self.active.get(name), self.now)
        self.grants += grants

    def _begin(self) -> None:
        """Every node comes after those that lead to it, so that once through is enough."""
        for name in self.graph.strategies:
            if name not in self.active and name not in self.done and name not in self.skipped:
                verdict = self._runs(name)
                if verdict:
                    self._follow(name)
                elif verdict is False:
                    self.skipped.append(name)

    def _runs(self, name: str) -> bool | None:
        """Whether it is the turn of a node, or never will be; None when that is not known yet."""
        edges = self.graph.incoming(name)
        taken = any([edge.before, edge.after] in self.taken for edge in edges)
        if taken and name in self.graph.joins:
            return True
        known = all(edge.before in self.done or edge.before in self.skipped for edge in edges)
        return (taken or not edges) if known else None

    def _is_over(self, name: str) -> bool:
        view = self.view.granting(self.grants)
        return is_over(self.graph.strategies[name], view, self.active[name], self.now)

    def _finish(self, name: str) -> None:
        del self.active[name]
        self.done.append(name)
        self.taken += [[edge.before, edge.after] for edge in self.graph.outgoing(name) if self._is_open(edge)]

    def _is_open(self, edge: Edge) -> bool:
        clauses = [each for each in edge.conditions if isinstance(each, Clause)]
        functions = [each for each in edge.conditions if isinstance(each, FunctionType)]
        return are_met(clauses, self.view) and all(function(self.view) for function in functions)


# ---------------------------------------------------------------------------- a drawing of a graph


class _Drawing:
    """A graph as it was drawn, with names in the place of what its nodes are."""

    def __init__(self, path: Path) -> None:
        self.nodes: dict[str, str | Strategy] = {}
        self.edges: list[Edge] = []
        self.joins: list[str] = []
        for edge in path.edges:
            self._add(edge)

    def _add(self, edge: Edge) -> None:
        before, after = (None if end is None else self._name(end) for end in edge[:2])
        if before is not None and after is not None:
            self.edges.append(Edge(before, after, edge.conditions))
        elif edge.conditions:
            problem = "a condition stands before the first node, or after the last"
            raise InvalidStrategy("Graph", problem, "Put it between two: first >> when(…) >> second")

    def _name(self, what: Any) -> str:
        """The name of a node, which is noted down."""
        node = what if isinstance(what, Node) else Node(what, None, "all")
        name = node.name or self._own_name(node.what)
        content = node.what.name if isinstance(node.what, KnowledgeSource) else node.what
        if self.nodes.setdefault(name, content) != content:
            problem = f"two different nodes are called {name}"
            raise InvalidStrategy("Graph", problem, "Name one of them otherwise: node(…, name=…)")
        if node.join == "any" and name not in self.joins:
            self.joins.append(name)
        return name

    def _own_name(self, what: Any) -> str:
        if isinstance(what, KnowledgeSource):
            return what.name
        if isinstance(what, str):
            return what
        if isinstance(what, Strategy):
            return self._numbered(what)
        problem = f"{what!r} is neither a source nor a strategy"
        raise InvalidStrategy("Graph", problem, "Make nodes of sources, their names, strategies, or lists of these")

    def _numbered(self, strategy: Strategy) -> str:
        """The name of its class, with a number for the second of that class."""
        stem, number = type(strategy).__name__, 1
        while self.nodes.get(_label(stem, number), strategy) != strategy:
            number += 1
        return _label(stem, number)


def _label(stem: str, number: int) -> str:
    return stem if number == 1 else f"{stem}-{number}"

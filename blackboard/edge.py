"""Edges: which comes after which, as `a >> [b, c] >> d` says it. What follows from it is a matter of control.

A path is its edges, some with an open end: a source alone is one edge that leads to it and one that leads on. Joining two
paths ties each open end of the first to each open beginning of the second. So lists and conditions need no rules of their own.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

Join = Literal["all", "any"]


class Edge(NamedTuple):
    """A way from one node to another, open where there is none; it is taken when all of its conditions hold."""

    before: Any = None
    after: Any = None
    conditions: tuple[Any, ...] = ()


class Linked:
    """What can stand in a path: `a >> b`, `a >> [b, c]`, `[b, c] >> d`."""

    __slots__ = ()

    def __rshift__(self, following: object) -> Path:
        return joined(path_of(self), path_of(following))

    def __rrshift__(self, preceding: object) -> Path:
        return joined(path_of(preceding), path_of(self))


class Path(Linked):
    """Nodes and the edges between them."""

    __slots__ = ("edges",)

    def __init__(self, *edges: Edge) -> None:
        self.edges = edges

    def __repr__(self) -> str:
        ends = ((edge.before, edge.after) for edge in self.edges)
        return ", ".join(f"{before} >> {after}" for before, after in ends if before is not None and after is not None)


class Node(Linked):
    """A node of a path with more to say than what it runs."""

    __slots__ = ("join", "name", "what")

    def __init__(self, what: Any, name: str | None, join: Join) -> None:
        self.what, self.name, self.join = what, name, join

    def __repr__(self) -> str:
        return self.name or str(self.what)


def node(what: Any, *, name: str | None = None, join: Join = "all") -> Node:
    """A source, or a strategy, as a node of a path, with a name of its own or another way to join.

    ``join="all"`` begins once every node before it is done (or will not run); ``"any"``, once the first is done.
    """
    return Node(what, name, join)


def when(*conditions: Any) -> Path:
    """A condition on the way: `a >> when(Claim.amount > 100) >> b`.

    It holds when the board has an entry for which the clauses hold; a function at the top of a module, which gets the view
    and returns a truth value, does as well.
    """
    return Path(Edge(None, None, conditions))


def path_of(what: Any) -> Path:
    """One node, or several side by side, as a path."""
    if isinstance(what, Path):
        return what
    if isinstance(what, list | tuple):
        return Path(*(edge for each in what for edge in path_of(each).edges))
    return Path(Edge(None, what), Edge(what, None))


def joined(first: Path, second: Path) -> Path:
    """One path after another."""
    ends = [edge for edge in first.edges if edge.after is None]
    beginnings = [edge for edge in second.edges if edge.before is None]
    ties = (Edge(a.before, b.after, a.conditions + b.conditions) for a in ends for b in beginnings)
    within = [edge for edge in first.edges if edge.after is not None]
    return Path(*within, *ties, *(edge for edge in second.edges if edge.before is not None))

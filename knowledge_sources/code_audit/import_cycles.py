"""Import cycles: groups of modules that all reach each other by imports.

They are the strongly connected components of the import graph (R. Tarjan, "Depth-first search and linear
graph algorithms", SIAM J. Comput. 1(2), 1972). Cycles among the imports executed at start are kept apart from
those that exist only because of imports inside functions, which cannot fail at start. Imports under
TYPE_CHECKING are never executed and not counted.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, TypeAlias

from knowledge_sources.code_audit.entries import Cycle, Import, ImportCycles, Imports

Graph: TypeAlias = Mapping[str, Mapping[str, Import]]  # importing path → imported path → the import
MAX_CUTS = 600  # above this many imports in one cycle, only those of the example are tried as its cut


def find(imports: Iterable[Imports]) -> ImportCycles:
    """All import cycles of a tree, the largest first."""
    modules = sorted(imports, key=lambda one: one.path)
    at_start = graph(modules, ("start",))
    at_call = graph(modules, ("start", "call"))
    cycles = [_cycle(at_start, group, "start") for group in components(at_start)]
    known = {tuple(cycle.modules) for cycle in cycles}
    cycles += [_cycle(at_call, group, "call") for group in components(at_call) if tuple(group) not in known]
    cycles.sort(key=lambda cycle: (cycle.when != "start", -len(cycle.modules), cycle.modules))
    return ImportCycles(edges=sum(len(targets) for targets in at_call.values()), cycles=cycles)


def graph(modules: Iterable[Imports], moments: tuple[str, ...]) -> Graph:
    """Who imports whom at these moments, without imports of oneself; an import at start hides a later one."""
    return {
        module.path: {
            one.path: one
            for one in sorted(module.inside, key=lambda one: (one.path, one.when != "call"))
            if one.when in moments and one.path != module.path
        }
        for module in modules
    }


def components(graph: Graph) -> list[list[str]]:
    """The strongly connected components of two modules or more, each sorted, in the order of their first modules."""
    walk = _Walk(graph)
    for node in sorted(graph):
        walk.visit(node)
    return sorted(sorted(group) for group in walk.groups if len(group) > 1)


class _Walk:
    """Tarjan's algorithm with its own stack, as a chain of imports may be longer than Python's."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._number: dict[str, int] = {}
        self._low: dict[str, int] = {}
        self._open: list[str] = []
        self._is_open: set[str] = set()
        self.groups: list[list[str]] = []

    def visit(self, start: str) -> None:
        if start in self._number:
            return
        path = [(start, self._enter(start))]
        while path:
            node, targets = path[-1]
            target = next(targets, None)
            if target is None:
                path.pop()
                self._leave(node)
                if path:
                    self._lower(path[-1][0], self._low[node])
            elif target not in self._number:
                path.append((target, self._enter(target)))
            elif target in self._is_open:
                self._lower(node, self._number[target])

    def _enter(self, node: str) -> Iterator[str]:
        self._number[node] = self._low[node] = len(self._number)
        self._open.append(node)
        self._is_open.add(node)
        return iter(sorted(self._graph.get(node, ())))

    def _lower(self, node: str, low: int) -> None:
        self._low[node] = min(self._low[node], low)

    def _leave(self, node: str) -> None:
        if self._low[node] != self._number[node]:
            return
        group: list[str] = []
        while not group or group[-1] != node:
            group.append(self._open.pop())
            self._is_open.discard(group[-1])
        self.groups.append(group)


def _cycle(graph: Graph, group: list[str], when: Literal["start", "call"]) -> Cycle:
    inner = _within(graph, group)
    example = shortest_cycle(inner)
    source, cut, left = best_cut(inner, example)
    return Cycle(
        when=when, modules=group, example=example,
        cut_path=source, cut_line=cut.line, cut_target=cut.path, left=left,
    )  # fmt: skip


def _within(graph: Graph, group: Iterable[str]) -> Graph:
    members = set(group)
    return {node: {to: one for to, one in graph[node].items() if to in members} for node in sorted(members)}


def shortest_cycle(graph: Graph) -> list[Import]:
    """A shortest way from a module back to itself: the imports in order, the last one leading to the first's importer.

    Of several, the one through the first module by name. Every module of `graph` must lie on a cycle.
    """
    best: list[Import] = []
    for node in sorted(graph):
        way = _way_back(graph, node)
        if not best or len(way) < len(best):
            best = way
        if len(best) == 2:  # there is none shorter
            break
    return best


def _way_back(graph: Graph, start: str) -> list[Import]:
    reached: dict[str, list[Import]] = {start: []}
    pending = deque([start])
    while pending:
        node = pending.popleft()
        for target in sorted(graph[node]):
            way = [*reached[node], graph[node][target]]
            if target == start:
                return way
            if target not in reached:
                reached[target] = way
                pending.append(target)
    raise ValueError(f"{start} lies on no cycle")


def best_cut(graph: Graph, example: list[Import]) -> tuple[str, Import, int]:
    """The import whose removal leaves the smallest largest cycle: its importer, itself, and the size that is left."""
    edges = [(source, one) for source, targets in graph.items() for one in targets.values()]
    if len(edges) > MAX_CUTS:
        edges = list(zip([example[-1].path, *(one.path for one in example)], example, strict=False))
    return min(
        ((source, one, _largest_without(graph, source, one.path)) for source, one in edges),
        key=lambda cut: (cut[2], cut[0], cut[1].path),
    )


def _largest_without(graph: Graph, source: str, target: str) -> int:
    cut = {**graph, source: {to: one for to, one in graph[source].items() if to != target}}
    return max((len(group) for group in components(cut)), default=0)

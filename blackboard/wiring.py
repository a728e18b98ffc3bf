"""Wiring: how kinds and sources hang together, before anything runs: what leads to what, what goes round, what cannot work.

Everything here is a function of the sources as they are defined; it knows no store.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from blackboard.cycle import Cycle, Edge, Source, find_cycles
from blackboard.doubt import Doubt, at_least, growing, never_holds
from blackboard.entry import Entry
from blackboard.signature import Mode

NOTATION = {Mode.EACH: "{}", Mode.GATHER: "[{}]", Mode.CONTEXT: "({})", Mode.CONTEXT_GATHER: "([{}])"}
"""How parameters read: each entry, all of them, and the same as mere context."""


@dataclass(frozen=True, slots=True)
class Wire:
    """A source with what leads to it and from it: kinds as its parameters bind them, its clauses, kinds, peers."""

    source: str
    reads: tuple[str, ...]
    when: tuple[str, ...]
    writes: tuple[str, ...]
    hands_to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wiring:
    """How the sources of a blackboard hang together. Printed, it is a drawing.

    ``inputs`` are the kinds that come from outside, ``results`` those that no source reads. It ``works`` unless one of its
    ``doubts`` is fatal.
    """

    name: str
    wires: tuple[Wire, ...]
    inputs: tuple[str, ...]
    results: tuple[str, ...]
    cycles: tuple[Cycle, ...]
    doubts: tuple[Doubt, ...]

    @property
    def works(self) -> bool:
        """Whether nothing was found that cannot work."""
        return not any(doubt.fatal for doubt in self.doubts)

    def as_data(self) -> dict[str, Any]:
        """Everything, for programs."""
        return {"works": self.works, **asdict(self)}

    def __str__(self) -> str:
        return "\n".join(_drawing(self))


def wire(name: str, sources: Iterable[Source], inputs: Iterable[type[Entry]] | None = None) -> Wiring:
    """How these sources hang together. ``inputs`` are the kinds that are posted from outside, if that is known; else every
    kind that no source writes is held to be one."""
    known = {source.name: source for source in sources}
    peers = {each.name: tuple(_peers(each, known)) for each in known.values()}
    written = {kind for each in known.values() for kind in each.writes}
    read = {kind for each in known.values() for kind in each.reads}
    given = read - written if inputs is None else set(inputs)
    _, order = _reach(known, peers, given)
    doubts = [doubt for each in known.values() for doubt in never_holds(each.trigger)]
    doubts += _unreached(known, peers, given, certain=inputs is not None)
    doubts += [doubt for each in known.values() for doubt in _lost_handoffs(each, known)]
    return Wiring(
        name,
        tuple(_wire(known[each], peers[each]) for each in order),
        _names(given),
        _names(written - read),
        tuple(find_cycles(_edges(known, peers))),
        tuple(doubts),
    )


def _names(kinds: Iterable[type[Entry]]) -> tuple[str, ...]:
    return tuple(sorted(kind.__kind__ for kind in kinds))


def _wire(source: Source, peers: tuple[str, ...]) -> Wire:
    trigger = source.trigger
    when = [*map(str, trigger.clauses)]
    when += [f"after {trigger.after / 1000:g} s"] if trigger.after else []
    when += [f"custom: {source.precondition.name}"] if source.precondition else []
    reads = tuple(NOTATION[pattern.mode].format(pattern.kind.__kind__) for pattern in trigger.patterns)
    return Wire(source.name, reads, tuple(when), _names(source.writes), peers)


# ---------------------------------------------------------------------------- what leads to what


def _edges(known: Mapping[str, Source], peers: Mapping[str, Sequence[str]]) -> list[Edge]:
    edges = []
    for source in known.values():
        for following in known.values():
            kinds = [kind for kind in _triggering(following) if kind in source.writes]
            edges += [Edge(source, kind, following) for kind in kinds]
            if following.name in peers[source.name]:
                edges.append(Edge(source, None, following))
    return edges


def _triggering(source: Source) -> list[type[Entry]]:
    """The kinds of which a new entry can open an activation."""
    bound = [pattern.kind for pattern in source.trigger.patterns if pattern.mode.triggers]
    return list(dict.fromkeys([*bound, *growing(source.trigger)]))


def _reach(
    known: Mapping[str, Source], peers: Mapping[str, Sequence[str]], given: set[type[Entry]]
) -> tuple[set[str], list[str]]:
    """The sources that can be triggered when these kinds are posted, and all of them in the order in which they can be."""
    kinds, order, handed = set(given), list[str](), set[str]()
    found = True
    while found:
        left = [name for name in known if name not in order]
        able = [name for name in left if name in handed or set(at_least(known[name].trigger)) <= kinds]
        found = bool(able)
        for name in able:
            order.append(name)
            kinds |= known[name].writes
            handed |= set(peers[name])
    return set(order), order + [name for name in known if name not in order]


def _unreached(
    known: Mapping[str, Source], peers: Mapping[str, Sequence[str]], given: set[type[Entry]], *, certain: bool
) -> Iterator[Doubt]:
    """The sources that nothing can trigger. Whether that is certain depends on whether it is known what is posted."""
    reached, _ = _reach(known, peers, given)
    coming = given | {kind for name in reached for kind in known[name].writes}
    missing = {
        name: [kind for kind in at_least(each.trigger) if kind not in coming]
        for name, each in known.items()
        if name not in reached
    }
    first = {kind for kinds in missing.values() for kind in kinds}
    seeds = _names(kind for kind in first if set(missing) <= _reach(known, peers, given | {kind})[0])
    if len(missing) > 1 and seeds:
        which = " or ".join(seeds)
        problem = f"they wait for each other, until {which} is posted"
        yield Doubt(
            ", ".join(missing), problem, f"Post {which}, or let a source that can be triggered write it", certain
        )
        return
    for name, kinds in missing.items():
        problem = (
            f"nothing can trigger it: {', '.join(_names(kinds))} is neither posted nor written by what can be triggered"
        )
        yield Doubt(name, problem, "Post it, or let a source that can be triggered write it", certain)


# ---------------------------------------------------------------------------- handoffs


def _peers(source: Source, known: Mapping[str, Source]) -> Iterator[str]:
    """To whom a source may hand over: whom its code names, else whoever could take it."""
    if not source.hands_over:
        return
    named = [name for name in _named(source) if name in known]
    for name in known:
        if name in named or (not _named(source) and name != source.name and not _lacks(source, known[name])):
            yield name


def _named(source: Source) -> list[str]:
    """The peers that a source names in its code: `Handoff("refunds")`."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(source.function)))
    except (OSError, SyntaxError, TypeError):  # no file to read it from
        return []
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_handoff(node.func)]
    words = [argument for call in calls for argument in (*call.args[:1], *_to(call))]
    return [word.value for word in words if isinstance(word, ast.Constant) and isinstance(word.value, str)]


def _is_handoff(function: ast.expr) -> bool:
    return getattr(function, "id", None) == "Handoff" or getattr(function, "attr", None) == "Handoff"


def _to(call: ast.Call) -> list[ast.expr]:
    return [each.value for each in call.keywords if each.arg == "to"]


def _lacks(giver: Source, peer: Source) -> tuple[str, ...]:
    """The kinds that a peer would have to be bound to and the giver is not."""
    given = [pattern.kind for pattern in giver.trigger.patterns if pattern.mode is Mode.EACH]
    wanted = [pattern.kind for pattern in peer.trigger.patterns if pattern.mode is Mode.EACH]
    return _names(kind for kind in wanted if kind not in given and kind.__key__ is not None)


def _lost_handoffs(source: Source, known: Mapping[str, Source]) -> Iterator[Doubt]:
    for name in dict.fromkeys(_named(source)) if source.hands_over else ():
        if name not in known:
            remedy = "Correct the name, or register that source in the same namespace"
            yield Doubt(source.name, f"it hands over to {name}, which is no source here", remedy, fatal=False)
        elif name == source.name:
            yield Doubt(source.name, "it hands over to itself, which is refused", "Post an entry instead")
        elif lacking := _lacks(source, known[name]):
            problem = f"it hands over to {name}, which needs {', '.join(lacking)}, to which the giver is not bound"
            yield Doubt(
                source.name, problem, f"Bind {', '.join(lacking)} in {source.name}, too, or post an entry instead"
            )


# ---------------------------------------------------------------------------- drawing


def _drawing(wiring: Wiring) -> Iterator[str]:
    kinds = {kind for each in wiring.wires for kind in (*map(_bare, each.reads), *each.writes)}
    yield f"{wiring.name}: {len(wiring.wires)} sources, {len(kinds)} kinds"
    yield ""
    rows = [_row(each) for each in wiring.wires]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(2)]
    for each, (reads, source, writes) in zip(wiring.wires, rows, strict=True):
        yield f"  {reads:<{widths[0]}}  →  {source:<{widths[1]}}  →  {writes}"
        if each.when:
            yield f"  {'':<{widths[0]}}     {'':<{widths[1]}}     when {', '.join(each.when)}"
    if wiring.inputs:
        yield f"\nFrom outside: {', '.join(wiring.inputs)}"
    if wiring.results:
        yield f"Read by no source: {', '.join(wiring.results)}"
    if wiring.cycles:
        yield "\nCycles"
    for cycle in wiring.cycles:
        yield f"  {cycle}"
        yield f"      {cycle.why}"
    if wiring.doubts:
        yield "\nDoubts"
    for doubt in wiring.doubts:
        yield f"  {'CANNOT WORK' if doubt.fatal else 'look'}  {doubt}"


def _row(each: Wire) -> tuple[str, str, str]:
    leads_to = [*each.writes, *(f"hands over to {peer}" for peer in each.hands_to)]
    return ", ".join(each.reads) or "the board", each.source, ", ".join(leads_to) or "nothing"


def _bare(read: str) -> str:
    return read.strip("([])")

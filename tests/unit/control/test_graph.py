"""Graph: topological order, joins, conditions; and what no graph is."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackboard.activation import ActivationState
from blackboard.condition import Absent, Count, any_of, param
from blackboard.control import Graph, Parallel, Quiescence, Sequential, View, node, when
from blackboard.edge import Path
from blackboard.entry import Entry
from blackboard.errors import InvalidStrategy, InvalidTrigger
from blackboard.knowledge_source import knowledge_source
from tests.unit.control.playboard import Playboard, triggering

SEEDS = st.integers(0, 10_000)


class Claim(Entry):
    amount: float
    foreign: bool = False


class Person(Entry, key="name"):
    name: str
    age: int = 0


@knowledge_source
def a(claim: Claim) -> None: ...


@knowledge_source
def b(claim: Claim) -> None: ...


@knowledge_source
def c(claim: Claim) -> None: ...


@knowledge_source
def d(claim: Claim) -> None: ...


def is_busy(view: View) -> bool:
    return len(view.agenda) > 2


def is_rich(view: View) -> bool:
    return any(claim.amount > 100 for claim in view.read(Claim))


# ---------------------------------------------------------------------------- drawing


@pytest.mark.parametrize(
    ("path", "edges"),
    [
        (a, ""),
        (a >> b, "ab"),
        (a >> [b, c] >> d, "ab ac bd cd"),
        ([a, b] >> c, "ac bc"),
        ([a, b] >> node(c) >> [d], "ac bc cd"),
        ([a >> b, a >> c, c >> d], "ab ac cd"),
        (a >> [b >> c, "d"], "ab bc ad"),
        ("a" >> b >> "d", "ab bd"),
        ([a >> b, a >> b], "ab"),
        (a >> [when(Claim.amount > 1) >> b, when(Claim.foreign)] >> c, "ab bc ac"),
    ],
    ids=range(10),
)
def test_paths_are_drawn_as_they_read(path: Any, edges: str) -> None:
    drawn = {f"{edge.before}{edge.after}" for edge in Graph(path).edges}
    assert drawn == set(edges.split())


def test_a_source_of_a_path_stays_the_function_it_is() -> None:
    assert isinstance(a >> b, Path)
    assert a(Claim(amount=1)) is None
    assert repr(a >> [b, "c"]) == "<KnowledgeSource a> >> <KnowledgeSource b>, <KnowledgeSource a> >> c"


def test_strategies_are_nodes_with_the_names_of_their_classes() -> None:
    crowd = Parallel(2, [b])
    graph = Graph(a >> [crowd, Parallel(2, [c]), node(Parallel(9), name="rest")] >> d, crowd >> "e")
    assert [name for name, _ in graph.nodes] == ["a", "Parallel", "Parallel-2", "rest", "d", "e"]


NOT_TESTS: list[Any] = [
    Absent(Claim),
    Count(Claim) > Person.age,
    param("x", Claim).amount > 1,
    Claim.amount == Person.age,
]

REFUSED: dict[str, Callable[[], Any]] = {
    "it has no nodes": Graph,
    "a >> a is a cycle": lambda: Graph(a >> a),
    "(b >> c >> d >> b|c >> d >> b >> c|d >> b >> c >> d) is a cycle": lambda: Graph(a >> b >> c >> d >> b),
    "3 is neither a source nor a strategy": lambda: Graph(a >> 3),
    "'not a name' is no source": lambda: Graph("not a name" >> a),
    "before the first node": lambda: Graph(when(Claim.foreign) >> a),
    "or after the last": lambda: Graph(a >> when(Claim.foreign)),
    "two different nodes are called x": lambda: Graph(a >> node(b, name="x") >> node(c, name="x")),
    "it is a lambda": lambda: Graph(a >> when(lambda view: True) >> b),
}


@pytest.mark.parametrize("problem", REFUSED)
def test_what_is_no_graph_is_refused(problem: str) -> None:
    with pytest.raises(InvalidStrategy, match=problem):
        REFUSED[problem]()


@pytest.mark.parametrize("condition", NOT_TESTS, ids=str)
def test_what_no_single_entry_can_answer_is_refused(condition: Any) -> None:
    with pytest.raises(InvalidStrategy, match="not about the fields of one entry"):
        Graph(a >> when(condition) >> b)


@pytest.mark.parametrize("condition", [True, 3, "x", a])
def test_what_is_no_condition_is_refused(condition: Any) -> None:
    with pytest.raises(InvalidTrigger):
        Graph(a >> when(condition) >> b)


# ---------------------------------------------------------------------------- order

EDGES = st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(lambda edge: edge[0] < edge[1]), max_size=9)
NODES = "abcdef"


def drawn(edges: set[tuple[int, int]], joins: set[str]) -> Graph:
    """A graph of six nodes with these edges."""
    nodes = {name: node(name, join="any" if name in joins else "all") for name in NODES}
    return Graph(*nodes.values(), *(nodes[NODES[x]] >> nodes[NODES[y]] for x, y in sorted(edges)))


@given(
    seed=SEEDS, edges=EDGES, joins=st.sets(st.sampled_from(NODES)), agenda=st.lists(st.sampled_from(NODES), max_size=8)
)
def test_a_node_begins_when_those_before_it_are_done(
    seed: int, edges: set[tuple[int, int]], joins: set[str], agenda: list[str]
) -> None:
    """All of them, or for a join "any" one of them; each node has something to do, some of it dies."""
    board = Playboard(seed, mortal="ace")
    for source in [*NODES, *agenda]:
        board.trigger(source)
    graph = drawn(edges, joins)
    board.play(graph)
    assert board.finished(graph)
    assert sorted(board.granted) == sorted([*NODES, *agenda])
    for seq, grant in board.grants():
        before = [NODES[x] for x, y in edges if NODES[y] == grant.source]
        done = [source for source in before if max(board.ended(source)) <= seq]
        assert done == before or (grant.source in joins and done)


@given(seed=SEEDS, edges=EDGES)
def test_all_that_may_begin_begins_at_once(seed: int, edges: set[tuple[int, int]]) -> None:
    board = Playboard(seed)
    for source in NODES:
        board.trigger(source)
    board.play(drawn(edges, set()))
    for moment in board.moments:
        held = {each.source for each in moment.view.held}
        granted = {each.source for each in moment.grants}
        for source in held - granted:
            before = {NODES[x] for x, y in edges if NODES[y] == source}
            assert before & {each.source for each in moment.view.agenda}


# ---------------------------------------------------------------------------- conditions


@given(seed=SEEDS, amount=st.sampled_from([50, 500]), foreign=st.booleans(), first=st.booleans())
def test_only_edges_whose_condition_holds_are_taken(seed: int, amount: int, foreign: bool, first: bool) -> None:
    """b runs above 100, c runs for foreign claims; d waits for those of them that run, and runs if one of them does."""
    board = Playboard(seed, acts={"a": lambda board, _: board.post(Claim(amount=amount, foreign=foreign))})
    for source in "abcd":
        board.trigger(source)
    rich = when(is_rich) if first else when(Claim.amount > 100)
    graph = Graph(a >> [rich >> b, when(Claim.foreign) >> c] >> d, reads=[Claim])
    board.play(graph)
    expected = {"a"} | ({"b"} if amount > 100 else set()) | ({"c"} if foreign else set())
    expected |= {"d"} if len(expected) > 1 else set()
    assert set(board.granted) == expected
    assert board.finished(graph)
    assert ("not taken" in board.last) is (len(expected) < 4)
    if "d" in expected:
        assert board.granted[-1] == "d"


def test_a_condition_is_tested_when_the_node_before_it_is_done() -> None:
    board = Playboard()
    board.trigger("a")
    board.trigger("b")
    graph = Graph(a >> when(Claim.amount > 100) >> b)
    board.play(graph)
    board.post(Claim(amount=500))
    assert board.play(graph) == ["a"]
    assert board.last == "1 of 2 done, b not taken"


@pytest.mark.parametrize(
    ("conditions", "taken"),
    [
        ([Person.age > 30], True),
        ([Person.age > 30, Person.name == "Ann"], False),
        ([Person.age > 30, Person.name == "Bob"], True),
        ([Person.age > 30, Claim.amount == 1], True),
        ([Person.age > 30, Claim.amount == 2], False),
        ([any_of(Person.age > 100, Person.name == "Ann")], True),
        ([any_of(Person.age > 100, [Person.name == "Ann", Person.age > 30])], False),
        ([is_rich], False),
    ],
)
def test_a_condition_asks_whether_there_is_an_entry(conditions: list[Any], taken: bool) -> None:
    """Clauses about one kind ask for one entry for which all of them hold."""
    board = Playboard()
    board.post(Claim(amount=1))
    board.post(Person(name="Ann", age=20))
    board.post(Person(name="Bob", age=40))
    board.trigger("a")
    board.trigger("b")
    assert ("b" in board.play(Graph(a >> when(*conditions) >> b))) is taken


def test_kinds_are_those_of_conditions_functions_and_nested_strategies() -> None:
    graph = Graph(a >> when(Person.age > 1, is_busy) >> Graph(b >> when(Claim.foreign) >> c), reads=["note"])
    assert graph.kinds == {"person", "claim", "note"}


# ---------------------------------------------------------------------------- nodes


@given(seed=SEEDS, many=st.integers(1, 5))
def test_a_node_may_be_a_strategy(seed: int, many: int) -> None:
    board = Playboard(seed, acts={"a": triggering(*"b" * many, "c")})
    board.trigger("a")
    board.trigger("d")
    graph = Graph(a >> [Parallel(2, [b]).until(Quiescence()), Sequential(c)] >> d)
    granted = board.play(graph)
    assert granted[0] == "a"
    assert granted[-1] == "d"
    assert len(granted) == many + 3
    assert board.finished(graph)


def test_two_nodes_never_grant_the_same() -> None:
    board = Playboard()
    for _ in range(3):
        board.trigger("a")
    graph = Graph(node(Parallel(2, [a]), name="x"), node(Parallel(2, [a]), name="y"))
    assert len(board.ask(graph)) == 2, "their limits count the same source"


def test_on_a_board_in_the_middle_what_was_done_before_is_passed_over() -> None:
    board = Playboard()
    board.end(board.trigger("a").number)
    board.end(board.trigger("b").number)
    running = board.trigger("c", state=ActivationState.RUNNING).number
    board.trigger("d")
    board.seen = len(board.log)
    graph = Graph(a >> [b, c] >> d)
    assert board.ask(graph) == ()
    board.end(running)
    assert board.play(graph) == ["d"]
    assert board.finished(graph)


def test_what_was_done_before_is_not_passed_over_while_something_may_trigger_it_again() -> None:
    board = Playboard(acts={"a": triggering("b")})
    board.end(board.trigger("b").number)
    board.seen = len(board.log)
    board.trigger("a")
    board.trigger("c")
    assert board.play(Graph([b, a] >> c)) == ["a", "b", "c"]

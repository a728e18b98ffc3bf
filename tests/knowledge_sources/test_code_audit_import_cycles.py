"""Import cycles, against brute force and known answers."""

from itertools import pairwise, product

from hypothesis import given
from hypothesis import strategies as st

from knowledge_sources.code_audit.entries import Import, Imports
from knowledge_sources.code_audit.import_cycles import components, find, graph

EDGES = st.sets(st.tuples(st.sampled_from("abcdefg"), st.sampled_from("abcdefg")))


def modules(*edges: str) -> list[Imports]:
    """Modules by edges such as "a>b" (at start), "a~b" (at call), "a:b" (typing), on lines 1, 2, 3 …"""
    moments = {">": "start", "~": "call", ":": "typing"}
    found: dict[str, list[Import]] = {name: [] for edge in edges for name in (edge[0], edge[2])}
    for line, edge in enumerate(edges, start=1):
        found[edge[0]].append(Import.model_validate({"path": edge[2], "line": line, "when": moments[edge[1]]}))
    return [Imports(path=path, inside=inside, outside=[]) for path, inside in found.items()]


def test_no_cycle() -> None:
    found = find(modules("a>b", "b>c", "a>c"))

    assert (found.edges, found.cycles) == (3, [])
    assert find([]).cycles == []


def test_a_cycle_has_an_example_and_a_cut() -> None:
    [cycle] = find(modules("a>b", "b>c", "c>a", "c>b")).cycles

    assert (cycle.when, cycle.modules) == ("start", ["a", "b", "c"])
    assert [(step.path, step.line) for step in cycle.example] == [("c", 2), ("b", 4)]  # from b, to c and back
    # Without b's import of c, the only way to c, nothing is left; of a's and c's, a smaller cycle would be.
    assert (cycle.cut_path, cycle.cut_target, cycle.cut_line, cycle.left) == ("b", "c", 2, 0)


def test_typing_imports_close_no_cycle_and_lazy_ones_close_one_of_their_own() -> None:
    assert find(modules("a>b", "b:a")).cycles == []
    [cycle] = find(modules("a>b", "b~a")).cycles
    assert (cycle.when, cycle.modules) == ("call", ["a", "b"])


def test_a_cycle_at_start_is_not_told_twice() -> None:
    assert [cycle.when for cycle in find(modules("a>b", "b>a", "b~a")).cycles] == ["start"]
    wider = find(modules("a>b", "b>a", "b~c", "c>a")).cycles
    assert [(cycle.when, cycle.modules) for cycle in wider] == [
        ("start", ["a", "b"]),
        ("call", ["a", "b", "c"]),
    ]


def test_no_single_cut_may_help() -> None:
    [cycle] = find(modules("a>b", "b>a", "b>c", "c>b", "c>a", "a>c")).cycles

    assert (cycle.left, len(cycle.modules)) == (3, 3)


def test_importing_oneself_is_no_cycle() -> None:
    assert find(modules("a>a")).cycles == []


def test_imports_of_files_that_did_not_parse_lead_nowhere() -> None:
    assert find([Imports(path="a", inside=[Import(path="bad", line=1, when="start")], outside=[])]).cycles == []


def test_a_long_chain_is_no_problem() -> None:
    names = [f"{number:05}" for number in range(3_000)]
    ring = zip(names, [*names[1:], names[0]], strict=True)
    chain = [Imports(path=one, inside=[Import(path=to, line=1, when="start")], outside=[]) for one, to in ring]

    assert components(graph(chain, ("start",))) == [names]


@given(EDGES)
def test_components_are_those_that_reach_each_other(edges: set[tuple[str, str]]) -> None:
    reach = {(a, b): (a, b) in edges for a, b in product("abcdefg", repeat=2)}
    for via, a, b in product("abcdefg", repeat=3):
        reach[a, b] |= reach[a, via] and reach[via, b]
    mutual = {a: tuple(b for b in "abcdefg" if a == b or (reach[a, b] and reach[b, a])) for a in "abcdefg"}
    expected = sorted({group for group in mutual.values() if len(group) > 1})

    imports = modules(*(f"{a}>{b}" for a, b in edges))
    assert [tuple(group) for group in components(graph(imports, ("start",)))] == expected
    for cycle in find(imports).cycles:
        steps = [cycle.example[-1].path, *(step.path for step in cycle.example)]
        assert all(pair in edges for pair in pairwise(steps))
        assert cycle.left <= len(cycle.modules)


@given(EDGES, st.randoms())
def test_the_order_of_the_modules_does_not_matter(edges: set[tuple[str, str]], random: object) -> None:
    imports = modules(*(f"{a}>{b}" for a, b in sorted(edges)))
    shuffled = list(imports)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert find(shuffled) == find(imports)

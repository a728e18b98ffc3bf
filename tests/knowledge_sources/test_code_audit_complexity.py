"""Cyclomatic complexity, against values counted by hand."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_sources.code_audit.complexity import KEPT, measure


def of(body: str) -> int:
    """The complexity of one function with this body."""
    lines = "\n    ".join(body.splitlines())
    return measure("m.py", ast.parse(f"async def f():\n    {lines}\n")).worst


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("pass", 1),
        ("if a: pass", 2),
        ("if a: pass\nelse: pass", 2),
        ("if a: pass\nelif b: pass\nelse: pass", 3),
        ("return 1 if a else 2", 2),
        ("for x in y: pass", 2),
        ("for x in y: pass\nelse: pass", 2),
        ("async for x in y: pass", 2),
        ("while a: break", 2),
        ("while a and b and c: pass", 4),
        ("return a or b", 2),
        ("return a and b or c", 3),
        ("return not a", 1),
        ("with a: pass", 1),
        ("assert a", 2),
        ("try: pass\nexcept A: pass\nexcept B: pass\nelse: pass\nfinally: pass", 3),
        ("try: pass\nfinally: pass", 1),
        ("try: pass\nexcept* A: pass", 2),
        ("return [x for x in y]", 2),
        ("return {x for x in y if x if z}", 4),
        ("return {x: z for x in y for z in x}", 3),
        ("return lambda: a or b", 2),
        ("match a:\n  case 1: pass\n  case 2 | 3: pass\n  case _: pass", 3),
        ("match a:\n  case 1 if b: pass\n  case other: pass", 3),
        ("match a:\n  case _ if b: pass", 2),
    ],
)
def test_each_construct_counts_as_documented(body: str, expected: int) -> None:
    assert of(body) == expected


def test_nested_functions_are_measured_on_their_own() -> None:
    source = """
def outer(a):
    if a: pass
    def inner(b=a or 1):
        for x in b: pass
    class Local:
        def method(self):
            while self: pass
            if self: pass
"""
    measured = {one.name: one.complexity for one in measure("m.py", ast.parse(source)).functions}

    # The default of `b` is evaluated in `outer`.
    assert measured == {"outer": 3, "outer.inner": 2, "outer.Local.method": 3}


def test_code_outside_functions_counts_as_one_more_function() -> None:
    found = measure("m.py", ast.parse("class C:\n    if a: x = 1\n    def f(self): pass\nfor y in z: pass\n"))

    assert [(one.name, one.complexity) for one in found.functions] == [("<module>", 3), ("C.f", 1)]
    assert (found.count, found.total, found.worst, found.mean, found.above) == (2, 4, 3, 2.0, 0)


def test_an_empty_module_has_no_functions() -> None:
    found = measure("m.py", ast.parse(""))

    assert (found.functions, found.count, found.worst, found.mean) == ([], 0, 0, 0.0)


def test_only_the_most_complex_functions_are_kept_but_all_are_counted() -> None:
    source = "".join(f"def f{number}(): pass\n" for number in range(KEPT + 5)) + "def g():\n    if a: pass\n"
    found = measure("m.py", ast.parse(source))

    assert len(found.functions) == KEPT
    assert found.functions[0].name == "g"
    assert (found.count, found.total) == (KEPT + 6, KEPT + 7)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 40))
def test_complexity_is_one_more_than_the_sum_of_the_decisions(ifs: int, loops: int, operands: int) -> None:
    body = "\n".join(["if a: pass"] * ifs + ["for x in y: pass"] * loops + ["z = " + " or ".join(["a"] * operands)])

    assert of(body) == 1 + ifs + loops + operands - 1


def test_a_deep_tree_is_no_problem() -> None:
    assert of("x = " + " + ".join(["1"] * 900)) == 1

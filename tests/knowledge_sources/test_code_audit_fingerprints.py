"""Duplicated functions: which changes a fingerprint ignores, and which it does not."""

import ast

import pytest

from knowledge_sources.code_audit.definitions import FUNCTIONS
from knowledge_sources.code_audit.entries import Fingerprints
from knowledge_sources.code_audit.fingerprints import duplicates, fingerprints, shape

ORIGINAL = """
def total(items, rate=1):
    result = 0
    for item in items:
        if item.price > 10:
            result += item.price * rate
        else:
            log(item, level=3)
    return result
"""


def of(source: str, path: str = "m.py") -> Fingerprints:
    return fingerprints(path, ast.parse(source))


def digest(source: str) -> str:
    return of(source).functions[0].digest


@pytest.mark.parametrize(
    "changed",
    [
        ORIGINAL.replace("total", "sum_up"),
        ORIGINAL.replace("result", "r").replace("items", "things").replace("item", "it"),
        ORIGINAL.replace("result = 0", '"""Doc."""\n    result = 0'),
        ORIGINAL.replace("(items, rate=1):", "(items: list[Item], rate: int = 1) -> float:"),
        ORIGINAL.replace("def", "@cached\ndef"),
        ORIGINAL.replace("result = 0", "# remark\n\n    result = (0)"),
    ],
)
def test_renamed_copies_agree(changed: str) -> None:
    assert changed != ORIGINAL
    assert digest(changed) == digest(ORIGINAL)


@pytest.mark.parametrize(
    "changed",
    [
        ORIGINAL.replace("10", "11"),
        ORIGINAL.replace("10", "10.0"),
        ORIGINAL.replace(".price >", ".cost >"),
        ORIGINAL.replace("log(", "send("),
        ORIGINAL.replace("level=", "depth="),
        ORIGINAL.replace(">", ">="),
        ORIGINAL.replace("rate=1", "rate=2"),
        ORIGINAL.replace("rate=1", "*, rate=1"),
        ORIGINAL.replace("return result", "return items"),
        ORIGINAL.replace("def", "async def"),
    ],
)
def test_other_code_differs(changed: str) -> None:
    assert changed != ORIGINAL
    assert digest(changed) != digest(ORIGINAL)


def test_names_shared_with_other_scopes_are_kept() -> None:
    def shaped(name: str) -> str:
        [function] = ast.parse(f"def f():\n    global {name}\n    {name} = 1\n").body
        assert isinstance(function, FUNCTIONS)
        return shape(function)

    assert shaped("a") != shaped("b")


def test_every_kind_of_variable_is_renamed() -> None:
    source = """
def f({a}, *{b}, **{c}):
    import os as {d}
    try:
        {e} = [{g} for {g} in {a}]
    except E as {h}:
        match {e}:
            case [{i}, *{j}]: pass
            case {{"k": 1, **{k}}}: pass
    def {l}({m}): return {m}
    return ({n} := {l})
"""
    first = source.format(**{name: f"x_{name}" for name in "abcdeghijklmn"})
    second = source.format(**{name: f"other_{name}" for name in "abcdeghijklmn"})

    assert digest(first) == digest(second)


def test_short_functions_and_overloads_are_not_compared() -> None:
    body = "\n".join(f"    x{number} = {number}" for number in range(6))

    assert [one.lines for one in of(f"def f():\n{body}\n").functions] == [6]
    assert of(f'def f():\n    """1\n    2"""\n{body[:-11]}\n').functions == []
    assert of(f"@overload\ndef f():\n{body}\n").functions == []
    assert of("def f(\n    a,\n    b,\n    c,\n    d,\n    e,\n): ...\n").functions == []


def test_groups_are_sorted_by_what_they_repeat() -> None:
    longer = ORIGINAL.replace("    return", "    result += 1\n    return")
    found = duplicates([of(ORIGINAL + longer, "b.py"), of(longer + ORIGINAL, "a.py"), of(ORIGINAL, "c.py")])

    assert found.compared == 5
    assert [(group.lines, [(one.path, one.line) for one in group.copies]) for group in found.groups] == [
        (7, [("a.py", 12), ("b.py", 2), ("c.py", 2)]),
        (8, [("a.py", 2), ("b.py", 11)]),
    ]


def test_copies_inside_copies_are_told_once() -> None:
    inner = ORIGINAL.strip().replace("\n", "\n    ")
    outer = f"def make(x):\n    {inner}\n    return total\n"

    assert [group.copies[0].name for group in duplicates([of(outer, "a.py"), of(outer, "b.py")]).groups] == ["make"]
    three = duplicates([of(outer, "a.py"), of(outer, "b.py"), of(ORIGINAL, "c.py")])
    assert [len(group.copies) for group in three.groups] == [3, 2]


def test_nothing_to_compare() -> None:
    assert duplicates([]).groups == []


def test_numbers_too_long_for_decimal_are_fine() -> None:
    assert of(ORIGINAL.replace("10", "0x" + "f" * 5_000)).functions

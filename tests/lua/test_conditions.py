"""How the scripts compare values: JSON against JSON. (The model compares everything else, case by case.)"""

from __future__ import annotations

from typing import Any

import pytest

from blackboard.condition import compare
from blackboard.store.partition import ANYTHING, Write
from tests.lua.bench import Bench, each, write

VALUES: tuple[Any, ...] = (
    0,
    1,
    -1,
    2.5,
    "",
    "a",
    "ab",
    "B",
    "é",
    "10",
    "9",
    True,
    False,
    None,
    [1],
    ["a", None],
)
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")


@pytest.mark.parametrize("op", COMPARISONS)
async def test_the_store_compares_as_python_does(bench: Bench, op: str) -> None:
    """One source per constant, one entry per value; both as a test of a pattern and as a clause of its own."""
    constants = [value for value in VALUES if value is not None and not isinstance(value, list)]
    sources = []
    for n, constant in enumerate(constants):
        pattern = {"k": "a", "m": "e", "a": f"~{n}", "t": [[op, "x", constant]]}
        sources.append({"s": f"t{n:02d}", "p": [pattern]})
        sources.append(each(f"w{n:02d}", "a", w=[["any", [[op, ["f", 1, "x"], ["v", constant]]]]]))
    await bench.register(*sources)
    await bench.post("x", *(write(f"a/{m:02d}", value) for m, value in enumerate(VALUES)))

    expected = {
        f"{way}{n:02d} a/{m:02d}"
        for n, constant in enumerate(constants)
        for m, value in enumerate(VALUES)
        for way in "tw"
        if compare(op, value, constant)
    }
    assert set(await bench.states("x")) == expected


@pytest.mark.parametrize("payload", ["[]", '[{"x": 1}]', "7", '"x"', "null", "true"])
async def test_what_is_no_object_has_no_fields(bench: Bench, payload: str) -> None:
    """Somebody has written it by hand: it stops nobody, and is matched as an entry without the field would be."""
    index = {"ix": "x"}
    sources = [
        {"s": "first", "p": [{"k": "a", "m": "e", "a": "~1", "t": [["==", "x", 1]]}]},
        {"s": "inner", "p": [{"k": "a", "m": "e", "a": "~2", "t": [["some", ["x", "y"]]]}]},
        {"s": "text", "p": [{"k": "a", "m": "e", "a": "~3", "t": [["some", "len"]]}]},  # a text in Lua has methods
        {"s": "none", "p": [{"k": "a", "m": "e", "a": "~4", "t": [["nil", "x"]]}]},
        each("whole", "a", w=[["any", [[">", ["f", 1, "x"], ["v", 0]]]]]),
        {
            "s": "pair",
            "p": [{"k": "a", "m": "e", "a": "~a", **index}, {"k": "b", "m": "e", "a": "~b", **index}],
            "j": [[1, "x", 2, "x"]],
        },
        each("rated", "a", rt=["f", 1, "x"]),
    ]
    await bench.register(*sources)
    await bench.post("x", write("b/1", 1))
    await bench.post("x", Write("a/1", ANYTHING, 1, payload), write("a/2", 1))
    expected = {"none a/1", "rated a/1", "first a/2", "whole a/2", "pair a/2 b/1", "rated a/2"}
    assert set(await bench.states("x")) == expected
    await bench.post("x", write("a/1", 1), Write("a/2", ANYTHING, 1, payload))
    expected = {"first a/1", "whole a/1", "pair a/1 b/1", "rated a/1", "none a/2", "rated a/2"}
    assert set(await bench.states("x")) == expected


@pytest.mark.parametrize(
    ("a", "b", "joins"),
    [
        (1, 1.0, True),
        (0, -0.0, True),
        ("1", 1, False),
        (True, 1, False),
        (False, False, True),
        ("a\\b", "a\\b", True),
        (None, None, False),
        ([1], [1], False),
        ({"y": 1}, {"y": 1}, False),
    ],
    ids=repr,
)
async def test_what_joins(bench: Bench, a: Any, b: Any, joins: bool) -> None:
    """Equal scalars, of one JSON type; as a join of two patterns and as a count beside one."""
    index = {"ix": "x"}
    pair = {
        "s": "pair",
        "p": [{"k": "a", "m": "e", "a": "~a", **index}, {"k": "b", "m": "e", "a": "~b", **index}],
        "j": [[1, "x", 2, "x"]],
    }
    counted = [{"k": "b", "a": "~b", "j": [["x", 1, "x"]], **index}]
    count = {
        "s": "count",
        "p": [{"k": "a", "m": "e", "a": "a"}],
        "c": counted,
        "w": [["==", ["n", 1], ["v", 1]]],
    }
    await bench.register(pair, count)
    await bench.post("x", write("a/1", a))
    await bench.post("x", write("b/1", b))
    assert set(await bench.states("x")) == ({"pair a/1 b/1", "count a/1"} if joins else set())

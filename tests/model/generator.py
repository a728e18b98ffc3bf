"""Random sources and random entries, small enough that everything collides with everything."""

from __future__ import annotations

import hashlib
import json
from random import Random
from typing import Any

from tests.model.semantics import Entry, bindings

Json = Any
Trigger = dict[str, Any]

KEYED, KEYLESS = ("a", "b", "d"), ("c", "e")
KINDS = KEYED + KEYLESS
KEYS = ("1", "2", "3", "é/x")
FIELDS: dict[str, tuple[Json, ...]] = {
    "x": (0, 1, 2, 1.0, 2.5, -1, None, "1", True, [1]),
    "t": ("a", "ab", "b", "", "é", None, 3),
    "f": (True, False, None),
    "l": ([1, 2], ["a"], [None, "ab"], "ab", None),
}
NESTED = ("n", "v")
PATHS: tuple[str | list[str], ...] = ("x", "x", "x", "t", "f", "l", list(NESTED))
JOIN_PATHS: tuple[str | list[str], ...] = ("x", "x", "t", "f", list(NESTED), list(NESTED))
TESTS: tuple[tuple[str, Json], ...] = (
    ("==", 1), ("==", "a"), ("==", True), ("==", False), ("!=", 1), ("!=", "b"), ("<", 2), ("<", "b"), ("<=", 1),
    (">", 0), (">", "a"), (">=", 1), (">=", "é"), ("in", [0, 1]), ("in", ["a", True]), ("has", 1), ("has", "a"),
    ("pre", "a"), ("pre", ""), ("nil", None), ("some", None),
)  # fmt: skip

SENSIBLE: tuple[tuple[str, str | list[str], Json], ...] = (
    ("==", "x", 1), ("!=", "x", 1), ("<", "x", 1), ("<=", "x", 1), (">", "x", 0), (">=", "x", 0), ("in", "x", [1, 2]),
    ("==", "t", "a"), ("!=", "t", "ab"), (">=", "t", "ab"), ("<", "t", "b"), ("pre", "t", "a"), ("has", "t", "b"),
    ("==", "f", True), ("==", "f", False), ("!=", "f", True), ("has", "l", 1), ("has", "l", "a"), ("nil", "f", None),
    ("some", "x", None), ("==", ["n", "v"], 1), ("nil", ["n", "v"], None), ("!=", ["n", "v"], 0), ("some", "n", None),
)  # fmt: skip


# ---------------------------------------------------------------------------- entries


def payload(random: Random) -> str:
    """An entry's JSON: few fields of few values, some missing, some of another type, now and then a long one."""
    data: dict[str, Json] = {}
    for name, values in FIELDS.items():
        if random.random() < 0.8:
            data[name] = random.choice(values[:2] if random.random() < 0.8 else values)
    if random.random() < 0.5:
        data["n"] = random.choice(({"v": 0}, {"v": 1}, {"v": 1}, {"v": 1}, {"v": "a"}, {"v": None}, {"w": 1}, 5, None))
    if random.random() < 0.1:
        data["long"] = "…" * 40  # beyond what the server keeps in its compact form, so that scans have slices
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def address(random: Random, kind: str | None = None) -> str:
    """Where an entry stands."""
    kind = kind or random.choice(KINDS)
    return kind if kind in KEYLESS else f"{kind}/{random.choice(KEYS)}"


# ---------------------------------------------------------------------------- triggers


def trigger(random: Random, name: str) -> Trigger:
    """A random trigger as data that holds on some random boards; most are drawn several times until one does."""
    for _ in range(30):
        found = _any_trigger(random, name)
        if sum(_holds_somewhere(random, found) for _ in range(8)) >= random.choice((1, 2, 4)):
            return found
    return found


def _holds_somewhere(random: Random, found: Trigger) -> bool:
    entries = []
    for seq in range(random.choice((2, 6, 10))):
        text, where = payload(random), address(random)
        if where not in {entry.address for entry in entries}:
            entries.append(Entry(where, 1, seq, 1, text, json.loads(text)))
    return next(bindings(found, entries), None) is not None


def _any_trigger(random: Random, name: str) -> Trigger:
    """A random trigger with anything that a trigger can have."""
    patterns = [_pattern(random) for _ in range(random.choice((0, 1, 1, 1, 2, 2, 2, 3)))]
    joins = _joins(random, patterns)
    counted = [_counted(random, patterns) for _ in range(random.choice((0, 0, 0, 1, 1, 2)))]
    clauses = _clauses(random, patterns, counted)
    found: Trigger = {"s": name, "p": patterns, "j": joins, "c": counted, "w": clauses}
    if random.random() < 0.15 or (not counted and not any(pattern["m"] in "eg" for pattern in patterns)):
        found["q"] = 1
    _number_memories(found)
    _add_policies(random, found)
    if random.random() < 0.4:
        found["rt"] = _formula(random, _each(patterns))
    return {key: value for key, value in found.items() if value not in ([], None)}


def kinds(found: Trigger) -> list[str]:
    """The kinds that a trigger is listed under."""
    named = [part["k"] for part in (*found.get("p", ()), *found.get("c", ()))] + found.get("wk", [])
    return sorted({*named, *(["?quiescent"] if found.get("q") else [])})


def card(found: Trigger) -> tuple[str, str, str, list[str]]:
    """A source as it is registered."""
    return found["s"], "{}", json.dumps(found, ensure_ascii=False, separators=(",", ":")), kinds(found)


def _concerning(random: Random, kind: str) -> Json:
    tests = [_test(random) for _ in range(random.choice((0, 0, 0, 0, 0, 1, 1, 1, 2)))]
    return {"k": kind, **({"t": tests} if tests else {}), **({"u": 1} if kind in KEYLESS else {})}


def _test(random: Random) -> list[Json]:
    op, path, constant = _question(random)
    return [op, path, *([] if op in {"nil", "some"} else [constant])]


def _question(random: Random) -> tuple[str, Json, Json]:
    """Mostly one that makes sense for the field, so that some entries pass and some do not."""
    if random.random() < 0.3:
        op, constant = random.choice(TESTS)
        return op, random.choice(PATHS), constant
    return random.choice(SENSIBLE)


def _pattern(random: Random) -> Json:
    found = _concerning(random, random.choice(KINDS))
    found["m"] = random.choice("eeeeggcG")
    return found


def _joins(random: Random, patterns: list[Json]) -> list[list[Json]]:
    pairs = [
        (i, k)
        for i in range(len(patterns))
        for k in range(i + 1, len(patterns))
        if "e" in (patterns[i]["m"], patterns[k]["m"])
    ]
    wanted = random.choice((0, 0, 1, 1, 1, 1, 2)) if pairs else 0
    return [_join(random, *random.choice(pairs)) for _ in range(wanted)]


def _join(random: Random, i: int, k: int) -> list[Json]:
    path = random.choice(JOIN_PATHS)
    other = path if random.random() < 0.8 else random.choice(JOIN_PATHS)
    join = [i + 1, path, k + 1, other]
    return join if random.random() < 0.5 else [*join[2:], *join[:2]]


def _each(patterns: list[Json]) -> list[int]:
    return [i + 1 for i, pattern in enumerate(patterns) if pattern["m"] == "e"]


def _counted(random: Random, patterns: list[Json]) -> Json:
    found, each = _concerning(random, random.choice(KINDS)), _each(patterns)
    if each and random.random() < 0.6:
        found["j"] = [
            [random.choice(JOIN_PATHS), random.choice(each), random.choice(JOIN_PATHS)]
            for _ in range(random.choice((1, 1, 1, 2)))
        ]
    return found


def _clauses(random: Random, patterns: list[Json], counted: list[Json]) -> list[Json]:
    clauses = [_size_clause(random, i + 1, patterns) for i in range(len(counted))]
    if random.random() < 0.25 and (_each(patterns) or counted):
        clauses.append(["any", [_alternative(random, patterns, counted) for _ in range(random.choice((1, 2, 2)))]])
    if random.random() < 0.15 and _each(patterns):
        clauses.append(_comparison(random, patterns))
    return clauses


def _size_clause(random: Random, i: int, patterns: list[Json]) -> Json:
    each = _each(patterns)
    if each and random.random() < 0.25:
        sides = [["n", i], ["f", random.choice(each), "x"]]
        random.shuffle(sides)
        return [random.choice(("==", ">=", "!=", "<")), *sides]
    op, number = random.choice((("==", 0), ("==", 0), ("==", 1), (">=", 1), (">=", 2), ("<", 2), ("!=", 1), ("<=", 3)))
    return [op, ["n", i], ["v", number]]


def _comparison(random: Random, patterns: list[Json]) -> Json:
    each = _each(patterns)
    left = ["f", random.choice(each), random.choice(PATHS)]
    if random.random() < 0.5:
        op, path, constant = _question(random)
        return [op, ["f", left[1], path], *([] if op in {"nil", "some"} else [["v", constant]])]
    op = random.choice(("==", "!=", "<", ">="))
    return [op, left, ["f", random.choice(each), random.choice(PATHS)]]


def _formula(random: Random, each: list[int], depth: int = 0) -> Json:
    """A rating; most fields of the entries are now and then missing or no number."""
    if depth < 2 and random.random() < 0.4:
        return [random.choice("+-*/"), _formula(random, each, depth + 1), _formula(random, each, depth + 1)]
    if not each or random.random() < 0.3:
        return ["v", random.choice((0, 2, -0.5, 1 / 3, 1e12))]
    return ["f", random.choice(each), random.choice(("x", "x", "t", "f", list(NESTED)))]


def _alternative(random: Random, patterns: list[Json], counted: list[Json]) -> Json:
    if counted and (not _each(patterns) or random.random() < 0.5):
        inner = _size_clause(random, random.randint(1, len(counted)), patterns)
    else:
        inner = _comparison(random, patterns)
    if random.random() < 0.2:
        return [
            "all",
            [inner, _size_clause(random, 1, patterns) if counted else _comparison(random, patterns)],
        ]
    return inner


def _number_memories(found: Trigger) -> None:
    """Adds what the compilation adds: which memory a pattern reads, by which field, and whether it needs one match."""
    counted_kinds = {counted["k"] for counted in found["c"]}
    for i, pattern in enumerate(found["p"], 1):
        own = [path for a, pa, b, pb in found["j"] for k, path in ((a, pa), (b, pb)) if k == i]
        _number_memory(pattern, own[0] if own else None)
        if pattern["m"] == "g" and not found.get("q") and pattern["k"] not in counted_kinds:
            pattern["n"] = 1
    for counted in found["c"]:
        _number_memory(counted, counted["j"][0][0] if "j" in counted else None)


def _number_memory(part: Json, index: Json) -> None:
    if part["k"] in KEYLESS:
        return
    if index is not None:
        part["ix"] = index
    if index is None and "t" not in part:
        part["a"] = part["k"]
        return
    text = json.dumps([part["k"], part.get("t", []), index], ensure_ascii=False, separators=(",", ":"))
    part["a"] = f"~{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def _add_policies(random: Random, found: Trigger) -> None:
    chances: tuple[tuple[str, float, tuple[Json, ...]], ...] = (
        ("pr", 0.3, (-2, 1, 5)),
        ("af", 0.15, (10, 100)),
        ("rf", 0.25, ("e", "o", "o")),
        ("re", 0.15, (1,)),
        ("cr", 0.5, (0, 1, 2)),
        ("ls", 0.2, (50, 500)),
    )
    for name, chance, values in chances:
        if random.random() < chance:
            found[name] = random.choice(values)
    if random.random() < 0.35:
        found["wk"] = sorted({part["k"] for part in (*found["p"], *found["c"])} | {random.choice(KINDS)})

"""schema list, check and diff: what the store knows of kinds, and whether a program may start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.processes import run

FIRST = """
from blackboard import Blackboard, Entry

bb = Blackboard("shop")

class Order(Entry, key="number"):
    number: int
    price: int

@bb.knowledge_source
def bill(order: Order) -> None: ...
"""

REFUSED = FIRST.replace("price: int", "price: int\n    currency: str")

SECOND = """
from blackboard import Blackboard, Entry

bb = Blackboard("shop")

class Order(Entry, key="number", version=2):
    number: int
    price: float
    currency: str

@Order.upcast(1)
def name_the_currency(data: dict) -> dict:
    return {**data, "currency": "EUR"}

@bb.knowledge_source
def bill(order: Order) -> None: ...
"""


@pytest.fixture
def shop(empty_directory: Path) -> Path:
    """Return a directory with three releases of a shop, of which the first has run, and left an order."""
    for name, text in (("first", FIRST), ("refused", REFUSED), ("second", SECOND)):
        (empty_directory / f"{name}.py").write_text(text)
    assert run(empty_directory, "--app", "first:bb", "post", "b", "order", '{"number": 1, "price": 5}').returncode == 0
    return empty_directory


def rows(directory: Path, *words: str, code: int = 0) -> Any:
    done = run(directory, *words, "-o", "json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_what_a_program_may_and_may_not_change(shop: Path) -> None:
    """Nothing that is asked here is registered."""
    [known] = rows(shop, "schema", "check", "first:bb")
    assert (known["kind"], known["verdict"]) == ("order", "known")

    [refused] = rows(shop, "schema", "check", "refused:bb", code=3)
    assert (refused["verdict"], refused["problem"]) == ("refused", "order.currency is new and required")
    assert "@Order.upcast(1)" in run(shop, "schema", "check", "refused:bb").stderr

    [following] = rows(shop, "schema", "check", "second:bb")
    assert (following["verdict"], following["stored"], following["version"]) == ("next", 1, 2)
    assert [each["version"] for each in rows(shop, "schema", "list")] == [1]

    changed = {each["field"]: each["change"] for each in rows(shop, "schema", "diff", "second:bb", "order")}
    assert changed == {"order.price": "was integer and is number", "order.currency": "is new: string"}
    assert rows(shop, "schema", "diff", "first:bb", code=3) == []
    assert run(shop, "schema", "diff", "first:bb", "nothing").returncode == 4


def test_a_program_that_was_refused_says_why(shop: Path) -> None:
    done = run(shop, "worker", "refused:bb", "--burst")
    assert done.returncode == 1
    assert "order.currency is new and required" in done.stderr


def test_entries_that_wait_for_a_newer_worker_are_shown(shop: Path) -> None:
    """A program of the second release has registered, and no worker of it runs."""
    assert (
        run(shop, "--app", "second:bb", "post", "c", "order", '{"number":2,"price":1,"currency":"EUR"}').returncode == 0
    )
    [waiting] = rows(shop, "show", "b")["behind"]
    assert (waiting["kind"], waiting["entries"]) == ("order", 1)
    assert "none is alive" in waiting["waits_for"]
    found = {each["check"]: each for each in rows(shop, "doctor")}
    assert (found["shapes"]["verdict"], "order on 1 boards" in found["shapes"]["finding"]) == ("warn", True)

    merged = run(shop, "--app", "second:bb", "revise", "b", "order/1", '{"price": 7}', "--merge")
    assert merged.returncode == 0, merged.stderr
    assert json.loads(run(shop, "get", "b", "order/1", "-o", "json").stdout)["data"] == {
        "number": 1,
        "price": 7.0,
        "currency": "EUR",
    }

    assert run(shop, "worker", "second:bb", "--burst").returncode == 0
    found = {each["check"]: each for each in rows(shop, "doctor")}
    assert found["shapes"]["verdict"] == "ok"
    listed = rows(shop, "schema", "list")
    assert [(each["version"], each["newest"], each["fields"]) for each in listed] == [
        (1, False, {"number": "integer", "price": "integer"}),
        (2, True, {"number": "integer", "price": "number", "currency": "string"}),
    ]
    assert "brought forward" not in run(shop, "tail", "b").stdout, "it was revised before anybody could"


def test_a_misspelt_field_is_still_refused(shop: Path) -> None:
    done = run(shop, "--app", "first:bb", "post", "b", "order", '{"number": 3, "price": 5, "prize": 1}')
    assert done.returncode == 2
    assert "prize" in done.stderr


def test_an_entry_that_no_upcaster_brings_forward_is_shown_with_what_to_do(shop: Path) -> None:
    """By everything that a person looks at whose board does not settle."""
    (shop / "failing.py").write_text(SECOND.replace('"EUR"', 'data["money"]'))
    run(shop, "worker", "failing:bb", "--max-idle", "0.5")
    remedy = "Correct the upcasters of Order and restart the workers, or retract order/1."
    [waiting] = rows(shop, "show", "b")["behind"]
    assert waiting["problem"].endswith(remedy)
    assert remedy in run(shop, "show", "b", "-o", "table").stdout
    found = {each["check"]: each for each in rows(shop, "doctor")}["shapes"]
    assert found["verdict"] == "warn"
    assert "board b does not settle: order/1 does not fit its kind" in found["finding"]
    assert remedy in found["finding"]
    assert found["remedy"].endswith("blackboard -n shop show b")


def test_the_version_of_an_entry_and_that_of_its_schema_are_told_apart(shop: Path) -> None:
    posted = run(shop, "--app", "second:bb", "post", "c", "order", '{"number":2,"price":1,"currency":"EUR"}')
    assert posted.returncode == 0, posted.stderr
    assert "order/2, version 1 (schema version 2)" in run(shop, "get", "c", "order/2").stderr
    [found] = rows(shop, "entries", "c")
    assert (found["version"], found["schema"]) == (1, 2)
    header, line = run(shop, "entries", "c", "-o", "tsv").stdout.splitlines()
    assert dict(zip(header.split("\t"), line.split("\t"), strict=True))["schema"] == "2"

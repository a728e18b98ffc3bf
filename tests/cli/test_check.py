"""`blackboard check`: the wiring of an application on the command line, without a store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke
from tests.cli.processes import APPLICATION
from tests.cli.reading import read, rows

BROKEN = """
from blackboard import Absent, Blackboard, Entry

bb = Blackboard("broken")

class Ball(Entry):
    n: int

class Back(Entry):
    n: int

@bb.knowledge_source(when=Absent(Ball))
def never(ball: Ball) -> Back: ...

@bb.knowledge_source
def ping(back: Back) -> Ball: ...
"""


@pytest.fixture
def anywhere(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Invoke]:
    """Run verbs where there is no store, and an application that cannot work."""
    monkeypatch.setenv("BLACKBOARD_DIR", str(tmp_path / "none"))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken.py").write_text(BROKEN)
    yield invoke
    assert not (tmp_path / "none").exists(), "a check starts no store"


def test_an_application_is_drawn(anywhere: Invoke) -> None:
    drawn = anywhere("check", APPLICATION, "-o", "table").stdout
    assert "claim, [finding]  →  decide         →  decision" in drawn
    assert "From outside: bill, claim, nap" in drawn


def test_the_drawing_as_data(anywhere: Invoke) -> None:
    found = read(anywhere, "check", APPLICATION)
    assert (found["works"], found["inputs"], found["results"]) == (True, ["bill", "claim", "nap"], ["receipt", "rest"])
    assert {"section": "input", "name": "nap", "value": ""} in rows(anywhere("check", APPLICATION).stdout)


def test_what_cannot_work_has_an_exit_code(anywhere: Invoke) -> None:
    result = anywhere("check", "broken", "-o", "table", code=3)
    assert "CANNOT WORK  never: it can never be triggered: absent(ball)" in result.stdout
    assert "never → back → ping → ball → never" in result.stdout
    assert "broken cannot work as it is: 1 findings." in result.stderr


def test_what_is_posted_may_be_said(anywhere: Invoke) -> None:
    posted = [word for kind in ("bill", "claim") for word in ("--input", kind)]
    assert read(anywhere, "check", APPLICATION, *posted, "--input", "nap")["doubts"] == []
    result = anywhere("check", APPLICATION, *posted, "-o", "table", code=3)
    assert "CANNOT WORK  nap: nothing can trigger it: nap is neither posted" in result.stdout
    anywhere("check", APPLICATION, "--input", "nonsense", code=4)


def test_the_check_of_a_worker_finds_it_too(anywhere: Invoke) -> None:
    assert "All compile." in anywhere("worker", APPLICATION, "--check").stderr
    result = anywhere("worker", "broken", "--check", code=3)
    assert "never: it can never be triggered" in result.stderr
    assert "blackboard check broken" in result.stderr
    anywhere("worker", "broken", "--check", "--only", "ping")


def test_an_application_must_be_named(anywhere: Invoke) -> None:
    assert "say which application" in anywhere("check", code=2).stderr


@pytest.mark.parametrize("name", [":", ":bb", "..app", "..app:bb", "/tmp/app.py", "a b:bb", "app..bb"])
def test_a_name_that_is_none_of_a_module_is_a_usage_error(anywhere: Invoke, name: str) -> None:
    """And no traceback's last line."""
    assert f"{name!r} names no module. Name it as Python would" in anywhere("check", name, code=2).stderr


def test_a_module_may_be_named_as_a_file(anywhere: Invoke) -> None:
    assert anywhere("check", "./broken.py", code=3).stdout == anywhere("check", "broken", code=3).stdout

"""Churn is read from a real repository; without one the reason is told."""

import ast
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from knowledge_sources.code_audit import churn
from knowledge_sources.code_audit.churn import Commit, count, parse_log, read
from knowledge_sources.code_audit.complexity import measure
from knowledge_sources.code_audit.risk import rate

needs_git = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")


def git(folder: Path, *arguments: str, author: str = "a@x.org", day: int = 1) -> None:
    """Run git as a person on a day of January 2024."""
    name, date = author.partition("@")[0], f"2024-01-{day:02}T23:30:00+00:00"
    people = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER")
              for part, value in (("NAME", name), ("EMAIL", author), ("DATE", date))}  # fmt: skip
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment = clean | people | {"GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Three commits by two people: `p/a.py` in all of them, `p/é b.py` in one; `p/new.py` is not committed."""
    folder = tmp_path / "repository"
    (folder / "p").mkdir(parents=True)
    git(folder, "init", "-q")
    for day, author in ((1, "a@x.org"), (2, "b@x.org"), (3, "A@x.org")):
        (folder / "p" / "a.py").write_text(f"x = {day}\n")
        if day == 2:
            (folder / "p" / "é b.py").write_text("")
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", f"day {day}\n\n\x01 p/a.py", author=author, day=day)
    (folder / "p" / "new.py").write_text("")
    return folder


@needs_git
def test_commits_authors_and_days_are_counted(repository: Path) -> None:
    history, found = read(repository / "p", ["a.py", "new.py", "é b.py"])

    assert (history.available, history.commits, history.note) == (True, 3, "all commits")
    assert [(one.path, one.commits, one.authors, one.last_change) for one in found] == [
        ("a.py", 3, 2, "2024-01-03"),
        ("é b.py", 1, 1, "2024-01-02"),
    ]


@needs_git
def test_a_shallow_clone_says_so(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{repository}", "shallow")
    history, found = read(tmp_path / "shallow", ["p/a.py"])

    assert "shallow" in history.note
    assert [one.commits for one in found] == [1]


@needs_git
def test_a_variable_of_git_does_not_mislead(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")

    assert read(repository, ["p/a.py"])[0].available


@needs_git
@pytest.mark.parametrize(
    ("commands", "note"),
    [
        ([], "the tree lies in no git repository"),
        ([("init", "-q")], "the repository has no commits yet"),
        (
            [("init", "-q"), ("commit", "-q", "--allow-empty", "-m", "x")],
            "the repository around this tree has no commit of its files",
        ),
    ],
)
def test_without_history_the_reason_is_told(tmp_path: Path, commands: list[tuple[str, ...]], note: str) -> None:
    for command in commands:
        git(tmp_path, *command)

    history, found = read(tmp_path, ["a.py"])
    assert (history.available, history.note, found) == (False, note, [])


def test_without_git_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(churn, "_GIT", ("no-such-git",))

    assert read(tmp_path, ["a.py"])[0].note == "git is not installed"


def test_a_root_that_does_not_exist_has_no_history(tmp_path: Path) -> None:
    assert not read(tmp_path / "missing", [])[0].available


def test_a_log_is_parsed_block_by_block() -> None:
    text = "\x0110 a@x\0\nm.py\0n\no.py\0\x0120 b@x\0"

    assert parse_log(text) == [Commit(10, "a@x", ("m.py", "n\no.py")), Commit(20, "b@x", ())]
    assert parse_log("") == []


def test_a_file_named_twice_in_a_commit_counts_once() -> None:
    [found] = count([Commit(0, "a", ("m.py", "m.py"))], ["m.py", "other.py"])

    assert (found.commits, found.last_change) == (1, "1970-01-01")


def test_risk_is_commits_times_complexity() -> None:
    [changes] = count([Commit(0, "a", ("m.py",)), Commit(86_400, "b", ("m.py",))], ["m.py"])
    found = rate(changes, measure("m.py", ast.parse("def f():\n    if a: pass\ndef g(): pass\n")))

    assert (found.score, found.commits, found.authors, found.complexity) == (6, 2, 2, 3)
    assert found.worst is not None
    assert found.worst.name == "f"

"""The demo: a real job in worker processes of its own, also when one of them is killed."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.processes import command, environment, run
from tests.eventually import eventually

MODULES = 30


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small package to audit, with a file that does not parse."""
    root = tmp_path_factory.mktemp("tree") / "sample"
    root.mkdir()
    for number in range(MODULES):
        decisions = "\n".join(f"    if value == {i}:\n        return {i}" for i in range(number))
        (root / f"m{number}.py").write_text(f"import os\n\n\ndef choose(value):\n{decisions}\n    return None\n")
    (root / "broken.py").write_text("def (")
    return root


def test_the_report_survives_the_death_of_a_worker_to_the_byte(tree: Path, empty_directory: Path) -> None:
    calm = run(empty_directory, "demo", str(tree))
    assert calm.returncode == 0, calm.stderr
    assert calm.stdout.startswith("# Audit of sample")
    assert "broken.py" in calm.stdout
    crashed = run(empty_directory, "demo", str(tree), "--crash", "--report", "report.md")
    assert crashed.returncode == 0, crashed.stderr
    assert "killed (SIGKILL) while it ran" in crashed.stderr
    assert crashed.stdout == calm.stdout
    assert (empty_directory / "report.md").read_text() == calm.stdout
    _every_hint_works(empty_directory, crashed)


def _every_hint_works(directory: Path, done: subprocess.CompletedProcess[str]) -> None:
    hints = [line.partition("#")[0] for line in done.stderr.splitlines() if line.startswith("  blackboard ")]
    assert len(hints) >= 5
    for hint in hints:
        tried = run(directory, *shlex.split(hint)[1:])
        assert tried.returncode == 0, f"{hint}: {tried.stderr}"
        assert tried.stdout
    (again,) = (hint for hint in hints if " get " in hint)
    assert run(directory, *shlex.split(again)[1:]).stdout == done.stdout


def test_a_tree_without_python_has_a_report_too(tmp_path: Path, empty_directory: Path) -> None:
    done = run(empty_directory, "demo", str(tmp_path), "--processes", "1", "--no-keep")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("# Audit of ")
    assert "Now try" not in done.stderr
    left = [json.loads(line) for line in run(empty_directory, "boards", "-o", "jsonl").stdout.splitlines()]
    assert {each["status"] for each in left} <= {"closed"}  # or it has expired already


def test_a_path_that_is_not_there(empty_directory: Path) -> None:
    done = run(empty_directory, "demo", "nowhere")
    assert done.returncode == 2
    assert "Name a directory" in done.stderr
    assert list(empty_directory.iterdir()) == []


def test_an_interrupted_demo_stops_its_workers(tree: Path, empty_directory: Path) -> None:
    with (empty_directory / "errors").open("wb") as errors:
        demo = subprocess.Popen(
            command("demo", str(tree)),
            cwd=empty_directory,
            env=environment(empty_directory),
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
    eventually(lambda: "Auditing" in (empty_directory / "errors").read_text(), 10, "the demo has begun")
    demo.send_signal(signal.SIGINT)
    assert demo.wait(15) == 130
    assert "its workers are stopped" in (empty_directory / "errors").read_text()
    assert "alive" not in run(empty_directory, "workers", "-o", "table").stdout

"""What only a process of its own shows: signals, pipes, exit codes, several workers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Invoke
from tests.cli.processes import APPLICATION, command, environment, run, serving
from tests.eventually import eventually

Post = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("invoke")  # which starts the store


def worker(directory: Path, *words: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """A worker process, killed in the end if it still runs."""
    return serving(directory, "worker", *words)


def said(directory: Path) -> str:
    """What the worker has logged so far."""
    return (directory / "worker.log").read_text()


def agenda(invoke: Invoke, board: str) -> dict[str, str]:
    """The open activations of a board and their states."""
    found = json.loads(invoke("show", board, "-o", "json").stdout)["agenda"]
    return {each["activation"]: each["state"] for each in found}


# ---------------------------------------------------------------------------- worker


def test_burst_does_what_there_is_and_ends(invoke: Invoke, post: Post, board: str, store_directory: Path) -> None:
    post(board, "claim", amount=250, text="rain")
    done = run(store_directory, "worker", APPLICATION, "--burst")
    assert (done.returncode, done.stdout) == (0, "")
    assert "runs 4 sources of claims" in done.stderr
    assert json.loads(invoke("get", board, "decision", "-o", "json").stdout)["data"] == {"approved": True}


def test_a_worker_that_ends_says_what_it_committed(empty_directory: Path, board: str) -> None:
    """And not what it ran: what failed was no less work."""
    claim = json.dumps({"amount": 250, "text": "boom"})
    assert run(empty_directory, "--app", APPLICATION, "post", board, "claim", claim).returncode == 0
    done = run(empty_directory, "worker", APPLICATION, "--burst")
    assert f"check_history#3 of board {board} failed" in done.stderr
    assert "ended; activations committed: 0" in done.stderr


def test_only_runs_the_sources_named(invoke: Invoke, post: Post, board: str, store_directory: Path) -> None:
    post(board, "claim", amount=250, text="rain")
    assert run(store_directory, "worker", APPLICATION, "--burst", "--only", "check_history").returncode == 0
    assert list(agenda(invoke, board).values()) == ["ready"]
    assert run(store_directory, "worker", APPLICATION, "--only", "nobody").returncode == 4


def test_sigterm_drains(invoke: Invoke, post: Post, board: str, store_directory: Path) -> None:
    """What runs is finished; what has not started stays ready, uncharged."""
    post(board, "nap", number=1, seconds=0.5)
    with worker(store_directory, "-c", "1") as process:
        eventually(lambda: "running" in agenda(invoke, board).values(), 10, "the nap is running")
        post(board, "nap", number=2, seconds=60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert "draining" in said(store_directory)
    invoke("get", board, "rest/1")
    assert list(agenda(invoke, board).values()) == ["ready"]
    invoke("retract", board, "nap/2")


def test_a_second_signal_aborts_and_gives_back(invoke: Invoke, post: Post, board: str, store_directory: Path) -> None:
    post(board, "nap", number=1, seconds=60)
    with worker(store_directory) as process:
        eventually(lambda: "running" in agenda(invoke, board).values(), 10, "the nap is running")
        process.send_signal(signal.SIGINT)
        eventually(lambda: "draining" in said(store_directory), 10, "the worker drains")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 128 + signal.SIGINT
    found = json.loads(invoke("show", board, "-o", "json").stdout)["agenda"]
    assert [(each["state"], each["attempts"], each["crashes"]) for each in found] == [("ready", 0, 0)]
    invoke("retract", board, "nap/1")


def test_processes_are_kept_alive_and_end_together(invoke: Invoke, store_directory: Path) -> None:
    def alive() -> list[int]:
        found = json.loads(invoke("workers", "-o", "json").stdout)
        return [each["pid"] for each in found if each["alive"] and _runs(each["pid"])]

    def listed() -> list[int]:
        return [each["pid"] for each in json.loads(invoke("workers", "--prune", "-o", "json").stdout)]

    with worker(store_directory, "-p", "2", "--lease", "0.5") as supervisor:
        first = eventually(lambda: pids if len(pids := alive()) == 2 else [], 15, "two workers")
        os.kill(first[0], signal.SIGKILL)
        eventually(lambda: len(pids := alive()) == 2 and first[0] not in pids, 15, "two workers again")
        supervisor.send_signal(signal.SIGTERM)
        assert supervisor.wait(10) == 0
    assert not alive()
    eventually(lambda: first[0] not in listed(), 10, "the killed one is stale, and pruned")


def test_workers_end_when_their_supervisor_is_killed(invoke: Invoke, store_directory: Path) -> None:
    def pids() -> list[int]:
        return [each["pid"] for each in json.loads(invoke("workers", "-o", "json").stdout) if _runs(each["pid"])]

    with worker(store_directory, "-p", "2"):
        children = eventually(lambda: found if len(found := pids()) == 2 else [], 15, "two workers")
    eventually(lambda: not any(map(_runs, children)), 10, "the workers ended by themselves")


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_dead_and_retry(invoke: Invoke, post: Post, board: str, store_directory: Path) -> None:
    post(board, "claim", amount=250, text="boom")
    run(store_directory, "worker", APPLICATION, "--burst")
    (found,) = json.loads(invoke("dead", board, "-o", "json").stdout)
    assert "no such claimant" in found["problem"]
    assert "ValueError: no such claimant" in invoke("dead", "-o", "table").stdout
    (death,) = [
        event for event in json.loads(invoke("show", board, "-o", "json").stdout)["latest"] if event["type"] == "died"
    ]
    assert found["died"] == death["time"]
    assert re.search(rf"{found['activation']}  \d+ \w+ ago  ValueError", invoke("show", board, "-o", "table").stdout)
    again = f"blackboard retry {board} {found['activation']}"
    assert again in invoke("dead", board).stderr
    assert again in invoke("show", board, "-o", "table").stdout
    assert f"1 dead: blackboard dead {board}" in invoke("agenda", board).stderr
    assert "1 activation is dead" in invoke("wait", board, "decision", "--timeout", "0.1", code=124).stderr
    doctor = {each["check"]: each for each in json.loads(invoke("doctor", "-o", "json").stdout)}
    assert f"{found['activation']} of {board}" in doctor["dead"]["finding"]
    invoke("retry", board, code=2)
    invoke("retry", board, "nobody#1", code=4)
    assert "revived" in invoke("retry", board, found["activation"]).stdout
    assert "Nothing is dead" in invoke("retry", board, "--all").stderr


# ---------------------------------------------------------------------------- check and mistakes


def test_check_compiles_and_lists_without_a_store(tmp_path: Path) -> None:
    done = run(tmp_path, "worker", APPLICATION, "--check", "-o", "json")
    assert done.returncode == 0
    found = {each["source"]: each for each in json.loads(done.stdout)}
    assert found["decide"]["reads"] == ["claim", "[finding]"]
    assert found["decide"]["when"] == ["count(finding) >= 1", "absent(decision)"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("x = 1", 2, "should be a Blackboard"),
        ("import nonsense", 1, "No module named 'nonsense'"),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("def (", 1, "SyntaxError"),
        ("from blackboard import Blackboard\nother = Blackboard('x')", 2, "app:other"),
        (
            "from blackboard import Blackboard\nbb = Blackboard('x')\nbb.knowledge_source(name='f', retries=-1)(lambda: 1)",
            1,
            "retries",
        ),
    ],
)
def test_an_application_that_cannot_be_loaded(tmp_path: Path, source: str, code: int, said: str) -> None:
    (tmp_path / "app.py").write_text(source)
    done = run(tmp_path, "worker", "app", "--check")
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in run(tmp_path, "worker", "app", "--check", "--debug").stderr or code == 2


def test_a_module_that_is_not_there(tmp_path: Path) -> None:
    done = run(tmp_path, "worker", "nowhere:bb")
    assert done.returncode == 2
    assert "no module 'nowhere'" in done.stderr
    assert run(tmp_path, "worker").returncode == 2


# ---------------------------------------------------------------------------- the store is not there


def test_no_store_yet_is_said_and_none_is_made(empty_directory: Path) -> None:
    done = run(empty_directory, "boards")
    assert done.returncode == 69
    assert "blackboard demo" in done.stderr
    assert list(empty_directory.iterdir()) == []


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "unix:///tmp/no-such-socket", "nonsense://x"])
def test_a_store_that_does_not_answer(tmp_path: Path, url: str) -> None:
    done = run(tmp_path, "--url", url, "boards")
    assert done.returncode == 69
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


def test_start_status_stop(empty_directory: Path) -> None:
    assert run(empty_directory, "store", "status").returncode == 3
    assert run(empty_directory, "store", "stop").returncode == 3
    started = json.loads(run(empty_directory, "store", "start", "-o", "json").stdout)
    assert started["running"]
    assert json.loads(run(empty_directory, "-o", "json", "store", "status").stdout)["pid"] == started["pid"]
    assert "empty" in (done := run(empty_directory, "boards")).stderr
    assert done.returncode == 2
    assert run(empty_directory, "store", "stop").returncode == 0
    assert run(empty_directory, "store", "status").returncode == 3


def test_several_namespaces_must_be_told_apart(empty_directory: Path) -> None:
    for name in ("one", "two"):
        (empty_directory / f"{name}.py").write_text(f"from blackboard import Blackboard\nbb = Blackboard('{name}')")
        assert run(empty_directory, "worker", name, "--burst").returncode == 0
    done = run(empty_directory, "boards")
    assert (done.returncode, "one, two" in done.stderr) == (2, True)
    assert run(empty_directory, "-n", "one", "boards").returncode == 0
    assert run(empty_directory, "boards", "-n", "three").returncode == 2
    (empty_directory / "blackboard.toml").write_text('namespace = "two"\noutput = "json"\n[boards]\nlimit = 3\n')
    assert run(empty_directory, "boards").stdout == "[]\n"
    (empty_directory / "blackboard.toml").write_text("colour = 1")
    assert "colour" in run(empty_directory, "boards").stderr


# ---------------------------------------------------------------------------- pipes and Ctrl-C


def test_a_reader_that_stops_reading_is_no_error(post: Post, board: str, store_directory: Path) -> None:
    post(board, "claim", amount=250, text="x" * 100_000)
    process = subprocess.Popen(
        command("tail", board, "-f", "-n", "claims"),
        env=environment(store_directory),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    post(board, "finding", source="late", risk=1)
    assert process.wait(10) == 141
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()


def test_interrupted(post: Post, board: str, store_directory: Path) -> None:
    post(board, "claim", amount=250, text="rain")
    process = subprocess.Popen(
        command("tail", board, "-f", "-n", "claims"),
        env=environment(store_directory),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert b"Traceback" not in errors

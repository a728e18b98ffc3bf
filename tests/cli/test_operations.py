"""ks, workers and doctor: who runs what, and is it safe?"""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from blackboard.cli import sources
from blackboard.cli.checks import server
from blackboard.cli.checks.installation import _namesakes
from blackboard.cli.checks.namespace import _workers
from blackboard.cli.checks.server import _allocator, _durability
from blackboard.store.connection import connect
from blackboard.store.server_check import ServerFacts
from tests.cli.conftest import Invoke
from tests.cli.processes import APPLICATION, run


def worker(name: str, *, alive: bool = True, stalled: float = 0) -> dict[str, object]:
    """A worker as a row."""
    return {"worker": name, "role": "worker", "alive": alive, "stalled": stalled, "sources": []}


def test_ks_marks_what_nobody_runs(empty_directory: Path) -> None:
    data = '{"amount": 1, "text": ""}'
    assert run(empty_directory, "--app", APPLICATION, "post", "b", "claim", data).returncode == 0
    done = run(empty_directory, "ks", "-o", "table")
    assert "nobody" in done.stdout
    assert "blackboard worker" in done.stderr
    found = {each["source"]: each for each in json.loads(run(empty_directory, "ks", "-o", "json").stdout)}
    assert found["check_history"]["when"] == ["claim.amount > 100"]
    assert found["check_history"]["writes"] == ["finding"]
    assert found["check_history"]["doc"] == "Look the claimant up."


def test_doctor_finds_a_healthy_store(invoke: Invoke, board: str) -> None:
    invoke("--app", APPLICATION, "post", board, "claim", '{"amount": 1, "text": ""}')
    found = {each["check"]: each for each in json.loads(invoke("doctor", "-o", "json").stdout)}
    healthy = ("python", "packages", "store", "durability", "eviction", "memory", "clock", "namespaces")
    assert {found[check]["verdict"] for check in healthy} == {"ok"}
    assert "valkey" in found["store"]["finding"]
    assert "last second" in found["durability"]["finding"]
    assert all(each["remedy"] for each in found.values() if each["verdict"] != "ok")
    assert "durability" in invoke("doctor", "-o", "table").stdout


def test_doctor_fails_when_the_store_does_not_answer(tmp_path: Path) -> None:
    done = run(tmp_path, "doctor", "--url", "unix:///tmp/no-such-socket", "-o", "jsonl")
    assert done.returncode == 1
    assert json.loads(done.stdout.splitlines()[-1])["verdict"] == "fail"


def test_doctor_warns_when_there_is_no_store_and_makes_none(empty_directory: Path) -> None:
    done = run(empty_directory, "doctor", "-o", "jsonl")
    assert done.returncode == 0
    assert json.loads(done.stdout.splitlines()[-1])["verdict"] == "warn"
    assert list(empty_directory.iterdir()) == []


def test_a_namesake_is_a_failure() -> None:
    assert _namesakes({"blackboard": ["blackboard-runtime"]}).verdict == "ok"
    found = _namesakes({"blackboard": ["blackboard-core", "blackboard-runtime"]})
    assert found.verdict == "fail"
    assert "pip uninstall blackboard-core" in found.remedy


@pytest.mark.parametrize(
    ("append_only", "fsync", "verdict", "said"),
    [
        (True, "always", "ok", "no crash loses"),
        (True, "everysec", "ok", "last second"),
        (True, "no", "warn", "half a minute"),
        (False, None, "warn", "snapshot"),
        (None, None, "warn", "does not tell"),
    ],
)
async def test_durability_says_what_can_be_lost(append_only: bool, fsync: str, verdict: str, said: str) -> None:
    clients = await connect("redis://127.0.0.1:1")
    found = _durability(clients, ServerFacts(name="redis", append_only=append_only, fsync=fsync, replicas=1))
    await clients.aclose()
    assert found.verdict == verdict
    assert said in found.finding


def test_doctor_looks_at_the_namespace_that_is_named(empty_directory: Path) -> None:
    """And refuses one that is not there, as every other verb does."""
    for name in ("one", "two"):
        (empty_directory / f"{name}.py").write_text(
            f"from blackboard import Blackboard, Entry\nbb = Blackboard('{name}')\n"
            "class Note(Entry):\n    text: str\n@bb.knowledge_source\ndef read(note: Note) -> None: ...\n"
        )
        done = run(empty_directory, "--app", f"{name}:bb", "post", "b", "note", '{"text": ""}')
        assert done.returncode == 0, done.stderr
    every = run(empty_directory, "doctor", "-o", "json").stdout
    assert "one: nobody runs read" in every
    assert "two: nobody runs read" in every
    narrowed = run(empty_directory, "doctor", "-n", "two", "-o", "json")
    assert "two: nobody runs read" in narrowed.stdout
    assert "one: " not in narrowed.stdout
    refused = run(empty_directory, "doctor", "-n", "three")
    assert (refused.returncode, "no namespace three; it has: one, two" in refused.stderr) == (2, True)


@pytest.mark.parametrize(("found", "said"), [("/lib/jemalloc.so", "/lib/jemalloc.so, unless"), (None, "libjemalloc2")])
def test_the_allocator_of_the_embedded_server_is_named(
    monkeypatch: pytest.MonkeyPatch, found: str | None, said: str
) -> None:
    """Without one it works, but a third slower: a hint, and nothing to be warned of."""
    monkeypatch.setattr(server, "find_allocator", lambda: found)
    assert said in _allocator().finding
    assert _allocator().verdict == "ok"


def test_a_source_that_the_code_has_no_more_is_unregistered(empty_directory: Path) -> None:
    data = '{"amount": 500, "text": ""}'
    assert run(empty_directory, "--app", APPLICATION, "post", "b", "claim", data).returncode == 0

    unknown = run(empty_directory, "unregister", "check_history", "nothing")
    assert unknown.returncode == 4
    assert "there is no knowledge source nothing" in unknown.stderr
    assert "check_history" in run(empty_directory, "ks").stdout, "all or none"

    done = run(empty_directory, "unregister", "check_history", "-o", "json")
    assert (done.returncode, json.loads(done.stdout)) == (0, [{"source": "check_history", "boards": 1}])
    assert "check_history" not in run(empty_directory, "ks").stdout
    assert "check_history" not in run(empty_directory, "agenda", "b").stdout


def test_a_source_that_somebody_runs_is_not_unregistered(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    async def alive(_: object) -> list[dict[str, object]]:
        return [{"alive": True, "sources": ["check_history"]}, {"alive": False, "sources": ["check_history"]}]

    invoke("--app", APPLICATION, "post", "used", "claim", '{"amount": 500, "text": ""}')
    monkeypatch.setattr(sources, "known_workers", alive)
    refused = invoke("unregister", "check_history", code=5)
    assert "check_history is not unregistered: 1 workers that live run it" in refused.stderr
    assert "check_history" in invoke("ks").stdout


@pytest.mark.parametrize(
    ("workers", "verdict", "said"),
    [
        ([], "ok", "0 alive"),
        ([worker("a")], "ok", "1 alive"),
        ([worker("a", stalled=7.5)], "warn", "1 alive, blocked by an agent that does not yield: a"),
        ([worker("a", alive=False)], "warn", "0 alive, 1 gone without a word: Their work waits for another to start"),
        ([worker("a"), worker("b", alive=False)], "warn", "1 alive, 1 gone without a word: Their work has moved on"),
    ],
)
def test_doctor_says_how_workers_are(workers: list[dict[str, object]], verdict: str, said: str) -> None:
    found = _workers("claims", workers)
    assert found.verdict == verdict
    assert said in f"{found.finding}: {found.remedy}"


def test_workers_tell_which_of_them_are_blocked(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    async def known(_: object) -> list[dict[str, object]]:
        return [worker("a", stalled=7.5), worker("b")]

    monkeypatch.setattr(sources, "known_workers", known)
    done = invoke("workers", "-o", "json")
    assert [each["stalled"] for each in json.loads(done.stdout)] == [7.5, 0]
    assert "Blocked by an agent that does not yield: a. What blocks belongs into a plain function" in done.stderr


def test_doctor_names_boards_that_somebody_has_paused(invoke: Invoke, board: str) -> None:
    invoke("--app", APPLICATION, "post", board, "claim", '{"amount": 1, "text": ""}')
    invoke("pause", board, "--why", "night")
    found = {each["check"]: each for each in json.loads(invoke("doctor", "-o", "json").stdout)}
    assert found["boards"]["verdict"] == "warn"
    assert board in found["boards"]["finding"]
    assert " mode " in found["boards"]["remedy"]
    invoke("resume", board)


def test_a_store_that_others_use_is_stopped_with_a_word(empty_directory: Path) -> None:
    assert run(empty_directory, "store", "start").returncode == 0
    found = json.loads(run(empty_directory, "store", "status", "-o", "json").stdout)
    with socket.socket(socket.AF_UNIX) as other:
        other.connect(found["socket"])
        stopped = run(empty_directory, "store", "stop")
    assert "while 1 connections to it were open: those programs start it again" in stopped.stderr
    assert run(empty_directory, "store", "start").returncode == 0
    assert "The next command that needs it starts it again" in run(empty_directory, "store", "stop").stderr

"""The life of a board by the command line: deadlines, results, exports, and what nobody knows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Invoke
from tests.cli.processes import APPLICATION, run
from tests.cli.reading import rows
from tests.eventually import eventually

Post = Callable[..., Any]


def data(invoke: Invoke, *words: str, **more: Any) -> Any:
    return json.loads(invoke(*words, "-o", "json", **more).stdout)


# ---------------------------------------------------------------------------- what nobody knows


@pytest.fixture
def payment(invoke: Invoke, post: Post, board: str, store_directory: Path) -> str:
    """A payment whose time limit struck: its name."""
    post(board, "bill", number=1)
    assert run(store_directory, "worker", APPLICATION, "--only", "pay", "--max-idle", "0.5").returncode == 0
    (found,) = eventually(lambda: data(invoke, "unknown", board), 10, "the payment is in doubt")
    assert "its time limit of 0.05 s struck" in found["problem"]
    return str(found["activation"])


def test_who_looks_sees_what_nobody_knows(invoke: Invoke, board: str, payment: str) -> None:
    (found,) = [each for each in data(invoke, "unknown") if each["board"] == board]
    assert found["idempotency_key"] == f"claims/{board}/{payment}"
    (row,) = rows(invoke("agenda", board).stdout)
    assert row["state"] == "outcome unknown"
    assert row["waits_for"] == f"a person: blackboard resolve {board} {payment} VERDICT (done, again or dead)"
    assert data(invoke, "show", board)["agenda"][0]["state"] == "outcome unknown"
    doctor = {each["check"]: each for each in data(invoke, "doctor")}
    assert doctor["unknown"]["verdict"] == "warn"
    assert "wait for a person" in doctor["unknown"]["finding"]
    assert f"{payment} is in doubt" in invoke("tail", board).stdout


@pytest.mark.parametrize("mark", [(), ("--to", "start")], ids=["all", "since a savepoint"])
def test_who_looks_sees_that_undoing_waits_for_what_nobody_knows(
    invoke: Invoke, post: Post, board: str, store_directory: Path, mark: tuple[str, ...]
) -> None:
    post(board, "nap", number=1, seconds=0)
    invoke("savepoint", board, "start")
    post(board, "bill", number=1)
    worker = ("worker", APPLICATION, "--only", "pay", "--max-idle", "0.5")
    assert run(store_directory, *worker).returncode == 0
    (found,) = eventually(lambda: data(invoke, "unknown", board), 10, "the payment is in doubt")
    payment = found["activation"]
    invoke("compensate", board, *mark)
    said = run(store_directory, *worker).stderr
    remedy = f"resolve {board} {payment} done|again|dead"
    assert f"undoing board {board} waits for a person: the outcome of {payment} is unknown" in said
    assert remedy in said
    undoing = data(invoke, "show", board)["undoing"]
    assert (undoing["state"], undoing["awaited"], undoing["unknown"]) == ("undoing", [payment], [payment])
    assert f"blackboard {remedy}" in invoke("show", board, "-o", "table").stdout
    doctor = {each["check"]: each for each in data(invoke, "doctor")}
    assert "undoing waits for that on" in doctor["unknown"]["finding"]
    assert board in doctor["unknown"]["finding"]
    invoke("resolve", board, payment, "dead")
    assert run(store_directory, *worker).returncode == 0
    undoing = data(invoke, "show", board)["undoing"]
    assert (undoing["state"], undoing["awaited"]) == ("undone" if mark else "aborted", [])


def test_a_person_says_it_is_done(invoke: Invoke, board: str, payment: str) -> None:
    words = ("resolve", board, payment, "done", "--post", "receipt", '{"number": 1}', "--why", "it is in the statement")
    done = invoke(*words, "-o", "json")
    assert json.loads(done.stdout)["outcome"] == "done"
    assert done.stderr.startswith("The data was not checked by the application's classes")
    assert data(invoke, "get", board, "receipt/1")["data"] == {"number": 1}
    assert f"{payment} resolved by @cli: done: it is in the statement" in invoke("tail", board).stdout
    assert "has left the agenda" in invoke(*words, code=4).stderr
    assert "No outcome is unknown" in invoke("unknown", board).stderr


def test_the_classes_of_an_application_check_what_is_said(invoke: Invoke, board: str, payment: str) -> None:
    done = ("--app", APPLICATION, "resolve", board, payment, "done", "--post")
    assert "does not fit its kind" in invoke(*done, "receipt", '{"number": "x"}', code=2).stderr
    assert "its return annotation says only: receipt" in invoke(*done, "bill", '{"number": 2}', code=1).stderr
    invoke(*done, "receipt", '{"number": 1}')
    assert data(invoke, "get", board, "receipt/1")["data"] == {"number": 1, "said": ""}


def test_who_says_done_without_an_entry_is_told_what_waits_on(invoke: Invoke, board: str, payment: str) -> None:
    said = invoke("resolve", board, payment, "done", "--why", "it is in the statement").stderr
    assert "which may write receipt; who waits for that waits on" in said
    assert f"blackboard post {board} receipt JSON" in said


def test_what_is_printed_can_be_pasted_without_harm(invoke: Invoke, board: str, payment: str) -> None:
    """A `|` would be a pipe to a shell, and what stands before the first would be done."""
    told = [invoke("agenda", board).stdout, invoke("show", board, "-o", "table").stdout]
    told += [finding["remedy"] for finding in data(invoke, "doctor") if finding["check"] == "unknown"]
    assert all("resolve" in each for each in told)
    assert not any("done|" in each for each in told)


def test_without_the_classes_the_cards_do(invoke: Invoke, board: str, payment: str) -> None:
    done = ("resolve", board, payment, "done", "--post")
    assert "return annotation says only: receipt" in invoke(*done, "bill", '{"number": 2}', code=1).stderr
    assert "there is no kind nonsense" in invoke(*done, "nonsense", "{}", code=4).stderr
    assert "--post goes with done" in invoke("resolve", board, payment, "dead", "--post", "bill", "{}", code=2).stderr
    assert "is a JSON object" in invoke(*done, "receipt", "7", code=2).stderr


def test_a_person_gives_up_or_tries_again(invoke: Invoke, board: str, payment: str) -> None:
    assert data(invoke, "resolve", board, payment, "dead", "--why", "wrong bill")["outcome"] == "dead"
    assert "is dead: only one whose outcome is unknown" in invoke("resolve", board, payment, "again", code=3).stderr
    assert data(invoke, "retry", board, payment)[0]["outcome"] == "revived"


def test_again_and_retry_are_the_same(invoke: Invoke, board: str, payment: str) -> None:
    assert data(invoke, "retry", board, payment)[0]["outcome"] == "revived"
    assert [row["state"] for row in rows(invoke("agenda", board).stdout)] == ["ready"]


def test_what_no_longer_holds_does_not_run_again(invoke: Invoke, board: str, payment: str) -> None:
    invoke("retract", board, "bill/1")
    assert data(invoke, "resolve", board, payment, "again", code=3)["outcome"] == "obviated"


# ---------------------------------------------------------------------------- deadlines and results


def test_a_deadline_is_set_shown_and_taken_away(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=1, text="rain")
    found = data(invoke, "deadline", board, "8h", "--action", "close", "--why", "the auction ends")
    assert found["action"] == "close"
    assert data(invoke, "show", board)["deadline"] == found["deadline"]
    assert "nothing starts after" in invoke("show", board, "-o", "table").stdout
    told = invoke("tail", board).stdout
    assert "by @cli, to close the board: the auction ends" in told
    assert data(invoke, "deadline", board, "2099-01-31T12:00:00Z")["deadline"] == "2099-01-31T12:00:00.000Z"
    assert data(invoke, "deadline", board, "none") == {"board": board, "deadline": None, "action": None}
    assert "deadline taken away by @cli" in invoke("tail", board).stdout
    assert "neither a duration" in invoke("deadline", board, "soon", code=2).stderr
    invoke("deadline", "no-such-board", "1h", code=4)


def test_a_board_is_closed_with_a_result(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=1, text="rain")
    invoke("close", board, "--result", '{"approved": true}', "--reason", "agreed", "--yes")
    assert data(invoke, "show", board)["result"] == {"approved": True}
    assert '{"approved": true}' in invoke("show", board, "-o", "table").stdout
    invoke("close", board, "--result", "7", "--yes", code=3)
    assert data(invoke, "show", board)["result"] == {"approved": True}
    assert json.loads(invoke("tail", board, "-o", "jsonl").stdout.splitlines()[-1])["data"] == {"approved": True}


def test_a_board_is_kept_as_long_as_the_application_says(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=1, text="rain")
    invoke("close", board, "--yes")
    assert f"{board} is closed" not in invoke("boards", "--prune").stderr
    assert board in invoke("boards", "--limit", "1000").stdout


def test_boards_out_of_use_are_pruned(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=1, text="rain")
    invoke("boards", "--prune", "--idle", "30")
    assert data(invoke, "show", board)["status"] == "open"
    assert "closed: 0" not in invoke("boards", "--prune", "--idle", "0").stderr
    assert data(invoke, "show", board)["status"] == "closed"
    invoke("boards", "--idle", "1", code=2)


# ---------------------------------------------------------------------------- export, import


def test_a_board_is_exported_and_made_again(invoke: Invoke, post: Post, board: str, tmp_path: Path) -> None:
    post(board, "claim", amount=250, text="räin")
    lines = invoke("export", board).stdout.splitlines()
    assert json.loads(lines[0])["format"] == 1
    assert [json.loads(line)["type"] for line in lines if "event" in json.loads(line)][:2] == ["created", "posted"]
    made = data(invoke, "import", "--as", f"{board}-2", stdin="\n".join(lines))
    assert made == {"board": f"{board}-2", "status": "open", "events": 3, "entries": 1}
    assert data(invoke, "get", f"{board}-2", "claim")["data"] == {"amount": 250.0, "text": "räin"}
    assert invoke("agenda", f"{board}-2").stdout.split()[-3:] != []

    for name in ("whole.jsonl", "packed.jsonl.gz"):
        invoke("export", board, "--out", str(tmp_path / name))
        invoke("export", board, "--out", str(tmp_path / name), code=2)
        invoke("import", str(tmp_path / name), "--as", f"{board}-{name}")
        invoke("import", str(tmp_path / name), code=5)


def test_what_is_no_export_makes_no_board(invoke: Invoke, post: Post, board: str, tmp_path: Path) -> None:
    post(board, "claim", amount=250, text="rain")
    lines = invoke("export", board).stdout.splitlines()
    refused = invoke("import", "--as", f"{board}-2", stdin="\n".join([*lines[:2], "broken", *lines[3:]]), code=2)
    assert "line 3 of the archive cannot be read" in refused.stderr
    invoke("show", f"{board}-2", code=4)
    invoke("import", str(tmp_path / "nowhere"), code=2)
    (tmp_path / "half.gz").write_bytes(b"\x1f\x8bnot gzip")
    invoke("import", str(tmp_path / "half.gz"), code=2)
    invoke("export", "no-such-board", code=4)

"""Undoing from the command line: compensate, savepoint, skip, and where a board stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Invoke
from tests.cli.processes import APPLICATION, serving
from tests.cli.reading import read, rows

Post = Callable[..., Any]


@pytest.fixture
def work(invoke: Invoke, store_directory: Path, board: str) -> Callable[[], None]:
    """Run a worker until nothing is left to do on the board."""

    def work() -> None:
        with serving(store_directory, "worker") as worker:
            invoke("wait", board, "--settled", "--timeout", "30")
            worker.terminate()  # it signs off
            worker.wait(20)

    return work


def test_a_board_is_undone_and_says_how_far_it_is(
    invoke: Invoke, post: Post, board: str, work: Callable[[], None]
) -> None:
    post(board, "claim", amount=250, text="rain")
    work()
    began = invoke("compensate", board, "--why", "withdrawn", "-o", "table")
    assert "No worker is alive" in began.stderr
    assert read(invoke, "show", board)["status"] == "undoing"
    work()
    found = read(invoke, "show", board)
    assert (found["status"], found["undoing"]["state"], found["undoing"]["by"]) == ("aborted", "aborted", "@cli")
    assert [name.partition("#")[0] for name in found["undoing"]["undone"]] == ["check_history"]
    told = invoke("show", board, "-o", "table").stdout
    assert "aborted, as a whole, by @cli: withdrawn" in told
    assert any(row["section"] == "undoing" and row["name"] == "undone" for row in rows(invoke("show", board).stdout))
    lines = invoke("tail", board, "-o", "table").stdout
    assert "undoing begins as a whole, by @cli: withdrawn" in lines
    assert "undo:check_history#" in lines
    assert "board is over: everything was undone: undone: check_history#" in lines
    assert rows(invoke("tail", board, "--follow").stdout)[-1]["type"] == "undone"
    assert (
        "its status is aborted"
        in invoke("--app", APPLICATION, "post", board, "claim", '{"amount": 1, "text": ""}', code=5).stderr
    )


def test_what_a_board_is_stuck_at_is_tried_again_or_skipped(
    invoke: Invoke, post: Post, board: str, work: Callable[[], None]
) -> None:
    post(board, "claim", amount=6000, text="flood")
    work()
    invoke("compensate", board)
    work()
    undoing = read(invoke, "show", board)["undoing"]
    assert undoing["state"] == "stuck"
    shown = invoke("show", board, "-o", "table").stdout
    for verb in ("retry", "skip"):
        assert f"blackboard {verb} {board} check_history#" in shown
    [dead] = undoing["dead"]
    assert "undo:check_history" in invoke("dead", board).stdout
    assert read(invoke, "retry", board, dead)[0]["outcome"] == "revived"
    assert (
        "its turn" in read(invoke, "agenda", board)[0]["waits_for"]
        or "nobody runs check_history" in (read(invoke, "agenda", board)[0]["waits_for"])
    )
    work()
    assert read(invoke, "skip", board, dead, "--why", "by hand")["outcome"] == "skipped"
    work()
    assert read(invoke, "show", board)["undoing"]["skipped"] == [dead]
    assert "skipped by @cli with @undo/" in invoke("tail", board, "-o", "table").stdout
    invoke("skip", board, dead, code=4)


def test_who_looks_after_a_stuck_board_is_told_what_works(
    invoke: Invoke, post: Post, board: str, work: Callable[[], None]
) -> None:
    """What died before the undoing cannot be tried again: the doctor does not say so, and `retry --all` leaves it alone."""
    post(board, "claim", amount=6000, text="flood")
    work()
    invoke("revise", board, "claim", '{"amount": 7000, "text": "boom"}')
    work()
    invoke("compensate", board)
    work()
    undoing, lost = read(invoke, "dead", board)[::-1]
    assert (undoing["activation"].partition("#")[0], lost["activation"].partition("#")[0]) == (
        "undo:check_history",
        "check_history",
    )
    found = {each["check"]: each for each in read(invoke, "doctor")}
    assert f"stuck {board}" in found["undoing"]["finding"]
    assert "nobody forgets that" in found["undoing"]["finding"]
    for verb in ("retry", "skip"):
        assert f"{verb} {board} {undoing['activation']}" in found["undoing"]["remedy"]
    assert board not in found["dead"]["finding"]
    assert f"blackboard show {board} says at what" in invoke("compensate", board).stderr
    waited = invoke("wait", board, "nap", "--timeout", "0.1", code=124).stderr
    assert f"its undoing is stuck: `blackboard show {board}` says at what" in waited
    revived = read(invoke, "retry", board, "--all")
    assert [(each["activation"], each["outcome"]) for each in revived] == [(undoing["activation"], "revived")]
    work()
    invoke("skip", board, undoing["activation"])
    work()
    assert read(invoke, "show", board)["status"] == "aborted"


def test_a_board_goes_back_to_a_savepoint(invoke: Invoke, post: Post, board: str, work: Callable[[], None]) -> None:
    post(board, "nap", number=1, seconds=0)
    saved = read(invoke, "savepoint", board, "start")
    assert saved["savepoint"] == "start"
    assert "savepoint by @cli: start" in invoke("tail", board, "-o", "table").stdout
    invoke("savepoint", board, "7")
    post(board, "claim", amount=250, text="rain")
    work()
    row = read(invoke, "compensate", board, "--to", "start")
    assert (row["savepoint"], row["state"]) == (saved["event"], "undoing")
    assert invoke("compensate", board, "--to", "start", code=5)
    work()
    assert read(invoke, "show", board)["undoing"]["state"] == "undone"
    assert f"back to savepoint {saved['event']}" in invoke("show", board, "-o", "table").stdout
    assert read(invoke, "compensate", board, "--to", "7")["savepoint"] == saved["event"] + 1
    work()
    assert read(invoke, "compensate", board, "--to", str(saved["event"]))["savepoint"] == saved["event"]
    work()
    invoke("compensate", board, "--to", "nowhere", code=4)
    invoke("compensate", board, "--to", "1", code=4)


def test_what_is_not_there_is_not_found(invoke: Invoke, board: str) -> None:
    for words in (("compensate", board), ("savepoint", board, "start"), ("skip", board, "check_history#3")):
        assert "there is no board" in invoke(*words, code=4).stderr


def test_ks_says_what_can_be_undone(invoke: Invoke) -> None:
    found = {each["source"]: each["undone_by"] for each in read(invoke, "ks")}
    assert (found["check_history"], found["decide"]) == ("forget", None)

"""What stands on boards, from the command line: post, look, change, wait, close; and every exit code on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Invoke
from tests.cli.processes import APPLICATION
from tests.cli.reading import rows

Post = Callable[..., Any]


# ---------------------------------------------------------------------------- post and look

UNCHECKED = "The data was not checked by the application's classes; --app module:object, or BLACKBOARD_APP, does.\n"


def test_post_makes_a_board_and_says_where_the_entry_is(invoke: Invoke, post: Post, board: str) -> None:
    (written,) = post(board, "claim", amount=50, text="rain")
    assert written == {"board": board, "event": 2, "address": "claim", "version": 1}
    found = json.loads(invoke("get", board, "claim", "-o", "json").stdout)
    assert found["data"] == {"amount": 50.0, "text": "rain"}
    assert found["version"] == 1


def test_boards_lists_it_with_its_numbers(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=250, text="rain")
    found = {row["board"]: row for row in rows(invoke("boards").stdout)}[board]
    assert (found["status"], found["entries"], found["open"], found["dead"]) == ("open", "1", "1", "0")
    assert datetime.fromisoformat(found["created"]).tzinfo is not None


def test_a_list_is_posted_whole(invoke: Invoke, board: str, tmp_path: Path) -> None:
    (tmp_path / "findings.json").write_text('[{"source": "a", "risk": 1}, {"source": "b", "risk": 2}]')
    invoke("--app", APPLICATION, "post", board, "finding", "@findings.json")
    assert [row["address"] for row in rows(invoke("entries", board).stdout)] == ["finding/a", "finding/b"]
    assert len(invoke("entries", board, "finding", "--limit", "1", "-o", "jsonl").stdout.splitlines()) == 1


def test_what_was_not_checked_is_said(invoke: Invoke, post: Post, board: str) -> None:
    """By a line on stderr, wherever data comes in; with the application there is nothing to say."""
    post(board, "claim", amount=60, text="rain")
    given = ("post", board, "finding", '{"source": "a", "risk": "high"}')
    change = ("revise", board, "finding/a", '{"risk": 1}')
    assert invoke(*given).stderr == UNCHECKED
    assert invoke(*change, "--merge").stderr == UNCHECKED
    assert invoke("-q", *given, code=5).stderr.startswith("Error")
    assert invoke("-q", *change, "--merge").stderr == ""
    assert invoke("--app", APPLICATION, *change, "--merge").stderr == ""
    assert invoke("retract", board, "finding/a").stderr == ""


def test_without_the_application_the_registered_kinds_give_the_address(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=50, text="rain")  # registers the sources
    invoke("post", board, "finding", "-", stdin='{"source": "x/y", "risk": 0.5}')
    assert json.loads(invoke("get", board, "finding/x/y", "-o", "json").stdout)["data"]["risk"] == 0.5
    assert "source" in invoke("post", board, "finding", '{"risk": 1}', code=2).stderr
    assert "finding" in invoke("post", board, "nonsense", "{}", code=4).stderr


def test_what_does_not_fit_the_class_is_refused(invoke: Invoke, board: str) -> None:
    result = invoke("--app", APPLICATION, "post", board, "claim", '{"amount": "much"}', code=2)
    assert "amount" in result.stderr
    invoke("show", board, code=4)


@pytest.mark.parametrize("data", ["{", "[]", "7", "@missing.json"])
def test_what_is_no_object_is_a_mistake_of_use(invoke: Invoke, board: str, data: str) -> None:
    invoke("post", board, "claim", data, code=2)


def test_the_same_data_again_is_no_conflict_other_data_is(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=50, text="rain")
    post(board, "claim", amount=50, text="rain")
    words = ("--app", APPLICATION, "post", board, "claim", '{"amount": 60, "text": "rain"}')
    assert "Nothing was written" in invoke(*words, code=5).stderr


def test_a_field_is_printed_as_it_is(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=50, text="first\nsecond")
    assert invoke("get", board, "claim", "--field", "text").stdout == "first\nsecond\n"
    assert invoke("get", board, "claim", "--field", "amount").stdout == "50.0\n"
    assert "amount" in invoke("get", board, "claim", "--field", "colour", code=2).stderr


def test_tsv_escapes_what_would_break_its_lines(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=50, text="a\tb\nc")
    assert invoke("get", board, "claim", "-o", "tsv").stdout == "amount\t50.0\ntext\ta\\tb\\nc\n"


def test_a_table_shows_nothing_that_a_terminal_would_obey(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=50, text="\x1b[31mred")
    assert "\x1b" not in invoke("entries", board, "-o", "table").stdout
    assert "\x1b" not in invoke("tail", board, "-o", "table").stdout


@pytest.mark.parametrize("form", ["table", "tsv", "json", "jsonl"])
def test_show_has_entries_agenda_and_latest_events(invoke: Invoke, post: Post, board: str, form: str) -> None:
    post(board, "claim", amount=250, text="rain")
    text = invoke("show", board, "-o", form).stdout
    assert "claim" in text
    assert "check_history#3" in text
    if form in {"json", "jsonl"}:
        found = json.loads(text)
        assert found["entries"] == {"claim": 1}
        assert [each["state"] for each in found["agenda"]] == ["ready"]
        assert not found["settled"]


def test_the_option_may_stand_before_or_after_the_verb(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=50, text="rain")
    assert invoke("-o", "json", "show", board).stdout == invoke("show", board, "-o", "json").stdout
    assert json.loads(invoke("-o", "tsv", "get", board, "claim", "-o", "json").stdout)


@pytest.mark.parametrize(
    "words", [("show",), ("entries",), ("tail",), ("get", "claim"), ("dead",), ("retry", "a#1"), ("wait", "--settled")]
)
def test_a_board_that_is_not_there_is_not_found(invoke: Invoke, words: tuple[str, ...]) -> None:
    verb, *rest = words
    assert "no board" in invoke(verb, "nowhere", *rest, code=4).stderr


def test_an_entry_that_is_not_there_is_not_found(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=50, text="rain")
    invoke("get", board, "decision", code=4)
    invoke("revise", board, "decision", "{}", code=4)
    invoke("retract", board, "claim", "decision", code=4)
    invoke("get", board, "claim")  # all or nothing


def test_an_id_that_cannot_be_is_a_mistake_of_use(invoke: Invoke) -> None:
    invoke("show", "a\x01b", code=2)


# ---------------------------------------------------------------------------- revise, retract, close


@pytest.mark.parametrize("app", [(), ("--app", APPLICATION)], ids=["by card", "by class"])
def test_revise_replaces_or_merges(invoke: Invoke, post: Post, board: str, app: tuple[str, ...]) -> None:
    post(board, "claim", amount=50, text="rain")
    invoke(*app, "revise", board, "claim", '{"amount": 60}', "--merge")
    assert json.loads(invoke("get", board, "claim", "-o", "json").stdout)["data"] == {"amount": 60, "text": "rain"}
    invoke(*app, "revise", board, "claim", '{"amount": 70, "text": "hail"}', "--version", "2")
    assert json.loads(invoke("get", board, "claim", "-o", "json").stdout)["version"] == 3
    assert "somebody else was first" in invoke(*app, "revise", board, "claim", "{}", "--version", "2", code=5).stderr
    invoke(*app, "revise", board, "claim", '{"amount": 80, "text": "any"}', "--version", "any")


@pytest.mark.parametrize("app", [(), ("--app", APPLICATION)], ids=["by card", "by class"])
def test_revise_cannot_move_an_entry(invoke: Invoke, post: Post, board: str, app: tuple[str, ...]) -> None:
    post(board, "finding", source="a", risk=1)
    invoke(*app, "revise", board, "finding/a", '{"source": "b", "risk": 1}', code=2)
    invoke("revise", board, "finding/a", "{}", "--version", "zero", code=2)


def test_revise_by_class_checks_the_result(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=50, text="rain")
    invoke("--app", APPLICATION, "revise", board, "claim", '{"text": null}', "--merge", code=2)


def test_retract_takes_entries_off(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "finding", source="a", risk=1)
    post(board, "claim", amount=50, text="rain")
    invoke("retract", board, "finding/a", "claim")
    result = invoke("entries", board, "-o", "json")
    assert json.loads(result.stdout) == []
    assert f"blackboard tail {board}" in result.stderr


def test_close_is_final(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=250, text="rain")
    assert "--yes" in invoke("close", board, code=2).stderr
    invoke("close", board, "--yes", "--reason", "withdrawn")
    invoke("close", board, "--yes", code=3)
    invoke("post", board, "finding", '{"source": "a", "risk": 1}', code=5)
    invoke("wait", board, "decision", code=5)
    assert "withdrawn" in invoke("tail", board).stdout
    assert json.loads(invoke("show", board, "-o", "json").stdout)["agenda"] == []
    invoke("close", "nowhere", "--yes", code=4)


# ---------------------------------------------------------------------------- tail, wait


def test_tail_tells_every_event(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=250, text="rain")
    told = rows(invoke("tail", board).stdout)
    assert [row["seq"] for row in told] == ["1", "2", "3"]
    assert [row["type"] for row in told] == ["created", "posted", "triggered"]
    assert "triggered by event 2 with claim" in told[2]["what"]
    assert [
        json.loads(line)["seq"] for line in invoke("tail", board, "--since", "1", "-o", "jsonl").stdout.splitlines()
    ] == [2, 3]
    assert json.loads(invoke("tail", board, "-o", "json").stdout)[1]["data"]["amount"] == 250
    assert invoke("tail", board, "-o", "table").stdout.splitlines()[1].split()[0] == "2"


def test_tail_follows_until_the_board_is_closed(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=50, text="rain")
    invoke("close", board, "--yes")
    assert rows(invoke("tail", board, "--follow").stdout)[-1]["type"] == "closed"
    assert "jsonl" in invoke("tail", board, "--follow", "-o", "json", code=2).stderr


def test_wait_prints_the_entry_or_times_out(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "finding", source="a", risk=1)
    assert json.loads(invoke("wait", board, "finding", "-o", "json").stdout)["address"] == "finding/a"
    assert "risk\t1" in invoke("wait", board, "finding/a").stdout
    assert "decision" in invoke("wait", board, "decision", "--timeout", "0.05", code=124).stderr


def test_wait_until_settled(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=50, text="rain")
    assert json.loads(invoke("wait", board, "--settled", "-o", "json").stdout)["events"] == 2
    post(board, "nap", number=1, seconds=0)
    assert "nap#" in invoke("wait", board, "--settled", "--timeout", "0.05", code=124).stderr
    invoke("wait", board, code=2)
    invoke("wait", board, "claim", "--settled", code=2)


@pytest.mark.parametrize(
    "words",
    [
        ("close", "b", "--keep", "1e12", "--yes"),
        ("close", "b", "--keep", "nan", "--yes"),
        ("boards", "--prune", "--idle", "inf"),
        ("worker", APPLICATION, "--lease", "nan"),
        ("worker", APPLICATION, "--max-idle", "-1"),
        ("controller", APPLICATION, "--lease", "1e10"),
        ("resume", "b", "--wall", "99999999d"),
        ("wait", "b", "claim", "--timeout", "nan"),
        ("wait", "b", "--settled", "--timeout", "-1"),
        ("step", "b", "--timeout", "nan"),
        ("mode", "b", "choreography", "--drain", "--timeout", "inf"),
    ],
    ids=" ".join,
)
def test_a_time_that_never_ends_is_a_mistake_of_use(invoke: Invoke, words: tuple[str, ...]) -> None:
    said = invoke(*words, code=2).stderr
    assert "is no number from" in said or "is more than a century" in said

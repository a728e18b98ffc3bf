"""Who steers a board, from the command line: mode, plan, grant, veto, pause, resume, step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Invoke
from tests.cli.processes import serving
from tests.cli.reading import read, rows
from tests.eventually import eventually

Post = Callable[..., Any]

BY_HAND = ("orchestration", "manual")


@pytest.fixture
def resumed(invoke: Invoke) -> Iterator[None]:
    """End all pauses of sources after a test."""
    yield
    for words in (("--all",), ("--ks", "check_history"), ("--ks", "decide")):
        invoke("resume", *words, code=0 if _is_paused(invoke, words) else 3)


def _is_paused(invoke: Invoke, words: tuple[str, ...]) -> bool:
    finding = next(each for each in read(invoke, "doctor") if each["check"] == "pauses")["finding"]
    return f"{'every source' if words == ('--all',) else words[1]} paused by" in finding


# ---------------------------------------------------------------------------- mode


def test_a_board_is_choreographed_until_it_is_handed_over(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=250, text="rain")
    found = read(invoke, "mode", board)
    assert (found["mode"], found["epoch"], found["held"], found["paused"]) == ("choreography", 0, 0, False)
    assert found["strategy"] is None


def test_a_switch_holds_and_says_by_whom_and_why(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=250, text="rain")
    words = ("orchestration", "sequential:check_history,decide", "--why", "one by one", "--unattended", "5min")
    switched = read(invoke, "mode", board, *words)
    assert switched == {"board": board, "mode": "orchestration", "epoch": 1, "held": 1, "running": []}
    found = read(invoke, "mode", board)
    assert (found["by"], found["why"], found["unattended"], found["held"]) == ("@cli", "one by one", 300.0, 1)
    assert found["strategy"] == "Sequential(steps=('check_history', 'decide'))"
    assert found["notation"]["with"] == {"steps": ["check_history", "decide"]}
    told = invoke("tail", board, "-o", "table").stdout.splitlines()[-1]
    assert "switched to orchestration (Sequential, epoch 1) by @cli: one by one" in told
    assert rows(invoke("tail", board).stdout)[-1]["type"] == "switched"
    invoke("mode", board, "choreography")  # else a worker that ends when nothing is left to do would wait five minutes


def test_that_nobody_decides_is_said(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=250, text="rain")
    remedy = "blackboard controller module:object"
    assert remedy in invoke("mode", board, "orchestration", "parallel:4").stderr
    assert remedy in invoke("mode", board).stderr
    assert remedy in invoke("workers").stderr
    assert "no controller is alive" in read(invoke, "agenda", board)[0]["waits_for"]
    found = {each["check"]: each for each in read(invoke, "doctor")}["control"]
    assert found["verdict"] == "warn"
    assert remedy in found["remedy"]
    assert "controllers alive: none" in invoke("show", board, "-o", "table").stdout
    invoke("mode", board, "choreography")
    assert read(invoke, "agenda", board)[0]["state"] == "ready"


def test_the_mode_for_people_has_no_empty_lines(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=50, text="rain")
    names = [line.split()[0] for line in invoke("mode", board, "-o", "table").stdout.splitlines()]
    assert names == ["board", "mode", "epoch", "paused", "held", "running", "controllers"]
    tsv = [line.split("\t")[0] for line in invoke("mode", board).stdout.splitlines()]
    assert tsv == list(read(invoke, "mode", board))


def test_a_switch_from_another_epoch_is_a_conflict(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=250, text="rain")
    invoke("mode", board, *BY_HAND, "--epoch", "0")
    assert "epoch 1, not 0" in invoke("mode", board, "choreography", "--epoch", "0", code=5).stderr
    assert read(invoke, "mode", board, "choreography", "--epoch", "1")["freed"] == 1


def test_a_new_board_may_be_orchestrated_before_its_first_post(invoke: Invoke, post: Post, board: str) -> None:
    invoke("mode", board, *BY_HAND)
    post(board, "claim", amount=250, text="rain")
    assert [each["state"] for each in read(invoke, "agenda", board)] == ["held"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("orchestration",), "which strategy"),
        (("choreography", "manual"), "neither a strategy"),
        (("choreography", "--unattended", "3"), "neither a strategy"),
        (("--why", "so"), "which mode"),
        (("--dry-run",), "which mode"),
        (("anarchy",), "choreography"),
        (("orchestration", "manuel"), "Did you mean manual?"),
        (("orchestration", "manual", "--unattended", "soon"), "write it like 30s"),
        (("orchestration", "manual", "--unattended", "0"), "write it like 30s"),
        (("orchestration", "manual", "--unattended", "3 weeks"), "write it like 30s"),
    ],
)
def test_what_makes_no_mode_is_a_mistake_of_use(invoke: Invoke, board: str, words: tuple[str, ...], said: str) -> None:
    assert said in invoke("mode", board, *words, code=2).stderr
    invoke("mode", board, code=4)


def test_a_board_that_is_not_there_is_not_taken_back(invoke: Invoke, board: str) -> None:
    invoke("mode", board, "choreography", code=4)
    invoke("mode", board, "orchestration", "manual", "--dry-run", code=4)
    invoke("show", board, code=4)


def test_a_strategy_of_sources_that_nobody_knows_is_refused(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=250, text="rain")
    result = invoke("mode", board, "orchestration", "sequential:check_histroy", code=4)
    assert "Did you mean check_history?" in result.stderr
    assert read(invoke, "mode", board)["mode"] == "choreography"


# ---------------------------------------------------------------------------- dry run, plan


def test_a_dry_run_lists_and_changes_nothing(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=250, text="rain")
    post(board, "finding", source="a", risk=1)
    (first, second) = read(invoke, "mode", board, "orchestration", "sequential:decide,check_history", "--dry-run")
    assert (first["activation"].partition("#")[0], first["effect"]) == ("check_history", "held")
    assert (second["activation"].partition("#")[0], second["effect"]) == ("decide", "granted")
    assert read(invoke, "mode", board)["epoch"] == 0
    invoke("mode", board, *BY_HAND)
    result = invoke("mode", board, "choreography", "--dry-run")
    assert [row["effect"] for row in rows(result.stdout)] == ["starts", "starts"]
    assert "2 starts. Nothing was changed." in result.stderr
    assert read(invoke, "mode", board)["mode"] == "orchestration"


def test_plan_asks_the_boards_own_strategy_or_another(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=250, text="rain")
    assert [each["effect"] for each in read(invoke, "plan", board)] == ["starts"]
    invoke("mode", board, *BY_HAND)
    assert [each["effect"] for each in read(invoke, "plan", board)] == ["held"]
    assert [each["effect"] for each in read(invoke, "plan", board, "parallel:1")] == ["granted"]
    assert [each["effect"] for each in read(invoke, "plan", board, "tests.cli.claims:careful")] == ["granted"]
    assert [each["effect"] for each in read(invoke, "plan", board, "choreography")] == ["starts"]
    assert "Did you mean" in invoke("plan", board, "paralel:1", code=2).stderr


def test_plan_of_an_empty_agenda(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=50, text="rain")
    assert f"Nothing is open on {board}" in invoke("plan", board, "-o", "table").stderr
    assert read(invoke, "plan", board) == []


# ---------------------------------------------------------------------------- grant, veto


def test_a_grant_lets_one_start(invoke: Invoke, post: Post, board: str) -> None:
    invoke("mode", board, *BY_HAND)
    post(board, "claim", amount=250, text="rain")
    (held,) = read(invoke, "agenda", board)
    granted = read(invoke, "grant", board, held["activation"], "--why", "checked", "--epoch", "1")
    assert granted == {"board": board, "activation": held["activation"], "outcome": "granted", "epoch": 1}
    assert read(invoke, "agenda", board)[0]["state"] == "ready"
    told = rows(invoke("tail", board).stdout)[-1]
    assert (told["type"], told["by"]) == ("granted", "@cli")
    assert told["what"] == f"{held['activation']} granted by @cli (epoch 1): checked"


def test_what_cannot_be_granted(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=250, text="rain")
    (ready,) = read(invoke, "agenda", board)
    assert "only what is held can be granted" in invoke("grant", board, ready["activation"], code=3).stderr
    invoke("mode", board, *BY_HAND)
    assert "epoch 1, not 7" in invoke("grant", board, ready["activation"], "--epoch", "7", code=5).stderr
    invoke("grant", board, "decide#99", code=4)
    invoke("grant", "nowhere", "decide#1", code=4)


def test_a_veto_takes_one_off_the_agenda_and_retry_brings_it_back(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=250, text="rain")
    (ready,) = read(invoke, "agenda", board)
    name = ready["activation"]
    assert read(invoke, "veto", board, name, "--why", "withdrawn")["outcome"] == "vetoed"
    assert rows(invoke("tail", board).stdout)[-1]["what"] == f"{name} vetoed by @cli: withdrawn"
    assert read(invoke, "agenda", board) == []
    (dead,) = read(invoke, "agenda", board, "--all")
    assert (dead["state"], dead["rank"]) == ("dead", None)
    assert "withdrawn" in dead["waits_for"]
    invoke("veto", board, name, code=4)
    invoke("retry", board, name)
    assert [each["activation"] for each in read(invoke, "agenda", board)] == [name]


def test_what_runs_cannot_be_vetoed(invoke: Invoke, post: Post, board: str, store_directory: Path) -> None:
    post(board, "nap", number=1, seconds=1)
    with serving(store_directory, "worker"):
        eventually(lambda: read(invoke, "agenda", board)[0]["state"] == "running", 10, "the nap is running")
        (running,) = read(invoke, "agenda", board)
        assert "running on" in running["waits_for"]
        invoke("veto", board, running["activation"], code=3)
        held = read(invoke, "mode", board, *BY_HAND, "--drain", "--timeout", "10")
        assert held["running"] == [running["activation"].partition("#")[0]]
    assert read(invoke, "agenda", board) == []


def test_a_drain_that_takes_too_long_times_out(invoke: Invoke, post: Post, board: str, store_directory: Path) -> None:
    post(board, "nap", number=1, seconds=60)
    with serving(store_directory, "worker", "--lease", "0.5"):
        eventually(lambda: read(invoke, "agenda", board)[0]["state"] == "running", 10, "the nap is running")
        invoke("mode", board, *BY_HAND, "--drain", "--timeout", "0.05", code=124)
    assert read(invoke, "mode", board)["mode"] == "orchestration"
    invoke("close", board, "--yes")


# ---------------------------------------------------------------------------- pause, resume


def test_a_paused_board_holds_and_says_who_paused_it(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=250, text="rain")
    paused = read(invoke, "pause", board, "--why", "the claimant calls")
    assert paused == {"board": board, "paused": True, "epoch": 1, "changed": True, "held": 1, "running": []}
    assert "paused before" in invoke("pause", board, code=3).stderr
    found = read(invoke, "mode", board)
    assert (found["mode"], found["paused"], found["paused_by"]) == ("choreography", True, "@cli")
    assert found["paused_why"] == "the claimant calls"
    shown = invoke("show", board, "-o", "table").stdout
    assert "paused by @cli" in shown
    assert "the claimant calls" in shown
    listed = next(row for row in rows(invoke("boards").stdout) if row["board"] == board)
    assert (listed["mode"], listed["paused"], listed["held"]) == ("choreography", "true", "1")
    assert read(invoke, "resume", board)["freed"] == 1
    assert "not paused" in invoke("resume", board, code=3).stderr
    assert [row["type"] for row in rows(invoke("tail", board).stdout)][-2:] == ["paused", "resumed"]


@pytest.mark.usefixtures("resumed")
def test_a_source_is_paused_on_all_boards(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=250, text="rain")
    words = ("--ks", "check_history", "--ks", "decide", "--why", "a flaw")
    assert [row["changed"] for row in rows(invoke("pause", *words).stdout)] == ["true", "true"]
    invoke("pause", *words, code=3)
    found = {each["source"]: each["paused"] for each in read(invoke, "ks")}
    assert found["check_history"].startswith("paused by @cli")
    assert found["nap"] is None
    assert "a flaw" in read(invoke, "agenda", board)[0]["waits_for"]
    finding = next(each for each in read(invoke, "doctor") if each["check"] == "pauses")
    assert finding["verdict"] == "warn"
    assert "resume --ks check_history --ks decide" in finding["remedy"]
    invoke("resume", "--ks", "decide")
    assert "a flaw" not in {each["source"]: each for each in read(invoke, "ks")}["decide"]


@pytest.mark.usefixtures("resumed")
def test_everything_is_paused(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=250, text="rain")
    invoke("pause", "--all")
    assert all(each["paused"].startswith("paused by @cli") for each in read(invoke, "ks"))
    assert "source paused by @cli" in read(invoke, "agenda", board)[0]["waits_for"]
    finding = next(each for each in read(invoke, "doctor") if each["check"] == "pauses")
    assert "every source" in finding["finding"]
    assert "resume --all" in finding["remedy"]


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_what_is_paused_must_be_said_once_and_be_there(invoke: Invoke, board: str, verb: str) -> None:
    for words in ((), (board, "--all"), (board, "--ks", "decide"), ("--all", "--ks", "decide")):
        assert "one of the three" in invoke(verb, *words, code=2).stderr
    assert "check_history" in invoke(verb, "--ks", "decide", "--ks", "nobody", code=4).stderr
    assert {each["paused"] for each in read(invoke, "ks")} == {None}, "none of them, or all"
    invoke(verb, "nowhere", code=4)


# ---------------------------------------------------------------------------- step


def test_a_step_lets_one_activation_run(invoke: Invoke, post: Post, board: str, store_directory: Path) -> None:
    post(board, "claim", amount=50, text="rain")
    invoke("pause", board)
    invoke("revise", board, "claim", '{"amount": 250}', "--merge")
    with serving(store_directory, "worker"):
        brought = read(invoke, "step", board, "--timeout", "10")
        assert [each["type"] for each in brought][:2] == ["granted", "fired"]
        assert [each["state"] for each in read(invoke, "agenda", board)] == ["held"]
        told = rows(invoke("step", board, "--until", "quiescence", "--why", "go on", "--timeout", "10").stdout)
        assert "go on" in told[0]["what"]
        assert "fired" in {row["type"] for row in told}
        assert "Nothing is left to do" in invoke("step", board, "--until", "quiescence").stderr
    assert read(invoke, "agenda", board) == []


def test_a_step_without_anything_that_can_go(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=50, text="rain")
    invoke("step", board, code=3)
    assert read(invoke, "mode", board)["paused"]
    invoke("step", "nowhere", code=4)
    invoke("step", board, "--until", "doomsday", code=2)


def test_a_step_that_nobody_takes_times_out(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=250, text="rain")
    invoke("mode", board, "orchestration", "parallel:1")
    result = invoke("step", board, "--timeout", "0.05", code=124)
    assert "blackboard controller module:object" in result.stderr
    invoke("close", board, "--yes")

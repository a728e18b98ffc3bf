"""What is open on a board, and what each waits for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from blackboard.activation import Activation, ActivationState
from blackboard.approval import Approval
from blackboard.facts.waiting import Surroundings, waits_for
from blackboard.record import Progress
from blackboard.store.board_facts import BoardFacts
from tests.cli.conftest import Invoke
from tests.cli.reading import rows

Post = Callable[..., Any]


def test_the_agenda_is_in_its_order_and_says_what_each_waits_for(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "finding", source="a", risk=1)
    post(board, "claim", amount=250, text="rain")
    found = rows(invoke("agenda", board).stdout)
    assert [row["rank"] for row in found] == ["1", "2"]
    assert {row["activation"].partition("#")[0] for row in found} == {"check_history", "decide"}
    assert {row["state"] for row in found} == {"ready"}
    assert {row["waits_for"].partition(":")[0] for row in found} <= {"its turn", "a worker"}
    assert float(found[0]["age"]) >= 0
    assert len(invoke("agenda", board, "--limit", "1", "-o", "jsonl").stdout.splitlines()) == 1
    assert "WAITS FOR" in invoke("agenda", board, "-o", "table").stdout


def test_an_empty_agenda_says_so(invoke: Invoke, post: Post, board: str) -> None:
    post(board, "claim", amount=50, text="rain")
    assert f"Nothing is open on {board}" in invoke("agenda", board).stderr


def surroundings(**changed: Any) -> Surroundings:
    """A choreographed board on which one worker runs `decide`."""
    facts = BoardFacts("b", "open", 9, 1, 0, 1, mode=changed.pop("mode", "choreography"), gate=changed.pop("gate", "-"))
    card = {"policies": {"retries": 2}, "precondition": "is_weekday"}
    given: dict[str, Any] = {"paused": {}, "run": frozenset({"decide"}), "controllers": 1, "now": 100_000}
    return Surroundings(facts=facts, cards={"decide": card}, **given | changed)


def activation(state: ActivationState, **changed: Any) -> Activation:
    """An activation of `decide` that is in a state."""
    given = {"board": "b", "source": "decide", "addresses": (), "state": state, "number": 7, "cause": 1, "depth": 0}
    given |= {"priority": 0, "since": 1, "due": 0, "attempts": 0, "crashes": 0, "epoch": 0, "owner": None, "started": 0}
    return Activation(**given | {"problem": "", "identity": "decide"} | changed)


ASKED = {
    "decide#7": [Approval(id="decide#7.1", activation="decide#7", source="decide", question="Well?", choices=["yes"])]
}

PAUSE = {"decide": (40_000, "@cli", "a flaw")}


@pytest.mark.parametrize(
    ("found", "around", "words"),
    [
        (activation(ActivationState.READY), {}, "its turn"),
        (activation(ActivationState.READY), {"run": frozenset()}, "a worker: nobody runs decide"),
        (activation(ActivationState.HELD), {"mode": "orchestration"}, "a grant (epoch 0)"),
        (
            activation(ActivationState.HELD),
            {"mode": "orchestration", "controllers": 0},
            "a grant (epoch 0); no controller is alive",
        ),
        (activation(ActivationState.HELD), {"gate": "p"}, "a grant by hand (epoch 0), or the end of the board's pause"),
        (activation(ActivationState.DELAYED, due=112_000), {}, "its delay, 12 s"),
        (activation(ActivationState.RETRYING, due=104_000, attempts=1), {}, "backoff, attempt 2 of 3, 4 s"),
        (activation(ActivationState.WAITING), {}, "its precondition: is_weekday"),
        (activation(ActivationState.RUNNING, owner="host:1:ab", started=97_000), {}, "running on host:1:ab for 3 s"),
        (
            activation(ActivationState.RUNNING, owner="host:1:ab", started=97_000),
            {"progress": {"decide#7": Progress(0.25, text="reading")}},
            "running on host:1:ab for 3 s: 25% reading",
        ),
        (
            activation(ActivationState.RUNNING, owner="host:1:ab", started=97_000),
            {"gone": frozenset({"host:1:ab"})},
            "running on host:1:ab for 3 s, as far as is known; that worker is gone, and the next to look takes it over",
        ),
        (activation(ActivationState.SLEEPING, due=112_000), {}, "its sleep to end, 12 s"),
        (activation(ActivationState.ASKING), {}, "an answer"),
        (activation(ActivationState.ASKING, due=112_000), {"asked": ASKED}, "an answer to decide#7.1: Well?, 12 s"),
        (activation(ActivationState.DEAD, problem="ValueError: no\nat line 3"), {}, "a retry: ValueError: no"),
    ],
)
def test_what_an_activation_waits_for(found: Activation, around: dict[str, Any], words: str) -> None:
    assert waits_for(found, surroundings(**around)) == words


def test_a_paused_source_is_waited_for() -> None:
    ready = waits_for(activation(ActivationState.READY), surroundings(paused=PAUSE))
    assert ready.startswith("source paused by @cli")
    assert ready.endswith("ago: a flaw")
    held = waits_for(activation(ActivationState.HELD), surroundings(paused=PAUSE, mode="orchestration"))
    assert held.startswith("a grant (epoch 0); source paused by @cli")
    every = surroundings(paused={"*": (40_000, "@cli", "")})
    assert waits_for(activation(ActivationState.READY), every).startswith("source paused by @cli")

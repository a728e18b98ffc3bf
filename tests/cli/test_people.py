"""What people are asked, and how they answer on the command line."""

from __future__ import annotations

import asyncio
import getpass
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from blackboard import Answer, Blackboard, Context, Entry
from blackboard.activation import ActivationState
from blackboard.cli import cli
from blackboard.clock import to_milliseconds
from blackboard.store import embedded
from tests.cli.reading import rows
from tests.eventually import async_eventually


class Claim(Entry):
    amount: float


class Decision(Entry):
    text: str


def application(directory: Path) -> Blackboard:
    """One agent that asks a person, and says how far it is."""
    bb = Blackboard("people", url=embedded.ensure(directory))

    @bb.knowledge_source(retries=0)
    async def pay(claim: Claim, ctx: Context) -> Decision:
        await ctx.step("look it up", int)
        ctx.log("looked up")
        ctx.progress(1, 2)
        answer: Answer = await ctx.approval("Pay it?", value={"amount": claim.amount}, to="desk", expires=3600)
        return Decision(text=f"{answer.choice} {answer.value['amount']:g} by {answer.by}: {answer.why}")

    return bb


@pytest.fixture
def people(empty_directory: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """Run a verb on a store of its own, on whose board `claim-42` an agent has asked and is parked."""
    bb = application(empty_directory)

    async def ask() -> None:
        async with bb, bb.workers():
            board = bb.board("claim-42")
            await board.post(Claim(amount=7))

            async def parked() -> bool:
                return any(each.state is ActivationState.ASKING for each in await board.agenda())

            await async_eventually(parked, 10, "it waits for an answer")

    asyncio.run(ask())
    monkeypatch.setenv("BLACKBOARD_DIR", str(empty_directory))
    monkeypatch.chdir(tmp_path)

    def invoke(*words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(cli, words)
        assert result.exit_code == code, f"{words}: exit code {result.exit_code}\n{result.output}"
        return result

    return invoke


def decided(directory: Path) -> str:
    """What the agent makes of the answer."""

    async def decide() -> str:
        async with application(directory) as bb, bb.workers():
            return (await bb.board("claim-42").wait_for(Decision, timeout=10)).text

    return asyncio.run(decide())


def test_what_is_asked_shows(people: Callable[..., Result]) -> None:
    [row] = json.loads(people("approvals", "-o", "json").stdout)
    assert (row["board"], row["approval"], row["question"], row["to"]) == ("claim-42", "pay#3.2", "Pay it?", "desk")
    assert (row["choices"], row["value"]) == (["approve", "reject"], {"amount": 7.0})
    assert row["expires"] > row["asked"]
    assert people("approvals", "claim-42").stdout == people("approvals").stdout
    assert "Pay it?" in people("approvals", "-o", "table").stdout
    [waiting] = rows(people("agenda", "claim-42").stdout)
    assert waiting["state"] == "awaiting approval"
    assert waiting["waits_for"].startswith("an answer to pay#3.2: Pay it?")
    [found] = json.loads(people("agenda", "claim-42", "-o", "json").stdout)
    assert (found["steps"], found["progress"]) == (2, "50% (1 of 2)")
    assert "an answer to pay#3.2" in people("show", "claim-42", "-o", "table").stdout
    told = people("tail", "claim-42", "-o", "table").stdout
    for words in ("recorded step 1: look it up", "says: looked up", "says: 50% (1 of 2)", "is parked", "Pay it?"):
        assert words in told


def test_the_doctor_says_how_many_questions_wait_and_for_how_long(
    people: Callable[..., Result], empty_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found() -> dict[str, str]:
        [finding] = [each for each in json.loads(people("doctor", "-o", "json").stdout) if each["check"] == "approvals"]
        return {name: finding[name] for name in ("verdict", "finding", "remedy")}

    async def answer() -> None:
        async with application(empty_directory) as bb:
            await bb.board("claim-42").approve("pay#3.2")

    [row] = json.loads(people("approvals", "-o", "json").stdout)
    later = datetime.fromisoformat(row["asked"]) + timedelta(hours=3)
    with monkeypatch.context() as patch:
        patch.setattr("blackboard.cli.checks.questions.SystemClock.now", lambda _: to_milliseconds(later))
        assert found() == {
            "verdict": "warn",
            "finding": "people: questions that wait for an answer: 1, the oldest for 3 h",
            "remedy": "They are listed by: blackboard -n people approvals",
        }
    asyncio.run(answer())
    assert found() == {"verdict": "ok", "finding": "people: nobody is asked anything", "remedy": ""}


@pytest.mark.parametrize(
    ("words", "decision"),
    [
        (["approve", "claim-42", "pay#3.2", "--by", "ann", "--why", "insured"], "approve 7 by ann: insured"),
        (["reject", "claim-42", "pay#3", "--by", "ann"], "reject 7 by ann: "),
        (["edit", "claim-42", "pay#3.2", '{"amount": 5}', "--by", "bo"], "approve 5 by bo: "),
        (
            ["answer", "claim-42", "pay#3.2", "reject", "--value", '{"amount": 1}'],
            f"reject 1 by {getpass.getuser()}: ",
        ),
    ],
)
def test_the_ways_to_answer(
    people: Callable[..., Result], empty_directory: Path, words: list[str], decision: str
) -> None:
    said: dict[str, Any] = json.loads(people(*words, "-o", "json").stdout)
    assert (said["approval"], said["choice"]) == ("pay#3.2", decision.partition(" ")[0])
    assert "Nobody waits for an answer" in people("approvals").stderr
    assert "is answered by now" in people("approve", "claim-42", "pay#3.2", code=5).stderr
    assert decided(empty_directory) == decision


def test_what_cannot_be_answered(people: Callable[..., Result]) -> None:
    assert "approve, reject" in people("answer", "claim-42", "pay#3.2", "maybe", code=2).stderr
    assert "has no approval magic" in people("approve", "claim-42", "magic", code=4).stderr
    assert "no board nowhere" in people("reject", "nowhere", "pay#3.2", code=4).stderr
    assert "is no JSON" in people("edit", "claim-42", "pay#3.2", "{amount}", code=2).stderr
    for broken in ("{" + 50_000 * "a", 50_000 * "["):
        said = people("edit", "claim-42", "pay#3.2", broken, code=2).stderr
        assert "is no JSON" in said
        assert len(said) < 1000


def test_a_retry_may_begin_anew(people: Callable[..., Result]) -> None:
    people("veto", "claim-42", "pay#3")
    people("retry", "claim-42", "pay#3", "--fresh")
    [found] = json.loads(people("agenda", "claim-42", "-o", "json").stdout)
    assert (found["state"], found.get("steps")) == ("ready", None)

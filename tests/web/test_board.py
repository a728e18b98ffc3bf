"""One board: what the interface says of it, and that nothing on it can be too much or too strange."""

from __future__ import annotations

import json
import shlex
from typing import Any

import click
import pytest

from blackboard import Approval, Backoff, Blackboard, Context
from blackboard.cli import cli
from blackboard.control import Manual
from blackboard.web import answers, reads
from tests.web.browser import Browser
from tests.web.kinds import Note, Result, Task

AT_ONCE = Backoff(initial=0)

HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(1)">\u2028\u202e\x00\x1b[31m'


@pytest.mark.parametrize("path", ["/api/board", "/api/entries", "/api/entry", "/api/events", "/api/stream"])
async def test_a_board_that_is_not_there(browser: Browser, path: str) -> None:
    reply = await browser.ask(path, board="nobody")
    assert (reply.status, reply.json["error"]) == (404, "BoardNotFound")
    assert "the first post makes a board" in reply.json["message"]
    for board in ("", "x" * 201, "a\x00b"):
        reply = await browser.ask(path, board=board)
        assert (reply.status, reply.json["error"]) == (400, "InvalidBoardId")


async def test_an_empty_board(bb: Blackboard, browser: Browser) -> None:
    board = bb.board("b")
    await board.orchestrate(Manual())
    found = await browser.read("/api/board", board="b")
    assert (found["activations"], found["dead"], found["approvals"], found["entries"]) == ([], [], [], 0)
    assert (found["control"]["mode"], found["control"]["strategy"], found["control"]["controllers"]) == (
        "orchestration",
        "Manual()",
        0,
    )
    assert await browser.read("/api/entries", board="b") == {"board": "b", "entries": [], "more": None}
    assert [each["type"] for each in (await browser.read("/api/events", board="b"))["events"]] == [
        "created",
        "switched",
    ]


# ---------------------------------------------------------------------------- activations


async def test_the_dead_show_their_problem(bb: Blackboard, browser: Browser) -> None:
    @bb.knowledge_source(retries=0, backoff=AT_ONCE)
    async def work(task: Task) -> Note:
        raise ValueError(HOSTILE + "x" * 20_000)

    async with bb.workers():
        await bb.board("b").post(Task(id="a"))
        await bb.board("b").settled(10)
    found = await browser.read("/api/board", board="b")
    [row] = found["dead"]
    assert (found["died"], row["state"], row["attempts"]) == (1, "dead", 1)
    assert "<script>" in row["problem"]
    assert len(row["problem"]) < answers.LONGEST_TEXT + 100


# ---------------------------------------------------------------------------- approvals


@pytest.mark.parametrize("name", ["claim-42", "-x; echo 'a' $(b)"])
async def test_approvals_come_with_the_commands_that_answer_them(bb: Blackboard, browser: Browser, name: str) -> None:
    @bb.knowledge_source
    async def pay(task: Task, ctx: Context) -> Note:
        answer = await ctx.approval(HOSTILE, ("by air", "not; at all"), value={"text": "y" * 10_000})
        return Note(id=task.id, text=answer.choice)

    board = bb.board(name)
    async with bb.workers():
        await board.post(Task(id="a"))
        await board.wait_for(Approval, timeout=10)
        found = await browser.read("/api/board", board=name)
        [asked] = found["approvals"]
        assert (found["asked"], found["control"].get("notation")) == (1, None)
        assert (asked["question"], asked["choices"]) == (HOSTILE, ["by air", "not; at all"])
        assert asked["value"].startswith('{"text": "yyy')
        assert len(asked["value"]) < answers.LONGEST_TEXT + 100
        words = [shlex.split(command) for command in asked["commands"]]
        assert words[1][2:] == ["-n", bb.name, "--", name, asked["approval"], "not; at all"]
        understood(words[1][1:])
        [row] = found["activations"]
        assert (row["state"], HOSTILE[:10] in row["waits_for"]) == ("awaiting approval", True)
        await board.answer(asked["approval"], "by air")
        await board.wait_for(Note, timeout=10)
    assert (await browser.read("/api/board", board=name))["approvals"] == []


def understood(words: list[str]) -> None:
    """The command line takes these words as they are meant."""
    ctx = click.Context(cli)
    verb = cli.get_command(ctx, words[0])
    assert verb is not None
    parsed = verb.make_context(words[0], words[1:], parent=ctx)
    assert [parsed.params[each] for each in ("board", "approval", "choice")] == words[-3:]


# ---------------------------------------------------------------------------- entries


async def test_a_long_payload_is_cut_in_the_list_and_whole_alone(bb: Blackboard, browser: Browser) -> None:
    await bb.board("b").post(Note(id="long", text="ä" * 100_000), Note(id="short", text="b"))
    long, short = (await browser.read("/api/entries", board="b"))["entries"]
    assert (long["cut"], len(long["json"]), long["bytes"] > 200_000) == (True, reads.LONGEST_PAYLOAD, True)
    assert (short["cut"], json.loads(short["json"])) == (False, {"id": "short", "text": "b"})
    whole = await browser.read("/api/entry", board="b", address="note/long")
    assert json.loads(whole["json"])["text"] == "ä" * 100_000
    reply = await browser.ask("/api/entry", board="b", address="note/none")
    assert (reply.status, reply.json["error"]) == (404, "EntryNotFound")


@pytest.mark.parametrize(
    "value",
    [HOSTILE, 2**70 + 1, "😀", [[[[]]]] * 50, {"</script>": None}, 1e308],
    ids=["markup", "a great number", "a face", "nested", "a key", "great"],
)
async def test_strange_values_arrive_as_they_are(bb: Blackboard, browser: Browser, value: Any) -> None:
    await bb.board("b").post(Result(id="x", value=value))
    reply = await browser.ask("/api/entries", board="b")
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.body.isascii(), "nothing in it can end a line or a text elsewhere"
    [found] = reply.json["entries"]
    assert json.loads(found["json"])["value"] == value


@pytest.mark.parametrize(
    "stored", ['{"value": "\\ud800"}', '{"value": ' + "[" * 5000 + "]" * 5000 + "}", "no JSON", '{"value": NaN}']
)
async def test_what_cannot_be_read_is_shown_as_it_is_stored(bb: Blackboard, browser: Browser, stored: str) -> None:
    """Entries are written by other programs and releases too."""
    board = bb.board("b")
    await board.post(Task(id="x"))
    partition = bb.store().partition("b")
    key = partition.keys.of_board("b", "entries")
    head = (await partition.calls.command("HGET", key, "task/x")).decode().partition("{")[0]
    await partition.calls.command("HSET", key, "task/x", head + stored)
    [found] = (await browser.read("/api/entries", board="b"))["entries"]
    assert found["json"].split() == stored.split() or json.loads(found["json"]) == json.loads(stored)
    assert (await browser.ask("/api/board", board="b")).status == 200


# ---------------------------------------------------------------------------- events


async def test_events_come_in_pages_from_the_end(bb: Blackboard, browser: Browser) -> None:
    board = bb.board("b")
    for i in range(12):
        await board.post(Task(id=str(i)))
    last = (await board.status()).seq
    seen, before = [], ""
    while before is not None:
        page = await browser.read("/api/events", board="b", before=before, limit=5)
        assert page["last"] == page["events"][-1]["seq"]
        seen = [each["seq"] for each in page["events"]] + seen
        before = page["more"]
    assert seen == list(range(1, last + 1))
    assert await browser.read("/api/events", board="b", before=1) == {
        "board": "b",
        "events": [],
        "last": 0,
        "more": None,
    }
    assert (await browser.read("/api/events", board="b", before=10**9))["last"] == last
    assert (await browser.read("/api/events", board="b", before=0))["last"] == 0


async def test_an_event_says_what_happened_and_not_the_data(bb: Blackboard, browser: Browser) -> None:
    await bb.board("b").post(Note(id="x", text="secretly long" * 1000))
    event = (await browser.read("/api/events", board="b"))["events"][-1]
    assert (event["type"], event["subject"], event["what"]) == ("posted", "note/x", "note/x posted by @api")
    assert "data" not in event

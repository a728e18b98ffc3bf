"""A board of which everything was undone is archived, as one that is closed is."""

from __future__ import annotations

import gzip
from datetime import timedelta
from pathlib import Path
from typing import Any

from blackboard import Approval, Blackboard, Board
from blackboard.context import Context
from tests.conformance.sagas import Part, Task
from tests.eventually import async_eventually

DEADLINE = 20
"""Seconds for what takes a moment."""


def makes(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def make(task: Task) -> Part:
        return Part(name=task.name)

    @make.compensation
    async def unmake(part: Part) -> Part:
        return Part(name=part.name, state="unmade")


async def is_(board: Board, state: str) -> bool:
    return (await board.saga()).state == state


async def test_what_is_undone_is_archived_with_its_last_event(store_url: str, namespace: str, tmp_path: Path) -> None:
    bb = Blackboard(namespace, url=store_url, archive=tmp_path)
    makes(bb)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Task(name="a"))
        await board.settled(timeout=DEADLINE)
        await board.compensate("changed our minds")
        await async_eventually(lambda: is_(board, "aborted"), DEADLINE, "everything is undone")
        with gzip.open(tmp_path / "b.jsonl.gz", "rt", encoding="utf-8") as lines:
            text = list(lines)
        copy = await bb.import_board(text, "copy")
        kept, made = [[event async for event in each.events()] for each in (board, copy)]
        assert [(each.seq, each.type, each.by, each.reason) for each in made] == [
            (each.seq, each.type, each.by, each.reason) for each in kept
        ]
        assert made[-1].outcome == "aborted"
        assert (await copy.status()).status == "aborted"
        assert await copy.saga() == await board.saga()
        assert await copy.read(Part) == [Part(name="a", state="unmade")]


async def test_what_goes_back_to_a_savepoint_is_not(store_url: str, namespace: str, tmp_path: Path) -> None:
    bb = Blackboard(namespace, url=store_url, archive=tmp_path / "kept")
    makes(bb)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Part(name="before"))
        mark = await board.savepoint("here")
        await board.post(Task(name="a"))
        await board.settled(timeout=DEADLINE)
        await board.compensate(to=mark)
        await async_eventually(lambda: is_(board, "undone"), DEADLINE, "it is back at its savepoint")
        assert not (tmp_path / "kept").exists()


async def test_what_cannot_be_archived_is_not_over_until_it_can(store_url: str, namespace: str, tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("in the way")
    bb = Blackboard(namespace, url=store_url, archive=target, retention=timedelta(days=1))
    makes(bb)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Task(name="a"))
        await board.settled(timeout=DEADLINE)
        await board.compensate("changed our minds")

        async def is_undone() -> bool:
            return len((await board.saga()).undone) == 1

        await async_eventually(is_undone, DEADLINE, "the compensation ran")
        assert (await board.status()).status == "undoing"
        target.unlink()
        await async_eventually(lambda: is_(board, "aborted"), DEADLINE, "it could be archived")
        assert (target / "b.jsonl.gz").exists()


async def test_what_was_asked_in_vain_is_withdrawn_before(store_url: str, namespace: str) -> None:
    """And so the archive is made once, of the board as it is in the end."""
    kept: list[list[dict[str, Any]]] = []

    def keep(_: str, lines: list[dict[str, Any]]) -> None:
        kept.append(lines)

    bb = Blackboard(namespace, url=store_url, archive=keep)

    @bb.knowledge_source
    async def ask(task: Task, ctx: Context) -> None:
        await ctx.approval("go on?")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Task(name="a"))
        await async_eventually(board.approvals, DEADLINE, "it asks")
        await board.compensate("changed our minds")
        await async_eventually(lambda: is_(board, "aborted"), DEADLINE, "everything is undone")
        assert [each.state for each in await board.read(Approval)] == ["withdrawn"]
        facts = await board.status()
        assert kept[-1][0]["seq"] == facts.seq
        [approval] = [line for line in kept[-1] if str(line.get("entry", "")).startswith("approval/")]
        assert approval["data"]["state"] == "withdrawn"

"""The life of a board: its deadline, its result, its end, and that nothing of it is left behind."""

from __future__ import annotations

import asyncio
import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from blackboard import (
    Absent,
    ArchiveFailed,
    Blackboard,
    Board,
    BoardClosed,
    BoardNotFound,
    BrokenArchive,
    EntryTooLarge,
    InvalidEntry,
    InvalidSource,
    Limits,
    TimedOut,
)
from blackboard.archive import parse
from blackboard.closure import file_name
from blackboard.control import Manual
from tests.conformance.kinds import Claim, Decision, Done, Finding, Job
from tests.conformance.logbook import events_of
from tests.eventually import async_eventually

SOON = timedelta(milliseconds=30)
NAIVE = datetime(2030, 1, 1, tzinfo=UTC).replace(tzinfo=None)


async def closed(board: Board) -> bool:
    return (await board.status()).status == "closed"


async def paused(board: Board) -> bool:
    return (await board.status()).paused


# ---------------------------------------------------------------------------- deadlines


def working(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def work(job: Job) -> Done:
        return Done(name=job.name)


async def test_a_deadline_pauses_a_board_by_itself(bb: Blackboard) -> None:
    """Also one on which nothing happens at all."""
    working(bb)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job(name="a"))
        await board.wait_for(Done, timeout=10)
        when = await board.deadline(SOON, why="the auction ends")
        assert when is not None
        assert (await board.status()).deadline == round(when.timestamp() * 1000)
        await async_eventually(lambda: paused(board), 10, "the deadline pauses the board")
        last = (await events_of(board))[-2:]
        assert [(event.type.value, event.by) for event in last] == [("deadline", "@api"), ("paused", "@deadline")]
        assert (last[0].reason, last[0].outcome, last[0].due) == (
            "the auction ends",
            "pause",
            round(when.timestamp() * 1000),
        )
        await board.post(Job(name="late"))
        await board.resume("once more")
        await board.settled(timeout=10)
        assert len(await board.read(Done)) == 2


async def test_boards_have_the_deadline_of_their_blackboard(store_url: str, namespace: str) -> None:
    bb = Blackboard(namespace, url=store_url, deadline=SOON, deadline_action="close")
    working(bb)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job(name="a"))
        await async_eventually(lambda: closed(board), 10, "the deadline closes the board")
        last = (await events_of(board))[-1]
        assert (last.by, last.reason) == ("@deadline", "its deadline has passed")


async def test_a_deadline_can_be_taken_away(bb: Blackboard) -> None:
    async with bb:
        board = bb.board("b")
        with pytest.raises(BoardNotFound):
            await board.deadline(60)
        await board.post(Claim(amount=1))
        tomorrow = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
        assert await board.deadline(tomorrow) == tomorrow
        assert await board.deadline(None) is None
        assert (await board.status()).deadline == 0
        await board.close()
        with pytest.raises(BoardClosed):
            await board.deadline(60)


@pytest.mark.parametrize("when", [0, -5, timedelta(0), timedelta(days=99999), NAIVE, float("nan")], ids=str)
async def test_what_is_no_deadline_is_refused(bb: Blackboard, when: Any) -> None:
    async with bb:
        with pytest.raises(InvalidSource, match="deadline"):
            await bb.board("b").deadline(when)
        with pytest.raises(InvalidSource, match="neither of pause and close"):
            await bb.board("b").deadline(60, action="panic")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "settings",
    [{"deadline": timedelta(0)}, {"idle_retention": timedelta(-1)}, {"deadline_action": "stop"}, {"archive": 7}],
    ids=str,
)
def test_a_setting_that_cannot_work_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidSource, match=f"{next(iter(settings))}=.* cannot work"):
        Blackboard("never", **settings)


async def test_a_board_out_of_use_is_closed(store_url: str, namespace: str) -> None:
    bb = Blackboard(namespace, url=store_url, idle_retention=SOON)
    working(bb)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job(name="a"))
        await async_eventually(lambda: closed(board), 10, "disuse closes the board")
        assert (await events_of(board))[-1].by == "@idle"
        assert len(await board.read(Done)) == 1


# ---------------------------------------------------------------------------- results


async def test_whoever_waits_gets_the_result(bb: Blackboard) -> None:
    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        waiting = asyncio.create_task(board.result(Decision, timeout=10))
        assert await board.close("agreed", result=Decision(approved=True))
        assert await waiting == Decision(approved=True)
        assert await board.result() == {"approved": True}
        assert not await board.close(result=Decision(approved=False))
        assert await board.result(Decision) == Decision(approved=True), "the first result stands"
        last = (await events_of(board))[-1]
        assert (last.reason, last.data) == ("agreed", {"approved": True})


@pytest.mark.parametrize("result", [7, "done", [1, {"a": None}], {"text": "é\x1f\n"}, False], ids=str)
async def test_a_result_is_what_json_can_say(bb: Blackboard, result: Any) -> None:
    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.close(result=result)
        assert await board.result(timeout=10) == result


async def test_a_board_may_end_without_a_result(bb: Blackboard) -> None:
    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        with pytest.raises(TimedOut, match="board b to close"):
            await board.result(timeout=0.01)
        await board.close()
        assert await board.result(timeout=10) is None
        assert await board.result(Decision, timeout=10) is None


async def test_what_is_no_result_closes_nothing(store_url: str, namespace: str) -> None:
    bb = Blackboard(namespace, url=store_url, limits=Limits(entry_bytes=100))
    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        with pytest.raises(InvalidEntry, match="the result of board b"):
            await board.close(result=object())
        with pytest.raises(EntryTooLarge):
            await board.close(result="x" * 200)
        with pytest.raises(InvalidSource, match="retention"):
            await board.close(retention=timedelta(0))
        assert not await closed(board)
        with pytest.raises(BoardNotFound):
            await bb.board("nowhere").close(result=1)


# ---------------------------------------------------------------------------- retention


async def left_of(bb: Blackboard, board: str) -> list[str]:
    """Every key of the namespace in which the board occurs, by name or in what it holds."""
    found = []
    client = bb.store().clients.commands
    reads: dict[str, tuple[Any, ...]] = {"hash": ("HGETALL",), "list": ("LRANGE", 0, -1), "zset": ("ZRANGE", 0, -1)}
    for partition in bb.store().partitions:
        async for key in client.scan_iter(match=f"{partition.keys.tag}*"):
            kind = (await client.execute_command("TYPE", key)).decode()
            if kind == "none":  # it expired on the way
                continue
            word, *range_ = reads[kind]
            held = await client.execute_command(word, key, *range_)
            if board.encode() in key or board in repr(held):
                found.append(key.decode())
    return found


async def test_after_its_retention_nothing_of_a_board_is_left_anywhere(store_url: str, namespace: str) -> None:
    """Whatever it went through, and whoever ran its agents; as long as a worker lives, or somebody lists the boards."""
    bb = Blackboard(namespace, url=store_url, deadline=timedelta(days=1), idle_retention=timedelta(days=1))
    began, never = asyncio.Event(), asyncio.Event()

    @bb.knowledge_source(effects="external", timeout=0.05)
    async def pay(job: Job) -> None:
        await never.wait()

    @bb.knowledge_source(retries=0)
    async def fail(finding: Finding) -> None:
        raise RuntimeError

    @bb.knowledge_source(when=Absent(Decision), after=3600)
    async def wait(claim: Claim) -> None: ...

    @bb.knowledge_source
    async def run(claim: Claim) -> None:
        began.set()
        await never.wait()

    @bb.knowledge_source(precondition=lambda job: False)
    async def decline(job: Job) -> None: ...

    async def doubtful(board: Board) -> bool:
        return bool(await board.unknown()) and bool(await board.dead())

    async with bb:
        worker = bb.workers()
        async with worker:
            for name in ("forgotten-one", "forgotten-two"):
                board = bb.board(name)
                await board.post(Job(name="a"), Finding(source="a", risk=1), Claim(amount=1))
                await asyncio.wait_for(began.wait(), 10)
                await async_eventually(lambda board=board: doubtful(board), 10, "one is in doubt, one dead")  # type: ignore[misc]
            await bb.board("forgotten-two").pause()
            await bb.board("forgotten-two").orchestrate(Manual())
            for name in ("forgotten-one", "forgotten-two"):
                assert await left_of(bb, name)
                await bb.board(name).close(result=1, retention=SOON)
            never.set()

            async def nothing_left() -> bool:
                return not await left_of(bb, "forgotten-")

            await async_eventually(nothing_left, 20, "the boards are forgotten")


async def test_a_board_may_be_kept_longer_or_shorter_than_others(bb: Blackboard) -> None:
    async with bb:
        for name, retention in (("short", timedelta(minutes=1)), ("ever", None)):
            await bb.board(name).post(Claim(amount=1))
            await bb.board(name).close(retention=retention)
        partition = bb.store().partition("short")
        left = [
            await partition.calls.command("PTTL", partition.keys.of_board(name, "meta")) for name in ("short", "ever")
        ]
        assert 0 < left[0] <= 60_000
        assert left[1] == -1


async def test_the_namespace_knows_its_retention(store_url: str, namespace: str) -> None:
    """For who closes a board without knowing the application."""
    bb = Blackboard(namespace, url=store_url, retention=timedelta(hours=1))
    working(bb)
    async with bb:
        assert await bb.store().partitions[0].retention() == 3_600_000
        async with Blackboard(namespace, url=store_url) as viewer:
            assert await viewer.store().partitions[0].retention() == 3_600_000, "who only looks says nothing"


# ---------------------------------------------------------------------------- archives


def archived(directory: Path, name: str) -> list[str]:
    """The lines of the only archive in a directory, which has this name."""
    (path,) = directory.iterdir()
    assert path.name == name
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return list(lines)


async def test_a_board_is_archived_before_it_is_closed(store_url: str, namespace: str, tmp_path: Path) -> None:
    bb = Blackboard(namespace, url=store_url, archive=tmp_path / "kept")
    working(bb)
    async with bb, bb.workers():
        board = bb.board("orders/42")
        await board.post(Job(name="a"))
        await board.settled(timeout=10)
        await board.close("shipped", result={"boxes": 2})
        text = archived(tmp_path / "kept", "orders%2F42.jsonl.gz")
        assert json.loads(text[0])["closing"] == {"by": "@api", "reason": "shipped", "result": '{"boxes":2}'}
        assert not await board.close("again")
        again = await bb.import_board(text, "copy")
        assert await closed(again)
        assert await again.result(timeout=10) == {"boxes": 2}
        assert [each.name for each in await again.read(Done)] == ["a"]


async def test_a_line_that_an_archive_lacks_is_named(bb: Blackboard) -> None:
    """Whichever it is, as far as the rest of the archive tells of it."""
    working(bb)

    @bb.knowledge_source
    async def fail(claim: Claim) -> Finding:
        raise InvalidEntry("finding", "it is too late")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job(name="a"), Job(name="b"))
        await board.post(Claim(amount=1))
        await board.retract(Job(name="b"))
        await board.settled(timeout=10)
        lines = [line async for line in board.export()]
        named = {
            "entry": lambda line: f"the entry {line['entry']}",
            "fired": lambda line: f"the firing of work with {line['fired'][1]}",
            "activation": lambda _: "the activation of fail with claim",
            "event": lambda line: f"event {line['event']}",
        }
        for at, line in list(enumerate(lines))[1:-1]:
            [say] = [say for sort, say in named.items() if sort in line]
            with pytest.raises(BrokenArchive) as refused:
                await bb.import_board([*lines[:at], *lines[at + 1 :]], "copy")
            assert say(line) in str(refused.value)


async def test_what_cannot_be_archived_is_not_closed(store_url: str, namespace: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    bb = Blackboard(namespace, url=store_url, archive=tmp_path / "file")
    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        with pytest.raises(ArchiveFailed, match="board b is not closed, since its archive could not be written"):
            await board.close()
        assert not await closed(board)
        (tmp_path / "file").unlink()
        assert await board.close()
        assert archived(tmp_path / "file", "b.jsonl.gz")


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "async"])
async def test_an_archive_may_be_a_function(store_url: str, namespace: str, plain: bool) -> None:
    kept: dict[str, list[dict[str, Any]]] = {}

    def keep(board: str, lines: list[dict[str, Any]]) -> None:
        kept[board] = lines

    async def keep_async(board: str, lines: list[dict[str, Any]]) -> None:
        keep(board, lines)

    bb = Blackboard(namespace, url=store_url, archive=keep if plain else keep_async)
    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.close()
        assert parse(kept["b"]).entries[0][0] == "claim"


async def test_a_board_that_changes_while_it_is_archived_is_archived_anew(store_url: str, namespace: str) -> None:
    kept: list[int] = []

    async def keep(_: str, lines: list[dict[str, Any]]) -> None:
        kept.append(lines[0]["seq"])
        if len(kept) < 3:
            await board.post(Job(name=str(len(kept))))

    bb = Blackboard(namespace, url=store_url, archive=keep)
    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        assert await board.close()
        assert kept == [2, 3, 4]


async def test_workers_archive_what_they_close(store_url: str, namespace: str, tmp_path: Path) -> None:
    bb = Blackboard(namespace, url=store_url, archive=str(tmp_path), deadline=SOON, deadline_action="close")
    working(bb)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job(name="a"))
        await async_eventually(lambda: closed(board), 10, "the deadline closes the board")
        assert archived(tmp_path, "b.jsonl.gz")


@pytest.mark.parametrize(
    ("board", "name"),
    [("claim-42", "claim-42"), ("../etc", "%2E.%2Fetc"), ("a b/ü", "a b%2F%C3%BC"), (".", "%2E")],
)
def test_every_board_has_a_file_name(board: str, name: str) -> None:
    assert file_name(board) == f"{name}.jsonl.gz"


def test_long_ids_have_file_names_of_their_own() -> None:
    names = {file_name("ü" * 99 + end) for end in ("a", "b")}
    assert len(names) == 2
    assert all(len(name.encode()) <= 255 for name in names)

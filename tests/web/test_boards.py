"""The list of boards: what each row says, pages, and the search."""

from __future__ import annotations

import asyncio

import pytest

from blackboard import Blackboard
from blackboard.store import survey
from tests.web.browser import Browser
from tests.web.conftest import shown
from tests.web.kinds import Task


@pytest.fixture
def bb(store_url: str, namespace: str) -> Blackboard:
    """A blackboard on each store in turn."""
    return Blackboard(namespace, url=store_url)


async def test_no_boards_yet(bb: Blackboard, browser: Browser) -> None:
    found = await browser.read("/api/boards")
    assert (found["namespace"], found["boards"], found["more"]) == (bb.name, [], None)


async def test_a_row_says_how_a_board_is(bb: Blackboard, browser: Browser) -> None:
    board = bb.board("a/b c")
    await board.post(Task(id="x"), Task(id="y"))
    await board.close()
    [row] = (await browser.read("/api/boards"))["boards"]
    said = {
        name: row[name] for name in ("board", "status", "mode", "entries", "open", "dead", "busy", "settled", "paused")
    }
    assert said == {
        "board": "a/b c",
        "status": "closed",
        "mode": "choreography",
        "entries": 2,
        "open": 0,
        "dead": 0,
        "busy": 0,
        "settled": True,
        "paused": False,
    }
    assert (row["events"], row["changed"] >= row["created"]) == ((await board.status()).seq, True)


async def fill(bb: Blackboard, count: int) -> list[str]:
    """Make boards, always four in the same millisecond, and return their ids, the newest first."""
    names = [f"board-{i:03}" for i in range(count)]
    await asyncio.gather(*(bb.board(name).post(Task(id="x")) for name in names))
    for i, name in enumerate(names):
        partition = bb.store().partition(name)
        await partition.calls.command("ZADD", partition.keys.boards, 1_700_000_000_000 + i // 4, name)
    return names[::-1]


async def pages(browser: Browser, **given: str | int) -> list[list[str]]:
    """All pages."""
    found, more = [], ""
    while more is not None:
        page = await browser.read("/api/boards", before=more, **given)
        found.append([row["board"] for row in page["boards"]])
        more = page["more"]
    return found


@pytest.mark.parametrize("limit", [1, 7, 30, 100])
async def test_pages_have_every_board_once(bb: Blackboard, browser: Browser, limit: int) -> None:
    newest = await fill(bb, 30)
    found = await pages(browser, limit=limit)
    assert [board for page in found for board in page] == newest
    assert all(len(page) <= limit for page in found)


async def test_a_page_has_at_least_one(bb: Blackboard, browser: Browser) -> None:
    newest = await fill(bb, 8)
    found = await browser.read("/api/boards", limit=0)
    assert [row["board"] for row in found["boards"]] == newest[:1]


async def test_pages_over_several_partitions(store_url: str, namespace: str) -> None:
    async with Blackboard(namespace, url=store_url, partitions=3) as bb, shown(bb) as browser:
        newest = await fill(bb, 40)
        assert [board for page in await pages(browser, limit=9) for board in page] == newest


async def test_a_search_goes_on_behind_what_it_looked_at(
    bb: Blackboard, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "LOOKED_AT", 10)
    newest = await fill(bb, 35)
    found = await pages(browser, limit=2, text="1")
    assert [board for page in found for board in page] == [board for board in newest if "1" in board]
    assert all(len(page) <= 2 for page in found)
    assert [page for page in await pages(browser, text="BOARD-012") if page] == [["board-012"]]
    assert {board for page in await pages(browser, text="nobody") for board in page} == set()


async def test_a_board_that_expired_is_left_out(bb: Blackboard, browser: Browser) -> None:
    await fill(bb, 5)
    partition = bb.store().partitions[0]
    await partition.calls.command("DEL", *partition.keys.board("board-003"))
    found = await pages(browser, limit=2)
    assert sorted(board for page in found for board in page) == ["board-000", "board-001", "board-002", "board-004"]


@pytest.mark.parametrize(
    "given", [{"limit": "x"}, {"limit": "-1"}, {"before": "x:y"}, {"limit": "٣"}, {"limit": "9" * 30}]
)
async def test_what_is_no_number_is_said(browser: Browser, given: dict[str, str]) -> None:
    reply = await browser.ask("/api/boards", **given)
    assert reply.status == 400
    assert "no whole number" in reply.json["message"]

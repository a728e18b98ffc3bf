"""Lines: one call at a time on each connection, which is used again as long as nothing is left to be read on it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as TimedOut

from blackboard import StoreRefused
from blackboard.store.connection import Clients, Settings, connect
from blackboard.store.lines import Lines
from tests.eventually import async_eventually
from tests.integration.test_connection import bulk, pretended


@asynccontextmanager
async def lines_to(url: str, **settings: float) -> AsyncIterator[tuple[Clients, Lines]]:
    clients = await connect(url, Settings(**settings))  # type: ignore[arg-type]
    try:
        assert clients.lines is not None
        yield clients, clients.lines
    finally:
        await clients.aclose()


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bb-", dir="/tmp") as directory:
        yield Path(directory) / "socket"


async def connections(clients: Clients) -> int:
    return len((await clients.commands.execute_command("CLIENT", "LIST")).splitlines())


async def test_one_call_after_the_other_needs_one_connection(valkey_url: str) -> None:
    async with lines_to(valkey_url) as (clients, lines):
        first = await lines.call(("CLIENT", "ID"))
        assert await lines.call(("CLIENT", "ID")) == first
        with pytest.raises(ResponseError):
            await lines.call(("NOSUCH",))
        assert await lines.call(("CLIENT", "ID")) == first, "it said no, and is in order"
        assert clients.commands is not None


async def test_calls_at_the_same_time_each_get_their_own_answer(valkey_url: str) -> None:
    async with lines_to(valkey_url, connections=4) as (clients, lines):
        texts = [f"text {i}" for i in range(50)]
        before = await connections(clients)
        assert await asyncio.gather(*(lines.call(("ECHO", text)) for text in texts)) == [t.encode() for t in texts]
        assert await connections(clients) <= before + 4, "the others waited for a line"


async def test_what_is_cut_off_leaves_no_answer_to_somebody_else(valkey_url: str, namespace: str) -> None:
    async with lines_to(valkey_url) as (clients, lines):
        first = await lines.call(("CLIENT", "ID"))
        cut_off = asyncio.create_task(lines.call(("BLPOP", f"{namespace}:nothing", "0")))
        await async_eventually(lambda: blocked(clients), 10, "a blocked client")
        cut_off.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cut_off
        assert await lines.call(("ECHO", "mine")) == b"mine"
        assert await lines.call(("CLIENT", "ID")) != first, "the line was given up with what might come on it"


async def blocked(clients: Clients) -> bool:
    return b"cmd=blpop" in await clients.commands.execute_command("CLIENT", "LIST")


async def test_a_connection_that_the_server_has_closed_is_replaced_unseen(valkey_url: str) -> None:
    async with lines_to(valkey_url) as (clients, lines):
        first = await lines.call(("CLIENT", "ID"))
        await clients.commands.execute_command("CLIENT", "KILL", "ID", first)
        await async_eventually(lambda: hung_up(lines), 10, "the line notices that the server has hung up")
        assert await lines.call(("ECHO", "again")) == b"again"


async def hung_up(lines: Lines) -> bool:
    return bool(await lines._idle[-1].can_read())


async def test_a_server_that_does_not_answer_is_waited_for_with_a_bound(path: Path) -> None:
    with pretended(path, lambda _: b""):
        async with lines_to(f"unix://{path}", timeout=0.05) as (_, lines):
            with pytest.raises(TimedOut, match=r"no reply within 0\.05 s"):
                await lines.call(("ECHO", "x"))


async def test_a_server_that_hangs_up_in_the_middle_is_asked_once(path: Path) -> None:
    """Whether it has carried out the command nobody knows: only the layer above may ask again."""
    with pretended(path, lambda command: None if command.startswith("INCR") else bulk("x")) as server:
        async with lines_to(f"unix://{path}") as (_, lines):
            with pytest.raises(LostConnection):
                await lines.call(("INCR", "count"))
        assert [command for command in server.commands if command.startswith("INCR")] == ["INCR count"]


async def test_nobody_there_is_an_error_of_the_client_library(path: Path) -> None:
    async with lines_to(f"unix://{path}") as (_, lines):
        with pytest.raises(LostConnection):
            await lines.call(("ECHO", "x"))


async def test_a_call_waits_behind_another(valkey_url: str, namespace: str) -> None:
    """The server carries it out as soon as the first is answered, and answers both; only the last is told."""
    async with lines_to(valkey_url) as (clients, lines):
        bell = f"{namespace}:bell"
        waiting = asyncio.create_task(lines.call(("BLPOP", bell, "0"), ("GET", bell + "s")))
        await async_eventually(lambda: blocked(clients), 10, "a blocked client")
        await lines.call(("SET", bell + "s", "1"))
        await lines.call(("RPUSH", bell, "token"))
        assert await asyncio.wait_for(waiting, 10) == b"1"
        assert await lines.call(("EXISTS", bell)) == 0
        await lines.call(("DEL", bell + "s"))


async def test_what_the_first_is_answered_is_nobodys_concern(valkey_url: str) -> None:
    async with lines_to(valkey_url) as (_, lines):
        assert await lines.call(("BLPOP", "{bell}", "no number"), ("ECHO", "x")) == b"x"


async def test_who_goes_away_while_the_first_blocks_has_nothing_carried_out(valkey_url: str, namespace: str) -> None:
    async with lines_to(valkey_url) as (clients, lines):
        bell = f"{namespace}:bell"
        gone = asyncio.create_task(lines.call(("BLPOP", bell, "0"), ("SET", bell + "s", "1")))
        await async_eventually(lambda: blocked(clients), 10, "a blocked client")
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        await async_eventually(lambda: nobody_blocked(clients), 10, "the server has seen it go")
        await lines.call(("RPUSH", bell, "token"))
        assert await lines.call(("EXISTS", bell, bell + "s")) == 1
        await lines.call(("DEL", bell))


async def nobody_blocked(clients: Clients) -> bool:
    return not await blocked(clients)


async def test_where_nobody_can_wait_a_call_is_made_at_once(valkey_url: str, namespace: str) -> None:
    """It may turn out for one worker of a process, while another is about to wait."""
    async with lines_to(valkey_url) as (clients, _):
        clients.waits = None
        assert await clients.call_behind(f"{namespace}:bell", 60, "ECHO", "x") == b"x"


async def test_where_there_are_no_lines_nothing_can_be_confirmed() -> None:
    clients = await connect("memory://")
    with pytest.raises(StoreRefused, match="cannot be sent there on one connection"):
        await clients.call_confirmed(("SET", "a", "1"), ("WAIT", 1, 1))
    assert await clients.call("GET", "a") is None, "nothing was written"
    await clients.aclose()

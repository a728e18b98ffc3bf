"""What the library keeps between calls is what the store says, whatever happened to the store and whoever else is on it.

Only functions live on, so that these tests run where there are some: on Valkey and on Redis.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.exceptions import ResponseError

from blackboard.errors import LeaseLost, StoreError
from blackboard.limits import Limits
from blackboard.store import calls, scripts
from blackboard.store.connection import Clients, connect
from blackboard.store.partition import Applied
from tests.lua.bench import Bench, each, write
from tests.lua.life import live

FOUND = "    local known = kept[field]\n"
COMPARED = f"""{FOUND}
    redis.call('INCR', '{{HITS}}')
    local head, bound, token, note, problem = string.match(text, FIELDS)
    local facts = cjson.decode(head)
    facts[BOUND], facts[TOKEN], facts[NOTE], facts[PROBLEM] = bound, token, note, problem
    for i = 1, PROBLEM do
      if known[i] ~= facts[i] then
        error('kept of ' .. field .. ' in place ' .. i .. ': ' .. tostring(known[i]) .. ', not ' .. tostring(facts[i]))
      end
    end
    if #known ~= PROBLEM then error('kept of ' .. field .. ': ' .. #known .. ' facts') end
"""
"""Every activation that is found by its text is compared with what its text says."""

KEPT = "codec.keep_activation(set[i], set[i + 1], partition.activations[set[i]])"


@pytest.fixture
async def clients(request: pytest.FixtureRequest) -> AsyncIterator[Clients]:
    opened = await connect(request.getfixturevalue(request.param))
    yield opened
    await opened.aclose()


on_servers = pytest.mark.parametrize("clients", ["valkey_url", "redis_url"], indirect=True, ids=["valkey", "redis"])


@asynccontextmanager
async def patched(clients: Clients, monkeypatch: pytest.MonkeyPatch, *changes: tuple[str, str]) -> AsyncIterator[None]:
    """The library with these changes, under a name of its own."""
    ours = scripts.library()
    text = ours.text
    for old, new in changes:
        assert old in text, f"the library does not hold {old!r}: adapt the test"
        text = text.replace(old, new)
    other = scripts.Library("bb_patched", text.replace(ours.name, "bb_patched"))
    monkeypatch.setattr(calls, "library", lambda: other)
    try:
        yield
    finally:
        await clients.commands.execute_command("FUNCTION DELETE", other.name)


async def made(clients: Clients, namespace: str, limits: Limits | None = None) -> Bench:
    bench = Bench(clients, namespace, limits)
    await bench.store.calls.prepare()
    return bench


async def wiped(*benches: Bench) -> None:
    for bench in benches:
        async for key in bench.clients.commands.scan_iter(match=f"{bench.keys.tag}*"):
            await bench.command("DEL", key)


# ---------------------------------------------------------------------------- whoever keeps it, changes it no more


@on_servers
async def test_what_is_kept_of_an_activation_is_what_its_text_says(
    clients: Clients, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over a life in which every command runs: nobody changes an activation after it was written down."""
    hits = f"{namespace}-hits"
    async with patched(clients, monkeypatch, (FOUND, COMPARED.replace("{HITS}", hits))):
        bench = await made(clients, namespace)
        await live(bench)
        assert int(await bench.command("GETDEL", hits)) > 50
        await wiped(bench)


@on_servers
async def test_the_comparison_finds_what_was_changed_after_it_was_kept(
    clients: Clients, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hits = f"{namespace}-hits"
    late = f"{KEPT}\n    partition.activations[set[i]][ATTEMPTS] = 7"
    async with patched(clients, monkeypatch, (FOUND, COMPARED.replace("{HITS}", hits)), (KEPT, late)):
        bench = await made(clients, namespace)
        with pytest.raises((StoreError, ResponseError), match="kept of"):
            await live(bench)
        await bench.command("DEL", hits)
        await wiped(bench)


# ---------------------------------------------------------------------------- who else is there


@on_servers
async def test_two_namespaces_with_the_same_boards_and_activations_are_two(clients: Clients, namespace: str) -> None:
    """The same names at the same times, in turns: what one does shows in the other nowhere."""
    benches = [await made(clients, f"{namespace}{each_}") for each_ in ("", "2")]
    for bench in benches:
        await bench.register(each("one", "a"))
        await bench.post("x", write("a/1"), write("a/2"))
    first, second = [await bench.claim(2) for bench in benches]
    assert await benches[0].fail(first[0].claim, "dead") == "ok"
    assert await benches[1].fail(second[0].claim, "retry", 10) == "ok"
    assert await benches[0].store.say(first[1].claim, "", "", [], benches[0].now) == "ok"
    assert isinstance(await benches[1].commit(second[1].claim, write("c/1")), Applied)
    assert await benches[0].states("x") == {"one a/2": "running"}
    assert await benches[1].states("x") == {"one a/1": "retrying"}
    assert isinstance(await benches[0].commit(first[1].claim), Applied)
    for bench, attempts in zip(benches, (1, 1), strict=True):
        bench.now += 10
        for claimed in await bench.claim(5):
            assert (claimed.claim.identity, claimed.attempts) == (first[0].claim.identity, attempts)
            await bench.commit(claimed.claim)
        assert await bench.states("x") == {}
    await wiped(*benches)


@on_servers
async def test_more_boards_than_are_kept_are_what_they_are(clients: Clients, namespace: str) -> None:
    bench = await made(clients, namespace)
    await bench.register(each("one", "a"))
    boards = [f"x{number}" for number in range(1300)]
    for board in boards:
        await bench.post(board, write("a/1", board))
    seen = set()
    while claims := await bench.claim(64):
        for claimed in claims:
            (entry,) = claimed.bindings[0]
            assert entry.payload == b'{"x":"%s"}' % claimed.claim.board.encode()
            seen.add(claimed.claim.board)
            if claimed.claim.board.endswith("7"):
                assert await bench.fail(claimed.claim, "dead") == "ok"
            else:
                assert isinstance(await bench.commit(claimed.claim, write("c/1")), Applied)
    assert seen == set(boards)
    for board in boards[::100]:
        facts = await bench.store.facts(board)
        assert facts is not None
        assert (facts.settled, facts.entries) == (True, 2)
    assert {dead.board for dead in await bench.store.dead()} == {board for board in boards if board.endswith("7")}
    await wiped(bench)


# ---------------------------------------------------------------------------- what happens to the store


@on_servers
@pytest.mark.parametrize("how", ["FLUSHDB", "FUNCTION FLUSH"])
async def test_a_store_that_was_emptied_begins_anew(clients: Clients, namespace: str, how: str) -> None:
    bench = await made(clients, namespace)
    await bench.register(each("one", "a"))
    await bench.post("x", write("a/1"))
    late = (await bench.claim_one()).claim
    if how == "FLUSHDB":
        await wiped(bench)  # others are on the server: what is ours is gone as if it had been emptied
        assert await bench.claim(5) == []
        await bench.register(each("one", "a", pr=3))
        await bench.post("x", write("a/1"))
        again = (await bench.claim_one()).claim
        assert isinstance(await bench.commit(again._replace(epoch=again.epoch + 1)), Exception)
        assert isinstance(await bench.commit(again, write("c/1")), Applied)
    else:
        await bench.command("FUNCTION", "DELETE", scripts.library().name)
        assert isinstance(await bench.commit(late, write("c/1")), Applied)
    assert await bench.states("x") == {}
    await wiped(bench)


@on_servers
@pytest.mark.parametrize("place", ["before", "behind"])
async def test_a_write_that_was_refused_leaves_nothing_else_kept(
    clients: Clients, namespace: str, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Whatever a call had changed in its own memory when it was refused, the next one finds what the store says."""
    hits, flag = f"{namespace}-hits", f"{namespace}-full"
    refusal = f"  if redis.call('EXISTS', '{flag}') == 1 then error('refused') end\n"
    written = "  flush_activations()\n"
    refused = refusal + written if place == "before" else written + refusal
    async with patched(clients, monkeypatch, (FOUND, COMPARED.replace("{HITS}", hits)), (written, refused)):
        bench = await made(clients, namespace)
        await bench.register(each("one", "a"))
        await bench.post("x", write("a/1"), write("a/2"))
        first, second = await bench.claim(2)
        await bench.command("SET", flag, 1)
        for claimed in (first, second):
            if place == "before":
                with pytest.raises(StoreError):
                    await bench.fail(claimed.claim, "retry", 10)
                assert await bench.states("x") == {"one a/1": "running", "one a/2": "running"}
            else:  # its activation was written, as when a server ends there; a caller that repeats it is told so
                assert await bench.fail(claimed.claim, "retry", 10) == "lost"
        await bench.command("DEL", flag)
        answer = await bench.commit(second.claim, write("c/1"))
        assert isinstance(answer, Applied if place == "before" else LeaseLost)
        await bench.command("DEL", hits)
        await wiped(bench)


@on_servers
async def test_a_record_that_was_damaged_is_not_what_was_kept(clients: Clients, namespace: str) -> None:
    bench = await made(clients, namespace)
    await bench.register(each("one", "a"))
    await bench.post("x", write("a/1"))
    claimed = await bench.claim_one()
    field = bench.field("x", "one", "a/1")
    text = await bench.command("HGET", bench.keys.activations, field)
    await bench.command("HSET", bench.keys.activations, field, b'["x",nonsense')
    with pytest.raises(StoreError):
        await bench.commit(claimed.claim)
    await bench.command("HSET", bench.keys.activations, field, text)
    assert isinstance(await bench.commit(claimed.claim), Applied)
    await wiped(bench)

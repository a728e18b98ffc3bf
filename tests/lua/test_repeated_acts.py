"""What people do to one activation, or to a board, when the answer is lost and it is said again: the same answer, and once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.lua.bench import Bench, each, write

Act = Callable[[Bench, str], Awaitable[object]]


async def revived(bench: Bench, operation: str) -> object:
    (dead,) = await bench.store.dead("b")
    return await bench.store.revive("b", dead.identity, "@test", bench.now, operation=operation)


async def granted(bench: Bench, operation: str) -> object:
    found = await bench.activation("b", "one a/1")
    return await bench.store.grant("b", "@test", found.identity, found.number, now=bench.now, operation=operation)


async def vetoed(bench: Bench, operation: str) -> object:
    found = await bench.activation("b", "one a/1")
    return await bench.store.veto("b", "@test", found.identity, found.number, now=bench.now, operation=operation)


async def skipped(bench: Bench, operation: str) -> object:
    found = await bench.activation("b", "undo:one @undo/3")
    return await bench.store.skip("b", "@test", found.identity, found.number, now=bench.now, operation=operation)


async def closed(bench: Bench, operation: str) -> object:
    return await bench.store.close("b", "@test", "", 1000, bench.now, result='"1"', operation=operation)


async def prepared(bench: Bench, act: Act) -> None:
    await bench.register(each("one", "a"))
    await bench.post("b", write("a/1"))
    if act is revived:
        await bench.fail((await bench.claim_one()).claim, "dead")
    elif act is granted:
        await bench.pause("b")
    elif act is skipped:
        await bench.commit((await bench.claim_one()).claim)
        await bench.abort("b")
        await bench.undo_once("go", ("one", 3))


@pytest.mark.parametrize("act", [revived, granted, vetoed, skipped, closed], ids=lambda act: act.__name__)
async def test_it_is_answered_alike_and_done_once(bench: Bench, act: Act, monkeypatch: pytest.MonkeyPatch) -> None:
    await prepared(bench, act)
    calls: list[tuple[object, ...]] = []
    run = bench.store._run

    async def noted(*words: object) -> object:
        calls.append(words)
        return await run(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(bench.store, "_run", noted)
    await act(bench, "op")
    after, call = await bench.dump(), calls[-1]
    second = await run(*call)  # type: ignore[arg-type]  # as the client does that had no answer
    assert (second[0] if isinstance(second, list) else second) == b"ok"
    assert await bench.dump() == after
    kept = int(await bench.command("PTTL", bench.keys.of_board("b", "ops")))
    assert (kept > 0) == (act is closed)

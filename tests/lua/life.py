"""One life of a board that runs every command, for tests that watch the scripts from outside."""

from __future__ import annotations

from blackboard.activation import Claimed
from blackboard.store.partition import Applied, Commit
from tests.lua.bench import Bench, card, decision, each, gone, write

COMMANDS = frozenset((
    "abort", "claim", "close", "commit", "decide", "fail", "grant", "pause", "post", "read", "register", "release",
    "rematch", "renew", "resume", "revive", "savepoint", "skip", "suspend", "switch", "undo", "veto",
))  # fmt: skip

JOINED = {
    "s": "joined",
    "p": [{"k": "a", "m": "e", "a": "~a", "ix": "x"}, {"k": "b", "m": "e", "a": "~b", "ix": "x"}],
    "j": [[1, "x", 2, "x"]],
}
SOURCES = (
    each("one", "a"),
    {
        "s": "sum",
        "p": [{"k": "a", "m": "g", "a": "a", "n": 1}],
        "c": [{"k": "z", "u": 1}],
        "w": [["==", ["n", 1], ["v", 0]]],
    },
    each("late", "a", af=10),
    {"s": "report", "q": 1},
    JOINED,
)


async def live(bench: Bench) -> None:
    """Two boards from their first entry to their end; every command, with work for all of its branches."""
    revision, _ = await bench.register(*SOURCES)
    await bench.post("x", write("a/1"), write("b/1"), write("k"))
    await bench.post("y", write("a/1"))
    await bench.post("x", write("a/1", 2), gone("k"))
    claimed = {c.claim.source + c.claim.board: c.claim for c in await bench.claim(8)}
    keys, words = bench.store.renewal("w1", dict.fromkeys(claimed.values(), 500))
    assert await bench.store.calls.script("renew", keys, [bench.now, *words[1:]]) == []
    assert await bench.fail(claimed["onex"], "retry", 10) == "ok"
    assert await bench.fail(claimed["sumx"], "dead") == "ok"
    assert await bench.release(claimed["oney"], "wait") == "ok"
    assert isinstance(await bench.commit(claimed["sumy"], write("c/1"), part=1), Applied)
    commits = [Commit(claimed["sumy"], [write("a/2")])]
    (result,), _ = await bench.store.commit(commits, bench.request(3), bench.now)
    assert isinstance(result, Applied)
    (dead,) = await bench.store.dead("x")
    identity = claimed["sumx"].identity
    assert (await bench.store.revive("x", identity, "@test", bench.now), dead.source) == ("ok", "sum")
    bench.now += 5000  # timers and leases
    while claims := await bench.claim(8):
        for each_claim in claims:
            if each_claim.verdict:
                await bench.release(each_claim.claim)
            else:
                await bench.commit(each_claim.claim, write(f"done/{each_claim.claim.number}"))
    revision, _ = await bench.store.register("crew", [card(each("new", "done"))])
    await bench.rematch("x", revision)
    assert await bench.store.entries("x")
    await controlled(bench)
    assert (await bench.store.close("y", "@test", "end", 1000, bench.now))[0] == "ok"
    await undone(bench)


async def controlled(bench: Bench) -> None:
    """The same boards in other hands: what control does to ready, held, delayed and running activations, and to itself."""
    await bench.post("x", write("a/5"), write("a/6"), write("a/7"))
    assert (await bench.orchestrate("x", unattended=50)).moved > 0
    assert (await bench.orchestrate("y")).answer == "ok"
    first, second = await bench.claim_control()
    answers, handed = await bench.store.decide(
        [decision(first, "one a/5", wake=bench.now + 10), decision(second, verdict="pause")],
        bench.request(5, owner="c1", crew="@control"),
        bench.now,
    )
    assert ([answer for answer, _ in answers], handed.claimed) == (["ok", "ok"], [])
    assert (await bench.suspend("one"), await bench.suspend("one", on=False)) == ("ok", "ok")
    await bench.commit((await bench.claim_one()).claim, write("done/x", "granted"))
    assert (await bench.grant("x", "one a/6")).answer == "ok"
    assert await bench.veto("x", "one a/7") == "ok"
    assert (await bench.pause("x")).answer == "ok"
    bench.now += 10  # what was delayed is held
    assert await bench.claim(8) == []
    assert (await bench.resume("x", step=True)).answer == "ok"
    bench.now += 50  # no controller comes
    assert [claimed.verdict for claimed in await bench.claim(8)] == ["unattended"]
    assert (await bench.choreograph("x")).moved == 0  # a step is a pause
    assert (await bench.resume("x")).moved > 0


async def undone(bench: Bench) -> None:
    """One of them goes back to a savepoint, and is then undone as a whole: what waits, what runs and what is dead with it."""
    _, mark = await bench.savepoint("x")
    await bench.post("x", write("a/8"))
    (running,) = await bench.claim(1)
    assert (await bench.abort("x", mark))[0] == "ok"
    await bench.undo_once("wait")
    await bench.commit(running.claim, write("done/y"))
    await bench.undo_once("go", ("one", 901), ("one", 902))
    first, second = await bench.claim(2)
    assert await bench.fail(first.claim, "dead") == "ok"
    await bench.undo_once("stuck")
    assert await bench.store.revive("x", first.claim.identity, "@test", bench.now) == "ok"
    await bench.commit((await _undoing(bench)).claim, write("done/901", "undone"))
    await bench.commit(second.claim)
    await bench.undo_once("done")
    (running,) = await bench.claim(1)
    assert (await bench.abort("x"))[0] == "ok"
    assert await bench.fail(running.claim) == "ok"
    await bench.undo_once("go", ("one", 903))
    await bench.fail((await _undoing(bench)).claim, "dead")
    await bench.undo_once("stuck")
    assert await bench.skip("x", "undo:one @undo/903") == "ok"
    await bench.undo_once("done", retention=1000)


async def _undoing(bench: Bench) -> Claimed:
    """The next compensation; the chore, which comes first, is given back."""
    for claimed in await bench.claim(2):
        if claimed.claim.undoes is not None:
            return claimed
        await bench.release(claimed.claim)
    raise AssertionError("nothing is being undone")

"""One life of a board that runs every command, for tests that watch the scripts from outside."""

from __future__ import annotations

from blackboard.store.partition import Applied, Commit
from tests.lua.bench import Bench, card, decision, each, gone, write

COMMANDS = frozenset((
    "claim", "close", "commit", "decide", "declare", "fail", "grant", "pause", "post", "read", "register", "release",
    "rematch", "renew", "reshape", "resume", "revive", "suspend", "switch", "veto",
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
    await reshaped(bench)
    await controlled(bench)
    for board in ("x", "y"):
        assert (await bench.store.close(board, "@test", "end", 1000, bench.now))[0] == "ok"


async def reshaped(bench: Bench) -> None:
    """A newer release comes: what is open waits for an entry that is brought forward."""
    assert await bench.store.declare([("old/1", "", "{}"), ("old/2", "", "{}")]) is None
    await bench.post("x", write("old/1"))
    tested = {"k": "old", "m": "e", "t": [["==", "x", 2]], "a": "~old", "v": "2"}
    gathered = {"k": "old", "m": "g", "a": "old", "v": "2", "n": 1}
    cards = [card({"s": "shaped", "p": [tested]}), card({"s": "whole", "p": [gathered], "rf": "o"})]
    revision, _ = await bench.store.register("crew", cards)
    for board in ("x", "y"):
        await bench.rematch(board, revision)
    (chore,) = [each for each in await bench.claim(20) if each.claim.source == "@shape/old"]
    (entry,) = await bench.store.behind("x", "old", "", 9)
    assert await bench.store.reshape(chore.claim, [], "later", 5, "not now", bench.now) == "ok"
    bench.now += 5
    (chore,) = [each for each in await bench.claim(20) if each.claim.source == "@shape/old"]
    assert await bench.store.reshape(chore.claim, [(entry, 2, '{"x":2}')], "done", now=bench.now) == "ok"
    bench.now += 5000
    for each_claim in await bench.claim(20):
        await bench.commit(each_claim.claim)


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

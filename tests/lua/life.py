"""One life of a board that runs every command, for tests that watch the scripts from outside."""

from __future__ import annotations

from blackboard.store.partition import Applied, Commit
from tests.lua.bench import Bench, card, decision, each, gone, write

COMMANDS = frozenset((
    "claim", "close", "commit", "decide", "fail", "grant", "pause", "post", "read", "register", "release", "rematch",
    "renew", "reset", "resume", "revive", "suspend", "switch", "veto",
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
    await limited(bench)
    for board in ("x", "y"):
        assert (await bench.store.close(board, "@test", "end", 1000, bench.now))[0] == "ok"


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


async def limited(bench: Bench) -> None:
    """A source with every limit: what has a place, waits for one, is called up; a breaker that opens and is closed."""
    limits = {"cn": 1, "cp": [1, "x"], "rl": [3, 1000, 3], "bk": [1, 100], "fr": 1}
    revision, _ = await bench.store.register("limited", [card(each("limited", "m", **limits))])
    for board in ("x", "y"):
        await bench.rematch(board, revision)
        await bench.post(board, write("m/1", "ann"), write("m/2", "ann"), write("m/3", "bob"))
    first, second = [claimed.claim for claimed in await bench.claim(8, crew="limited")]
    await bench.commit(first)
    assert await bench.fail(second, "retry", 10_000) == "ok"
    assert await bench.claim(8, crew="limited") == []
    assert await bench.store.reset("limited", "@test", "", bench.now) == "ok"
    (called,) = await bench.claim(8, crew="limited")
    await bench.pause(called.claim.board)
    await bench.commit(called.claim)

"""One life of a board that runs every command, for tests that watch the scripts from outside."""

from __future__ import annotations

from blackboard.store.lifetime import end_words, part_words
from blackboard.store.partition import Applied, Commit
from tests.lua.bench import Bench, card, decision, each, gone, write

COMMANDS = frozenset((
    "claim", "close", "commit", "deadline", "decide", "fail", "grant", "load", "pause", "post", "prune", "read", "register",
    "release", "rematch", "renew", "resolve", "resume", "revive", "snapshot", "suspend", "switch", "tick", "veto",
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
    await lasting(bench)
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


async def lasting(bench: Bench) -> None:
    """What outlasts its worker, and what ends by the clock: an outcome nobody knows, deadlines, a board that moves."""
    revision, _ = await bench.register(each("pay", "bill", ex=1, cr=3))
    await bench.rematch("x", revision)
    await bench.post("x", write("bill/1"), write("bill/2"))
    paying = {c.claim.identity: c.claim for c in await bench.claim(20) if c.claim.source == "pay"}
    assert len(paying) == 2
    for claim in paying.values():
        assert await bench.store.fail(claim, "unknown", 0, "cut short", "", bench.now) == "ok"
    for verdict, claim in zip(("done", "again"), paying.values(), strict=True):
        operation, whom = f"resolve {verdict}", (claim.identity, claim.number)
        assert await bench.store.resolve("x", operation, "@test", whom, verdict, now=bench.now) == "ok"
    assert (await bench.store.deadline("x", "@test", 0, 10, "pause", now=bench.now))[0] == "ok"
    bench.now += 10
    await bench.claim(1)
    (tick,) = [c.claim for c in await bench.claim(20) if c.claim.source == "@clock"]
    assert await bench.store.tick(tick, bench.now) == "paused"
    await moved(bench)
    assert await bench.store.prune(["x", "never"]) == ["never"]


async def moved(bench: Bench) -> None:
    """The board `x` ends, and what it was comes into the store as `y`, which has ended before."""
    found = await bench.store.snapshot("x", "elsewhere")
    assert found is not None
    assert (await bench.store.close("y", "@test", "end", 0, bench.now))[0] == "ok"
    await bench.command("DEL", *bench.keys.board("y"))
    events = [row.decode() for row in await bench.store.log("x", 0, found.seq)]
    words = part_words(found.entries, found.fired, found.records, 1, events)
    assert (await bench.store.load("y", "token", "begin", (), bench.now))[0] == "ok"
    assert (await bench.store.load("y", "token", "part", words, bench.now))[0] == "ok"
    assert (await bench.store.load("y", "token", "end", end_words(found, 0), bench.now))[0] == "ok"

"""One life of a board that runs every command, for tests that watch the scripts from outside."""

from __future__ import annotations

import json

from blackboard.activation import Claimed
from blackboard.record import Record
from blackboard.store.lifetime import end_words, part_words
from blackboard.store.partition import ANYTHING, NEW, Applied, Commit, Write
from tests.lua.bench import Bench, card, decision, each, gone, write

COMMANDS = frozenset((
    "abort", "claim", "close", "commit", "deadline", "decide", "declare", "fail", "grant", "load", "park", "pause",
    "post", "prune", "read", "recall", "record", "register", "release", "rematch", "renew", "reset", "reshape",
    "resolve", "resume", "revive", "savepoint", "say", "skip", "snapshot", "suspend", "switch", "tick", "undo",
    "veto", "withdraw",
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
    await recorded(bench)
    await reshaped(bench)
    await limited(bench)
    await controlled(bench)
    await lasting(bench)
    await bench.resume("x")  # its deadline paused it
    assert (await bench.store.close("y", "@test", "end", 1000, bench.now))[0] == "ok"
    await undone(bench)


async def recorded(bench: Bench) -> None:
    """Activations that keep steps, sleep, ask, are answered, speak, and leave something to withdraw."""
    revision, _ = await bench.register(each("steps", "s"), crew="steps")
    await bench.rematch("x", revision)
    await bench.post("x", write("s/1"))
    claim = (await bench.claim_one(crew="steps")).claim
    step = Record(1, "step", "one", "a", "b", "1")
    await bench.store.record(claim, step, now=bench.now)
    await bench.store.record(claim, Record(2, "sleep", "nap", "a", "b", ""), delay=10, now=bench.now)
    assert await bench.store.say(claim, "1", '{"fraction":1}', ["half way"], bench.now) == "ok"
    assert (await bench.store.park(claim, "s", bench.now + 10, "nap", now=bench.now))[0] == "ok"
    bench.now += 10
    again = await bench.claim_one(crew="steps")
    assert (await bench.store.recall(again.claim, again.places, bench.now))[1][0] == step
    asked = [Record(3, "approval", "approval", "a", "b", '{"id":"i"}'), approval(again.claim.name)]
    await bench.store.record(again.claim, asked[0], writes=[asked[1]], now=bench.now)
    assert (await bench.store.park(again.claim, "a", 0, "well?", now=bench.now))[0] == "ok"
    assert await bench.veto("x", "steps s/1") == "ok"
    (chore,) = await bench.claim(crew="steps")
    await bench.store.withdraw(chore.claim, [approval(again.claim.name, "withdrawn", ANYTHING)], bench.now)


def approval(activation: str, state: str = "open", expected: int = NEW) -> Write:
    """An approval as an activation posts it, or as it is answered."""
    return Write("approval/i", expected, 1, json.dumps({"id": "i", "state": state, "activation": activation}))


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
    await bench.resume(called.claim.board)

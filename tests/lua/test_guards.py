"""Guards: a storm pauses its board at once, keeps everything, names the cycle, and goes on under a higher limit."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from blackboard.errors import GuardTripped
from blackboard.event import EventType
from blackboard.limits import Limits, Tripped
from blackboard.store.control import Raised
from blackboard.store.partition import Commit
from tests.lua.bench import ANYTHING, LEASE, Bench, each, write

PING = {"s": "ping", "p": [{"k": "ball", "u": 1, "m": "e"}]}
PONG = {"s": "pong", "p": [{"k": "back", "u": 1, "m": "e"}]}


async def play(bench: Bench, board: str, rounds: int, *, alternating: bool = False) -> int:
    """Ping writes `back`, pong writes `ball`, until nothing starts any more. Returns how many activations committed."""
    for done in range(rounds):
        claimed = await bench.claim(1)
        if not claimed:
            return done
        kind = "back" if claimed[0].claim.source == "ping" else "ball"
        value = claimed[0].depth // 2 % 2 if alternating else claimed[0].depth
        await bench.commit(claimed[0].claim, write(kind, value))
    return rounds


@pytest.fixture
async def loop(bench: Bench) -> Bench:
    """Two sources that drive each other, on a board where the ball has been thrown."""
    await bench.register(PING, PONG)
    return bench


async def guard(bench: Bench, board: str = "b") -> Tripped:
    found = await bench.store.tripped(board)
    assert found is not None, f"no guard has tripped: {await bench.states(board)}"
    return found


async def last_pause(bench: Bench, board: str = "b") -> tuple[str | None, str | None]:
    paused = [each for each in await bench.store.events(board, 0, 10_000) if each.type is EventType.PAUSED]
    return paused[-1].by, paused[-1].reason


# ---------------------------------------------------------------------------- depth


async def test_a_loop_is_stopped_at_the_limit_and_named(loop: Bench) -> None:
    bench = loop.within(Limits(depth=6))
    await bench.post("b", write("ball"))
    assert await play(bench, "b", 100) == 6
    assert await bench.states("b") == {"ping ball": "held"}
    assert await last_pause(bench) == ("@guard", "depth 7 > 6: ping → back → pong → ball → ping")
    assert await guard(bench) == Tripped("depth", 6, 7, "", "ping → back → pong → ball → ping")


async def test_a_chain_as_long_as_the_limit_is_none(bench: Bench) -> None:
    await bench.register(*(each(f"s{n}", f"k{n}") for n in range(6)))
    bench = bench.within(Limits(depth=6))
    await bench.post("b", write("k0/x"))
    for n in range(6):
        await bench.commit((await bench.claim_one()).claim, write(f"k{n + 1}/x"))
    assert await bench.store.tripped("b") is None
    assert not (await bench.store.facts("b")).paused  # type: ignore[union-attr]


async def test_a_chain_that_is_no_loop_shows_its_end(bench: Bench) -> None:
    await bench.register(*(each(f"s{n}", f"k{n}") for n in range(9)))
    bench = bench.within(Limits(depth=8))
    await bench.post("b", write("k0/x"))
    for n in range(8):
        await bench.commit((await bench.claim_one()).claim, write(f"k{n + 1}/x"))
    assert (await guard(bench)).chain == "… → k5/x → s5 → k6/x → s6 → k7/x → s7 → k8/x → s8"


async def test_what_is_ready_already_is_held_too(loop: Bench) -> None:
    """What was ready before, and what this very call made ready before the guard tripped."""
    await loop.register(PING, PONG, each("other", "a"))
    bench = loop.within(Limits(depth=1))
    await bench.post("b", write("ball"))
    ping = (await bench.claim_one()).claim
    await bench.post("b", write("a/1"))
    await bench.commit(ping, write("a/2"), write("back"))
    assert await bench.states("b") == {"other a/1": "held", "other a/2": "held", "pong back": "held"}
    assert await bench.claim(10) == []


async def test_what_died_while_it_ran_comes_back_held(loop: Bench) -> None:
    await loop.register(PING, PONG, each("other", "a"))
    bench = loop.within(Limits(depth=1))
    await bench.post("b", write("ball"), write("a/1"))
    claims = {each.claim.source: each.claim for each in await bench.claim(2)}
    await bench.commit(claims["ping"], write("back"))
    assert (await bench.states("b"))["other a/1"] == "running"
    bench.now += 2 * LEASE
    assert await bench.claim(10) == []
    assert set((await bench.states("b")).values()) == {"held"}


async def test_what_runs_may_commit_and_a_second_guard_does_not_trip(loop: Bench) -> None:
    bench = loop.within(Limits(depth=1))
    await bench.register(PING, PONG, each("other", "a"))
    await bench.post("b", write("ball"), write("a/1"))
    ping, other = sorted(await bench.claim(2), key=lambda each: each.claim.source, reverse=True)
    await bench.commit(ping.claim, write("back"))
    epoch = (await bench.store.facts("b")).epoch  # type: ignore[union-attr]
    await bench.commit(other.claim, write("ball", 2))
    facts = await bench.store.facts("b")
    assert facts is not None
    assert (facts.epoch, facts.gate, facts.busy) == (epoch, "p", 2)
    assert (await bench.kinds_of_events("b")).count("paused") == 1


async def test_the_loop_in_a_group_of_commits(loop: Bench) -> None:
    """One call: the first commit trips, the second is of the same board, and the claim behind them gets nothing of it."""
    bench = loop.within(Limits(depth=1))
    await bench.register(PING, PONG, each("other", "a"))
    await bench.post("b", write("ball"), write("a/1"), write("a/2"))
    await bench.post("c", write("a/1"))
    claimed = {f"{each.claim.board} {each.claim.name}": each.claim for each in await bench.claim(3)}
    ping = next(claim for claim in claimed.values() if claim.source == "ping")
    other = next(claim for claim in claimed.values() if claim.source == "other" and claim.board == "b")
    commits = [Commit(ping, [write("back")]), Commit(other, [write("a/9")])]
    _, handed = await bench.store.commit(commits, bench.request(10), bench.now)
    assert {each.claim.board for each in handed.claimed} <= {"c"}
    assert (await bench.states("b"))["other a/9"] == "held"


async def test_a_post_of_an_agent_has_its_depth(loop: Bench) -> None:
    bench = loop.within(Limits(depth=6))
    await bench.store.post("b", "op1", "pong#2", [write("ball")], bench.now, depth=6)
    assert (await bench.activation("b", "ping ball")).depth == 7
    assert (await guard(bench)).reached == 7


async def test_a_repeated_commit_and_a_repeated_post_change_nothing(loop: Bench) -> None:
    bench = loop.within(Limits(depth=1))
    await bench.post("b", write("ball"))
    claim = (await bench.claim_one()).claim
    await bench.commit(claim, write("back"))
    before = await bench.dump()
    assert await bench.commit(claim, write("back")) is None
    assert await bench.dump() == before
    await bench.store.post("c", "op7", "x#1", [write("ball")], bench.now, depth=1)
    before = await bench.dump()
    await bench.store.post("c", "op7", "x#1", [write("ball")], bench.now, depth=1)
    assert await bench.dump() == before


# ---------------------------------------------------------------------------- going on


async def test_a_higher_limit_resumes_and_no_lower_one(loop: Bench) -> None:
    bench = loop.within(Limits(depth=6))
    await bench.post("b", write("ball"))
    await play(bench, "b", 100)
    before = await bench.dump()
    for raised in (None, Raised(depth=6), Raised(activations=100)):
        with pytest.raises(GuardTripped) as refused:
            await bench.store.resume("b", "@test", now=bench.now, raised=raised)
        assert refused.value.facts == {
            "board": "b",
            "guard": "depth",
            "problem": "depth 7 > 6: ping → back → pong → ball → ping",
            "remedy": "board.resume(depth=12)",
        }
    assert await bench.dump() == before
    assert (await bench.store.resume("b", "@test", now=bench.now, raised=Raised(depth=8))).moved == 1
    assert await bench.store.tripped("b") is None
    assert await play(bench, "b", 100) == 2
    assert await guard(bench) == Tripped("depth", 8, 9, "", "ping → back → pong → ball → ping")
    assert (await bench.store.resume("b", "@test", now=bench.now, raised=Raised(depth=100))).answer == "ok"
    assert await play(bench, "b", 20) == 20


async def test_a_step_by_hand_needs_no_higher_limit(loop: Bench) -> None:
    bench = loop.within(Limits(depth=2))
    await bench.post("b", write("ball"))
    await play(bench, "b", 10)
    assert (await bench.grant("b", "ping ball")).answer == "ok"
    assert await play(bench, "b", 10) == 1
    assert await bench.states("b") == {"pong back": "held"}
    with pytest.raises(GuardTripped):
        await bench.resume("b")


async def test_a_step_of_a_strategy_needs_none_either(loop: Bench) -> None:
    bench = loop.within(Limits(depth=1))
    await bench.orchestrate("b")
    await bench.post("b", write("ball"))
    await bench.decide_once("ping ball")
    await bench.commit((await bench.claim_one()).claim, write("back"))
    assert (await guard(bench)).guard == "depth"
    assert await bench.controls() == [], "nobody is to decide for a paused board"
    assert (await bench.resume("b", step=True)).answer == "ok"
    await bench.decide_once("pong back")
    await bench.commit((await bench.claim_one()).claim, write("ball", 2))
    assert await bench.states("b") == {"ping ball": "held"}
    with pytest.raises(GuardTripped):
        await bench.resume("b")
    assert (await bench.store.resume("b", "@test", now=bench.now, raised=Raised(depth=9))).answer == "ok"
    assert await bench.controls() == ["b"]
    assert set((await bench.states("b")).values()) == {"held"}


async def test_an_orchestrated_loop_loses_its_grants(loop: Bench) -> None:
    """What the strategy had granted and had not started is held again, as after any pause."""
    bench = loop.within(Limits(depth=1))
    await bench.register(PING, PONG, each("other", "a"))
    await bench.orchestrate("b")
    await bench.post("b", write("ball"), write("a/1"))
    await bench.decide_once("ping ball", "other a/1")
    first, second = await bench.claim(2)
    ping, other = (first, second) if first.claim.source == "ping" else (second, first)
    await bench.release(other.claim)
    assert (await bench.states("b"))["other a/1"] == "ready"
    await bench.commit(ping.claim, write("back"))
    assert set((await bench.states("b")).values()) == {"held"}


# ---------------------------------------------------------------------------- the other guards


async def test_the_activations_of_a_board_are_bounded(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    bench = bench.within(Limits(activations=3))
    await bench.post("b", *(write(f"a/{n}") for n in range(5)))
    states = await bench.states("b")
    assert set(states.values()) == {"held"}
    assert len(states) == 5
    assert await last_pause(bench) == ("@guard", "activations 4 > 3: a/3 → one")
    with pytest.raises(GuardTripped):
        await bench.store.resume("b", "@test", now=bench.now, raised=Raised(activations=3))
    await bench.store.resume("b", "@test", now=bench.now, raised=Raised(activations=6))
    assert len(await bench.claim(9)) == 5
    await bench.post("b", write("a/7"), write("a/8"))
    assert (await guard(bench)).reached == 7


async def test_a_source_may_have_a_budget(bench: Bench) -> None:
    await bench.register(each("one", "a", bg=2), each("two", "a"))
    await bench.post("b", write("a/1"), write("a/2"))
    assert await bench.store.tripped("b") is None
    await bench.post("b", write("a/3"))
    assert await guard(bench) == Tripped("budget", 2, 3, "one", "a/3 → one")
    assert (await last_pause(bench))[1] == "budget of one 3 > 2: a/3 → one"
    with pytest.raises(GuardTripped, match=r"board\.resume\(budget=4\)"):
        await bench.resume("b")
    await bench.store.resume("b", "@test", now=bench.now, raised=Raised(budget=3))
    assert len(await bench.claim(9)) == 6
    await bench.post("b", write("a/4"))
    assert (await guard(bench)).limit == 3


async def test_the_wall_clock_runs_from_the_first_event(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    bench = bench.within(Limits(wall=timedelta(seconds=2)))
    await bench.post("b", write("a/1"))
    bench.now += 2000
    await bench.post("b", write("a/2"))
    assert await bench.store.tripped("b") is None
    bench.now += 500
    await bench.post("b", write("a/3"))
    assert await last_pause(bench) == ("@guard", "wall 2.5 s > 2 s: a/3 → one")
    bench.now += 1000
    with pytest.raises(GuardTripped, match=r"timedelta\(seconds=7\)"):
        await bench.store.resume("b", "@test", now=bench.now, raised=Raised(wall=2600))
    await bench.store.resume("b", "@test", now=bench.now, raised=Raised(wall=4000))
    await bench.post("b", write("a/4"))
    assert await bench.store.tripped("b") is None


# ---------------------------------------------------------------------------- no progress


async def test_values_that_alternate_are_no_progress(loop: Bench) -> None:
    bench = loop.within(Limits(alternations=10))
    await bench.post("b", write("ball", "served"))
    assert await play(bench, "b", 300, alternating=True) < 120
    found = await guard(bench)
    assert (found.guard, found.chain) == ("alternations", "pong → ball → ping → back → pong")
    assert found.reached > 10
    with pytest.raises(GuardTripped):
        await bench.store.resume("b", "@test", now=bench.now, raised=Raised(alternations=10))
    await bench.store.resume("b", "@test", now=bench.now, raised=Raised(alternations=60))
    assert await play(bench, "b", 100, alternating=True) == 100


async def test_values_that_grow_are_progress(loop: Bench) -> None:
    bench = loop.within(Limits(alternations=4))
    await bench.post("b", write("ball"))
    assert await play(bench, "b", 100) == 100


async def test_bits_that_count_are_progress(bench: Bench) -> None:
    """Each entry alternates between two values, and the board is never where it was before."""
    await bench.register({"s": "count", "p": [{"k": "turn", "u": 1, "m": "e"}], "re": 1})
    bench = bench.within(Limits(alternations=2))
    await bench.post("b", write("turn", 0))
    for number in range(1, 128):
        claimed = await bench.claim_one()
        bits = [write(f"bit/{n}", number >> n & 1) for n in range(7)]
        await bench.commit(claimed.claim, *bits, write("turn", number % 2))
    assert await bench.store.tripped("b") is None
    assert not (await bench.store.facts("b")).paused  # type: ignore[union-attr]


async def test_an_entry_that_comes_and_goes_is_no_progress(bench: Bench) -> None:
    await bench.register({"s": "toggle", "p": [{"k": "turn", "u": 1, "m": "e"}], "re": 1})
    bench = bench.within(Limits(alternations=5))
    await bench.post("b", write("turn", 0))
    for number in range(1, 200):
        claimed = await bench.claim(1)
        if not claimed:
            break
        claim = claimed[0].claim
        if number % 2:
            await bench.store.post("b", f"op{number}", claim.name, [write("k")], bench.now, depth=claimed[0].depth)
        else:
            gone = write("k")
            gone.schema, gone.payload, gone.expected = None, "", ANYTHING
            await bench.store.post("b", f"op{number}", claim.name, [gone], bench.now, depth=claimed[0].depth)
        await bench.commit(claim, write("turn", number % 2))
    assert (await guard(bench)).guard == "alternations"


async def test_long_payloads_alternate_too(loop: Bench) -> None:
    bench = loop.within(Limits(alternations=4))
    await bench.post("b", write("ball", "x" * 5000))
    for _ in range(200):
        claimed = await bench.claim(1)
        if not claimed:
            break
        kind = "back" if claimed[0].claim.source == "ping" else "ball"
        await bench.commit(claimed[0].claim, write(kind, str(claimed[0].depth // 2 % 2) * 5000))
    assert (await guard(bench)).guard == "alternations"


# ---------------------------------------------------------------------------- the chain


async def test_a_loop_through_two_boards_names_both(bench: Bench) -> None:
    await bench.register(PING)
    bench = bench.within(Limits(depth=5))
    await bench.post("left", write("ball"))
    for number in range(20):
        claimed = await bench.claim(1)
        if not claimed:
            break
        here, depth = claimed[0].claim.board, claimed[0].depth
        there = "right" if here == "left" else "left"
        author = f"{here}/{claimed[0].claim.name}"
        await bench.store.post(there, f"op{number}", author, [write("ball", f"v{number}")], bench.now, depth=depth)
        await bench.commit(claimed[0].claim)
    chain = "right: ping → left: ball → ping → right: ball → ping"
    assert await last_pause(bench, "right") == ("@guard", f"depth 6 > 5: {chain}")
    assert await bench.store.tripped("left") is None


async def test_a_chain_is_short_enough_to_read(bench: Bench) -> None:
    await bench.register(*(each(f"s{n}", f"k{n}") for n in range(40)))
    bench = bench.within(Limits(depth=45))
    await bench.post("b", write(f"k0/{'ü' * 100}"))
    for n in range(45):
        await bench.commit((await bench.claim_one()).claim, write(f"k{(n + 1) % 40}/{'ü' * 100}", n))
    chain = (await guard(bench)).chain
    assert chain.startswith("s5 → k6/üü")
    assert chain.endswith("→ s5")
    assert "more)" in chain
    assert len(chain.encode()) < 2200


async def test_what_cannot_be_read_is_no_reason_to_fail(loop: Bench) -> None:
    bench = loop.within(Limits(depth=2))
    await bench.post("b", write("ball"))
    await bench.post("z", write("k"))
    await bench.command("HSET", bench.keys.of_board("z", "meta"), "state", "nonsense")
    await bench.store.post("b", "op9", "z/pong#1", [write("back")], bench.now, depth=2)
    assert (await guard(bench)).chain == "what led to it cannot be read"


async def test_the_facts_of_a_guard_survive_json(loop: Bench) -> None:
    bench = loop.within(Limits(depth=1))
    await bench.post("b", write("ball"))
    await play(bench, "b", 5)
    assert json.loads(json.dumps(str(await guard(bench)))) == "depth 2 > 1: ball → ping → back → pong"


# ---------------------------------------------------------------------------- what comes while it runs


async def test_what_comes_from_outside_while_it_runs_is_no_storm(bench: Bench) -> None:
    """An agent that is always late: each new version comes while it looks at the last one."""
    await bench.register(PING)
    bench = bench.within(Limits(depth=3))
    await bench.post("b", write("ball", 0))
    for number in range(1, 10):
        claimed = await bench.claim_one()
        assert claimed.depth == 1
        await bench.post("b", write("ball", number))
        await bench.commit(claimed.claim)
    last = [event for event in await bench.store.events("b", 0, 1000) if event.type is EventType.TRIGGERED][-1]
    cause = (await bench.store.events("b", (last.cause or 0) - 1, 1))[0]
    assert (cause.type, cause.address) == (EventType.REVISED, "ball"), "its cause is the entry that came"


async def test_what_an_agent_posts_to_itself_is_one(bench: Bench) -> None:
    await bench.register(PING)
    bench = bench.within(Limits(depth=3))
    await bench.post("b", write("ball", 0))
    for number in range(1, 10):
        for claimed in await bench.claim(1):
            posts = [write("ball", number)]
            await bench.store.post("b", f"op{number}", claimed.claim.name, posts, bench.now, depth=claimed.depth)
            await bench.commit(claimed.claim)
    assert (await guard(bench)).chain == "ping → ball → ping"

"""The checks find what they are for: each passes on our scripts and fails on a script with that one thing taken out.

A variant is a patch of the assembled text, and a patch that no longer applies fails its test.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

import pytest

from blackboard.activation import Claim
from blackboard.errors import LeaseLost
from blackboard.limits import Limits
from blackboard.store import calls, scripts
from blackboard.store.partition import Applied
from tests.lua.bench import LEASE, Bench, each, write

Check = Callable[[Bench], Awaitable[None]]

# ---------------------------------------------------------------------------- checks


async def only_the_owner_commits(bench: Bench) -> None:
    """The claim of another worker instance is no right to commit."""
    claimed = await _running(bench)
    assert isinstance(await bench.commit(claimed._replace(owner="w2"), write("c/1")), LeaseLost)
    assert await bench.store.entry("x", "c/1") is None


async def only_the_current_epoch_commits(bench: Bench) -> None:
    """The same worker instance lost its lease and got it again: the first run's commit is late."""
    late = await _running(bench)
    bench.now += LEASE
    current = (await bench.claim_one()).claim
    assert isinstance(await bench.commit(late, write("c/1", "late")), LeaseLost)
    assert isinstance(await bench.commit(current, write("c/1", "current")), Applied)


async def a_post_is_done_once(bench: Bench) -> None:
    first = await bench.post("x", write("a/1", 1), operation="op")
    await bench.post("x", write("a/1", 2))
    assert await bench.post("x", write("a/1", 1), operation="op") == first
    found = await bench.store.entry("x", "a/1")
    assert found is not None
    assert found.payload == b'{"x":2}'


async def a_commit_is_done_once(bench: Bench) -> None:
    """The second one is told that its work is in, not that it was lost."""
    claimed = await _running(bench)
    assert isinstance(await bench.commit(claimed, write("c/1")), Applied)
    assert await bench.commit(claimed, write("c/1")) is None


async def a_claim_is_answered_again(bench: Bench) -> None:
    """The answer was lost on its way: the same request gets the same work, and no other."""
    await bench.register(each("one", "a"))
    await bench.post("x", write("a/1"), write("a/2"))
    request = bench.request()
    first = await bench.store.claim(request, bench.now)
    assert (await bench.store.claim(request, bench.now)).claimed == first.claimed


async def work_left_wakes_the_next(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.post("x", write("a/1"), write("a/2"))
    assert await bench.bell() == 1
    await bench.claim_one()
    assert await bench.bell() == 1


async def nothing_starts_ungranted(bench: Bench) -> None:
    """Whether it may is written on the board; timers and lost leases are those of the partition, and do not know."""
    await bench.register(each("late", "a", af=100))
    await bench.post("x", write("a/1"))
    await bench.orchestrate("x")
    bench.now += 100
    assert await bench.claim() == []


async def a_decision_is_for_its_epoch(bench: Bench) -> None:
    """The strategy was shown another epoch than the one in which its answer arrives."""
    await bench.register(each("one", "a"))
    await bench.post("x", write("a/1"))
    await bench.orchestrate("x")
    assert (await bench.decide(await bench.control(), "one a/1", epoch=0))[0] == "epoch"
    assert await bench.claim() == []


async def a_storm_is_stopped(bench: Bench) -> None:
    """Two agents drive each other: one by what it commits, one by what it posts on the board that it was given."""
    bench = bench.within(Limits(depth=4))
    await bench.register(
        *({"s": name, "p": [{"k": kind, "u": 1, "m": "e"}]} for name, kind in (("one", "a"), ("two", "b")))
    )
    await bench.post("x", write("a"))
    for number in range(10):
        for claimed in await bench.claim():
            if claimed.claim.source == "one":
                await bench.commit(claimed.claim, write("b", f"committed {number}"))
            else:
                posts = [write("a", f"posted {number}")]
                await bench.store.post("x", f"post{number}", claimed.claim.name, posts, bench.now, depth=claimed.depth)
                await bench.commit(claimed.claim)
    assert await bench.store.tripped("x") is not None


async def a_storm_is_held_at_once(bench: Bench) -> None:
    """What was ready before, and what the same call made ready."""
    await bench.register(each("one", "a"))
    await bench.within(Limits(activations=1)).post("x", write("a/1"), write("a/2"))
    assert await bench.states("x") == {"one a/1": "held", "one a/2": "held"}
    assert (await bench.store.facts("x")).paused  # type: ignore[union-attr]


async def the_end_of_a_saga_is_not_believed_too_soon(bench: Bench) -> None:
    """Something ended after the log was read: it is to be undone, too."""
    claimed = await _running(bench)
    await bench.abort("x")
    chore = await bench.chore()
    await bench.commit(claimed)
    assert await bench.undo(chore, "done") == "again"


async def a_pause_holds_no_compensation(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.post("x", write("z"))
    _, mark = await bench.savepoint("x")
    await bench.post("x", write("a/1"))
    claimed = await bench.claim_one()
    await bench.commit(claimed.claim)
    await bench.abort("x", mark)
    await bench.undo_once("go", ("one", claimed.claim.number))
    assert [each_claim.claim.undoes for each_claim in await bench.claim(5)] == [claimed.claim.name]


async def what_is_undone_starts_nothing(bench: Bench) -> None:
    """Neither what is given back, nor what a contribution would trigger."""
    claimed = await _running(bench)
    await bench.abort("x")
    await bench.release(claimed)
    assert await bench.states("x") == {}


async def _running(bench: Bench) -> Claim:
    await bench.register(each("one", "a"))
    await bench.post("x", write("a/1"))
    return (await bench.claim_one()).claim


# ---------------------------------------------------------------------------- variants

HELD = "    and activation[EPOCH] == claim.epoch and activation[OWNER] == claim.owner then\n"

VARIANTS: dict[str, tuple[Check, str, str]] = {
    "no fence": (only_the_owner_commits, HELD, "    and activation[EPOCH] == claim.epoch then\n"),
    "no epoch": (only_the_current_epoch_commits, HELD, "    and activation[OWNER] == claim.owner then\n"),
    "post not idempotent": (a_post_is_done_once, "if answered then return answered end\n", "\n"),
    "commit not idempotent": (
        a_commit_is_done_once,
        "if fired and fired.token == codec.fired_token(claim.number, claim.epoch, claim.owner) then return nil, 'done' end\n",
        "\n",
    ),
    "claim not idempotent": (
        a_claim_is_answered_again,
        "if remembered and string.match(remembered, '^[^' .. US .. ']*') == request.number then\n",
        "if false then\n",
    ),
    "no chained doorbell": (
        work_left_wakes_the_next,
        "for source in pairs(left) do partition.awake[source] = true end\n",
        "\n",
    ),
    "claims do not ask whether it is held": (
        nothing_starts_ungranted,
        "if not control.holds_back(ctx, activation) then return '' end\n",
        "if true then return '' end\n",
    ),
    "decide does not compare epochs": (
        a_decision_is_for_its_epoch,
        "if ctx.status ~= 'open' or decision.control ~= ctx.control or ctx.mode ~= 'o' then\n",
        "if ctx.status ~= 'open' or ctx.mode ~= 'o' then\n",
    ),
    "no guard looks": (a_storm_is_stopped, "\n  guard.opened(ctx, trigger, number, depth)\n", "\n"),
    "posts of agents begin anew": (
        a_storm_is_stopped,
        "matching.apply(ctx, changes, '', depth + 1)\n",
        "matching.apply(ctx, changes, '', 1)\n",
    ),
    "a guard pauses only what comes": (a_storm_is_held_at_once, "if control.stopped then hold_stopped() end\n", "\n"),
    "a guard does not close the gate": (
        a_storm_is_held_at_once,
        "ctx.gate, ctx.control = 'p', ctx.control + 1\n  board.event(ctx, 'Z', by, ctx.control, reason)\n  if",
        "board.event(ctx, 'Z', by, ctx.control, reason)\n  if",
    ),
    "undo believes any end": (
        the_end_of_a_saga_is_not_believed_too_soon,
        "local late = epoch ~= ctx.control or ends and activation[DIRTY] == 1 or",
        "local late = epoch ~= ctx.control or",
    ),
    "compensations are held": (
        a_pause_holds_no_compensation,
        "if state == 'r' and control.holds_back(ctx, activation) and not is_free(ctx, identity, activation) then\n",
        "if state == 'r' and control.holds_back(ctx, activation) then\n",
    ),
    "agenda goes on while it is undone": (
        what_is_undone_starts_nothing,
        "if ctx.status ~= 'open' and not LASTS[state] and not is_free(ctx, identity, activation) then\n",
        "if false then\n",
    ),
}


def broken(old: str, new: str) -> Callable[[str], scripts.Script]:
    """The commands with one thing taken out wherever it stands; at least in one of them."""
    texts = {name: scripts.script(name).text for name in scripts.command_names()}
    assert any(old in text for text in texts.values()), f"no script holds {old!r}: adapt the variant"
    patched = {name: text.replace(old, new) for name, text in texts.items()}
    made = {name: scripts.Script(name, text, hashlib.sha1(text.encode()).hexdigest()) for name, text in patched.items()}
    return made.__getitem__


@pytest.mark.parametrize("name", VARIANTS)
async def test_our_scripts_pass(bench: Bench, name: str) -> None:
    check, _, _ = VARIANTS[name]
    await check(bench)


@pytest.mark.parametrize("name", VARIANTS)
async def test_the_broken_variant_fails(bench: Bench, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check, old, new = VARIANTS[name]
    bench.use_scripts()
    monkeypatch.setattr(calls, "script", broken(old, new))
    with pytest.raises(AssertionError):
        await check(bench)

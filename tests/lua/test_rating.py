"""Ratings: what a trigger's formula makes of the entries that are bound orders what is claimed within one priority."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lua.bench import ANYTHING, Bench, Write, addresses, each, gone, names, write

X: Any = ["f", 1, "x"]


async def ratings(bench: Bench, board: str = "b") -> dict[str, float]:
    """What is on the agenda rates, by the addresses bound."""
    return {" ".join(activation.addresses): activation.rating for activation in await bench.store.agenda(board)}


def fields(address: str, **values: object) -> Write:
    """A post or revision of an entry with these fields."""
    return Write(address, ANYTHING, 1, json.dumps(values))


async def ready_rows(bench: Bench) -> int:
    return int(await bench.command("ZCARD", bench.keys.ready))


# ---------------------------------------------------------------------------- formulas


@pytest.mark.parametrize(
    ("formula", "rated"),
    [
        (X, 8),
        (["v", 2.5], 2.5),
        (["-", ["v", 0], X], -8),
        (["+", ["*", X, ["v", 2]], ["f", 1, "y"]], 19),
        (["/", X, ["f", 1, "y"]], 2.667),
        (["f", 1, ["in", "side"]], 4),
        (["/", X, ["v", 0]], 0),
        (["/", ["v", 0], ["v", 0]], 0),
        (["*", ["v", 1e300], ["v", 1e300]], 1e10),
        (["*", ["v", -1e300], ["v", 1e300]], -1e10),
        (["-", ["*", ["v", 1e300], ["v", 1e300]], ["*", ["v", 1e300], ["v", 1e300]]], 0),
        (["v", 9999999999.9994], 9999999999.999),
        (["v", -0.0004], 0),
        (["v", 0.1235], 0.124),
        (["f", 1, "nothing"], 0),
        (["+", X, ["f", 1, "nothing"]], 0),
        (["f", 1, "null"], 0),
        (["f", 1, "text"], 0),
        (["f", 1, "yes"], 0),
        (["f", 1, ["text", "side"]], 0),
    ],
    ids=str,
)
async def test_a_formula_rates_what_is_bound(bench: Bench, formula: Any, rated: float) -> None:
    """What is missing, null or no number, and what is divided by zero, rates 0; what is beyond all bounds, the bound."""
    await bench.register(each("one", "a", rt=formula))
    values = {"x": 8, "y": 3, "in": {"side": 4}, "null": None, "text": "9", "yes": True}
    await bench.post("b", fields("a/1", **values))
    assert await ratings(bench) == {"a/1": rated}
    assert (await bench.claim_one()).claim.source == "one"
    assert await ready_rows(bench) == 0


async def test_the_highest_is_claimed_first_and_age_decides_between_equals(bench: Bench) -> None:
    await bench.register(each("one", "a", rt=X))
    for address, value in {"a/1": -1, "a/2": 5, "a/3": 0, "a/4": 5.5, "a/5": 5, "a/6": -20}.items():
        bench.now += 1
        await bench.post("b", write(address, value))
    assert [bound for (bound,) in addresses(await bench.claim(9))] == ["a/4", "a/2", "a/5", "a/3", "a/1", "a/6"]


async def test_priority_goes_before_rating(bench: Bench) -> None:
    await bench.register(each("plain", "a", rt=["v", 1000]), each("urgent", "a", pr=1), each("rated", "a", rt=["v", 1]))
    await bench.post("b", write("a/1"))
    assert names(await bench.claim(3)) == ["urgent", "plain", "rated"]


async def test_ratings_of_several_entries_that_are_bound(bench: Bench) -> None:
    """A join is rated when either of its entries changes; a gathered entry beside them does not matter."""
    trigger = each("both", "a", "b", rt=["-", X, ["f", 2, "x"]])
    trigger["p"].append({"k": "c", "m": "g", "a": "c"})
    await bench.register(trigger)
    await bench.post("b", write("a/1", 5), write("b/1", 1), write("b/2", 2))
    assert await ratings(bench) == {"a/1 b/1": 4, "a/1 b/2": 3}
    await bench.post("b", write("a/1", 10), write("c/1"))
    assert await ratings(bench) == {"a/1 b/1": 9, "a/1 b/2": 8}
    await bench.post("b", write("b/1", 20))
    assert await ratings(bench) == {"a/1 b/1": -10, "a/1 b/2": 8}
    assert await ready_rows(bench) == 2


# ---------------------------------------------------------------------------- rating again


async def test_a_change_moves_an_activation_in_the_queue(bench: Bench) -> None:
    await bench.register(each("one", "a", rt=X))
    await bench.post("b", write("a/1", 1), write("a/2", 2))
    await bench.post("b", write("a/1", 3))
    assert await ready_rows(bench) == 2
    assert addresses(await bench.claim(2)) == [("a/1",), ("a/2",)]


@pytest.mark.parametrize("state", ["delayed", "retrying", "waiting", "held"])
async def test_what_is_not_ready_is_rated_again_too(bench: Bench, state: str) -> None:
    await bench.register(each("one", "a", rt=X, **({"af": 10} if state == "delayed" else {})))
    await bench.post("b", write("a/1", 1), write("a/2", 2))
    if state == "held":
        await bench.orchestrate("b")
    elif state != "delayed":
        for claimed in await bench.claim(2):
            await (bench.fail(claimed.claim) if state == "retrying" else bench.release(claimed.claim, "wait"))
    await bench.post("b", write("a/1", 3))
    assert await ratings(bench) == {"a/1": 3, "a/2": 2}
    if state == "held":
        await bench.choreograph("b")
    bench.now += 10
    assert addresses(await bench.claim(1)) == [("a/1",)]


async def test_what_runs_is_rated_again_when_it_did_not_commit(bench: Bench) -> None:
    await bench.register(each("one", "a", rt=X))
    await bench.post("b", write("a/1", 1))
    claimed = await bench.claim_one()
    await bench.post("b", write("a/1", 7))
    assert await ratings(bench) == {"a/1": 1}
    await bench.release(claimed.claim)
    assert await ratings(bench) == {"a/1": 7}
    late = await bench.claim_one()
    await bench.post("b", write("a/1", 8))
    await bench.fail(late.claim, "dead")
    assert await ratings(bench) == {"a/1": 8}, "it died, and what is new opened it anew"


async def test_a_revived_activation_is_rated_by_what_there_is(bench: Bench) -> None:
    await bench.register(each("one", "a", rt=X, rf="e"))
    await bench.post("b", write("a/1", 1))
    claimed = await bench.claim_one()
    await bench.fail(claimed.claim, "dead")
    await bench.post("b", write("a/1", 7))
    assert await ratings(bench) == {}
    assert await bench.store.revive("b", claimed.claim.identity, "@test", bench.now) == "ok"
    assert await ratings(bench) == {"a/1": 7}


async def test_a_source_that_fires_once_is_rated_by_what_it_is_bound_to(bench: Bench) -> None:
    await bench.register(each("once", "a", rf="o", rt=X))
    await bench.post("b", write("a/1", 1), write("a/2", 2))
    assert await ratings(bench) == {"a/1": 1}
    await bench.post("b", write("a/1", 5))
    assert await ratings(bench) == {"a/1": 5}
    await bench.post("b", gone("a/1"))
    assert await ratings(bench) == {"a/2": 2}
    assert await ready_rows(bench) == 1


async def test_a_source_of_quiescence_is_rated(bench: Bench) -> None:
    await bench.register(each("report", "a", q=1, rt=X))
    await bench.post("b", write("a/1", 1))
    await bench.post("b", write("a/1", 4))
    assert await ratings(bench) == {"a/1": 4}
    assert await ready_rows(bench) == 1


async def test_what_is_handed_over_is_rated(bench: Bench) -> None:
    """Although its trigger does not hold."""
    await bench.register(each("giver", "a"), each("taker", "a", rt=X, w=[["==", ["v", 1], ["v", 2]]]))
    await bench.post("b", write("a/1", 6))
    await bench.commit((await bench.claim_one()).claim, handoffs=[("taker", "yours")])
    assert await ratings(bench) == {"a/1": 6}
    await bench.post("b", write("a/1", 9))
    assert (await bench.activation("b", "taker a/1")).rating == 9


async def test_another_registration_rates_what_is_open(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.post("b", write("a/1", 1), write("a/2", 2))
    for formula, expected in ((X, {"a/1": 1, "a/2": 2}), (["-", ["v", 0], X], {"a/1": -1, "a/2": -2}), (None, None)):
        revision, _ = await bench.register(each("one", "a", **({"rt": formula} if formula else {})))
        await bench.rematch("b", revision)
        assert await ratings(bench) == (expected or {"a/1": 0, "a/2": 0})
        assert await ready_rows(bench) == 2


async def test_a_switch_there_and_back_keeps_ratings(bench: Bench) -> None:
    await bench.register(each("one", "a", rt=X))
    await bench.post("b", write("a/1", 1 / 3), write("a/2", -2e12), write("a/3", 12345678.9))
    before = await bench.dump()
    await bench.orchestrate("b")
    assert await ready_rows(bench) == 1, "the control activation"
    await bench.choreograph("b")
    assert (await bench.dump())[bench.keys.ready] == before[bench.keys.ready]
    assert addresses(await bench.claim(3)) == [("a/3",), ("a/1",), ("a/2",)]


async def test_controllers_see_what_is_held_by_rating(bench: Bench) -> None:
    await bench.register(each("one", "a", rt=X))
    await bench.orchestrate("b")
    await bench.post("b", write("a/1", 1), write("a/2", 2))
    shown = (await bench.control()).shown
    assert shown is not None
    assert [(activation.addresses, activation.rating) for activation in shown.agenda] == [(("a/2",), 2), (("a/1",), 1)]

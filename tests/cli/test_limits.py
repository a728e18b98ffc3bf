"""Limits on the command line: what `ks`, `agenda` and `doctor` say of them, and the verb `breaker`."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest

from blackboard import Blackboard, Breaker, Concurrency, Entry, Rate
from blackboard.activation import ActivationState
from blackboard.facts.limiting import state_of, value_of
from blackboard.facts.waiting import waits_for
from blackboard.limit import BreakerState, Gauge
from blackboard.store.stub import ClaimRequest
from tests.cli.conftest import Invoke
from tests.cli.reading import read, rows
from tests.cli.test_agenda import activation, surroundings

CREW = "limited"
REQUESTS = itertools.count(1)


class Parcel(Entry, key="id"):
    id: str
    customer: str


def limited() -> Blackboard:
    """A blackboard with a source that has every limit."""
    bb = Blackboard("limited")

    @bb.knowledge_source(
        concurrency=Concurrency(1, per=Parcel.customer), rate=Rate(100), breaker=Breaker(1, cooldown=3600), fair=True
    )
    async def send(parcel: Parcel) -> None: ...

    @bb.knowledge_source
    async def sort(parcel: Parcel) -> None: ...

    return bb


async def send_two(board: str, *, fails: bool) -> None:
    """Post two parcels of one customer; send one, which fails if that is asked for."""
    async with limited() as bb:
        await bb.board(board).post(Parcel(id="1", customer="ann"), Parcel(id="2", customer="ann"))
        partition = bb.store().partition(board)
        await partition.calls.command("HSET", partition.keys.crews, "send", f"|{CREW}|")
        found = await partition.claim(ClaimRequest(5, "w", next(REQUESTS), 60_000, CREW))
        for claimed in found.claimed if fails else ():
            await partition.fail(claimed.claim, "dead", 0, "attempts spent", "boom")


@pytest.fixture
def on_limited(invoke: Invoke, empty_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run verbs on that blackboard, in a store of its own."""
    monkeypatch.setenv("BLACKBOARD_DIR", str(empty_directory))
    monkeypatch.setenv("BLACKBOARD_NAMESPACE", "limited")
    return invoke


def test_limits_are_shown_and_what_waits_for_them(on_limited: Invoke, board: str) -> None:
    asyncio.run(send_two(board, fails=False))
    found = {each["source"]: each for each in read(on_limited, "ks")}
    assert found["send"]["limits"] == [
        "1 at once per parcel.customer",
        "100/s",
        "breaker opens after 1 failure, for 3600 s",
        "boards take turns",
    ]
    assert (found["send"]["running"], found["send"]["waiting"], found["send"]["breaker"]) == (1, 1, "closed")
    assert (found["sort"]["limits"], found["sort"]["breaker"]) == ([], None)
    (waiting,) = [row for row in rows(on_limited("agenda", board).stdout) if row["state"] == "limited"]
    assert waiting["waits_for"] == 'a place: 1 at once for parcel.customer "ann"'


def test_a_breaker_is_told_of_and_closed(on_limited: Invoke, board: str) -> None:
    asyncio.run(send_two(board, fails=True))
    assert [row["breaker"] for row in read(on_limited, "breaker")] == ["open"]
    assert "in 60 min" in on_limited("breaker", "-o", "table").stdout
    found = [each for each in read(on_limited, "doctor") if each["check"] == "breakers"]
    (finding,) = [each for each in found if each["finding"].startswith("limited:")]
    assert (finding["verdict"], "breaker send --reset" in finding["remedy"]) == ("warn", True)
    (row,) = read(on_limited, "breaker", "send", "--reset", "--why", "mended")
    assert (row["breaker"], row["changed"]) == ("closed", True)
    assert "It was closed" in on_limited("breaker", "send", "--reset", code=3).stderr


def test_what_has_no_breaker(on_limited: Invoke, board: str) -> None:
    asyncio.run(send_two(board, fails=False))
    assert "source sort has no breaker; send has one." in on_limited("breaker", "sort", code=4).stderr
    assert "no knowledge source nobody; registered are: send, sort." in on_limited("breaker", "nobody", code=4).stderr
    assert "say whose" in on_limited("breaker", "--reset", code=2).stderr


@pytest.mark.parametrize(
    ("gauge", "card", "words"),
    [
        (Gauge(running=2, waiting=0), {"policies": {"concurrency": 2}}, "a place: 2 of 2 run"),
        (Gauge(running=1, waiting=0), {"policies": {"concurrency": 2}}, "its turn"),
        (Gauge(next_start=103_000), {}, "the rate of decide, 3 s"),
        (Gauge(breaker=BreakerState.OPEN, opened=1, probe_at=107_000), {}, "the breaker of decide, a probe in 7 s"),
        (
            Gauge(breaker=BreakerState.HALF_OPEN, opened=1, probe_at=9),
            {},
            "the breaker of decide, which lets one probe through at a time",
        ),
    ],
)
def test_what_a_ready_one_waits_for(gauge: Gauge, card: dict[str, Any], words: str) -> None:
    around = surroundings(gauges={"decide": gauge})
    object.__setattr__(around, "cards", {"decide": card})
    assert waits_for(activation(ActivationState.READY), around) == words


@pytest.mark.parametrize(
    ("token", "said"), [("sann", '"ann"'), ("n5", "5"), ("b1", "true"), ("b0", "false"), ("z", "that is none")]
)
def test_values_are_told(token: str, said: str) -> None:
    assert value_of(token) == said


def test_a_breaker_in_words() -> None:
    assert state_of(None) is None
    assert state_of(Gauge(breaker=BreakerState.CLOSED)) == "closed"
    assert state_of(Gauge(breaker=BreakerState.CLOSED, failures=2)) == "closed, failures in a row: 2"
    assert str(state_of(Gauge(breaker=BreakerState.HALF_OPEN, failures=2, opened=1, probe_at=2))).startswith(
        "half-open since"
    )

"""What cannot be is refused where it is written, by an error of ours that says what, why and what to do instead."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from blackboard import (
    Approve,
    Backoff,
    Blackboard,
    BlackboardError,
    Breaker,
    Concurrency,
    DefinitionError,
    Entry,
    Handoff,
    Limits,
    Rate,
    Settings,
)
from blackboard.control import (
    Budget,
    Deadline,
    Goal,
    Graph,
    Parallel,
    PlanExecute,
    Priority,
    Quiescence,
    Random,
    RoundRobin,
    Router,
    Sequential,
    Supervisor,
    Swarm,
    Until,
)
from blackboard.knowledge_source import knowledge_source
from blackboard.limits import milliseconds
from blackboard.measure import is_duration, is_number, is_span, is_whole

HUGE = 10**400
"""More than any float."""

OTHERS: tuple[Any, ...] = (b"x", [], {}, object(), timedelta(-1), timedelta.max)
NO_NUMBERS: tuple[Any, ...] = (True, False, "x", "", math.nan, math.inf, -math.inf, HUGE, -1, *OTHERS[:4])
NO_COUNTS = (*NO_NUMBERS, 0, 1.5, None, timedelta(seconds=1))
NO_SPANS = (*NO_NUMBERS, 0, 1, 1.5, timedelta(0), *OTHERS)
NO_DURATIONS = (*NO_NUMBERS, timedelta(-1), timedelta.max)
NO_TEXTS = (True, 0, 1.5, b"x", [], {}, object())


class Claim(Entry):
    amount: float


def act(claim: Claim) -> None:
    """Do nothing."""


Make = Callable[[Any], object]


def board(name: str) -> Make:
    return lambda value: Blackboard("claims", **{name: value})


def limits(name: str) -> Make:
    return lambda value: Limits(**{name: value})


def source(name: str) -> Make:
    return lambda value: knowledge_source(**{name: value})(act)  # type: ignore[call-overload]  # that is the question


def workers(name: str) -> Make:
    return lambda value: Blackboard("claims").workers(**{name: value})


IMPOSSIBLE: dict[str, tuple[Make, tuple[Any, ...]]] = {
    "Blackboard name": (Blackboard, (*NO_TEXTS, None, "", "a b")),
    "url": (board("url"), NO_TEXTS),
    "limits": (board("limits"), (*NO_COUNTS[:-2], 7)),
    "retention": (board("retention"), NO_SPANS),
    "idle_retention": (board("idle_retention"), NO_SPANS),
    "deadline": (board("deadline"), NO_SPANS),
    "deadline_action": (board("deadline_action"), (*NO_TEXTS, None, "stop")),
    "archive": (board("archive"), (*NO_TEXTS, "")),
    "lease": (board("lease"), (*NO_DURATIONS, None, 0, 0.01)),
    "partitions": (board("partitions"), (*NO_NUMBERS, 0, 1.5, 20_000)),
    "strategy": (board("strategy"), (*NO_TEXTS, "act", Sequential)),
    "settings": (board("settings"), (*NO_TEXTS, {"timeout": 1})),
    "author": (board("author"), (*NO_TEXTS, None, "", "a\n", "a" * 201)),
    **{
        f"Limits.{name}": (limits(name), NO_COUNTS)
        for name in ("entries", "open_activations", "writes", "entry_bytes", "records", "depth", "activations")
    },
    "Limits.alternations": (limits("alternations"), NO_COUNTS),
    "Limits.wall": (limits("wall"), NO_SPANS),
    "wall of one board": (milliseconds, NO_SPANS),
    "Backoff.initial": (lambda value: Backoff(initial=value), (*NO_NUMBERS, None)),
    "Backoff.factor": (lambda value: Backoff(factor=value), (*NO_NUMBERS, None, 0.5)),
    "Backoff.maximum": (lambda value: Backoff(maximum=value), (*NO_NUMBERS, None, 0.5)),
    "Backoff.jitter": (lambda value: Backoff(jitter=value), (*NO_NUMBERS, None, 1.1)),
    "Concurrency": (Concurrency, NO_COUNTS),
    "Concurrency.per": (lambda value: Concurrency(1, per=value), NO_TEXTS),
    "Rate": (Rate, NO_COUNTS),
    "Rate.per": (lambda value: Rate(1, per=value), (*NO_DURATIONS, None, 0)),
    "Rate.burst": (lambda value: Rate(1, burst=value), (*NO_NUMBERS, 0, 1.5)),
    "Breaker": (Breaker, NO_COUNTS),
    "Breaker.cooldown": (lambda value: Breaker(cooldown=value), (*NO_DURATIONS, None, 0)),
    "Approve.question": (Approve, (*NO_TEXTS, None, "?" * 2001)),
    "Approve.to": (lambda value: Approve("?", to=value), (*NO_TEXTS, None)),
    "Approve.choices": (lambda value: Approve("?", value), (*NO_TEXTS, None, "yes", [""], ["a", "a"], [1, 2])),
    "Approve.expires": (lambda value: Approve("?", expires=value), (*NO_DURATIONS, 0)),
    "Approve.default": (lambda value: Approve("?", default=value), (*NO_TEXTS, "perhaps")),
    "source name": (source("name"), ("a b", b"x", 1.5)),
    "after": (source("after"), (*NO_DURATIONS, None)),
    "timeout": (source("timeout"), (*NO_DURATIONS, 0)),
    "source lease": (source("lease"), (*NO_DURATIONS, 0)),
    "retries": (source("retries"), (*NO_NUMBERS, 1.5, None)),
    "crashes": (source("crashes"), NO_COUNTS),
    "priority": (source("priority"), (*NO_NUMBERS[:-5], 1.5, None, 1000)),
    "rating": (source("rating"), (True, "x", math.nan, b"x", [])),
    "budget": (source("budget"), (*NO_NUMBERS, 0, 1.5)),
    "refire": (source("refire"), (*NO_TEXTS, None, "never")),
    "isolation": (source("isolation"), (*NO_TEXTS, None, "none")),
    "effects": (source("effects"), (*NO_TEXTS, None, "none")),
    "fatal": (source("fatal"), (1, 0, None, "yes")),
    "fair": (source("fair"), (1, 0, None, "yes")),
    "reentrant": (source("reentrant"), (1, 0, None, "yes")),
    "concurrency": (source("concurrency"), (*NO_NUMBERS, 0, 1.5)),
    "rate": (source("rate"), (*NO_NUMBERS, 0, "10/year")),
    "breaker": (source("breaker"), (*NO_NUMBERS, 0, 1.5)),
    "approval": (source("approval"), ("", " ", 0, 1, None, b"x", [])),
    "backoff": (source("backoff"), (1, 0.5, None)),
    "precondition": (source("precondition"), (1, "x")),
    "workers' concurrency": (workers("concurrency"), NO_COUNTS),
    "only": (workers("only"), (1, 0, b"x", [], {}, [1], object(), "nobody", ["nobody"])),
    "burst": (workers("burst"), (0, 1, None, "yes")),
    "max_idle": (workers("max_idle"), NO_NUMBERS),
    "Settings.timeout": (lambda value: Settings(timeout=value), (*NO_NUMBERS, 0, None)),
    "Settings.block": (lambda value: Settings(block=value), (*NO_NUMBERS, 0, None)),
    "Settings.connections": (lambda value: Settings(connections=value), NO_COUNTS),
    "Settings.directory": (lambda value: Settings(directory=value), NO_TEXTS),
    "Settings.server": (lambda value: Settings(server=value), NO_TEXTS),
    "Settings.fsync": (lambda value: Settings(fsync=value), (*NO_TEXTS, None, "never")),
    "Handoff": (Handoff, (*NO_TEXTS, None, "a b")),
    "Handoff.note": (lambda value: Handoff("act", value), (*NO_TEXTS, None, "?" * 2001)),
    "Sequential": (Sequential, (*NO_TEXTS, None)),
    "Parallel": (Parallel, (*NO_NUMBERS[:7], 0, 1.5, None)),
    "Parallel.sources": (lambda value: Parallel(1, sources=value), (True, 0, 1.5, b"x", [], {}, object(), [1])),
    "Priority.order": (lambda value: Priority(order=value), (*NO_TEXTS, None)),
    "RoundRobin.limit": (lambda value: RoundRobin(limit=value), (*NO_NUMBERS[:7], 0, 1.5, None)),
    "Random": (Random, (True, 1.5, None, b"x", [])),
    "Graph": (Graph, (*NO_TEXTS, None)),
    "Graph.reads": (lambda value: Graph("a", reads=value), (*NO_TEXTS[:4], None, "claim", [1])),
    "Router": (Router, (*NO_TEXTS, None)),
    "Router.reads": (lambda value: Router("a", value), (*NO_TEXTS[:4], None, "claim", [1])),
    "Router.limit": (lambda value: Router("a", limit=value), (*NO_NUMBERS[:7], 0, 1.5, None)),
    "Supervisor": (Supervisor, (*NO_TEXTS, None)),
    "Swarm": (Swarm, NO_TEXTS[:4]),
    "PlanExecute": (PlanExecute, (*NO_TEXTS, None)),
    "PlanExecute.replans": (lambda value: PlanExecute("a", replans=value), (*NO_NUMBERS[:7], 1.5, None)),
    "Until": (lambda value: Until(Sequential("a"), value), (True, 1, 1.5, None, (), [], "x", Quiescence())),
    "Goal": (Goal, (*NO_TEXTS, None, "", "A b")),
    "Budget": (Budget, (*NO_NUMBERS[:7], 0, 1.5, None)),
    "Deadline": (Deadline, (*NO_DURATIONS, None, 0)),
}


def refusal(make: Make, value: Any) -> BlackboardError | None:
    """Why something cannot be made of a value; what else it raises is no answer."""
    try:
        make(value)
    except BlackboardError as error:
        return error
    return None


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_what_cannot_be_is_refused_with_a_remedy(name: str) -> None:
    make, values = IMPOSSIBLE[name]
    for value in values:
        refused = refusal(make, value)
        assert refused is not None, f"{name}={value!r} was taken"
        if isinstance(refused, DefinitionError):
            assert len(refused.problem) > 5
            assert len(refused.remedy) > 5


def test_what_can_be_is_taken() -> None:
    Blackboard(
        "claims", url=None, retention=None, deadline=timedelta(hours=1), lease=timedelta(seconds=5), partitions=4
    )
    Limits(entries=1, records=1, wall=timedelta(milliseconds=1))
    Backoff(initial=0, factor=1, maximum=0, jitter=0)
    Approve(choices=["yes", "no"], expires=timedelta(days=400), default="no")
    bb = Blackboard("claims")
    source = bb.knowledge_source(approval="May it?", after=0, timeout=timedelta(days=1), retries=0, crashes=1)(act)
    for only in ("act", source, ["act"], (source,), None):
        assert list(bb.workers(only=only, max_idle=0).sources) == ["act"]
    assert Graph("a", reads=(name for name in ["claim"])).reads == ("claim",)


def test_the_measures_answer_for_anything() -> None:
    for value in (*NO_NUMBERS, *OTHERS):
        assert not is_whole(value)
        assert not is_number(value, 0, 1e300)
        assert not is_span(value)
        assert not is_duration(value)
    assert is_whole(1)
    assert is_number(0, 0, 1)
    assert is_span(timedelta(milliseconds=1))
    assert is_duration(0.001)
    assert is_duration(timedelta(days=366))

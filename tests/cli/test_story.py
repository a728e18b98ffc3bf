"""Events as people tell them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from blackboard.event import Event, EventType
from blackboard.facts.story import tell

Post = Callable[..., Any]


@pytest.mark.parametrize("kind", EventType)
def test_every_event_has_its_tale(kind: EventType) -> None:
    facts: dict[str, Any] = {
        "by": "@cli",
        "address": "claim",
        "version": 2,
        "source": "decide",
        "number": 7,
        "cause": 1,
    }
    event = Event("b", 8, kind, 1, **facts, attempt=1, mode="orchestration", epoch=3, strategy="Manual", reason="so")
    assert tell(event)
    assert "None" not in tell(event)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (
            Event("b", 4, EventType.SWITCHED, 1, by="@cli", mode="choreography", epoch=2, reason="enough"),
            "board switched to choreography (epoch 2) by @cli: enough",
        ),
        (
            Event("b", 4, EventType.ABORTED, 1, by="pay#3", cause=0, reason="no stock"),
            "undoing begins as a whole, by pay#3: no stock",
        ),
        (
            Event("b", 4, EventType.ABORTED, 1, by="@cli", cause=2),
            "undoing begins back to savepoint 2, by @cli",
        ),
        (
            Event("b", 9, EventType.UNDONE, 1, by="w", outcome="stuck", reason="failed: pay#3"),
            "undoing is stuck: failed: pay#3",
        ),
        (Event("b", 4, EventType.PAUSED, 1, by="@cli", epoch=2), "board paused by @cli (epoch 2)"),
        (Event("b", 4, EventType.RESUMED, 1, by="@cli", epoch=2), "board resumed by @cli (epoch 2)"),
        (
            Event("b", 9, EventType.HANDED_OFF, 1, by="triage#3", source="refunds", number=9, reason="over the limit"),
            "triage#3 handed over to refunds#9: over the limit",
        ),
        (
            Event("b", 9, EventType.STEPPED, 1, by="w", source="decide", number=7, step=2, reason="search"),
            "decide#7 recorded step 2: search",
        ),
        (
            Event("b", 9, EventType.PARKED, 1000, by="w", source="decide", number=7, due=3500, reason="Pay it?"),
            "decide#7 is parked, at the latest for 2.5 s: Pay it?",
        ),
        (
            Event("b", 9, EventType.PARKED, 1000, by="w", source="decide", number=7, reason="Pay it?"),
            "decide#7 is parked: Pay it?",
        ),
        (
            Event("b", 9, EventType.SAID, 1, by="w", source="decide", number=7, reason="half way"),
            "decide#7 says: half way",
        ),
        (
            Event("b", 9, EventType.SAID, 1, by="w", source="decide", number=7, reason="starts again: its worker died"),
            "decide#7 starts again on w: its worker died",
        ),
        (
            Event("b", 9, EventType.FAILED, 1000, source="decide", number=7, attempt=1, due=1040, reason="no"),
            "decide#7 failed (attempt 1), tries again in 40 ms: no",
        ),
        (
            Event("b", 9, EventType.FAILED, 1000, source="decide", number=7, attempt=1, due=2500, reason="no"),
            "decide#7 failed (attempt 1), tries again in 1.5 s: no",
        ),
        (
            Event("b", 9, EventType.DIED, 1, source="decide", number=7, by="@cli", reason="vetoed"),
            "decide#7 vetoed by @cli",
        ),
        (
            Event("b", 9, EventType.DIED, 1, source="decide", number=7, reason="vetoed once"),
            "decide#7 died: vetoed once",
        ),
    ],
)
def test_acts_of_control_are_told_in_words(event: Event, words: str) -> None:
    assert tell(event) == words

"""Settlements: what is not to be run is told to the store, and to who reads a worker's log."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from blackboard.activation import Claim, Claimed
from blackboard.settlement import settle


class Told:
    """A partition that keeps what it is told."""

    def __init__(self) -> None:
        self.failed: list[tuple[Any, ...]] = []

    async def fail(self, *words: Any) -> str:
        self.failed.append(words[1:])
        return "ok"


@pytest.mark.parametrize(
    ("verdict", "crashes", "line"),
    [
        ("poison", 4, "pay#7 of board order-1 is dead: its worker died 4 times"),
        (
            "unknown",
            1,
            "pay#7 of board order-1: its worker died while it acted outside the board, and what came of it is not known",
        ),
    ],
)
async def test_what_ends_without_a_run_stands_in_the_log_of_the_worker_that_found_it(
    verdict: str, crashes: int, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    partition = Told()
    claimed = Claimed(Claim("order-1", "pay\x1eorder", 7, 1, "w"), 0, crashes, 0, 9, verdict, ())
    assert await settle(claimed, partition, "w") == "ok"  # type: ignore[arg-type]
    assert len(partition.failed) == 1
    assert [(each.levelno, each.getMessage()) for each in caplog.records] == [(logging.ERROR, line)]

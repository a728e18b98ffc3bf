"""The stubs of limits: what a source's limits stand at. A base of `Partition`, as `Control` is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blackboard.limit import BreakerState, Gauge
from blackboard.store import codec, stub
from blackboard.store.stub import Stubs


@dataclass(frozen=True, slots=True)
class _Breaker:
    """A breaker as the store keeps it; `till` is when it lets a probe through, 0 while it is closed."""

    failures: int = 0
    till: int = 0
    since: int = 0
    times: int = 0
    probe: str = ""

    @classmethod
    def of(cls, text: bytes | None) -> _Breaker:
        if text is None:
            return cls()
        *numbers, probe = text.decode().split(" ", 4)
        failures, till, since, times = map(int, numbers)
        return cls(failures, till, since, times, probe)

    def state(self, now: int) -> BreakerState:
        """What it lets through."""
        if self.till == 0:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self.till else BreakerState.HALF_OPEN


class Gauges(Stubs):
    """The scripts and reads of limits. ``now`` arguments are for tests; None asks the server's clock."""

    async def reset(self, source: str, author: str, reason: str = "", now: int | None = None) -> str:
        """Close the breaker of a source: ``ok``, ``done`` (nothing to forget) or ``absent``."""
        answer: bytes = await self._run("reset", [], [stub.now(now), source, author, reason])
        return answer.decode()

    async def gauges(self, triggers: Mapping[str, Mapping[str, Any]], now: int | None = None) -> dict[str, Gauge]:
        """Where the limits of these sources stand, of those that have limits, by the triggers of their cards."""
        limited = [name for name, trigger in triggers.items() if {"cn", "rl", "bk"} & trigger.keys()]
        if not limited:
            return {}
        if now is None:
            seconds, microseconds = await self.calls.command("TIME")
            now = int(seconds) * 1000 + int(microseconds) // 1000
        fields = [letter + codec.US + name for name in limited for letter in "br"]
        texts = await self.calls.command("HMGET", self.keys.gauges, *fields)
        return {
            name: await self._gauge(name, triggers[name], _Breaker.of(breaker), rate, now)
            for name, breaker, rate in zip(limited, texts[::2], texts[1::2], strict=True)
        }

    async def _gauge(
        self, source: str, trigger: Mapping[str, Any], breaker: _Breaker, rate: bytes | None, now: int
    ) -> Gauge:
        counted = "cn" in trigger
        return Gauge(
            running=await self._count("x", source) if counted else None,
            waiting=await self._count("l", source) if counted else None,
            breaker=breaker.state(now) if "bk" in trigger else None,
            failures=breaker.failures,
            opened=breaker.since,
            probe_at=breaker.till,
            next_start=now + _wait(trigger["rl"], rate, now) if "rl" in trigger else None,
        )

    async def running(self, source: str, token: str) -> int:
        """How many run that count for this value of a source's limit."""
        return await self._count("x", source, token)

    async def _count(self, *stem: str) -> int:
        low = codec.US.join((*stem, "")).encode()
        return int(await self.calls.command("ZLEXCOUNT", self.keys.slots, b"[" + low, b"(" + low + b"\xff"))


def _wait(rate: tuple[int, int, int], text: bytes | None, now: int) -> int:
    """In how many ms a source may start one more: what the rate has spent beyond its burst, at the pace it comes back."""
    starts, per, burst = rate
    if text is None:
        return 0
    debt, at, was = map(int, text.split(b" "))
    left = debt * per // was - max(0, now - at) * starts
    return max(0, -(-(left - (burst - 1) * per) // starts))

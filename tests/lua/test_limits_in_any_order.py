"""Limits hold whatever happens in whatever order: random operations, and after each of them everything is looked at.

Operations are interpreted in whatever state they meet, so that any part of a failing list can be run.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import combinations_with_replacement
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from blackboard.activation import Activation, ActivationState, Claimed
from blackboard.store import codec, stub
from blackboard.store.partition import Applied
from tests.lua.bench import LEASE, Bench, each, gone, write

BOARDS, VALUES, KEYS = ("x", "y", "z"), ("ann", "bob"), 4

WEIGHTS = {
    "nothing": 1, "post": 8, "claim": 14, "commit": 6, "fail": 3, "release": 2, "time": 6, "retract": 2, "pause": 1, "resume": 3,
    "orchestrate": 1, "choreograph": 3, "grant": 2, "veto": 1, "suspend": 1, "register": 1, "retry": 2,
}  # fmt: skip

OPERATIONS = st.lists(
    st.tuples(st.sampled_from([name for name, weight in WEIGHTS.items() for _ in range(weight)]), st.integers(0, 4095)),
    min_size=50,
    max_size=60,
)
"""Many, since the average is near the least; a failing list shrinks to one that mostly does nothing."""

LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "cn": st.integers(1, 2),
        "cp": st.just([1, "x"]),
        "rl": st.sampled_from([[2, 1000, 2], [3, 700, 1], [1, 100, 4]]),
        "bk": st.sampled_from([[2, 1500], [1, 300]]),
        "fr": st.just(1),
        "rt": st.just(["f", 1, "r"]),
        "bd": st.just(1),
    },
).map(lambda found: found if "cn" in found else {name: found[name] for name in found if name != "cp"})


class Life:
    """Plays operations on a store, and knows what must hold."""

    def __init__(self, bench: Bench, limits: dict[str, Any]) -> None:
        self.bench = bench
        self.limits = limits
        self.runs: dict[tuple[str, str], Claimed] = {}
        self.starts: list[int] = []
        self.registered = False
        self.suspended = False
        self.failures = self.till = 0
        self.probe: tuple[str, str] | None = None

    @property
    def triggers(self) -> tuple[dict[str, Any], ...]:
        return each("one", "a", **self.limits), each("two", "a", pr=1)

    async def play(self, operations: list[tuple[str, int]]) -> None:
        await self.bench.register(*self.triggers)
        for name, number in operations:
            await getattr(self, name)(BOARDS[number % 3], number // 3)
            await self.look()

    # ------------------------------------------------------------------ operations

    async def nothing(self, _: str, __: int) -> None: ...

    async def post(self, board: str, number: int) -> None:
        key, value = number % KEYS, VALUES[number // KEYS % 2]
        await self.bench.post(board, write(f"a/{key}", value))

    async def retract(self, board: str, number: int) -> None:
        await self.bench.post(board, gone(f"a/{number % KEYS}"))

    async def claim(self, _: str, number: int) -> None:
        for claimed in await self.bench.claim(1 + number % 5, owner=f"w{number % 3}"):
            await self._take(claimed)

    async def _take(self, claimed: Claimed) -> None:
        if claimed.verdict == "bid":
            await self.bench.store.release(claimed.claim, "bid", "1", self.bench.now)
        elif claimed.verdict == "poison":
            self._over(claimed)
            await self._fail(claimed, "dead")
        elif claimed.verdict:
            self._over(claimed)
            await self.bench.release(claimed.claim)
        elif claimed.claim.source == "one":
            self._start(claimed)
        else:
            self.runs[_who(claimed)] = claimed

    def _start(self, claimed: Claimed) -> None:
        now = self.bench.now
        self._over(claimed)  # what it was before
        self.starts.append(now)
        if "bk" in self.limits and self.till:
            assert now >= self.till, "it starts though its breaker is open"
            is_held = (
                self.starts[-2:-1] and now < self.starts[-2] + LEASE
            )  # what began before has lost its lease by now
            assert not is_held or self.probe is None or self.probe not in self.runs, "two probe at a time"
            self.probe = _who(claimed)
        self.runs[_who(claimed)] = claimed

    async def commit(self, _: str, number: int) -> None:
        if claimed := self._one(number):
            await self._commit(claimed)

    async def _commit(self, claimed: Claimed) -> None:
        if isinstance(await self.bench.commit(claimed.claim), Applied):
            self._count(claimed, failed=False)

    async def fail(self, _: str, number: int) -> None:
        if claimed := self._one(number):
            await self._fail(claimed, "retry" if number % 3 else "dead")

    async def _fail(self, claimed: Claimed, verdict: str) -> None:
        if await self.bench.fail(claimed.claim, verdict, 500) == "ok":
            self._count(claimed, failed=True)

    async def release(self, _: str, number: int) -> None:
        if claimed := self._one(number):
            await self.bench.release(claimed.claim, "ready" if number % 2 else "wait")

    async def time(self, _: str, number: int) -> None:
        """Sometimes so long that leases run out."""
        self.bench.now += (LEASE if number % 4 == 0 else 0) + number % 800

    async def pause(self, board: str, _: int) -> None:
        await self.bench.pause(board)

    async def resume(self, board: str, _: int) -> None:
        await self.bench.resume(board)
        if self.suspended:
            await self.suspend("", 0)

    async def orchestrate(self, board: str, _: int) -> None:
        await self.bench.orchestrate(board)

    async def choreograph(self, board: str, _: int) -> None:
        await self.bench.choreograph(board)

    async def grant(self, board: str, number: int) -> None:
        if found := await self._of(board, number, ActivationState.HELD):
            await self.bench.store.grant(board, "@test", found.identity, found.number, now=self.bench.now)

    async def veto(self, board: str, number: int) -> None:
        if found := await self._of(board, number, *set(ActivationState) - {ActivationState.RUNNING}):
            await self.bench.store.veto(board, "@test", found.identity, found.number, now=self.bench.now)

    async def retry(self, board: str, _: int) -> None:
        for dead in await self.bench.store.dead(board):
            await self.bench.store.revive(board, dead.identity, "@test", self.bench.now)

    async def suspend(self, _: str, __: int) -> None:
        self.suspended = not self.suspended
        await self.bench.suspend("one", on=self.suspended)

    async def register(self, _: str, number: int) -> None:
        """Another limit of concurrency, or none; turns or none."""
        changed = {"cn": 1 + number % 3, "cp": [1, "x"], "fr": 1}
        kept = {name: value for name, value in self.limits.items() if name not in changed}
        self.limits = kept | {name: value for i, (name, value) in enumerate(changed.items()) if number >> i & 1}
        if "cn" not in self.limits:
            self.limits.pop("cp", None)
        self.registered = True
        revision, _changed = await self.bench.register(*self.triggers)
        for board in BOARDS:
            await self.bench.rematch(board, revision)

    # ------------------------------------------------------------------ what was begun

    def _one(self, number: int) -> Claimed | None:
        """One that runs, which ends now; None when none does, or its worker is too late."""
        if not self.runs:
            return None
        return self.runs.pop(sorted(self.runs)[number % len(self.runs)])

    def _over(self, claimed: Claimed) -> None:
        self.runs.pop(_who(claimed), None)

    def _count(self, claimed: Claimed, *, failed: bool) -> None:
        """What the breaker makes of an end."""
        if claimed.claim.source != "one" or "bk" not in self.limits:
            return
        if self.till and self.probe != _who(claimed):
            return
        self.failures = self.failures + 1 if failed else 0
        opens = failed and (self.till or self.failures >= self.limits["bk"][0])
        self.till = self.bench.now + self.limits["bk"][1] if opens else 0
        self.probe = None

    async def _of(self, board: str, number: int, *states: ActivationState) -> Activation | None:
        found = [each_one for each_one in await self.bench.store.agenda(board) if each_one.state in states]
        return found[number % len(found)] if found else None

    # ------------------------------------------------------------------ what must hold

    async def look(self) -> None:
        every = await self._records()
        await self._look_at_places({name: record for name, record in every.items() if record.source == "one"})
        await self._look_at_rows(every)
        self._look_at_starts()

    async def _records(self) -> dict[str, Activation]:
        rows = stub.pairs(await self.bench.command("HGETALL", self.bench.keys.activations))
        return {name.decode(): codec.activation(name.decode(), text) for name, text in rows}

    async def _look_at_places(self, records: dict[str, Activation]) -> None:
        """The set of places is what the records say, no more than there are, and nothing waits while one is free."""
        letters = {state: letter for letter, state in codec.STATES.items()}
        rows = [
            row.decode().split(codec.US) for row in await self.bench.command("ZRANGE", self.bench.keys.slots, 0, -1)
        ]
        held = sorted((row[0], row[2], row[-1]) for row in rows)
        assert held == sorted((letters[r.state], r.token, name) for name, r in records.items() if r.token)
        taken = Counter((r.token, r.state) for r in records.values() if r.token)
        limit = self.limits.get("cn")
        running = [r for r in records.values() if r.state is ActivationState.RUNNING]
        if limit is None:
            assert not rows
            return
        assert all([r.token or await self._is_adrift(r) for r in running]), "it runs and has no place"
        for token in {token for token, _ in taken}:
            occupied = taken[token, ActivationState.RUNNING] + taken[token, ActivationState.READY]
            if not self.registered:
                assert occupied <= limit, "more than there are places"
            assert occupied >= limit or not taken[token, ActivationState.LIMITED], "it waits though a place is free"
        if not self.registered:
            values = self._values(records)
            assert all(count <= limit for count in values.values()), "more run than there are places"

    def _values(self, records: dict[str, Activation]) -> Counter[object]:
        """How many run by value, as they were claimed: those whose lease has not gone to another."""
        live = {(r.board, r.identity, r.epoch) for r in records.values() if r.state is ActivationState.RUNNING}
        mine = [each_one for who, each_one in self.runs.items() if (*who, each_one.claim.epoch) in live]
        return Counter(each_one.bindings[0][0].payload if "cp" in self.limits else None for each_one in mine)

    async def _is_adrift(self, record: Activation) -> bool:
        """Whether it is only to be looked at again, or, when its limit was registered, its value was no more to be told: what it
        was bound to is gone."""
        if (record.board, record.identity) not in self.runs:
            return True
        entries = self.bench.keys.of_board(record.board, "entries")
        return (
            self.registered
            and "cp" in self.limits
            and not await self.bench.command("HEXISTS", entries, *record.addresses)
        )

    async def _look_at_rows(self, records: dict[str, Activation]) -> None:
        """Everything that is ready has a row; a row that was left over may be there besides."""
        rows = {
            row.decode().rpartition(codec.US)[2]
            for row in await self.bench.command("ZRANGE", self.bench.keys.ready, 0, -1)
        }
        ready = {name for name, record in records.items() if record.state is ActivationState.READY}
        assert ready <= rows

    def _look_at_starts(self) -> None:
        """In no time t more start than burst + count * t / per."""
        if "rl" not in self.limits:
            return
        count, per, burst = self.limits["rl"]
        for i, j in combinations_with_replacement(range(len(self.starts)), 2):
            assert (j - i + 1 - burst) * per <= (self.starts[j] - self.starts[i]) * count, "faster than its rate"

    async def finish(self) -> None:
        """Left alone, everything that is open is done, whatever it waited for."""
        if self.suspended:
            await self.suspend("", 0)
        for board in BOARDS:
            await self.bench.choreograph(board)
            await self.bench.resume(board)
        for _ in range(400):
            self.bench.now += 400
            for claimed in await self.bench.claim(10):
                await self._take(claimed)
            while claimed_one := self._one(0):
                await self._commit(claimed_one)
            await self.look()
            left = {r.state for r in (await self._records()).values()}
            if left <= {ActivationState.DEAD, ActivationState.WAITING}:
                break
        else:
            pytest.fail(f"left over: {await self._records()}")
        assert await self.bench.command("ZCARD", self.bench.keys.slots) == 0


def _who(claimed: Claimed) -> tuple[str, str]:
    return claimed.claim.board, claimed.claim.identity


@asynccontextmanager
async def fresh(bench: Bench) -> AsyncIterator[Bench]:
    """The same store without anything in it."""
    try:
        yield Bench(bench.clients, bench.keys.namespace)
    finally:
        for key in [key async for key in bench.clients.commands.scan_iter(match=f"{bench.keys.tag}*")]:
            await bench.command("DEL", key)


PLAYED = settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@PLAYED
@example(limits={}, operations=[("post", 0), ("claim", 0), ("claim", 0), ("retract", 0), ("register", 129)])
@given(limits=LIMITS, operations=OPERATIONS)
@pytest.mark.timeout(300)
async def test_limits_hold_in_any_order(
    bench: Bench, limits: dict[str, Any], operations: list[tuple[str, int]]
) -> None:
    async with fresh(bench) as store:
        life = Life(store, limits)
        await life.play(operations)
        await life.finish()


@PLAYED
@given(
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=6),
    wanted=st.lists(st.integers(1, 7), min_size=1, max_size=30),
)
@pytest.mark.timeout(300)
async def test_every_board_has_a_turn_within_as_many_grants_as_there_are_boards(
    bench: Bench, sizes: list[int], wanted: list[int]
) -> None:
    async with fresh(bench) as store:
        await store.register(each("one", "a", fr=1))
        left = {f"b{i}": size for i, size in enumerate(sizes)}
        for board, size in left.items():
            await store.post(board, *(write(f"a/{i}") for i in range(size)))
        waited: dict[str, int] = defaultdict(int)
        for count in wanted:
            for claimed in await store.claim(count):
                for board, size in left.items():
                    waited[board] = 0 if board == claimed.claim.board else waited[board] + (size > 0)
                    assert waited[board] < len(left), f"{board} waits for its turn"
                left[claimed.claim.board] -= 1

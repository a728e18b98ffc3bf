"""Boards on which releases with other schema versions meet: no wrong answer, and the same agenda in the end.

Two partitions live the same life. On the one, three releases post in their own shapes, are registered one after the other and
come back, claim, commit and bring entries forward, in any order that hypothesis thinks of. On the other everything was of the
newest shape from the start. What the first hands out to be run must be ready on the second, with the same binding; and once
all is registered and brought forward, both must hold the same entries and the same agenda.

A field keeps its name in all versions and changes its meaning, so that whoever reads it by the wrong one is found out.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blackboard.activation import Claimed, StoredEntry
from blackboard.errors import NewerSchema
from blackboard.store import codec
from blackboard.store.connection import Clients, connect
from blackboard.store.partition import Applied, Write
from tests.conftest import empty_namespace
from tests.lua.bench import Bench

pytestmark = pytest.mark.model

NEWEST = 3
BOARD = "x"
SCALE = {1: 1, 2: -1, 3: 10}
"""What the number of an `a` is multiplied by in each version."""


def data(version: int, number: int, place: int) -> dict[str, Any]:
    """An `a` in the shape of a version: its number, and the label that joins it."""
    return {"n": number * SCALE[version], "k": place if version == 1 else f"{place}"}


def upcast(payload: bytes | str, version: int) -> dict[str, Any]:
    """An `a` brought forward to the newest shape."""
    found: dict[str, Any] = json.loads(payload)
    return found | {"n": found["n"] * SCALE[NEWEST] // SCALE[version], "k": str(found["k"])}


def cards(version: int) -> list[tuple[str, str, str, list[str]]]:
    """The sources of a release: the same questions in its own fields."""
    high = ["<" if SCALE[version] < 0 else ">", "n", 2 * SCALE[version]]
    shape = {"v": str(version)} if version > 1 else {}
    label = "k" if version == 1 else "text"
    tested = {"k": "a", "t": [high], "a": f"~high{version}", **shape}
    joined = {"k": "a", "ix": "k", "a": f"~joined{version}", **shape}
    any_a = {"k": "a", "a": "a", **shape}
    b = {"k": "b", "m": "e", "a": "b"}
    blind = any_a | ({"b": 1} if version > 1 else {})
    by_label = {"k": "b", "m": "e", "ix": label, "a": f"~{label}"}
    triggers = [
        {"s": "each", "p": [tested | {"m": "e"}]},
        {"s": "blind", "p": [blind | {"m": "e"}]},
        {"s": "gather", "p": [b, tested | {"m": "g", "n": 1}]},
        {"s": "gather_any", "p": [blind | {"m": "g", "n": 1}]},
        {"s": "context", "p": [b, tested | {"m": "c"}]},
        {"s": "absent", "p": [b], "c": [tested], "w": [["==", ["n", 1], ["v", 0]]]},
        {"s": "absent_any", "p": [b], "c": [any_a], "w": [["==", ["n", 1], ["v", 0]]]},
        {"s": "count", "c": [tested], "w": [[">=", ["n", 1], ["v", 2]]]},
        {"s": "join", "p": [joined | {"m": "e"}, by_label], "j": [[1, "k", 2, label]]},
        {
            "s": "count_joined",
            "p": [by_label],
            "c": [joined | {"j": [["k", 1, label]]}],
            "w": [["==", ["n", 1], ["v", 1]]],
        },
        {"s": "once", "p": [tested | {"m": "e"}], "rf": "o"},
        {"s": "residual", "p": [any_a | {"m": "e"}, b], "w": [[high[0], ["f", 1, "n"], ["v", high[2]]]]},
        {"s": "report", "q": 1, "p": [tested | {"m": "g"}]},
    ]
    return [_card(trigger, version) for trigger in triggers]


def _card(trigger: dict[str, Any], version: int) -> tuple[str, str, str, list[str]]:
    parts = (*trigger.get("p", ()), *trigger.get("c", ()))
    kinds = sorted({part["k"] for part in parts}) + (["?quiescent"] if "q" in trigger else [])
    reads = [{"kind": kind, "version": version if kind == "a" else 1} for kind in sorted({part["k"] for part in parts})]
    return trigger["s"], json.dumps({"reads": reads}), json.dumps(trigger, separators=(",", ":")), kinds


class Twins:
    """The two partitions; the second follows the first."""

    def __init__(self, clients: Clients, namespace: str) -> None:
        self.mixed, self.uniform = Bench(clients, namespace), Bench(clients, f"{namespace}u")
        self.serial = 0
        self.cursor: tuple[int, str] | None = None
        self.held: list[Claimed] = []

    async def begin(self) -> None:
        for bench in (self.mixed, self.uniform):
            await bench.store.calls.prepare()
        for each_card in cards(NEWEST):
            await self.uniform.store.register(each_card[0], [each_card])
        await self.register(1)
        await self.b(0)

    # ------------------------------------------------------------------ what may happen

    async def post(self, version: int, key: int, number: int, place: int) -> None:
        """A release posts or revises an `a`."""
        self.serial += 1
        address, serial = f"a/{key}", {"s": self.serial}
        try:
            await self.mixed.post(BOARD, Write(address, -1, version, _text(data(version, number, place) | serial)))
        except NewerSchema:
            return
        await self.uniform.post(BOARD, Write(address, -1, NEWEST, _text(data(NEWEST, number, place) | serial)))

    async def again(self, key: int) -> None:
        """The newest release writes what is there already, brought forward."""
        there = await self.mixed.store.entry(BOARD, f"a/{key}")
        if there is not None and there.schema == NEWEST:
            await self.mixed.post(BOARD, Write(there.address, -1, NEWEST, there.payload))

    async def retract(self, address: str) -> None:
        for bench in (self.mixed, self.uniform):
            await bench.post(BOARD, Write(address, -1))

    async def b(self, place: int) -> None:
        written = self._b(place)
        for bench in (self.mixed, self.uniform):
            await bench.post(BOARD, written)

    def _b(self, place: int) -> Write:
        self.serial += 1
        return Write(f"b/{place}", -1, 1, _text({"k": place, "text": f"{place}", "serial": self.serial}))

    async def register(self, version: int) -> None:
        """A release starts, or comes back; its board is matched at once."""
        revision, _ = await self.mixed.store.register(f"r{version}", cards(version))
        await self.mixed.rematch(BOARD, revision, 1)

    async def begin_to_register(self, version: int) -> None:
        """A release starts, and is slow to match the board."""
        revision, _ = await self.mixed.store.register(f"r{version}", cards(version))
        self.cursor = (revision, "0")

    async def go_on_registering(self) -> None:
        if self.cursor is None:
            return
        revision, cursor = self.cursor
        answer, cursor = await self.mixed.store.rematch(BOARD, revision, cursor, 1, self.mixed.now)
        self.cursor = (revision, cursor) if answer == "more" else None

    async def work(self, version: int, writes: bool, chore: str) -> None:
        """A worker of a release claims one thing and does it; a chore it may also leave as it is for a while."""
        for claimed in await self.mixed.claim(1, crew=f"r{version}"):
            if claimed.claim.source == "@shape/a" and chore == "hold":
                self.held.append(claimed)
            elif claimed.claim.source == "@shape/a":
                await self.chore(claimed, chore == "whole")
            elif claimed.verdict:
                await self.mixed.release(claimed.claim)
            else:
                await self.run(claimed, writes)

    async def go_on(self, whole: bool) -> None:
        """Whoever holds a chore does it now."""
        if self.held:
            await self.chore(self.held.pop(), whole)

    async def chore(self, claimed: Claimed, whole: bool) -> None:
        """Bring all of it forward, or one entry and give the rest back."""
        entries = await self.mixed.store.behind(BOARD, "a", "", 100)
        shaped = [(each, NEWEST, _text(upcast(each.payload, each.schema))) for each in entries if each.schema < NEWEST]
        some, ending = (shaped, "done") if whole else (shaped[:1], "")
        assert await self.mixed.store.reshape(claimed.claim, some, ending, now=self.mixed.now) == "ok"
        if not whole:
            assert await self.mixed.release(claimed.claim) == "ok"

    async def run(self, claimed: Claimed, writes: bool) -> None:
        """What is run here must be ready there, with the same binding."""
        twin = await self._twin(claimed)
        assert twin is not None, f"{claimed.claim.identity!r} runs, and must not"
        assert [_binding(each) for each in claimed.bindings] == [_binding(each) for each in twin.bindings]
        written = [self._b(7)] if writes else []
        for bench, each in ((self.mixed, claimed), (self.uniform, twin)):
            assert isinstance(await bench.commit(each.claim, *written), Applied)

    async def _twin(self, claimed: Claimed) -> Claimed | None:
        found = None
        for each in await self.uniform.claim(100, crew=claimed.claim.source):
            if each.claim.identity == claimed.claim.identity:
                found = each
            else:
                await self.uniform.release(each.claim)
        return found

    # ------------------------------------------------------------------ the end

    async def end(self) -> None:
        """All of the newest release, all brought forward; nothing else is run."""
        for version in range(1, NEWEST + 1):
            await self.register(version)
        while self.held:
            await self.go_on(whole=True)
        while claims := await self.mixed.claim(1, crew=f"r{NEWEST}"):
            if claims[0].claim.source != "@shape/a":
                await self.mixed.release(claims[0].claim)
                break
            await self.chore(claims[0], whole=True)
        assert await self.mixed.states(BOARD) == await self.uniform.states(BOARD)
        entries = [await bench.store.entries(BOARD) for bench in (self.mixed, self.uniform)]
        assert [_seen(each) for each in entries[0]] == [_seen(each) for each in entries[1]]
        facts = [await bench.store.facts(BOARD) for bench in (self.mixed, self.uniform)]
        assert [(each.busy, each.closing, each.entries, each.behind) for each in facts if each] == [
            (each.busy, each.closing, each.entries, 0) for each in (facts[1], facts[1]) if each
        ]


def _text(fields: dict[str, Any]) -> str:
    return json.dumps(fields, separators=(",", ":"))


def _seen(entry: StoredEntry) -> tuple[str, int, Any]:
    payload = upcast(entry.payload, entry.schema) if entry.kind == "a" else json.loads(entry.payload)
    return entry.address, entry.version, payload


def _binding(slot: Sequence[StoredEntry]) -> list[tuple[str, int, Any]]:
    return [_seen(entry) for entry in slot]


VERSIONS, KEYS, PLACES = st.integers(1, NEWEST), st.integers(0, 2), st.integers(0, 1)
CHORES = st.sampled_from(["whole", "part", "hold", "hold"])
OPERATIONS = st.one_of(
    st.tuples(st.just("post"), VERSIONS, KEYS, st.integers(0, 5), PLACES),
    st.tuples(st.just("post"), VERSIONS, KEYS, st.integers(0, 5), PLACES),
    st.tuples(st.just("work"), VERSIONS, st.booleans(), CHORES),
    st.tuples(st.just("work"), VERSIONS, st.booleans(), CHORES),
    st.tuples(st.just("work"), st.just(NEWEST), st.booleans(), CHORES),
    st.tuples(st.just("go_on"), st.booleans()),
    st.tuples(st.just("register"), VERSIONS),
    st.tuples(st.just("begin_to_register"), VERSIONS),
    st.tuples(st.just("go_on_registering")),
    st.tuples(st.just("retract"), st.sampled_from(["a/0", "a/1", "a/2", "b/0", "b/1"])),
    st.tuples(st.just("b"), PLACES),
    st.tuples(st.just("again"), KEYS),
)


async def play(url: str, operations: Sequence[tuple[Any, ...]]) -> None:
    """One life of the twins."""
    namespace = f"t{uuid4().hex[:12]}"
    clients = await connect(url)
    try:
        twins = Twins(clients, namespace)
        await twins.begin()
        for name, *words in operations:
            await getattr(twins, name)(*words)
        await twins.end()
    finally:
        await clients.aclose()
        for each in (namespace, f"{namespace}u"):
            empty_namespace(url, each)


@pytest.mark.timeout(300)
@settings(max_examples=300)
@given(operations=st.lists(OPERATIONS, max_size=30))
def test_no_wrong_answer_and_the_same_agenda(valkey_url: str, operations: list[tuple[Any, ...]]) -> None:
    asyncio.run(play(valkey_url, operations))


async def test_the_test_finds_who_reads_fields_by_the_wrong_version(valkey_url: str) -> None:
    """Were an old entry judged as it is, this life would show it."""
    assert upcast(_text(data(1, 4, 0)), 1) == upcast(_text(data(2, 4, 0)), 2) == data(3, 4, 0)
    assert codec.US not in _text(data(1, 4, 0))
    await play(valkey_url, [("register", 3), ("post", 1, 0, 4, 0), ("work", 3, False, "whole"), ("work", 3, False, "")])

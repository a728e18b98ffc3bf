"""What the tests of the scripts stand on: one partition of one store, time as a number, and a dump of everything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from blackboard.activation import Activation, Claim, Claimed
from blackboard.limits import Limits
from blackboard.store import codec
from blackboard.store.calls import Calls
from blackboard.store.connection import Clients
from blackboard.store.control import Decision, Steered
from blackboard.store.keys import Keys
from blackboard.store.partition import (
    ANYTHING,
    SNAPSHOT,
    Applied,
    Commit,
    Partition,
    Write,
)
from blackboard.store.stub import ClaimRequest, Handed

CREW = "crew"
CONTROL = "@control"
LEASE = 1000

_READ = {"hash": "HGETALL", "list": "LRANGE", "zset": "ZRANGE"}
_TAIL: dict[str, tuple[Any, ...]] = {"hash": (), "list": (0, -1), "zset": (0, -1, "WITHSCORES")}


def each(source: str, *kinds: str, **more: Any) -> dict[str, Any]:
    """A trigger that binds one entry of every kind, all of them keyed."""
    return {"s": source, "p": [{"k": kind, "m": "e", "a": kind} for kind in kinds], **more}


def card(trigger: dict[str, Any]) -> tuple[str, str, str, list[str]]:
    """A source as it is registered."""
    kinds = [part["k"] for part in (*trigger.get("p", ()), *trigger.get("c", ()))] + trigger.get("wk", [])
    if trigger.get("q"):
        kinds.append("?quiescent")
    return trigger["s"], "{}", json.dumps(trigger, separators=(",", ":")), sorted(set(kinds))


def write(address: str, value: object = 1, expected: int = ANYTHING) -> Write:
    """A post or revision of an entry with one field."""
    return Write(address, expected, 1, json.dumps({"x": value}, separators=(",", ":")))


def gone(address: str, expected: int = ANYTHING) -> Write:
    """A retraction."""
    return Write(address, expected)


class Bench:
    """Drives the scripts of one partition. `now` moves only when a test says so."""

    def __init__(self, clients: Clients, namespace: str, limits: Limits | None = None) -> None:
        self.clients = clients
        self.keys = Keys(namespace)
        self.store = Partition(Calls(clients, patience=0), self.keys, limits or Limits())
        self.now = 1_000
        self.number = 0

    def within(self, limits: Limits) -> Bench:
        """The same partition under other limits."""
        other = Bench(self.clients, self.keys.namespace, limits)
        other.now, other.number = self.now, self.number + 1000
        return other

    def use_scripts(self) -> None:
        """Carry the commands as scripts also where the server keeps functions."""
        self.store.calls = Calls(self.clients, patience=0)

    async def register(self, *triggers: dict[str, Any], crew: str = CREW) -> tuple[int, list[str]]:
        return await self.store.register(crew, [card(trigger) for trigger in triggers])

    async def post(self, board: str, *writes: Write, operation: str | None = None) -> Applied:
        self.number += 1
        return await self.store.post(board, operation or f"op{self.number:06d}", "@test", writes, self.now)

    def request(self, wanted: int = 1, **other: Any) -> ClaimRequest:
        self.number += 1
        facts = {"owner": "w1", "number": self.number, "lease": LEASE, "crew": CREW, **other}
        return ClaimRequest(wanted=wanted, **facts)

    async def handed(self, wanted: int = 1, **other: Any) -> Handed:
        return await self.store.claim(self.request(wanted, **other), self.now)

    async def claim(self, wanted: int = 1, **other: Any) -> list[Claimed]:
        return (await self.handed(wanted, **other)).claimed

    async def claim_one(self, **other: Any) -> Claimed:
        (claimed,) = await self.claim(1, **other)
        return claimed

    async def commit(self, claim: Claim, *writes: Write, **other: Any) -> Applied | Exception | None:
        """One commit without a claim behind it."""
        kept = [
            Write(w.address, SNAPSHOT if w.expected == ANYTHING else w.expected, w.schema, w.payload) for w in writes
        ]
        (result,), _ = await self.store.commit([Commit(claim, kept, **other)], self.request(0), self.now)
        return result

    async def fail(self, claim: Claim, verdict: str = "retry", delay: int = 10) -> str:
        return await self.store.fail(claim, verdict, delay, "error", "boom", self.now)

    async def release(self, claim: Claim, verdict: str = "ready") -> str:
        return await self.store.release(claim, verdict, "no", self.now)

    # ------------------------------------------------------------------ control

    async def orchestrate(self, board: str, strategy: str = "Manual", **other: Any) -> Steered:
        return await self._switch(board, (json.dumps({"is": strategy}), strategy), **other)

    async def choreograph(self, board: str, **other: Any) -> Steered:
        return await self._switch(board, None, **other)

    async def _switch(self, board: str, strategy: tuple[str, str] | None, **other: Any) -> Steered:
        self.number += 1
        operation = other.pop("operation", f"op{self.number:06d}")
        return await self.store.switch(board, operation, "@test", strategy, now=self.now, **other)

    async def pause(self, board: str) -> Steered:
        return await self.store.pause(board, "@test", "look first", self.now)

    async def resume(self, board: str, *, step: bool = False) -> Steered:
        return await self.store.resume(board, "@test", "", step, self.now)

    async def grant(self, board: str, name: str, expected: int | None = None) -> Steered:
        """Grant by hand what `states` calls by this name."""
        found = await self.activation(board, name)
        return await self.store.grant(board, "@test", found.identity, found.number, "please", expected, self.now)

    async def veto(self, board: str, name: str) -> str:
        """Forbid what `states` calls by this name."""
        found = await self.activation(board, name)
        return await self.store.veto(board, "@test", found.identity, found.number, "never", self.now)

    async def suspend(self, source: str, *, on: bool = True) -> str:
        return await self.store.suspend(source, on, "@test", "too dear", self.now)

    async def claim_control(self, wanted: int = 5, **other: Any) -> list[Claimed]:
        """What a controller gets."""
        return await self.claim(wanted, **{"crew": CONTROL, "owner": "c1", **other})

    async def control(self, **other: Any) -> Claimed:
        """The one board that a controller gets."""
        (claimed,) = await self.claim_control(**other)
        return claimed

    async def decide(self, claimed: Claimed, *granted: str, **other: Any) -> tuple[str, str]:
        """Grant what `states` calls by these names; nothing is claimed behind it."""
        (answer,), _ = await self.store.decide([decision(claimed, *granted, **other)], self.request(0), self.now)
        return answer

    async def decide_once(self, *granted: str, **other: Any) -> None:
        """A controller comes, decides and is obeyed."""
        assert (await self.decide(await self.control(), *granted, **other))[0] == "ok"

    async def activation(self, board: str, name: str) -> Activation:
        (found,) = [each for each in await self.store.agenda(board) if named(each) == name]
        return found

    async def controls(self) -> list[str]:
        """The boards that have a control activation, whatever its state."""
        fields = [field.decode() for field in await self.command("HKEYS", self.keys.activations)]
        return [field.partition(codec.RS)[0] for field in fields if field.endswith(CONTROL + codec.RS)]

    # ------------------------------------------------------------------ undoing

    async def abort(self, board: str, savepoint: int = 0, operation: str | None = None) -> tuple[str, int]:
        self.number += 1
        name = operation or f"op{self.number:06d}"
        return await self.store.abort(board, name, "@test", "enough", savepoint, self.now)

    async def savepoint(self, board: str, name: str = "here", operation: str | None = None) -> tuple[str, int]:
        self.number += 1
        return await self.store.savepoint(board, operation or f"op{self.number:06d}", "@test", name, self.now)

    async def chore(self, **other: Any) -> Claimed:
        """The chore that a worker gets before all else."""
        claimed = await self.claim_one(**other)
        assert claimed.claim.source == "@saga"
        return claimed

    async def undo(self, claimed: Claimed, verdict: str = "go", *opening: tuple[str, int], **other: Any) -> str:
        """Answer the chore."""
        facts = await self.store.facts(claimed.claim.board)
        assert facts is not None
        words = {"epoch": facts.epoch, "reason": verdict, **other}
        return await self.store.undo(claimed.claim, verdict=verdict, opening=opening, now=self.now, **words)

    async def undo_once(self, verdict: str = "go", *opening: tuple[str, int], **other: Any) -> None:
        """A worker comes, looks how far the board is, and says so."""
        assert await self.undo(await self.chore(), verdict, *opening, **other) == "ok"

    async def skip(self, board: str, name: str) -> str:
        """Do without what `states` or the dead call by this name."""
        found = [*await self.store.agenda(board), *await self.store.dead(board)]
        (one,) = [each for each in found if named(each) == name]
        return await self.store.skip(board, "@test", one.identity, one.number, "by hand", self.now)

    # ------------------------------------------------------------------ looking

    async def rematch(self, board: str, revision: int, slice_size: int = 100) -> None:
        """All slices."""
        answer, cursor = "more", "0"
        while answer == "more":
            answer, cursor = await self.store.rematch(board, revision, cursor, slice_size, self.now)

    async def states(self, board: str) -> dict[str, str]:
        """The agenda: `source address address` and the state."""
        return {named(activation): activation.state.value for activation in await self.store.agenda(board)}

    async def kinds_of_events(self, board: str, since: int = 0) -> list[str]:
        return [event.type.value for event in await self.store.events(board, since, 10_000)]

    async def command(self, *words: Any) -> Any:
        return await self.clients.commands.execute_command(*words)

    async def bell(self, crew: str = CREW) -> int:
        """How many tokens lie on a doorbell, which is emptied."""
        tokens = await self.command("LLEN", self.keys.bell(crew))
        await self.command("DEL", self.keys.bell(crew))
        return int(tokens)

    async def dump(self) -> dict[str, Any]:
        """Every key of the namespace with everything in it."""
        found = {}
        for key in sorted([key async for key in self.clients.commands.scan_iter(match=f"{self.keys.tag}*")]):
            kind = (await self.command("TYPE", key)).decode()
            found[key.decode()] = _plain(await self.command(_READ[kind], key, *_TAIL[kind]))
        return found

    def field(self, board: str, source: str, *addresses: str) -> str:
        """Under which name the store keeps an activation."""
        return board + codec.RS + codec.identity(source, addresses)


def _plain(value: Any) -> Any:
    return sorted(value.items()) if isinstance(value, dict) else value


def named(activation: Activation) -> str:
    """`source address address`."""
    return " ".join((activation.source, *activation.addresses))


def decision(claimed: Claimed, *granted: str, **other: Any) -> Decision:
    """What a controller answers to a claim: grants by the names of `named`."""
    assert claimed.shown is not None
    agenda = {named(activation): activation for activation in claimed.shown.agenda}
    grants = [(agenda[name].identity, agenda[name].number, "next") for name in granted]
    facts = {"epoch": claimed.shown.epoch, "seen": claimed.snapshot, "memo": "{}", **other}
    return Decision(claimed.claim, grants=grants, **facts)


def addresses(claimed: Sequence[Claimed]) -> list[tuple[str, ...]]:
    """What claims bind, pattern by pattern."""
    return [tuple(entry.address for slot in each_claim.bindings for entry in slot) for each_claim in claimed]


def names(claimed: Sequence[Claimed]) -> list[str]:
    """Which sources were claimed, in order."""
    return [each_claim.claim.source for each_claim in claimed]

"""The stubs of change of shape: schemas of kinds, and entries that are brought forward. A base of `Partition`, like `Control`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from blackboard.activation import Claim, StoredEntry
from blackboard.store import codec, stub
from blackboard.store.lines import Argument
from blackboard.store.stub import Stubs

OLD, NEW = "?old", "?new"
"""What the memory of a board calls entries that are of an older, or a newer, schema version than their kind is matched by."""


class Shapes(Stubs):
    """The scripts and reads of change of shape. ``now`` arguments are for tests; None asks the server's clock."""

    async def declare(self, schemas: Sequence[tuple[str, str, str]]) -> str | None:
        """Note schemas as (kind/version, text expected, text): None, or which of them another release has changed."""
        words: list[Argument] = [len(schemas)]
        for each in schemas:
            words += each
        answer: bytes = await self._run("declare", [], words)
        return None if answer == b"ok" else answer.decode()

    async def schemas(self) -> dict[str, str]:
        """What is noted of the kinds' schemas, by kind/version."""
        rows = stub.pairs(await self.calls.command("HGETALL", self.keys.schemas))
        return {name.decode(): text.decode() for name, text in rows}

    async def crews(self, sources: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The groups of workers that run each of these sources."""
        if not sources:
            return {}
        rows = await self.calls.command("HMGET", self.keys.crews, *sources)
        found = [(row or b"").decode().lstrip("!").strip("|") for row in rows]
        return {name: tuple(filter(None, row.split("|"))) for name, row in zip(sources, found, strict=True)}

    async def reshape(
        self,
        claim: Claim,
        shaped: Sequence[tuple[StoredEntry, int, str]],
        ending: str = "",
        delay: int = 0,
        problem: str = "",
        now: int | None = None,
    ) -> str:
        """Bring entries forward, as (what was read, schema, payload). ``ending``: ``done``, or ``later`` (after ``delay`` ms).

        Answers ``ok``, ``done``, ``lost`` or ``closed``.
        """
        words: list[Argument] = [stub.now(now), 1, claim.board, *stub.held(claim, 1), len(shaped)]
        for entry, schema, payload in shaped:
            words += [entry.address, entry.version, entry.schema, schema, payload]
        answer: bytes = await self._run("reshape", [claim.board], [*words, ending, delay, problem])
        return answer.decode()

    async def behind(self, board: str, kind: str, after: str, limit: int) -> list[StoredEntry]:
        """At most ``limit`` entries of a kind that wait to be brought forward, in the order of their addresses."""
        stem, key = f"{OLD}{codec.US}{kind}{codec.US}", self.keys.of_board(board, "memory")
        low, high = f"({stem}{after}" if after else f"[{stem}", f"({stem}".encode() + b"\xff"
        rows = await self.calls.command("ZRANGEBYLEX", key, low, high, "LIMIT", 0, limit)
        addresses = [row.decode().rpartition(codec.US)[2] for row in rows]
        if not addresses:
            return []
        texts = await self.calls.command("HMGET", self.keys.of_board(board, "entries"), *addresses)
        return [codec.entry(address, text) for address, text in zip(addresses, texts, strict=True) if text is not None]

    async def odd(self, board: str) -> tuple[dict[str, int], dict[str, int]]:
        """How many entries a board has of an older, and of a newer, schema version than their kind is matched by, by kind."""
        found: list[dict[str, int]] = []
        for mark in (OLD, NEW):
            low, high = f"[{mark}{codec.US}", f"({mark}{codec.US}".encode() + b"\xff"
            rows = await self.calls.command("ZRANGEBYLEX", self.keys.of_board(board, "memory"), low, high)
            found.append(dict(Counter(row.decode().split(codec.US)[1] for row in rows)))
        return found[0], found[1]

    async def unshaped(self) -> dict[str, int]:
        """The kinds of which entries wait for a worker to bring them forward, and on how many boards they do."""
        rows = await self.calls.command("ZRANGEBYLEX", self.keys.ready, "[@shape/", "(@shape0")
        return dict(Counter(row.decode().partition(codec.US)[0].partition("/")[2] for row in rows))

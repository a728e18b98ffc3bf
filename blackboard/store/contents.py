"""The plain reads: what stands on boards, what is on their agendas, and who works. A base of `Partition`, as `Control` is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from blackboard.activation import UNDOES, Activation, ActivationState, StoredEntry
from blackboard.event import Event
from blackboard.store import codec, stub
from blackboard.store.board_facts import BoardFacts
from blackboard.store.stub import Stubs


class Contents(Stubs):
    """What a partition holds, as of now. Nothing here writes."""

    async def entry(self, board: str, address: str) -> StoredEntry | None:
        """The entry at an address."""
        text = await self.calls.command("HGET", self.keys.of_board(board, "entries"), address)
        return None if text is None else codec.entry(address, text)

    async def entries(self, board: str, kind: str | None = None) -> list[StoredEntry]:
        """All entries of a board, or of one kind, by address, as of one moment."""
        answer = await self._run("read", [board], [1, board, kind or ""])
        return [codec.entry(address.decode(), text) for address, text in stub.pairs(answer)]

    async def facts(self, board: str) -> BoardFacts | None:
        """What the store knows of a board; None when there is none."""
        state = await self.calls.command("HGET", self.keys.of_board(board, "meta"), "state")
        return None if state is None else BoardFacts.of(board, state)

    async def events(self, board: str, since: int, limit: int) -> list[Event]:
        """At most ``limit`` events after number ``since``."""
        rows = await self.calls.command("LRANGE", self.keys.of_board(board, "log"), since, since + limit - 1)
        return [codec.event(board, since + i, row) for i, row in enumerate(rows, 1)]

    async def agenda(self, board: str) -> list[Activation]:
        """The open activations of a board, by source and addresses; running ones too."""
        rows = await self.calls.command("ZRANGE", self.keys.of_board(board, "agenda"), 0, -1)
        return await self.activations([f"{board}{codec.RS}{row.decode()}" for row in rows])

    async def dead(self, board: str | None = None) -> list[Activation]:
        """The dead activations, of all boards or of one."""
        low = f"[{board}{codec.RS}".encode() if board else b"-"
        high = f"({board}{codec.RS}".encode() + b"\xff" if board else b"+"
        rows = await self.calls.command("ZRANGEBYLEX", self.keys.dead, low, high)
        return await self.activations([row.decode() for row in rows])

    async def unknown(self, board: str | None = None) -> list[Activation]:
        """The activations whose outcome is unknown, of all boards or of one, the longest waiting first."""
        rows = [row.decode() for row in await self.calls.command("ZRANGE", self.keys.asked, 0, -1)]
        fields = [row for row in rows if board is None or row.startswith(f"{board}{codec.RS}")]
        return [each for each in await self.activations(fields) if each.state is ActivationState.UNKNOWN]

    async def activations(self, fields: Sequence[str]) -> list[Activation]:
        """The activations of these fields that exist."""
        if not fields:
            return []
        rows = await self.calls.command("HMGET", self.keys.activations, *fields)
        return [codec.activation(field, text) for field, text in zip(fields, rows, strict=True) if text is not None]

    async def workers(self) -> dict[str, Any]:
        """What is known of each worker instance."""
        rows = stub.pairs(await self.calls.command("HGETALL", self.keys.workers))
        return {name.decode(): json.loads(facts) for name, facts in rows}

    async def written(self, board: str, addresses: Sequence[str]) -> dict[str, int]:
        """Which event wrote the entry at each of these addresses, of those that are there."""
        if not addresses:
            return {}
        rows = await self.calls.command("HMGET", self.keys.of_board(board, "entries"), *addresses)
        return {address: codec.entry(address, row).seq for address, row in zip(addresses, rows, strict=True) if row}

    async def history(self, board: str) -> dict[str, int]:
        """How many of its activations each source has committed on a board, each binding counted once."""
        rows = await self.calls.command("HKEYS", self.keys.of_board(board, "fired"))
        sources = Counter(codec.split_identity(row.decode())[0] for row in rows)
        return {
            source: count for source, count in sources.items() if source[0] != "@" and not source.startswith(UNDOES)
        }

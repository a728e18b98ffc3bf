"""The stubs of sources: their registration, and the matching of boards against new ones. A base of `Partition`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from blackboard.store import stub
from blackboard.store.lines import Argument
from blackboard.store.stub import Stubs


class Sources(Stubs):
    """The scripts and reads of sources. ``now`` arguments are for tests; None asks the server's clock."""

    async def register(self, crew: str, cards: Sequence[tuple[str, str, str, Sequence[str]]]) -> tuple[int, list[str]]:
        """Register sources as (name, card, trigger, kinds): the revision now, and the names that were new or changed."""
        words: list[Argument] = [crew, len(cards)]
        for name, card, trigger, kinds in cards:
            words += [name, card, trigger, len(kinds), *kinds]
        answer = await self._run("register", [], words)
        return int(answer[0]), [name.decode() for name in answer[1:]]

    async def rematch(
        self, board: str, revision: int, cursor: str, slice_size: int, now: int | None = None
    ) -> tuple[str, str]:
        """Match a board against newly registered sources, one slice: (``more``, cursor), or ``ok`` or ``done``."""
        answer = await self._run("rematch", [board], [stub.now(now), 1, board, revision, cursor, slice_size])
        return answer[0].decode(), answer[1].decode() if isinstance(answer[1], bytes) else str(answer[1])

    async def forget(self, source: str, trigger: str) -> str:
        """Forget a source that was unregistered by this trigger: ``ok``, or ``again`` when a program has registered it since."""
        answer: bytes = await self._run("forget", [], [source, trigger])
        return answer.decode()

    async def matched(self) -> int:
        """The revision up to which all boards were matched."""
        return int(await self.calls.command("HGET", self.keys.triggers, "?matched") or 0)

    async def set_matched(self, revision: int) -> None:
        """Note that all boards were matched up to a revision."""
        await self.calls.command("HSET", self.keys.triggers, "?matched", revision)

    async def source_names(self) -> set[str]:
        """The names of all registered sources."""
        return {name.decode() for name in await self.calls.command("HKEYS", self.keys.sources)}

    async def cards(self) -> dict[str, Any]:
        """The cards of all registered sources, by name."""
        rows = stub.pairs(await self.calls.command("HGETALL", self.keys.sources))
        return {name.decode(): json.loads(card) for name, card in rows}

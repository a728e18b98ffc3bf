"""The upkeep of sources: what people and programs do about them on all boards at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from blackboard.errors import UnknownSource
from blackboard.knowledge_source import KnowledgeSource
from blackboard.limit import Gauge
from blackboard.reason import clean
from blackboard.registration import unregister
from blackboard.store.store import Store

__all__ = ["Upkeep"]


class Upkeep:
    """A base of the blackboard."""

    _author: str

    def store(self) -> Store:
        """The open store."""
        raise NotImplementedError

    async def pause(self, *sources: str | KnowledgeSource[..., Any], why: str = "") -> None:
        """Pause sources on all boards, all of them when none is named: no worker takes their activations any more.

        What runs goes on. Raises UnknownSource for one that is not registered in the store.
        """
        await self._suspend(sources, True, why)

    async def resume(self, *sources: str | KnowledgeSource[..., Any], why: str = "") -> None:
        """Let paused sources go on; with none named, ends a pause of all. Raises UnknownSource."""
        await self._suspend(sources, False, why)

    async def _suspend(self, sources: Iterable[str | KnowledgeSource[..., Any]], on: bool, why: str) -> None:
        names = [each if isinstance(each, str) else each.name for each in sources] or ["*"]
        for name in names:
            known = await self.store().partitions[0].cards()
            if name != "*" and name not in known:
                raise UnknownSource(name, tuple(sorted(known)))
        for partition in self.store().partitions:
            for name in names:
                if await partition.suspend(name, on, self._author, clean(why)) == "absent":
                    raise UnknownSource(name, tuple(sorted(await partition.cards())))

    async def unregister(self, source: str) -> int:
        """Take a source out of the store that the code has no more, by its name. Returns how many boards were looked at.

        Else it goes on opening activations that nobody runs, and boards do not settle. Its open activations leave their agendas;
        what runs goes on to its end; what it has committed stays, and cannot be undone any more. End the workers that have the
        source first: they register it again when they start. Raises UnknownSource,
        and SourceInUse while a board is being undone by its compensations.
        """
        return await unregister(self.store(), source)

    async def gauges(self) -> dict[str, Gauge]:
        """Where the limits of the sources stand that have any, by name; over all partitions."""
        found: dict[str, Gauge] = {}
        for partition in self.store().partitions:
            triggers = {name: card.get("trigger", {}) for name, card in (await partition.cards()).items()}
            for name, gauge in (await partition.gauges(triggers)).items():
                found[name] = found[name] + gauge if name in found else gauge
        return found

    async def close_breaker(self, source: str | KnowledgeSource[..., Any], why: str = "") -> bool:
        """Close the breaker of a source: its failures are forgotten. Returns whether there were any. Raises UnknownSource."""
        name = source if isinstance(source, str) else source.name
        partitions = self.store().partitions
        answers = [await each.reset(name, self._author, clean(why)) for each in partitions]
        if "absent" in answers:
            raise UnknownSource(name, tuple(sorted(await partitions[0].cards())))
        return "ok" in answers

"""What activations record of themselves: the stubs of the scripts that park them, let them speak, and recall their records.

`Partition.record` keeps a record; it stands there, since it writes entries as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from blackboard.activation import Activation, Claim
from blackboard.record import Progress, Record
from blackboard.store import codec, stub
from blackboard.store.stub import Stubs


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of keeping a record: the store's time, the time at which its delay ends (0: it has none), and the versions now
    of what was written with it."""

    now: int
    wake: int
    versions: tuple[int, ...]


class Records(Stubs):
    """The scripts and reads that concern records."""

    async def park(
        self,
        claim: Claim,
        state: str,
        due: int,
        reason: str,
        *,
        begun: bool = True,
        awaited: Mapping[str, int] | None = None,
        now: int | None = None,
    ) -> tuple[str, int]:
        """Free the slot of a running activation: state ``s`` (it sleeps) or ``a`` (it waits for an answer), until ``due`` ms.

        ``awaited`` are the entries that it waits for, with the versions it knows. Answers with the store's time: ``ok``, ``news``
        (go on: it is due, or an entry has changed), ``done``, ``lost`` or ``closed``.
        """
        known = [word for pair in (awaited or {}).items() for word in pair]
        words = [
            stub.now(now),
            1,
            claim.board,
            *stub.held(claim, 1),
            state,
            due,
            int(begun),
            reason,
            len(known),
            *known,
        ]
        answer = await self._run("park", [claim.board], words)
        return stub.text(answer[0]), int(answer[1]) if len(answer) > 1 else 0

    async def say(
        self, claim: Claim, mark: str, progress: str = "", lines: Sequence[str] = (), now: int | None = None
    ) -> str:
        """Note how far a running activation is (JSON; empty: as before), and lines for the log of its board.

        ``mark`` tells the calls of one activation apart. Answers ``ok``, ``done``, ``lost`` or ``closed``.
        """
        words = [stub.now(now), 1, claim.board, *stub.held(claim, 1), mark, progress, len(lines), *lines]
        return stub.text(await self._run("say", [claim.board], words))

    async def recall(self, claim: Claim, places: int, now: int | None = None) -> tuple[int, list[Record]]:
        """The store's time, and the steps that an activation has recorded in its first ``places`` places."""
        words = [stub.now(now), 1, claim.board, claim.source, claim.number, 1, places - 1]
        answer = await self._run("recall", [claim.board], words)
        found = [codec.record(place, text) for place, text in enumerate(answer[1:], 1)]
        return int(answer[0]), [record for record in found if record is not None]

    async def progress(self, board: str, activations: Sequence[Activation]) -> dict[str, Progress]:
        """How far activations of a board are that have said so, by name."""
        fields = [codec.RS.join((each.source, str(each.number), "0")) for each in activations]
        if not fields:
            return {}
        rows = await self.calls.command("HMGET", self.keys.of_board(board, "records"), *fields)
        found = {each.name: codec.progress(row) for each, row in zip(activations, rows, strict=True)}
        return {name: progress for name, progress in found.items() if progress is not None}

    async def asked(self) -> list[str]:
        """The boards on which an activation waits for a person, the one that has waited longest first."""
        rows = await self.calls.command("ZRANGE", self.keys.asked, 0, -1)
        return list(dict.fromkeys(row.decode().partition(codec.RS)[0] for row in rows))

"""The stubs of undoing: what begins a saga, what goes on with it, and what is known of it. A base of `Partition`."""

from __future__ import annotations

from collections.abc import Sequence

from blackboard.activation import Claim
from blackboard.ids import operation_id
from blackboard.store import stub
from blackboard.store.lines import Argument
from blackboard.store.stub import Stubs


class Sagas(Stubs):
    """The scripts and reads of sagas. ``now`` arguments are for tests; None asks the server's clock."""

    async def abort(
        self, board: str, operation: str, author: str, reason: str = "", savepoint: int = 0, now: int | None = None
    ) -> tuple[str, int]:
        """Undo what was done on a board: all of it, or what was committed after an event.

        Answers ``ok``, ``done`` (all of it is being undone, or was) or ``saga`` (it goes back to a savepoint) with the event that
        began it, else ``absent`` or the status of a board that takes no orders.
        """
        words = [stub.now(now), operation, 1, board, author, reason, savepoint]
        answer = await self._run("abort", [board], words)
        return stub.text(answer[0]), int(answer[1])

    async def undo(
        self,
        claim: Claim,
        epoch: int,
        verdict: str,
        opening: Sequence[tuple[str, int]] = (),
        reason: str = "",
        retention: int = 0,
        now: int | None = None,
        known: int = -1,
    ) -> str:
        """Go on with a saga as was planned: ``go`` (open the compensations of these), ``wait``, ``done`` or ``stuck``.

        ``known`` is the last event that the caller knows: when there are others, nothing is done.

        Answers ``ok``, ``again`` (something has ended meanwhile) or ``lost``.
        """
        words: list[Argument] = [
            stub.now(now),
            1,
            claim.board,
            *stub.held(claim, 1),
            epoch,
            verdict,
            reason,
            retention,
            known,
        ]
        words.append(2 * len(opening))
        for source, number in opening:
            words += [source, number]
        answer = await self._run("undo", [claim.board], words)
        return stub.text(answer[0])

    async def skip(
        self,
        board: str,
        author: str,
        identity: str,
        number: int,
        reason: str = "",
        now: int | None = None,
        *,
        operation: str = "",
    ) -> str:
        """Do without a compensation: ``ok``, ``running``, ``absent`` or ``over`` (nothing is being undone)."""
        words = [stub.now(now), operation or operation_id(), 1, board, author, reason, identity, number]
        answer: bytes = await self._run("skip", [board], words)
        return answer.decode()

    async def savepoint(
        self, board: str, operation: str, author: str, name: str, now: int | None = None
    ) -> tuple[str, int]:
        """Mark how far a board has come: ``ok`` and the event, else ``absent`` or the status of a board that takes no orders."""
        answer = await self._run("savepoint", [board], [stub.now(now), operation, 1, board, author, name])
        return stub.text(answer[0]), int(answer[1])

    async def marked(self, board: str, name: str) -> int:
        """The event of the latest savepoint of this name; 0 when there is none."""
        return int(await self.calls.command("HGET", self.keys.of_board(board, "meta"), f"mark:{name}") or 0)

    async def saga(self, board: str) -> str:
        """The state of a board's latest saga; empty when there was none."""
        text = await self.calls.command("HGET", self.keys.of_board(board, "meta"), "saga")
        return (text or b"").decode().partition(" ")[0]

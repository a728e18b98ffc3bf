"""The stubs of control: who may start on the boards of a partition. A base of `Partition`, as `Steering` is of `Board`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from blackboard.activation import Claim
from blackboard.ids import operation_id
from blackboard.limits import Tripped
from blackboard.store import codec, stub
from blackboard.store.lines import Argument
from blackboard.store.stub import ClaimRequest, Handed, Stubs


@dataclass(slots=True)
class Decision:
    """What a strategy decided for a board that was claimed: the grants (identity, number, why), its state, and what it knows.

    ``verdict`` is ``go`` or ``pause`` (with the reason); ``wake`` the store's time in ms at which to ask again, 0 for never.
    ``standing`` are the grants for what is to come behind a single one: source and memo, in which `codec.US` stands for the
    number of what is granted; they are good ``until`` a time of the store's, in ms.
    """

    claim: Claim
    epoch: int
    seen: int
    memo: str
    grants: Sequence[tuple[str, int, str]] = ()
    wake: int = 0
    verdict: str = "go"
    reason: str = ""
    standing: Sequence[tuple[str, str]] = ()
    until: int = 0


@dataclass(frozen=True, slots=True)
class Steered:
    """What a switch or a pause came to: ``ok``, ``done`` (it was so already), ``epoch``, ``absent``, ``saga`` (it goes back to a
    savepoint) or the status of a board that takes no orders; the epoch now,
    how many activations it held or freed, and the identities of what was running."""

    answer: str
    epoch: int
    moved: int = 0
    running: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Raised:
    """The limits that a board is to have of its own; 0 leaves one as it is. ``wall`` is in ms, ``budget`` that which tripped."""

    depth: int = 0
    activations: int = 0
    alternations: int = 0
    wall: int = 0
    budget: int = 0


class Control(Stubs):
    """The scripts and reads of control. ``now`` arguments are for tests; None asks the server's clock."""

    async def switch(
        self,
        board: str,
        operation: str,
        author: str,
        strategy: tuple[str, str] | None,
        reason: str = "",
        expected: int | None = None,
        unattended: int = 0,
        now: int | None = None,
    ) -> Steered:
        """Switch a board to orchestration by a strategy (its JSON and its name), or with None to choreography."""
        mode, (text, name) = ("c", ("", "")) if strategy is None else ("o", strategy)
        known = -1 if expected is None else expected
        words: list[Argument] = [stub.now(now), operation, *self.beginnings.words, 1, board, author, reason, known]
        return _steered(await self._run("switch", [board], [*words, mode, text, name, unattended]))

    async def pause(self, board: str, author: str, reason: str = "", now: int | None = None) -> Steered:
        """Pause a board: nothing starts any more that is not granted by hand."""
        return _steered(await self._run("pause", [board], [stub.now(now), 1, board, author, reason]))

    async def resume(
        self,
        board: str,
        author: str,
        reason: str = "",
        step: bool = False,
        now: int | None = None,
        raised: Raised | None = None,
    ) -> Steered:
        """End a pause; with ``step``, until the strategy has granted something once more.

        Raises GuardTripped when a guard has paused the board whose limit is not ``raised`` far enough.
        """
        words: list[Argument] = [stub.now(now), 1, board, author, reason, int(step), *astuple(raised or Raised())]
        answer = await self._run("resume", [board], words)
        if answer[0] == b"tripped":
            raise _tripped(answer[2:]).refusal(board)
        return _steered(answer)

    async def tripped(self, board: str) -> Tripped | None:
        """The guard that has paused a board; None when none has, or it was resumed since."""
        text = await self.calls.command("HGET", self.keys.of_board(board, "meta"), "guard")
        return _tripped(text.split(codec.US.encode(), 4)) if text else None

    async def grant(
        self,
        board: str,
        author: str,
        identity: str,
        number: int,
        reason: str = "",
        expected: int | None = None,
        now: int | None = None,
        *,
        operation: str = "",
    ) -> Steered:
        """Grant a held activation; the answer is ``free`` when it is not held."""
        words: list[Argument] = [stub.now(now), operation or operation_id(), 1, board, author, reason]
        words += [-1 if expected is None else expected, identity, number]
        return _steered(await self._run("grant", [board], words))

    async def veto(
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
        """Forbid an open activation: ``ok``, ``running`` (it has started), ``absent`` or ``closed``."""
        words = [stub.now(now), operation or operation_id(), 1, board, author, reason, identity, number]
        answer: bytes = await self._run("veto", [board], words)
        return answer.decode()

    async def suspend(self, source: str, on: bool, author: str, reason: str = "", now: int | None = None) -> str:
        """Pause or resume a source on all boards (``*``: every source): ``ok``, ``done`` or ``absent``."""
        answer: bytes = await self._run("suspend", [], [stub.now(now), source, int(on), author, reason])
        return answer.decode()

    async def suspended(self) -> dict[str, tuple[int, str, str]]:
        """The sources that are paused (``*``: all): since when (ms), by whom and why."""
        rows = stub.pairs(await self.calls.command("HGETALL", self.keys.crews))
        found = {name.decode()[1:]: text.decode().split(codec.US, 2) for name, text in rows if name.startswith(b"!")}
        return {name: (int(at), by, why) for name, (at, by, why) in found.items()}

    async def acts(self, limit: int = 100) -> list[tuple[str, str, int, str, str]]:
        """The latest pauses and resumptions of sources, oldest first: what, source, when (ms), by whom, why."""
        rows = await self.calls.command("LRANGE", self.keys.acts, -limit, -1)
        acts = [row.decode().split(codec.US, 4) for row in rows]
        return [(what, source, int(at), by, why) for what, source, at, by, why in acts]

    async def strategy(self, board: str) -> tuple[str, str, int]:
        """The strategy of a board and its state as JSON (empty: none), and the last event that it knows."""
        key = self.keys.of_board(board, "meta")
        strategy, memo, seen = await self.calls.command("HMGET", key, "strategy", "memo", "seen")
        return (strategy or b"").decode(), (memo or b"").decode(), int(seen or 0)

    async def decide(
        self, decisions: Sequence[Decision], request: ClaimRequest, now: int | None = None
    ) -> tuple[list[tuple[str, str]], Handed]:
        """Apply decisions and claim more boards: for each decision the answer and what it is about.

        The answer is ``ok``, ``done`` (this very decision was applied before), ``lost``, ``closed``, ``epoch`` (the board was
        switched or paused meanwhile) or ``absent`` (what was granted is not held any more: look again).
        """
        boards = list(dict.fromkeys(decision.claim.board for decision in decisions))
        slots = {board: slot for slot, board in enumerate(boards, 1)}
        words: list[Argument] = [stub.now(now), len(boards), *boards, len(decisions)]
        for decision in decisions:
            words += _decision(decision, slots)
        answer = await self._run("decide", boards, [*words, *stub.request(request)])
        results = [(each[0].decode(), stub.text(each[1])) for each in answer[0]]
        return results, Handed(codec.claimed(answer[1:], request.owner), answer[1])


def _tripped(words: Sequence[Any]) -> Tripped:
    guard, limit, reached, source, chain = map(stub.text, words)
    return Tripped(guard, int(limit), int(reached), source, chain)


def _steered(answer: Sequence[Any]) -> Steered:
    moved = int(answer[2]) if len(answer) > 2 else 0
    return Steered(stub.text(answer[0]), int(answer[1]), moved, tuple(map(stub.text, answer[3:])))


def _decision(decision: Decision, slots: Mapping[str, int]) -> list[Argument]:
    words: list[Argument] = [*stub.held(decision.claim, slots[decision.claim.board]), decision.epoch, decision.seen]
    standing = "".join(f"{source}{codec.RS}{memo}{codec.RS}" for source, memo in decision.standing)
    if standing:
        standing = f"{decision.until}{codec.RS}{standing}"
    words += [decision.memo, decision.verdict, decision.wake, decision.reason, standing, len(decision.grants)]
    for identity, number, why in decision.grants:
        words += [identity, number, why]
    return words

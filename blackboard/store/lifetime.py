"""The stubs of a board's life beyond its entries: its clock, its end, its way out of the store and in. A base of `Partition`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from blackboard.activation import Claim
from blackboard.archive import Archive
from blackboard.ids import operation_id
from blackboard.store import stub
from blackboard.store.lines import Argument
from blackboard.store.stub import Stubs

MODES = {"choreography": "c", "orchestration": "o"}
"""The modes as the store writes them."""

LATER = ("epoch", "unattended", "opened", "deadline", "behind")
"""The numbers at the end of a board's line of state."""

LISTED = 1000
"""Boards that one call looks at whether they are still there."""


class Lifetime(Stubs):
    """The scripts and reads of a board's life. ``now`` arguments are for tests; None asks the server's clock."""

    async def close(
        self,
        board: str,
        author: str,
        reason: str,
        retention: int,
        now: int | None = None,
        *,
        result: str = "",
        known: int = -1,
        operation: str = "",
    ) -> tuple[str, int]:
        """Close a board: ``ok``, ``done`` (it was closed before) or ``absent``, and how many activations were dropped.

        ``result`` is JSON; ``known`` the last event that the caller knows: when there are others the answer is ``moved``.
        """
        words = [stub.now(now), operation or operation_id(), 1, board, author, reason, retention, result, known]
        answer = await self._run("close", [board], words)
        return answer[0].decode(), int(answer[2])

    async def deadline(
        self,
        board: str,
        author: str,
        at: int,
        after: int,
        action: str,
        reason: str = "",
        now: int | None = None,
    ) -> tuple[str, int]:
        """Give a board a deadline ``at`` a time (ms, 0: none), or ``after`` so many ms.

        Answers ``ok``, ``done``, ``absent`` or ``closed``, and the deadline.
        """
        words = [stub.now(now), 1, board, author, reason, at, after, action]
        answer = await self._run("deadline", [board], words)
        return answer[0].decode(), int(answer[1])

    async def tick(self, claim: Claim, now: int | None = None) -> str:
        """Look at a board whose time has come: ``paused``, ``later``, ``lost``, ``closed``; or why it is to be closed."""
        answer: bytes = await self._run("tick", [claim.board], [stub.now(now), 1, claim.board, *stub.held(claim, 1)])
        return answer.decode()

    async def prune(self, boards: Sequence[str]) -> list[str]:
        """Forget those of these boards whose keys have expired, and say which."""
        if not boards:
            return []
        return [row.decode() for row in await self._run("prune", [], [len(boards), *boards])]

    async def overdue(self, board: str) -> str:
        """What a board's deadline does: ``pause`` or ``close``; empty when it never had one."""
        said = await self.calls.command("HGET", self.keys.of_board(board, "meta"), "overdue")
        return (said or b"").decode()

    # ------------------------------------------------------------------ out and in

    async def snapshot(self, board: str, namespace: str) -> Archive | None:
        """Everything of a board but its log, as of one moment; None when there is no such board."""
        answer = await self._run("snapshot", [board], [1, board])
        if not answer:
            return None
        state, facts, entries, fired, records, activations, chores = answer
        found = _archive(board, namespace, state.decode())
        found.facts = dict(_texts(facts))
        found.entries, found.fired, found.records = _texts(entries), _texts(fired), _texts(records)
        found.activations, found.chores = _texts(activations), [name.decode() for name in chores]
        return found

    async def log(self, board: str, since: int, limit: int) -> list[bytes]:
        """At most ``limit`` events after number ``since``, as the store keeps them."""
        key = self.keys.of_board(board, "log")
        rows: list[bytes] = await self.calls.command("LRANGE", key, since, since + limit - 1)
        return rows

    async def load(
        self, board: str, token: str, verb: str, words: Sequence[Argument] = (), now: int | None = None
    ) -> tuple[str, str]:
        """One piece of an import: ``begin``, ``part`` or ``end``, with what `part_words` or `end_words` make of it.

        Answers ``ok``, ``exists``, ``lost`` (it took too long) or ``short``, and the board's last event, or what is missing.
        """
        answer = await self._run("load", [board], [stub.now(now), 1, board, token, verb, *words])
        return answer[0].decode(), stub.text(answer[1])

    # ------------------------------------------------------------------ the namespace

    async def boards(self) -> list[str]:
        """The ids of all boards, oldest first."""
        return [row.decode() for row in await self.calls.command("ZRANGE", self.keys.boards, 0, -1)]

    async def living_boards(self) -> list[str]:
        """The ids of the boards whose keys have not expired, oldest first; the others are taken off the list."""
        names = await self.boards()
        gone = {name for at in range(0, len(names), LISTED) for name in await self.prune(names[at : at + LISTED])}
        return [name for name in names if name not in gone]

    async def keep_retention(self, milliseconds: int) -> None:
        """Note how long closed boards of this namespace are kept: for who closes one without knowing the application."""
        await self.calls.command("HSET", self.keys.triggers, "?retention", milliseconds)

    async def retention(self) -> int | None:
        """How long closed boards are kept, in ms (0: for ever); None when no application has said so."""
        said = await self.calls.command("HGET", self.keys.triggers, "?retention")
        return None if said is None else int(said)

    async def revision(self) -> int:
        """The number of registrations so far."""
        return int(await self.calls.command("HGET", self.keys.triggers, "?revision") or 0)


def part_words(
    entries: Sequence[tuple[str, str]] = (),
    fired: Sequence[tuple[str, str]] = (),
    records: Sequence[tuple[str, str]] = (),
    first: int = 0,
    events: Sequence[str] = (),
) -> list[Argument]:
    """A piece of an import; ``first`` is the number of the first of its events."""
    words: list[Argument] = []
    for pairs in (entries, fired, records):
        words += [2 * len(pairs), *(word for pair in pairs for word in pair)]
    return [*words, first, len(events), *events]


def end_words(found: Archive, retention: int) -> list[Argument]:
    """The last piece of an import; ``retention`` in ms is for a board that is closed."""
    words: list[Argument] = [found.status, found.seq, found.floor, MODES[found.mode], found.gate, found.epoch]
    words += [found.unattended, found.opened, found.deadline, found.behind, found.created, retention]
    for pairs in (list(found.facts.items()), found.activations):
        words += [2 * len(pairs), *(word for pair in pairs for word in pair)]
    return [*words, len(found.chores), *found.chores]


def _archive(board: str, namespace: str, state: str) -> Archive:
    status, seq, _busy, _closing, floor, _rev, _count, _idle, *control = state.split(" ")
    gate, *numbers = control or ["c-"]
    mode = "orchestration" if gate[0] == "o" else "choreography"
    found = Archive(board, namespace, status, int(seq), mode, gate[1], int(floor))
    for name, value in zip(LATER, numbers, strict=False):  # an earlier release wrote fewer
        setattr(found, name, int(value))
    return found


def _texts(rows: Any) -> list[tuple[str, str]]:
    return [(name.decode(), text.decode()) for name, text in stub.pairs(rows)]

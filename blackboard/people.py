"""People and a board: what activations ask of them, what they answer, and how far those are that run.

The base of `Board`, beside `Steering`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from blackboard.activation import Activation, StoredEntry
from blackboard.approval import Approval
from blackboard.clock import to_milliseconds
from blackboard.entry import Stamp, address, decode, encode
from blackboard.errors import AlreadyAnswered, ApprovalNotFound, EntryError, InvalidChoice, InvalidEntry
from blackboard.ids import check_key, operation_id
from blackboard.limits import Limits
from blackboard.reason import check_text, clean
from blackboard.record import Progress
from blackboard.store.partition import Partition, Write

logger = logging.getLogger(__name__)

LATEST = to_milliseconds(datetime.max.replace(tzinfo=UTC))
"""The last moment that can be shown."""


class People:
    """The verbs of those who answer. Each answer is a revision of an entry, and so an event that says who and when."""

    id: str
    _author: str

    # ------------------------------------------------------------------ what a board lends

    @property
    def _partition(self) -> Partition:
        raise NotImplementedError

    @property
    def _limits(self) -> Limits:
        raise NotImplementedError

    async def agenda(self) -> list[Activation]:
        """The open activations, running ones too, by source and addresses."""
        raise NotImplementedError

    # ------------------------------------------------------------------ answering

    async def approvals(self) -> list[Approval]:
        """The approvals that activations of this board wait for, the one asked first first."""
        found = legible_approvals(await self._partition.entries(self.id, Approval.__kind__))
        if not any(each.state == "open" for each in found):
            return []
        asking = {each.name for each in await self.agenda()}
        waiting = [each for each in found if each.state == "open" and each.activation in asking]
        return sorted(waiting, key=lambda each: (each.asked, each.id))

    async def approve(self, approval: str, why: str = "", *, by: str | None = None) -> Approval:
        """Approve: make the first of its choices. Else as `answer`."""
        found = await self._approval(approval)
        return await self._answer(found, found.choices[0], None, why, by)

    async def reject(self, approval: str, why: str = "", *, by: str | None = None) -> Approval:
        """Reject: choose `reject`, or the second of two choices. Else as `answer`."""
        found = await self._approval(approval)
        return await self._answer(found, found.rejecting(), None, why, by)

    async def edit(self, approval: str, value: Any, why: str = "", *, by: str | None = None) -> Approval:
        """Approve with another value than the one proposed. Else as `answer`."""
        found = await self._approval(approval)
        return await self._answer(found, found.choices[0], value, why, by)

    async def answer(
        self, approval: str, choice: str, value: Any = None, why: str = "", *, by: str | None = None
    ) -> Approval:
        """Answer an open approval, by its id, or by the name of the activation that asks (``decide#17``).

        ``value`` replaces what is proposed. What asked goes on by itself. Raises ApprovalNotFound, AlreadyAnswered,
        InvalidChoice, BoardClosed, and VersionConflict when somebody else answers at the same moment.
        """
        return await self._answer(await self._approval(approval), choice, value, why, by)

    async def progress(self) -> dict[str, Progress]:
        """How far the open activations are that have said so, by name."""
        return await self._partition.progress(self.id, await self.agenda())

    # ------------------------------------------------------------------ inside

    async def _approval(self, name: str) -> Approval:
        """The approval of this id; else the one that an activation of this name asks for now, or asked for last."""
        stored = await self._partition.entry(self.id, address("approval", check_key("approval", name)))
        if stored is not None:
            return decode_approval(stored)
        found = legible_approvals(await self._partition.entries(self.id, Approval.__kind__))
        asked = [each for each in found if each.activation == name]
        waiting = [each for each in asked if each.state == "open"]
        if len(waiting) > 1:
            listed = ", ".join(sorted(each.id for each in waiting))
            raise ApprovalNotFound(self.id, name, f"{name} asks for several at once, so name one of {listed}")
        if not asked:
            raise ApprovalNotFound(self.id, name)
        return waiting[0] if waiting else max(asked, key=lambda each: (each.asked, each.id))

    async def _answer(self, found: Approval, choice: str, value: Any, why: str, by: str | None) -> Approval:
        if found.state != "open":
            raise await self._answered(found)
        if all(each.name != found.activation for each in await self.agenda()):
            raise AlreadyAnswered(found.id, "withdrawn", f"{found.activation} no longer waits for it")
        if choice not in found.choices:
            raise InvalidChoice(found.id, choice, tuple(found.choices))
        _check_json(found.id, value)
        check_text(why)
        version = found.stamp.version if found.stamp else 0
        by = clean(by or "").strip() or self._author.removeprefix("@")
        answered = {"state": "answered", "choice": choice, "answer": value, "why": why, "by": by}
        after = found.model_copy(update=answered)
        payload = encode(after, self._limits.entry_bytes)
        write = Write(address("approval", found.id), version, Approval.__version__, payload)
        await self._partition.post(self.id, operation_id(), f"@{by}", [write])  # the log says who, as the entry does
        return after

    async def _answered(self, found: Approval) -> AlreadyAnswered:
        """The refusal of an approval that is no longer open: what became of it, by whom, when and why."""
        stamp = found.stamp
        told = await self._partition.events(self.id, stamp.seq - 1, 1) if stamp and stamp.seq else []
        at = f" at {told[0].at:%Y-%m-%d %H:%M:%S} UTC" if told else ""
        said = f": {found.choice}" if found.choice else ""
        why = f", {found.why!r}" if found.why else ""
        return AlreadyAnswered(found.id, found.state, f"by {found.by or 'nobody'}{at}{said}{why}")


def _check_json(approval: str, value: Any) -> None:
    """Raises InvalidEntry for a value that JSON cannot say: the agent would be given another one than was approved."""
    try:
        json.dumps(value, allow_nan=False, default=str)
    except ValueError as error:
        raise InvalidEntry(f"approval/{approval}", f"the answer has no JSON form: {error}") from error


def legible_approvals(stored: Sequence[StoredEntry]) -> list[Approval]:
    """The approvals among these entries; one that somebody has overwritten with something else keeps nobody from the others."""
    found = []
    for each in stored:
        try:
            found.append(decode_approval(each))
        except EntryError as error:
            logger.warning("nobody can answer %s: %s", each.address, error)
    return found


def decode_approval(stored: StoredEntry) -> Approval:
    """The approval that an entry holds. Raises InvalidEntry for one that no activation can have asked."""
    found = decode(Approval, stored.payload, Stamp(stored.address, stored.version, stored.seq))
    if not found.choices:
        raise InvalidEntry(stored.address, "it offers no choices")
    if not all(0 <= moment <= LATEST for moment in (found.asked, found.expires or 0)):
        raise InvalidEntry(stored.address, "it was asked, or expires, at a time that no calendar has")
    return found

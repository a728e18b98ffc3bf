"""Recording: what a worker makes of an agent's steps, its questions to people, and what it says of itself."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cached_property
from typing import Any

from blackboard.activation import called
from blackboard.approval import Answer, Approval, Approve
from blackboard.clock import to_seconds
from blackboard.entry import Stamp, address, decode, encode
from blackboard.errors import ApprovalExpired, ApprovalRejected, EntryExists, VersionConflict
from blackboard.ledger import Ledger, Wait
from blackboard.record import Progress, Record, of_arguments
from blackboard.speech import Speech
from blackboard.store.partition import NEW, Write

EXPIRY = "@expiry"
"""Who answers when nobody has in time."""

ENDS = {"answer", "expired"}
"""What the record of a question has when it is no longer open."""


class Recording(Ledger):
    """The steps of one run, as a worker records them."""

    @cached_property
    def _approvals(self) -> dict[str, int]:
        """The places of its approvals, by their ids."""
        return {}

    @cached_property
    def _speech(self) -> Speech:
        return Speech(self._loop, self._speak)

    def again_from(self, error: BaseException) -> int:
        """From which place on the records are dropped when an activation dies of this, so that a retry asks again; 0: none."""
        approval = getattr(error, "approval", None)
        return self._approvals.get(approval, 0) if isinstance(approval, str) else 0

    # ------------------------------------------------------------------ asking

    async def ask(self, place: int, asked: Approve, value: Any) -> Answer:
        """Ask a person, by an entry on the board, and wait for the answer parked."""
        question = of_arguments([asked.question, asked.choices, asked.to, value], {})
        return await self._ask(self._wanted(place, "approval", "approval", question), asked, value)

    async def approve(self, asked: Approve, value: Any) -> None:
        """Ask before the action has begun, once for every binding: an activation that waits so is open like any other.

        Raises ApprovalRejected, ApprovalExpired.
        """
        wanted = self._wanted(self.place(), "approval", "approval", self.binding)
        self._begun = False
        try:
            answer = await self._ask(wanted, asked, value)
        finally:
            self._begun = True
        if not answer.approved:
            raise ApprovalRejected(json.loads(self._records[wanted.place].result)["id"], answer.by, answer.why)

    async def conclude(self) -> None:
        """The agent has ended: nobody needs to answer what it has asked and not waited for."""
        for id, place in self._approvals.items():  # noqa: A001  # the field's name
            if place in self._records and not ENDS & json.loads(self._records[place].result).keys():
                await self._withdraw(id)

    async def _ask(self, wanted: Record, asked: Approve, value: Any) -> Answer:
        with self._working():
            record = await self._found(wanted) or await self._pose(wanted, asked, value)
        while True:
            said = json.loads(record.result)
            self._approvals[said["id"]] = wanted.place
            if "answer" in said:
                return Answer(**said["answer"])
            if "expired" in said:
                raise ApprovalExpired(said["id"], asked.question)
            record = await self._look(replace(wanted, result=record.result), said["id"], asked, value)

    async def _look(self, record: Record, id: str, asked: Approve, value: Any) -> Record:  # noqa: A002  # the field's name
        """What has become of an approval; returns the record as it is now."""
        found = await self._read(id)
        if found is None or found.state == "withdrawn":
            return await self._pose(record, asked, value, again=True)
        if found.state == "answered" or (found.state == "expired" and found.choice is not None):
            return await self._keep(replace(record, result=_json(id=id, answer=asdict(Answer.of(found)))))
        if found.state == "expired":
            return await self._keep(replace(record, result=_json(id=id, expired=True)))
        if found.expires is not None and found.expires <= await self._now():
            return await self._expire(record, found, asked)
        version = found.stamp.version if found.stamp else 0
        await self._wait(
            record.place, Wait("a", found.expires or 0, found.question, {address("approval", id): version})
        )
        return record

    async def _read(self, id: str) -> Approval | None:  # noqa: A002
        stored = await self._told(lambda: self._partition.entry(self.claim.board, address("approval", id)))
        if stored is None:
            return None
        return decode(Approval, stored.payload, Stamp(stored.address, stored.version, stored.seq))

    async def _pose(self, wanted: Record, asked: Approve, value: Any, *, again: bool = False) -> Record:
        """Put the question on the board, under an id of its own, and another one when it is asked again."""
        now = await self._now()
        approval = Approval(
            id=f"{self.claim.name}.{wanted.place}",
            activation=self.claim.name,
            source=called(self.claim.source),
            question=asked.question,
            choices=list(asked.choices),
            value=value,
            to=asked.to,
            asked=now,
            expires=None if asked.expires is None else now + round(1000 * to_seconds(asked.expires)),
        )
        if not again:
            with contextlib.suppress(EntryExists):
                return await self._put(wanted, approval)
        return await self._put(wanted, approval.model_copy(update={"id": f"{approval.id}.{self.claim.epoch}.{now}"}))

    async def _put(self, wanted: Record, approval: Approval) -> Record:
        return await self._keep(replace(wanted, result=_json(id=approval.id)), writes=[self._write(approval, NEW)])

    async def _expire(self, record: Record, found: Approval, asked: Approve) -> Record:
        """Nobody has answered in time, unless somebody just does."""
        version = found.stamp.version if found.stamp else 0
        found.state, found.choice, found.by = "expired", asked.default, EXPIRY
        result = {"expired": True} if asked.default is None else {"answer": asdict(Answer.of(found))}
        try:
            ended = replace(record, result=_json(id=found.id, **result))
            return await self._keep(ended, writes=[self._write(found, version)])
        except VersionConflict:
            return record

    def _write(self, approval: Approval, expected: int) -> Write:
        payload = encode(approval, self._most_bytes)
        return Write(address("approval", approval.id), expected, Approval.__version__, payload)

    async def _drop(self, place: int) -> list[Record]:
        dropped = await super()._drop(place)
        for record in dropped:
            if record.kind == "approval":
                await self._withdraw(json.loads(record.result)["id"])
        return dropped

    async def _withdraw(self, id: str) -> None:  # noqa: A002
        """Nobody needs to answer any more; unless somebody just has."""
        found = await self._read(id)
        if found is None or found.stamp is None or found.state != "open":
            return
        version, found.state = found.stamp.version, "withdrawn"
        with contextlib.suppress(VersionConflict):
            async with self._order:
                writes = [self._write(found, version)]
                await self._told(lambda: self._partition.record(self.claim, None, writes=writes))

    # ------------------------------------------------------------------ speaking

    async def hush(self) -> None:
        """Say what is still to be said, before the lease goes."""
        if "_speech" in self.__dict__:
            await self._speech.end()

    def say(self, line: str) -> None:
        """Say a line, soon; not again what an earlier run has said on its way."""
        if self._reached >= self._replayed:
            self._speech.say(line)

    def report(self, progress: Progress) -> None:
        """Say how far it is, soon."""
        if self._reached >= self._replayed:
            self._speech.report(progress)

    async def _speak(self, mark: str, progress: str, lines: Sequence[str]) -> None:
        await self._told(lambda: self._partition.say(self.claim, f"{self.claim.epoch}.{mark}", progress, lines))


def _json(**facts: Any) -> str:
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":"))

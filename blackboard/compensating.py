"""A worker's part in undoing: it works out from a board's log who is undone next, and recalls what a compensation is bound to."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from shlex import quote
from typing import Any

from pydantic_core import from_json

from blackboard.activation import Activation, Claimed, StoredEntry
from blackboard.board import Host
from blackboard.chronicle import chronicle, forget
from blackboard.closure import archive_undone, in_milliseconds
from blackboard.condition import Comparison, Size, holds
from blackboard.entry import Stamp, decode, encode
from blackboard.errors import InvalidSource
from blackboard.execution import Execution
from blackboard.recollection import Recollection
from blackboard.saga import Agent, Plan, Undoing, awaited, unknown
from blackboard.signature import Mode, Pattern
from blackboard.store.partition import SNAPSHOT, Partition
from blackboard.term import Field

logger = logging.getLogger(__name__)

CHORE = "@saga"
"""The name of the chore, as the store knows it."""

NAMED = 10
"""Activations that a summary names of each state."""


class Compensating:
    """The chore of a board that is being undone: look how far it is, and say what comes next."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def __call__(self, claimed: Claimed, partition: Partition) -> None:
        """Plan, and tell the store; fenced by the claim."""
        board = claimed.claim.board
        facts = await partition.facts(board)
        if facts is None:
            return
        agenda = await partition.agenda(board)
        plan = await _plan(partition, board, agenda, one_by_one=facts.mode == "orchestration")
        self._warn(board, plan, unknown(agenda))
        verdict, known = plan.verdict, -1
        if verdict == "done" and facts.status != "open":
            archived = await archive_undone(self._host, board, claimed.claim.owner, summary(plan))
            verdict, known = ("wait", -1) if archived is None else ("done", archived)
        kept = in_milliseconds(self._host.retention)
        await partition.undo(
            claimed.claim, facts.epoch, verdict, plan.opening, summary(plan), retention=kept, known=known
        )
        if plan.verdict == "done":
            forget(partition, board)

    def _warn(self, board: str, plan: Plan, waits_for: Sequence[str]) -> None:
        """Say what a person has to do before it goes on."""
        namespace = self._host.store().namespace
        if plan.verdict == "stuck":
            logger.error("board %s is stuck: %s. %s", board, summary(plan), _ways_on(namespace, board, plan))
        elif waits_for:
            names = ", ".join(waits_for[:NAMED]) + ("…" if waits_for[NAMED:] else "")
            logger.warning(
                "undoing board %s waits for a person: the outcome of %s is unknown. Find out what it did outside, then: "
                "blackboard -n %s resolve %s %s done|again|dead",
                *(board, names, namespace, quote(board), waits_for[0]),
            )


async def _plan(partition: Partition, board: str, agenda: Sequence[Activation], *, one_by_one: bool) -> Plan:
    """What comes next, by the log as it is after its agenda was read: what had ended then is told there."""
    agents = {name: Agent.of_card(card) for name, card in (await partition.cards()).items()}
    ledger = (await chronicle(partition, board)).ledger
    return ledger.plan(agents, one_by_one=one_by_one, busy=bool(awaited(agenda)))


def summary(plan: Plan) -> str:
    """What was undone, and what was not, in a line."""
    words = {Undoing.UNDONE: "undone", Undoing.SKIPPED: "skipped", Undoing.DEAD: "failed", Undoing.PENDING: "left"}
    told = [(word, names) for state, word in words.items() if (names := plan.named(state))]
    parts = [f"{word}: {', '.join(names[:NAMED])}{'…' if names[NAMED:] else ''}" for word, names in told]
    return "; ".join(parts) or "nothing was to be undone"


def _ways_on(namespace: str, board: str, plan: Plan) -> str:
    """What a person can do about a board that is stuck."""
    dead = plan.named(Undoing.DEAD)
    retry, skip = (f"blackboard -n {namespace} {verb} {quote(board)} {dead[0]}" for verb in ("retry", "skip"))
    others = "; likewise for the others that failed" if dead[1:] else ""
    return f"Mend what made it fail and try it again: {retry}; or do without it: {skip}{others}"


# ---------------------------------------------------------------------------- binding


async def recall(execution: Execution, partition: Partition) -> bool:
    """Bind a compensation to what the activation that it undoes wrote, or was bound to. False when there is nothing to undo.

    Raises InvalidSource when it asks for one entry of a kind of which there are several.
    """
    claimed, source = execution.claimed, execution.source
    past = (await chronicle(partition, claimed.claim.board)).past.recollect(claimed.claim.undoes or "")
    bindings = [_bound(pattern, past, execution) for pattern in source.trigger.patterns]
    claimed.bindings = tuple(bindings)
    now = await partition.written(claimed.claim.board, [each.address for bound in bindings for each in bound])
    for bound in bindings:
        # What has changed since it was written is to be undone none the less: only what changes from now on is a conflict.
        execution.own |= {each.address: SNAPSHOT for each in bound if now.get(each.address) != each.seq}
    one = (bound for pattern, bound in zip(source.trigger.patterns, bindings, strict=True) if pattern.mode is Mode.EACH)
    return all(one)


def _bound(pattern: Pattern, past: Recollection, execution: Execution) -> tuple[StoredEntry, ...]:
    undone = execution.source.undoes
    kind = pattern.kind.__kind__
    written = undone is None or pattern.kind in undone.writes
    found = past.of_kind(kind, written=written, own=not written and _is_bound_one_by_one(pattern, execution))
    if not written:
        found = tuple(each for each in found if _was_gathered(each, pattern, execution))
    if pattern.mode is Mode.EACH and len(found) > 1:
        raise InvalidSource(
            f"compensation of source {undone.name if undone else ''}, parameter {pattern.name}",
            f"there are {len(found)} entries of kind {kind} to undo: {', '.join(each.address for each in found[:5])}",
            f"Declare it as {pattern.name}: list[{pattern.kind.__name__}]",
        )
    return found[:1] if pattern.mode in {Mode.EACH, Mode.CONTEXT} else found


def _is_bound_one_by_one(pattern: Pattern, execution: Execution) -> bool:
    """Whether the activation's own addresses say which entries of the kind it was bound to."""
    undone = execution.source.undoes
    if undone is None or undone.trigger.refire == "once":
        return False
    modes: Sequence[Mode] = [each.mode for each in undone.trigger.patterns if each.kind is pattern.kind]
    return bool(modes) and all(mode is Mode.EACH for mode in modes)


def _was_gathered(entry: StoredEntry, pattern: Pattern, execution: Execution) -> bool:
    """Whether an entry met what the undone source says of its kind."""
    undone = execution.source.undoes
    clauses = undone.trigger.clauses if undone else ()
    tests = [
        clause
        for clause in clauses
        if isinstance(clause, Comparison)
        and isinstance(clause.left, Field)
        and clause.left.kind == pattern.kind.__kind__
        and clause.left.parameter is None
        and not isinstance(clause.right, Field | Size)
    ]
    return not tests or all(holds(test, _data(entry, pattern)) for test in tests)


def _data(entry: StoredEntry, pattern: Pattern) -> Any:
    """An entry's data in the shape that conditions speak of: what the log has of an older version is brought forward.

    Raises InvalidEntry when that fails: a compensation that is bound to less than there was would undo less.
    """
    kind = pattern.kind
    if entry.schema >= kind.__version__:
        return from_json(entry.payload)
    stamp = Stamp(entry.address, entry.version, entry.seq)
    return from_json(encode(decode(kind, entry.payload, stamp, entry.schema)))

"""One activation in a worker: bind, check, run, and what shall be committed.

These are the verbs of a run; in which order they come, and how that can end, is told in `run`.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blackboard.activation import Claimed, StoredEntry, called, idempotency_key
from blackboard.board import Board, Host, Reads
from blackboard.context import Context
from blackboard.entry import Entry, Stamp, address_of, check_whole, decode, encode
from blackboard.errors import BoardClosed, HandoffRefused, InvalidEntry, InvalidSource, LeaseLost, UndeclaredKind
from blackboard.handoff import Handoff
from blackboard.knowledge_source import KnowledgeSource
from blackboard.ledger import Left
from blackboard.origin import Origin
from blackboard.outage import Outage
from blackboard.outcome import Outcome
from blackboard.question import Question
from blackboard.rating import LONGEST_BID, as_rating
from blackboard.recording import Recording
from blackboard.signature import Injection, Mode, Parameter, Pattern
from blackboard.step import Steps
from blackboard.store.partition import SNAPSHOT, Commit, Write

OURS = str(Path(__file__).parent)
"""Where our own frames come from, which are no news to who reads an agent's error."""

LONGEST_PROBLEM = 4000
"""Characters kept of an error's traceback."""

LONGEST_SUMMARY = 300
"""Characters kept of what it says, in the line that sums it up."""


@dataclass(slots=True)
class Execution:
    """One claimed activation on its way through a worker."""

    claimed: Claimed
    source: KnowledgeSource[..., Any]
    host: Host
    own: dict[str, int] = field(default_factory=dict)
    """The versions that earlier contributions of this run gave to what they wrote."""
    looked: Reads | None = None
    """What it has read from the board, once it does."""
    parts: int = 0
    unique: int = 0
    threads: Executor | None = None
    outage: Outage | None = None
    recording: Recording | None = None
    """What becomes of its steps, once it takes one."""
    acting: bool = False
    """Whether the action has begun: from then on it may have effects outside the board."""

    def origin(self) -> Origin:
        """Whose doing it is, wherever its agent writes."""
        claim = self.claimed.claim
        return Origin(self.host.store().namespace, claim.board, claim.name, self.claimed.depth)

    @property
    def reads(self) -> Reads:
        """What it has read besides its binding."""
        if self.looked is None:
            self.looked = Reads()
        return self.looked

    # ------------------------------------------------------------------ bind

    def bind(self, parameters: Sequence[Parameter]) -> dict[str, Any]:
        """The arguments for the parameters. Raises InvalidEntry when what is stored does not fit a class."""
        arguments: dict[str, Any] = {}
        bound = 0  # the bindings are in the order of the patterns, and those in that of the parameters
        for parameter in parameters:
            if isinstance(parameter, Injection):
                arguments[parameter.name] = self._inject(parameter)
            else:
                arguments[parameter.name] = self._bound(parameter, self.claimed.bindings[bound])
                bound += 1
        return arguments

    def _bound(self, pattern: Pattern, stored: tuple[StoredEntry, ...]) -> Any:
        if pattern.mode is Mode.EACH:
            one = stored[0]
            return decode(pattern.kind, one.payload, Stamp(one.address, one.version, one.seq), one.schema)
        entries = [decode(pattern.kind, s.payload, Stamp(s.address, s.version, s.seq), s.schema) for s in stored]
        if pattern.mode is Mode.CONTEXT:
            return entries[0] if entries else None
        return entries

    def _inject(self, injection: Injection, *, durable: bool = True) -> Any:
        board = Board(
            self.claimed.claim.board,
            self.host,
            author=self.claimed.claim.name,
            reads=self.reads,
            origin=self.origin(),
        )
        return board if issubclass(injection.of, Board) else self._context(board, self.steps if durable else Steps())

    def _context(self, board: Board, steps: Steps) -> Context:
        claim = self.claimed.claim
        key = idempotency_key(self.host.store().namespace, claim.board, claim.name)
        return Context(
            board=board,
            source=called(claim.source),
            number=claim.number,
            attempt=self.claimed.attempts + 1,
            crashes=self.claimed.crashes,
            depth=self.claimed.depth,
            idempotency_key=key,
            note=self.claimed.note,
            steps=steps,
        )

    @property
    def steps(self) -> Steps:
        """What the agent does durably; by itself, without a worker, nothing is recorded."""
        if self.threads is None or self.outage is None:
            return Steps()
        if self.recording is None:
            partition = self.host.store().partition(self.claimed.claim.board)
            limit = self.host.limits.entry_bytes
            self.recording = Recording(self.claimed, partition, self.threads, self.outage, limit)
        return self.recording

    # ------------------------------------------------------------------ check, bid

    async def check(self, arguments: dict[str, Any], threads: Executor) -> bool:
        """Whether the precondition, if there is one, agrees."""
        precondition = self.source.precondition
        return precondition is None or bool(await self._ask(precondition, arguments, threads))

    async def bid(self, threads: Executor) -> float:
        """What the source bids for this activation: 0 when it has no bid here, as in an older release of its code.

        Raises TimeoutError after LONGEST_BID seconds, InvalidSource for an answer that is no number, and what it raises.
        """
        if self.source.bid is None:
            return 0.0
        async with asyncio.timeout(LONGEST_BID):
            answer = await self._ask(self.source.bid, self.bind(self.source.parameters), threads)
        return as_rating(answer, f"bid {self.source.bid.name} of source {self.source.name}")

    async def reconcile(self, threads: Executor) -> Outcome:
        """What the source says became of its action. Raises InvalidSource for any other answer, and what it raises."""
        question = self.source.reconcile
        if question is None:  # as in an older release of its code
            return Outcome.unknown("this release of the source has no reconcile function")
        answer = await self._ask(question, self.bind(self.source.parameters), threads)
        if not isinstance(answer, Outcome):
            problem = f"it answered {type(answer).__name__}, which says nothing of the outcome"
            remedy = "Return Outcome.done(…), Outcome.again() or Outcome.unknown(…)"
            raise InvalidSource(f"reconcile {question.name} of source {self.source.name}", problem, remedy)
        return answer

    async def _ask(self, question: Question, arguments: dict[str, Any], threads: Executor) -> Any:
        """Call a function of the source's that is not its action."""
        asked = {}
        for parameter in question.parameters:
            if isinstance(parameter, Injection):
                asked[parameter.name] = self._inject(parameter, durable=False)  # a question is no part of the work
            elif parameter.name in arguments:
                asked[parameter.name] = arguments[parameter.name]
            else:
                asked[parameter.name] = await self._look(parameter)
        return await _call(question.function, asked, threads)

    async def _look(self, pattern: Pattern) -> Any:
        """What a question looks at beyond the binding: read from the board now."""
        board = Board(self.claimed.claim.board, self.host, reads=self.reads)
        found = await board.read(pattern.kind)
        if pattern.kind.__key__ is None:
            return found if pattern.mode in {Mode.EACH, Mode.CONTEXT} else [found] if found else []
        if pattern.mode in {Mode.GATHER, Mode.CONTEXT_GATHER}:
            return found
        return found[0] if found else None

    # ------------------------------------------------------------------ run

    async def act(self, arguments: dict[str, Any], threads: Executor) -> Any:
        """Run the action, on the loop or in a thread, and return what it contributes."""
        self.acting = True
        if self.recording is None:
            return await _call(self.source.function, arguments, threads)
        async with self._whole():
            return await _call(self.source.function, arguments, threads)

    async def stream(self, arguments: dict[str, Any]) -> AsyncGenerator[Commit, None]:
        """Run an action that is a generator and yield its contributions; the last one ends the activation."""
        self.acting = True
        async with self._whole(), contextlib.aclosing(self.source.function(**arguments)) as contributions:
            async for contribution in contributions:
                self.parts += 1
                yield self.commit(contribution, part=self.parts)
        yield self.commit(None)

    # ------------------------------------------------------------------ steps

    @property
    def has_begun(self) -> bool:
        """Whether an earlier run has recorded steps of its work."""
        return self.claimed.places > (2 if self.source.policies.approval else 1)

    async def begin(self) -> None:
        """Read what earlier runs have recorded."""
        if self.claimed.places > 1 and isinstance(self.steps, Recording):
            await self.steps.begin()

    async def approve(self) -> None:
        """Ask a person, if the source wants that, before its action runs. Raises ApprovalRejected, ApprovalExpired."""
        asked, steps = self.source.policies.approval, self.steps
        if asked is None or not isinstance(steps, Recording):
            return
        try:
            bound = [each.address for binding in self.claimed.bindings for each in binding]
            await steps.approve(asked, {"entries": bound})
        except BaseException:  # whatever it is, what ended the run comes first
            if (end := self._left()) is not None:
                raise end from None
            raise

    @contextlib.asynccontextmanager
    async def _whole(self) -> AsyncIterator[None]:
        """The action, from its beginning to its end: what ended the run counts, whatever the agent made of it."""
        try:
            yield
            if self.recording is not None:
                self.recording.check_complete()
                await self.recording.conclude()
        except BaseException:  # whatever it is, what ended the run comes first
            if (end := self._left()) is not None:
                raise end from None
            raise
        finally:
            await self.hush()
        if (end := self._left()) is not None:
            raise end

    async def hush(self) -> None:
        """Say what the agent still had to say."""
        if self.recording is not None:
            await self.recording.hush()

    def _left(self) -> BaseException | None:
        """What ended the run, if that was none of the agent's doing."""
        end = None if self.recording is None else self.recording.end
        return Left(str(end)) if isinstance(end, LeaseLost | BoardClosed) else end

    # ------------------------------------------------------------------ commit

    def commit(self, contribution: Any, part: int = 0) -> Commit:
        """What the agent returned, as writes. Raises UndeclaredKind, InvalidSource, InvalidKey, EntryTooLarge."""
        returned = _returned(contribution, self.source)
        writes = [self._write(each) for each in returned if isinstance(each, Entry)]
        handoffs = [self._hand_over(each) for each in returned if isinstance(each, Handoff)]
        if len(writes) > 1 and len({write.address for write in writes}) < len(writes):
            raise InvalidEntry(writes[0].address, "one contribution writes one address twice")
        if self.source.policies.isolation == "snapshot":
            return Commit(self.claimed.claim, writes, part, handoffs=handoffs)
        return Commit(self.claimed.claim, writes, part, self._all_reads(), self._all_kinds(), handoffs)

    def _hand_over(self, handoff: Handoff) -> tuple[str, str]:
        if not self.source.hands_over:
            declared = tuple(sorted(each.__kind__ for each in self.source.writes))
            raise UndeclaredKind(self.source.name, "Handoff", declared)
        if handoff.to == self.source.name:
            raise HandoffRefused(self.claimed.claim.name, handoff.to, "that is the giver itself")
        return handoff.to, clean(handoff.note)

    def _write(self, entry: Entry) -> Write:
        kind = type(entry)
        if kind not in self.source.writes:
            declared = tuple(sorted(each.__kind__ for each in self.source.writes))
            raise UndeclaredKind(self.source.name, kind.__kind__, declared)
        check_whole(entry)
        address = address_of(entry, f"{self.claimed.claim.number}.{self.unique}")
        if kind.__key__ is not None and not isinstance(kind.__key__, str):
            self.unique += 1
        # A stamp from elsewhere says nothing of this address: its key was changed, or it was read on another board.
        stamp = entry.stamp if entry.stamp and entry.stamp.address == address else None
        expected = self.own.get(address, 0) or (stamp.version if stamp else SNAPSHOT)
        payload = encode(entry, self.host.limits.entry_bytes)
        return Write(address, expected, kind.__version__, payload)

    def committed(self, commit: Commit, versions: Sequence[int]) -> None:
        """Remember what a part wrote, so that the next part expects it."""
        for write, version in zip(commit.writes, versions, strict=True):
            self.own[write.address] = version

    def _all_reads(self) -> list[tuple[str, int]]:
        reads = {each.address: each.version for binding in self.claimed.bindings for each in binding}
        return list((reads | self.reads.versions | self.own).items())

    def _all_kinds(self) -> list[str]:
        patterns = self.source.trigger.patterns
        gathered = {pattern.kind.__kind__ for pattern in patterns if pattern.mode is not Mode.EACH}
        return sorted(gathered | self.reads.kinds)


async def _call(function: Callable[..., Any], arguments: dict[str, Any], threads: Executor) -> Any:
    """Call an agent's function: on the loop when it is a coroutine, else in a thread."""
    if inspect.iscoroutinefunction(function):
        return await function(**arguments)

    def call() -> Any:
        try:
            return function(**arguments)
        except StopIteration as error:  # a future cannot carry it, and would never be done
            raise RuntimeError(f"{getattr(function, '__name__', function)} raised StopIteration") from error

    context = contextvars.copy_context()  # the thread belongs to this activation, too
    return await asyncio.get_running_loop().run_in_executor(threads, context.run, call)


def _returned(contribution: Any, source: KnowledgeSource[..., Any]) -> list[Entry | Handoff]:
    if contribution is None:
        return []
    if isinstance(contribution, Entry | Handoff):
        return [contribution]
    if isinstance(contribution, Iterable) and not isinstance(contribution, str | bytes | dict):
        found = [each for each in contribution if each is not None]
        if all(isinstance(each, Entry | Handoff) for each in found):
            return found
    problem = f"it returned {type(contribution).__name__}, which is neither an entry nor a Handoff"
    raise InvalidSource(f"source {source.name}", problem, "Return an entry, a Handoff, a list of them, or None")


def describe(error: BaseException) -> str:
    """An agent's error as it is kept: a line that sums it up, then the traceback from the agent's own code on."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None and trace.tb_frame.f_code.co_filename.startswith(OURS):
        trace = trace.tb_next
    text = clean("".join(traceback.format_exception(type(error), error, trace)).strip())
    return f"{sum_up(error)}\n{text if len(text) <= LONGEST_PROBLEM else '…' + text[-LONGEST_PROBLEM:]}"


def sum_up(error: BaseException) -> str:
    """An error in one line: its type, and the first line of what it says."""
    said = clean(str(error).strip().partition("\n")[0])
    said = said if len(said) <= LONGEST_SUMMARY else f"{said[:LONGEST_SUMMARY]}…"
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def clean(text: str) -> str:
    """Text as the store keeps it."""
    # Control characters separate fields in the store; line breaks are the only ones worth keeping.
    return "".join(c if c == "\n" or c.isprintable() else " " for c in text)

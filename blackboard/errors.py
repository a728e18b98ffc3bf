"""Every error of this library, on one screen.

    BlackboardError
    ├── DefinitionError       the program is wrong: found while it is imported, before anything runs
    │   ├── InvalidKind           a kind of entry cannot be defined like this
    │   ├── ReservedName          a field has a name that entries need for themselves
    │   ├── InvalidTrigger        a trigger or one of its clauses cannot work
    │   │   └── UnknownField          a clause names a field that the kind does not have
    │   ├── InvalidSource         a knowledge source or one of its policies cannot work
    │   ├── DuplicateSource       two knowledge sources have one name
    │   ├── IncompatibleSchema    a kind has changed so that stored data can no longer be read
    │   ├── InvalidStrategy       a strategy of control cannot work, or chose what cannot run
    │   ├── InvalidStep           a durable step cannot be recorded
    │   └── StepMismatch          what was recorded no longer fits the code
    ├── EntryError            an entry cannot be written or read
    │   ├── InvalidKey            its key cannot be part of an address
    │   ├── EntryTooLarge         it is over the limit
    │   ├── InvalidEntry          its data does not fit its kind
    │   ├── NewerSchema           a newer release wrote it, in a shape that this one does not know
    │   ├── UnreadEntry           it is revised without having been read
    │   ├── InvalidInstruction    an agent of control says what cannot be followed (also a ValueError)
    │   └── InvalidChoice         an approval does not offer it
    ├── Conflict              somebody else was first; nothing was written
    │   ├── EntryExists           the address is taken
    │   ├── VersionConflict       the entry has moved on
    │   ├── EpochConflict         the board's mode has been switched
    │   ├── AlreadyAnswered       an approval is no longer open
    │   ├── BoardExists           the id that a board is imported under is taken
    │   ├── SourceInUse           a source that is to be unregistered is still needed
    │   └── StaleSnapshot         what an activation worked from has changed
    ├── Refusal               the store says no, on purpose; nothing was written
    │   ├── BoardClosed           the board is finished
    │   │   └── BoardAborted          what was done on it is being undone, or was
    │   ├── SagaUnderWay          the board goes back to a savepoint
    │   ├── StillRunning          a compensation runs, and cannot be skipped
    │   ├── NotHeld               an activation cannot be granted or vetoed, since it is not held
    │   ├── NotUnknown            an activation cannot be resolved, since its outcome is not unknown
    │   ├── ArchiveFailed         a board is not closed, since its archive could not be written
    │   ├── BrokenArchive         no board can be made of these lines
    │   ├── LeaseLost             the activation belongs to another worker now
    │   ├── UndeclaredKind        a source writes what its signature does not say
    │   ├── HandoffRefused        control cannot be handed to this peer
    │   ├── ApprovalExpired       nobody has answered in time
    │   ├── ApprovalRejected      a person has said no
    │   ├── Overloaded            a limit is reached
    │   ├── GuardTripped          a guard paused the board, and its limit is still exceeded
    │   └── InvalidBoardId        a board cannot have this name
    ├── NotFound              there is no such thing
    │   ├── BoardNotFound
    │   ├── EntryNotFound
    │   ├── SavepointNotFound
    │   ├── UnknownSource
    │   ├── UnknownKind
    │   ├── ActivationNotFound
    │   └── ApprovalNotFound
    ├── TimedOut              a wait ended before what it waited for (also a TimeoutError)
    └── StoreError            the store itself
        ├── StoreUnreachable      it does not answer
        ├── StoreRefused          it answers, but must not be used like this
        ├── StoreBusy             it is starting and will answer soon
        │   └── NotDurable            it has carried out a write that is not as durable yet as was asked for
        └── StoreProtocolError    it answers something that makes no sense

The facts of an error are its attributes; its message is made from them and says what happened, why, and what to do.
Command line and web only translate; no code ever needs to look into a message.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, dataclass_transform

_LONGEST_FACT = 500


def _text(fact: object) -> str:
    """A fact as it reads in a message: a list as words, anything endless cut short."""
    text = (", ".join(str(item) for item in fact) or "none") if isinstance(fact, tuple) else str(fact)
    return text if len(text) <= _LONGEST_FACT else f"{text[:_LONGEST_FACT]}…"


@dataclass_transform(eq_default=False)
class BlackboardError(Exception):
    """Something went wrong; every error of this library is one of these, so one `except` catches them all.

    Each class below is a dataclass of its facts, and says with them what its message is.
    """

    message_of_facts: ClassVar[str] = "blackboard error"

    def __init_subclass__(cls) -> None:
        dataclass(eq=False)(cls)

    def __str__(self) -> str:
        return self.message_of_facts.format_map({name: _text(fact) for name, fact in self.facts.items()})

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions pickle their positional arguments; ours may be made with keywords.
        return type(self), tuple(self.facts.values()), self.__dict__

    @property
    def facts(self) -> dict[str, Any]:
        """What happened, as data, for logs and for programs."""
        return {name: getattr(self, name) for name in getattr(self, "__dataclass_fields__", ())}


class DefinitionError(BlackboardError):
    """The program defines something that cannot work: correct the definition that is named."""

    subject: str
    problem: str
    remedy: str
    message_of_facts = "{subject}: {problem}. {remedy}."


class InvalidKind(DefinitionError):
    """A class cannot be a kind of entry: follow the remedy in its class statement."""


class ReservedName(DefinitionError):
    """A field has a name that entries need for themselves: rename the field."""


class InvalidTrigger(DefinitionError):
    """A trigger can never work as written: follow the remedy in the signature or in `when=`."""


class UnknownField(InvalidTrigger, AttributeError):
    """A clause names a field that its kind does not have: use one of those listed."""

    # An AttributeError too, so that `hasattr` and `getattr` with a default behave as on any class.


class InvalidSource(DefinitionError):
    """A function or a policy cannot make a knowledge source: follow the remedy in its definition."""


class DuplicateSource(DefinitionError):
    """Two knowledge sources of one blackboard have one name: give one of them another with `name=`."""

    problem: str = "a knowledge source of this name is registered already, and names tell sources apart"
    remedy: str = 'Give one of them another: @bb.knowledge_source(name="…")'


class IncompatibleSchema(DefinitionError):
    """A kind has changed so that stored data can no longer be read: give it a new version and an upcaster."""

    field: str
    stored: int
    version: int
    message_of_facts = (
        "{subject} cannot go from version {stored}, which the store knows, to version {version} of this program: "
        "{field} {problem}. Nothing was registered. {remedy}."
    )


class InvalidStrategy(DefinitionError):
    """A strategy of control cannot work, or chose what cannot run: follow the remedy and hand the board to it again."""


class InvalidStep(DefinitionError):
    """A durable step cannot be recorded: follow the remedy in the agent."""


class StepMismatch(DefinitionError):
    """What an activation has recorded no longer fits its code: name the steps as before, or retry it afresh."""


class EntryError(BlackboardError):
    """An entry cannot be written or read: its kind and the problem are named."""


class InvalidKey(EntryError):
    """An entry's key cannot be part of an address: use 1 to 512 bytes of text without control characters."""

    kind: str
    key: str
    problem: str
    message_of_facts = (
        "{kind} cannot have the key {key!r}: {problem}. A key is text of 1 to 512 UTF-8 bytes without control "
        "characters; key the kind by another field or shorten the value."
    )


class EntryTooLarge(EntryError):
    """An entry is over the limit: keep the bulk elsewhere and a reference to it on the board, or raise the limit."""

    address: str
    size: int
    limit: int
    message_of_facts = (
        "{address} has {size} bytes and the limit is {limit}. Nothing was written; keep the bulk in a file or an "
        "object store and a reference on the board, or raise Limits(entry_bytes=…)."
    )


class InvalidEntry(EntryError):
    """An entry's data does not fit its kind: correct the data, or give the kind a new version and an upcaster."""

    address: str
    problem: str
    remedy: str = (
        "Correct the data; if the class has changed since it was stored, "
        "give new fields a default, or raise the kind's version and bring old data forward"
    )
    message_of_facts = "{address} does not fit its kind: {problem}. {remedy}."


class InvalidInstruction(EntryError, ValueError):
    """An agent of control says what nobody can follow: correct it; one that thinks anew in each run may do so itself."""

    subject: str
    problem: str
    remedy: str
    message_of_facts = "{subject} cannot be followed: {problem}. Nothing was written. {remedy}."


class NewerSchema(EntryError):
    """A newer release wrote an entry, in a shape that this one does not know: update this process."""

    address: str
    known: int
    found: int
    problem: str
    message_of_facts = (
        "{address} has version {found} of its kind's schema, and this release knows version {known}: {problem}. "
        "Nothing was written; update this process, and leave such entries to newer ones until then."
    )


class UnreadEntry(EntryError):
    """An entry is revised or retracted without having been read: read it first, or name the version you mean."""

    address: str
    message_of_facts = (
        "{address} was made here and not read from the board, so it says no version to compare with. Read it, change "
        "what you read and revise that; or say which version you mean: revise(entry, version=…)."
    )


class InvalidChoice(EntryError):
    """An approval does not offer this choice: use one of those listed."""

    approval: str
    choice: str
    choices: tuple[str, ...]
    message_of_facts = (
        "{approval} does not offer {choice!r}. Nothing was written; answer with one of: {choices}: "
        "blackboard answer BOARD {approval} CHOICE."
    )


class Conflict(BlackboardError):
    """Somebody else was first and nothing was written: read again, decide again, write again."""


class EntryExists(Conflict):
    """Another entry is at this address: read and revise it, or post under another key."""

    address: str
    version: int
    message_of_facts = (
        "{address} is taken: another entry is there, at version {version}. Nothing was written; read it and revise "
        "it, or post under another key."
    )


class VersionConflict(Conflict):
    """An entry has moved on since it was read: read it again and revise what you find."""

    address: str
    expected: int
    actual: int
    message_of_facts = (
        "{address} is at version {actual}, not at version {expected} as when it was read: somebody else was first. "
        "Nothing was written; read it again and revise what you find."
    )


class EpochConflict(Conflict):
    """The board's mode has been switched meanwhile: read its status again before you decide."""

    board: str
    expected: int
    actual: int
    message_of_facts = (
        "board {board} is at epoch {actual}, not {expected}: its mode has been switched meanwhile. Nothing was "
        "written; read the board's status and decide again."
    )


class AlreadyAnswered(Conflict):
    """An approval is no longer open: look at what was answered, and by whom."""

    approval: str
    state: str
    by: str
    """Who it was, when, and what was answered, in words."""
    message_of_facts = (
        "{approval} is {state} by now ({by}). Nothing was written; the entry approval/{approval} says what was answered, "
        "and why."
    )


class BoardExists(Conflict):
    """The id that a board is imported under is taken: import it under another one."""

    board: str
    message_of_facts = (
        "there is a board {board} already, or another import of one is under way: a board is only made where there is none. "
        "Nothing was written; import it under another id."
    )


class SourceInUse(Conflict):
    """This source is still needed: end the workers that run it, or wait until what needs it is over."""

    source: str
    problem: str
    message_of_facts = (
        "{source} is not unregistered: {problem}. Start its workers without it first, or end them (`blackboard workers` names "
        "them), and call again when nothing needs it any more."
    )


class StaleSnapshot(Conflict):
    """What an activation worked from has changed: it runs again on fresh entries by itself."""

    activation: str
    addresses: tuple[str, ...]
    message_of_facts = (
        "{activation} worked from entries that have changed since: {addresses}. Nothing was written; the activation "
        "runs again on fresh entries, at no cost to its retries. Nothing to do."
    )


class Refusal(BlackboardError):
    """The store says no, on purpose, and nothing was written: the reason and the remedy are named."""


class BoardClosed(Refusal):
    """The board is finished and stays so: write to another board."""

    board: str
    reason: str = "closed"
    message_of_facts = (
        "board {board} takes no more writes: {reason}. Closing is final; it can still be read. Use a board with "
        "another id."
    )


class BoardAborted(BoardClosed):
    """What was done on the board is being undone, or was: write to another board."""

    board: str
    reason: str = "aborted"
    message_of_facts = (
        "board {board} takes no more writes: what was done on it is being undone, or was (its status is {reason}). Nothing was "
        "written. `blackboard show` says how far it is; use a board with another id."
    )


def closed(board: str, status: str) -> BoardClosed:
    """The refusal of a board in this status."""
    return BoardClosed(board) if status == "closed" else BoardAborted(board, status)


class SagaUnderWay(Refusal):
    """The board goes back to a savepoint, and is resumed then by itself: wait for it, or settle what it is stuck at."""

    board: str
    message_of_facts = (
        "board {board} is going back to a savepoint, and goes on by itself when it is there. Nothing was changed; wait for it, "
        "or retry or skip what is dead: `blackboard show` names it."
    )


class StillRunning(Refusal):
    """A compensation is running: wait until it has ended, or died, before it is skipped."""

    board: str
    activation: str
    message_of_facts = (
        "{activation} of board {board} is running, and may yet undo what it is to undo. Nothing was changed; skip it when it has "
        "died."
    )


class NotHeld(Refusal):
    """An activation is not held, so that there is nothing to grant or to veto: look at the agenda again."""

    board: str
    activation: str
    state: str
    message_of_facts = (
        "{activation} of board {board} is {state}: only what is held can be granted, and only what has not started can be "
        "vetoed. Nothing was changed; look at the agenda again."
    )


class NotUnknown(Refusal):
    """The outcome of an activation is not unknown, so that there is nothing to resolve: look at the agenda again."""

    board: str
    activation: str
    state: str
    message_of_facts = (
        "{activation} of board {board} is {state}: only one whose outcome is unknown can be resolved. Nothing was changed; look "
        "at the agenda again."
    )


class ArchiveFailed(Refusal):
    """A board is not closed, since its archive could not be written: mend what is named, and close it again."""

    board: str
    problem: str
    message_of_facts = (
        "board {board} is not closed, since its archive could not be written: {problem}. Nothing was changed; mend that and "
        "close it again (what is undone, or is closed by its deadline, its workers do)."
    )


class BrokenArchive(Refusal):
    """No board can be made of these lines, since one of them is not as it was written: take a whole copy of the archive."""

    line: int
    problem: str
    message_of_facts = (
        "line {line} of the archive cannot be read: {problem}. No board was made; take a copy that is whole, written by "
        "`blackboard export` of a release with the same format."
    )


class LeaseLost(Refusal):
    """The activation belongs to another worker now: let go of it, whoever holds it will finish it."""

    activation: str
    message_of_facts = (
        "{activation} is no longer this worker's: its lease ran out or it was taken away. Nothing was written and "
        "another worker runs it. If agents take long without yielding, raise `lease=`."
    )


class UndeclaredKind(Refusal):
    """A source writes a kind that its signature does not say: add the kind to the return annotation."""

    source: str
    kind: str
    declared: tuple[str, ...]
    message_of_facts = (
        "{source} wrote the kind {kind}, but its return annotation says only: {declared}. Nothing was written; add "
        "the kind to the return annotation."
    )


class HandoffRefused(Refusal):
    """Control cannot be handed to this peer: name a registered source that needs no more than the giver is bound to."""

    activation: str
    peer: str
    problem: str
    message_of_facts = (
        "{activation} cannot hand over to {peer}: {problem}. Nothing was written; name a source that `blackboard ks` lists, "
        "and whose parameters bind the kinds that the giver's do."
    )


class ApprovalExpired(Refusal):
    """Nobody has answered in time: catch it in the agent, give the question a default, or retry, which asks again."""

    approval: str
    question: str
    message_of_facts = (
        "nobody has answered {approval} in time: {question!r}. Retry the activation, which asks again; or give the question "
        "a default=, or catch ApprovalExpired in the agent."
    )


class ApprovalRejected(Refusal):
    """A person has said no, so that an action did not run: retry the activation, which asks again."""

    approval: str
    by: str
    why: str
    message_of_facts = (
        "{approval} was rejected by {by}: {why}. Its activation is dead and did not run; blackboard retry asks again."
    )

    @property
    def verdict(self) -> str:
        """Who rejected it, and why, as it stands with the dead."""
        return f"rejected by {self.by}: {self.why}" if self.why else f"rejected by {self.by}"


class Overloaded(Refusal):
    """A limit is reached: write less at a time, wait for work to drain, or raise the limit that is named."""

    board: str
    limit: str
    value: int
    maximum: int
    message_of_facts = (
        "board {board} is at its limit: {limit} would be {value} and may be {maximum}. Nothing was written; write "
        "less at a time, wait for work to drain, or raise Limits({limit}=…)."
    )


class GuardTripped(Refusal):
    """A guard has paused the board, and would do so again: break the cycle that is named, or resume it with a higher limit."""

    board: str
    guard: str
    problem: str
    remedy: str
    message_of_facts = (
        "board {board} was paused by its guard of {guard}, whose limit is still exceeded: {problem}. Nothing was changed and "
        "nothing is lost; correct the sources that drive each other, or let them go on: {remedy}."
    )


class InvalidBoardId(Refusal):
    """A board cannot have this id: use 1 to 200 bytes of text without control characters."""

    board: str
    problem: str
    message_of_facts = (
        "{board!r} cannot be a board's id: {problem}. An id is text of 1 to 200 UTF-8 bytes without control "
        "characters; shorten it or derive one from it."
    )


class NotFound(BlackboardError):
    """There is no such thing: what was looked for, and where, is named."""


class BoardNotFound(NotFound):
    """No board has this id: check the id and the namespace, or post an entry, which makes the board."""

    board: str
    message_of_facts = (
        "there is no board {board}: nothing was ever written on it, or its retention has passed. Check the id and "
        "the store; the first post makes a board."
    )


class EntryNotFound(NotFound):
    """No entry is at this address: post it, or look which addresses the board has."""

    board: str
    address: str
    message_of_facts = (
        "board {board} has no entry at {address}: it was never posted, or it was retracted. Post it instead of "
        "revising it, or look at the board's entries."
    )


class SavepointNotFound(NotFound):
    """The board has no such savepoint: use the name or the event number of one that was made."""

    board: str
    savepoint: str
    message_of_facts = (
        "board {board} has no savepoint {savepoint}: none of this name or number was made. Use a name that `savepoint` was given "
        "on this board, or the event number that it returned; `blackboard tail` tells them."
    )


class UnknownSource(NotFound):
    """No knowledge source has this name: use one of those listed, or register it."""

    source: str
    known: tuple[str, ...]
    message_of_facts = (
        "there is no knowledge source {source}; registered are: {known}. Check the name, or import the module that "
        "defines it before the workers start."
    )


class UnknownKind(NotFound):
    """No kind has this name: use one of those listed, or import the class that defines it."""

    kind: str
    known: tuple[str, ...]
    message_of_facts = (
        "there is no kind {kind}; known are: {known}. Check the name, or import the class that defines it."
    )


class ActivationNotFound(NotFound):
    """No activation has this number: look at the board's agenda."""

    board: str
    activation: str
    message_of_facts = (
        "board {board} has no activation {activation}: it never was, or it has left the agenda. Look at the board's "
        "agenda and its events."
    )


class ApprovalNotFound(NotFound):
    """No approval has this id: look at those that are open."""

    board: str
    approval: str
    problem: str = "it was never asked for, or it was taken away"
    message_of_facts = (
        "board {board} has no approval {approval}: {problem}. Open ones are listed by blackboard approvals {board}."
    )


class TimedOut(BlackboardError, TimeoutError):
    """A wait ended before what it waited for: wait longer, or look with `blackboard agenda` what the board does instead."""

    awaited: str
    seconds: float
    state: str = "it has not happened"
    message_of_facts = (
        "waited {seconds} s for {awaited}: {state}. Give it more time, or look what each activation waits for (`blackboard "
        "agenda`), and at the dead ones (`blackboard dead`)."
    )


class StoreError(BlackboardError):
    """The store failed: its address and the problem are named."""


class StoreUnreachable(StoreError):
    """The store does not answer: check that it runs and that the URL is right; work goes on by itself once it does."""

    url: str
    problem: str
    message_of_facts = (
        "the store at {url} does not answer: {problem}. Check that the server runs and that the URL is right "
        "(argument, or BLACKBOARD_URL)."
    )


class StoreRefused(StoreError):
    """The store answers, but using it like this would lose data: change its setting, or ours, as the remedy says."""

    url: str
    problem: str
    remedy: str
    message_of_facts = "the store at {url} cannot be used: {problem}. {remedy}."


class StoreBusy(StoreError):
    """The store is starting and reads its data: try again in a moment."""

    url: str
    problem: str = "it is loading its data"
    message_of_facts = "the store at {url} is not ready: {problem}. Nothing was written; try again in a moment."


class NotDurable(StoreBusy):
    """A write was carried out and is not durable yet: look after the disk or the replicas, and whether the write is there."""

    problem: str = "nobody has confirmed it"
    message_of_facts = (
        "the store at {url} has carried out a write that is not as durable yet as was asked for: {problem}. It is lost only if "
        "that server fails before it is; look at its replicas or its disk, and read the board before you write again."
    )


class StoreProtocolError(StoreError):
    """The store answered something that makes no sense: run `blackboard doctor`, and report what it says."""

    command: str
    reply: str
    message_of_facts = (
        "the command {command} was answered with {reply!r}, which this release does not understand. Another release "
        "may have changed the store; run `blackboard doctor`."
    )

"""Agents that solve a problem together on a shared, durable board.

    from blackboard import Blackboard, Entry

Every public name is here. Each is loaded when it is first used, so that `import blackboard` costs next to nothing:
`blackboard --help` needs neither redis nor pydantic, which take longer to import than most commands take to run.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blackboard.activation import Activation as Activation
    from blackboard.activation import ActivationState as ActivationState
    from blackboard.activation import StoredEntry as StoredEntry
    from blackboard.application import Blackboard as Blackboard
    from blackboard.approval import Answer as Answer
    from blackboard.approval import Approval as Approval
    from blackboard.approval import Approve as Approve
    from blackboard.board import Board as Board
    from blackboard.board import Receipt as Receipt
    from blackboard.condition import Absent as Absent
    from blackboard.condition import Count as Count
    from blackboard.condition import Quiescent as Quiescent
    from blackboard.condition import any_of as any_of
    from blackboard.condition import field as field
    from blackboard.condition import param as param
    from blackboard.context import Context as Context
    from blackboard.controller import Controller as Controller
    from blackboard.entry import UNIQUE as UNIQUE
    from blackboard.entry import Entry as Entry
    from blackboard.entry import Stamp as Stamp
    from blackboard.errors import ActivationNotFound as ActivationNotFound
    from blackboard.errors import AlreadyAnswered as AlreadyAnswered
    from blackboard.errors import ApprovalExpired as ApprovalExpired
    from blackboard.errors import ApprovalNotFound as ApprovalNotFound
    from blackboard.errors import ApprovalRejected as ApprovalRejected
    from blackboard.errors import ArchiveFailed as ArchiveFailed
    from blackboard.errors import BlackboardError as BlackboardError
    from blackboard.errors import BoardAborted as BoardAborted
    from blackboard.errors import BoardClosed as BoardClosed
    from blackboard.errors import BoardExists as BoardExists
    from blackboard.errors import BoardNotFound as BoardNotFound
    from blackboard.errors import BrokenArchive as BrokenArchive
    from blackboard.errors import Conflict as Conflict
    from blackboard.errors import DefinitionError as DefinitionError
    from blackboard.errors import DuplicateSource as DuplicateSource
    from blackboard.errors import EntryError as EntryError
    from blackboard.errors import EntryExists as EntryExists
    from blackboard.errors import EntryNotFound as EntryNotFound
    from blackboard.errors import EntryTooLarge as EntryTooLarge
    from blackboard.errors import EpochConflict as EpochConflict
    from blackboard.errors import GuardTripped as GuardTripped
    from blackboard.errors import HandoffRefused as HandoffRefused
    from blackboard.errors import IncompatibleSchema as IncompatibleSchema
    from blackboard.errors import InvalidBoardId as InvalidBoardId
    from blackboard.errors import InvalidChoice as InvalidChoice
    from blackboard.errors import InvalidEntry as InvalidEntry
    from blackboard.errors import InvalidInstruction as InvalidInstruction
    from blackboard.errors import InvalidKey as InvalidKey
    from blackboard.errors import InvalidKind as InvalidKind
    from blackboard.errors import InvalidSource as InvalidSource
    from blackboard.errors import InvalidStep as InvalidStep
    from blackboard.errors import InvalidStrategy as InvalidStrategy
    from blackboard.errors import InvalidTrigger as InvalidTrigger
    from blackboard.errors import LeaseLost as LeaseLost
    from blackboard.errors import NewerSchema as NewerSchema
    from blackboard.errors import NotDurable as NotDurable
    from blackboard.errors import NotFound as NotFound
    from blackboard.errors import NotHeld as NotHeld
    from blackboard.errors import NotUnknown as NotUnknown
    from blackboard.errors import Overloaded as Overloaded
    from blackboard.errors import Refusal as Refusal
    from blackboard.errors import ReservedName as ReservedName
    from blackboard.errors import SagaUnderWay as SagaUnderWay
    from blackboard.errors import SavepointNotFound as SavepointNotFound
    from blackboard.errors import SourceInUse as SourceInUse
    from blackboard.errors import StaleSnapshot as StaleSnapshot
    from blackboard.errors import StepMismatch as StepMismatch
    from blackboard.errors import StillRunning as StillRunning
    from blackboard.errors import StoreBusy as StoreBusy
    from blackboard.errors import StoreError as StoreError
    from blackboard.errors import StoreProtocolError as StoreProtocolError
    from blackboard.errors import StoreRefused as StoreRefused
    from blackboard.errors import StoreUnreachable as StoreUnreachable
    from blackboard.errors import TimedOut as TimedOut
    from blackboard.errors import UndeclaredKind as UndeclaredKind
    from blackboard.errors import UnknownField as UnknownField
    from blackboard.errors import UnknownKind as UnknownKind
    from blackboard.errors import UnknownSource as UnknownSource
    from blackboard.errors import UnreadEntry as UnreadEntry
    from blackboard.errors import VersionConflict as VersionConflict
    from blackboard.event import Event as Event
    from blackboard.event import EventType as EventType
    from blackboard.handoff import Handoff as Handoff
    from blackboard.knowledge_source import KnowledgeSource as KnowledgeSource
    from blackboard.limit import Breaker as Breaker
    from blackboard.limit import BreakerState as BreakerState
    from blackboard.limit import Concurrency as Concurrency
    from blackboard.limit import Gauge as Gauge
    from blackboard.limit import Rate as Rate
    from blackboard.limits import Limits as Limits
    from blackboard.limits import Tripped as Tripped
    from blackboard.mode import Mode as Mode
    from blackboard.mode import Switch as Switch
    from blackboard.outcome import Outcome as Outcome
    from blackboard.record import Progress as Progress
    from blackboard.retry import Backoff as Backoff
    from blackboard.saga import Saga as Saga
    from blackboard.step import Steps as Steps
    from blackboard.store.connection import Settings as Settings
    from blackboard.wiring import Wiring as Wiring
    from blackboard.worker import Worker as Worker

    __version__: str
else:
    # Checkers do not look in here: with a `__getattr__` in sight they would accept any name.
    _NAMES = {
        "activation": ("Activation", "ActivationState", "StoredEntry"),
        "application": ("Blackboard",),
        "approval": ("Answer", "Approval", "Approve"),
        "board": ("Board", "Receipt"),
        "condition": ("Absent", "Count", "Quiescent", "any_of", "field", "param"),
        "context": ("Context",),
        "controller": ("Controller",),
        "entry": ("UNIQUE", "Entry", "Stamp"),
        "event": ("Event", "EventType"),
        "handoff": ("Handoff",),
        "knowledge_source": ("KnowledgeSource",),
        "limit": ("Breaker", "BreakerState", "Concurrency", "Gauge", "Rate"),
        "limits": ("Limits", "Tripped"),
        "record": ("Progress",),
        "outcome": ("Outcome",),
        "retry": ("Backoff",),
        "saga": ("Saga",),
        "mode": ("Mode", "Switch"),
        "step": ("Steps",),
        "store.connection": ("Settings",),
        "wiring": ("Wiring",),
        "worker": ("Worker",),
    }
    _HOMES = {name: f"{__name__}.{module}" for module, names in _NAMES.items() for name in names}

    def __getattr__(name):
        from importlib import import_module  # noqa: PLC0415  # start-up time, as everything here

        if name == "__version__":
            from importlib.metadata import version  # noqa: PLC0415

            value = version("blackboard-runtime")
        elif name in __all__:
            value = getattr(import_module(_HOMES.get(name, f"{__name__}.errors")), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value

    def __dir__():
        return sorted({*globals(), *__all__})


__all__ = [
    "UNIQUE",
    "Absent",
    "Activation",
    "ActivationNotFound",
    "ActivationState",
    "AlreadyAnswered",
    "Answer",
    "Approval",
    "ApprovalExpired",
    "ApprovalNotFound",
    "ApprovalRejected",
    "Approve",
    "ArchiveFailed",
    "Backoff",
    "Blackboard",
    "BlackboardError",
    "Board",
    "BoardAborted",
    "BoardClosed",
    "BoardExists",
    "BoardNotFound",
    "Breaker",
    "BreakerState",
    "BrokenArchive",
    "Concurrency",
    "Conflict",
    "Context",
    "Controller",
    "Count",
    "DefinitionError",
    "DuplicateSource",
    "Entry",
    "EntryError",
    "EntryExists",
    "EntryNotFound",
    "EntryTooLarge",
    "EpochConflict",
    "Event",
    "EventType",
    "Gauge",
    "GuardTripped",
    "Handoff",
    "HandoffRefused",
    "IncompatibleSchema",
    "InvalidBoardId",
    "InvalidChoice",
    "InvalidEntry",
    "InvalidInstruction",
    "InvalidKey",
    "InvalidKind",
    "InvalidSource",
    "InvalidStep",
    "InvalidStrategy",
    "InvalidTrigger",
    "KnowledgeSource",
    "LeaseLost",
    "Limits",
    "Mode",
    "NewerSchema",
    "NotDurable",
    "NotFound",
    "NotHeld",
    "NotUnknown",
    "Outcome",
    "Overloaded",
    "Progress",
    "Quiescent",
    "Rate",
    "Receipt",
    "Refusal",
    "ReservedName",
    "Saga",
    "SagaUnderWay",
    "SavepointNotFound",
    "Settings",
    "SourceInUse",
    "StaleSnapshot",
    "Stamp",
    "StepMismatch",
    "Steps",
    "StillRunning",
    "StoreBusy",
    "StoreError",
    "StoreProtocolError",
    "StoreRefused",
    "StoreUnreachable",
    "StoredEntry",
    "Switch",
    "TimedOut",
    "Tripped",
    "UndeclaredKind",
    "UnknownField",
    "UnknownKind",
    "UnknownSource",
    "UnreadEntry",
    "VersionConflict",
    "Wiring",
    "Worker",
    "__version__",
    "any_of",
    "field",
    "param",
]

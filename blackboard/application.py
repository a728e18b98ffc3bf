"""A blackboard: an application's kinds, sources and boards in one namespace of a store."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from datetime import timedelta
from os import PathLike
from typing import Any, Final, ParamSpec, Self, TypeVar, Unpack, overload

from blackboard.approval import Approval
from blackboard.archive import Line, parse
from blackboard.board import Board
from blackboard.clock import to_seconds
from blackboard.closure import ArchiveTarget, in_milliseconds
from blackboard.control.notation import to_data
from blackboard.control.strategy import Strategy
from blackboard.controller import Controller
from blackboard.entry import Entry
from blackboard.errors import DuplicateSource, InvalidKind, InvalidSource, StoreUnreachable, UnknownKind, UnknownSource
from blackboard.knowledge_source import KnowledgeSource, make_source
from blackboard.life import Overdue
from blackboard.limits import Limits
from blackboard.measure import YEAR, is_duration, is_number, is_span, is_whole
from blackboard.options import SourceOptions
from blackboard.registration import register, rematch_board
from blackboard.store.address import without_secrets
from blackboard.store.connection import Settings
from blackboard.store.durability import Durability
from blackboard.store.store import Store, open_store
from blackboard.store.stub import Beginnings
from blackboard.sync import SyncBlackboard
from blackboard.transfer import load
from blackboard.upkeep import Upkeep
from blackboard.wiring import Wiring, wire
from blackboard.worker import Worker, WorkerOptions

P = ParamSpec("P")
R = TypeVar("R")

BUILT_IN: dict[str, type[Entry]] = {Approval.__kind__: Approval}
"""Kinds of the library itself: a program's own cannot have their names."""

MOST_AT_ONCE: Final = 100_000
"""Activations that one worker may be told to run at once."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Blackboard(Upkeep):
    """An application: a namespace, its knowledge sources, and its boards. An asynchronous context manager.

    ``url`` says where the store is (default: ``BLACKBOARD_URL``, else the embedded store under ``BLACKBOARD_DIR`` or
    ``./.blackboard``). ``strategy`` orchestrates every board from its first moment on (None: boards are choreographed until
    `orchestrate`). ``retention`` is how long closed boards are kept (None: for ever); ``idle_retention`` closes a board that has
    settled and on which nothing has happened for so long (None: none is); ``deadline`` is how long after its first moment
    nothing starts any more on a board (None: no such time), and ``deadline_action`` whether it is paused or closed then;
    ``archive`` a directory, or a function, where boards are archived when they are closed. The last four concern boards that
    begin, or are closed, from now on. ``lease`` the seconds after which the
    work of a dead worker goes to another, ``partitions`` how many the namespace has when it is created (1). ``durability``
    says what must be true of a write before it counts as made: ``memory``, ``fsync``, ``replicated``, ``replicated:2`` …

    Raises InvalidSource for a name that cannot be a namespace, and for a setting that cannot work.
    """

    def __init__(
        self,
        name: str,
        url: str | None = None,
        *,
        limits: Limits | None = None,
        retention: timedelta | None = timedelta(days=7),
        idle_retention: timedelta | None = None,
        deadline: timedelta | None = None,
        deadline_action: Overdue = "pause",
        archive: ArchiveTarget | None = None,
        lease: float | timedelta = 10.0,
        partitions: int | None = None,
        durability: str = "memory",
        strategy: Strategy | None = None,
        settings: Settings | None = None,
        author: str = "api",
    ) -> None:
        if not _is_name(name):
            problem = "it is not a word of 1 to 64 letters, digits, dots, underscores and hyphens"
            raise InvalidSource(f"blackboard {name!r}", problem, 'Name it like Blackboard("claims")')
        _check_settings(locals())  # each argument by its name
        self.name = name
        self.url = url
        self.limits = limits or Limits()
        self.retention = retention
        self.idle_retention = idle_retention
        self.deadline = deadline
        self.deadline_action: Overdue = deadline_action
        self.archive = archive
        self.lease = to_seconds(lease)
        self.strategy = strategy
        self._partitions = partitions
        self._durability = Durability.parse(durability)
        self._settings = settings
        self._author = f"@{author}"
        self._sources: dict[str, KnowledgeSource[..., Any]] = {}
        self._kinds: dict[str, type[Entry]] = {}
        self._store: Store | None = None
        self._users = 0
        self._opening = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<Blackboard {self.name}>"

    # ------------------------------------------------------------------ sources and kinds

    @overload
    def knowledge_source(self, function: Callable[P, R], /) -> KnowledgeSource[P, R]: ...
    @overload
    def knowledge_source(
        self, /, **options: Unpack[SourceOptions]
    ) -> Callable[[Callable[P, R]], KnowledgeSource[P, R]]: ...
    def knowledge_source(self, function: Callable[..., Any] | None = None, /, **options: Unpack[SourceOptions]) -> Any:
        """Make a function a knowledge source of this blackboard; a decorator, with or without options.

        Raises InvalidSource, InvalidTrigger or DuplicateSource, with what is wrong and what to do.
        """
        if function is not None:
            return self.add(make_source(function, **options))
        return lambda decorated: self.add(make_source(decorated, **options))

    def add(self, source: KnowledgeSource[P, R]) -> KnowledgeSource[P, R]:
        """Add a source that was made elsewhere. Raises DuplicateSource."""
        if source.name in self._sources and self._sources[source.name] is not source:
            raise DuplicateSource(f"source {source.name}")
        self._sources[source.name] = source
        self.know(*source.reads, *source.writes)
        return source

    def know(self, *kinds: type[Entry]) -> None:
        """Make kinds known by name that no source mentions, for the command line."""
        for kind in kinds:
            known = BUILT_IN.get(kind.__kind__) or self._kinds.get(kind.__kind__, kind)
            self._kinds.setdefault(kind.__kind__, known)
            if known is not kind:
                problem = f"{known.__module__}.{known.__qualname__} has the kind {kind.__kind__} already"
                remedy = f'Use one of the two, or name one otherwise: class {kind.__name__}(Entry, kind="…")'
                raise InvalidKind(f"kind {kind.__qualname__}", problem, remedy)

    @property
    def sources(self) -> dict[str, KnowledgeSource[..., Any]]:
        """The knowledge sources, by name."""
        return dict(self._sources)

    @property
    def kinds(self) -> dict[str, type[Entry]]:
        """The kinds that its sources read or write, by name."""
        return dict(self._kinds)

    def kind(self, name: str) -> type[Entry]:
        """The kind of this name. Raises UnknownKind."""
        if name not in self._kinds:
            raise UnknownKind(name, tuple(sorted(self._kinds)))
        return self._kinds[name]

    def check(self, *inputs: str | type[Entry]) -> Wiring:
        """How the sources hang together, before anything runs: what goes round and what bounds it, and what cannot work.

        ``inputs`` are the kinds that are posted from outside; when none is named, every kind that no source writes is held to
        be one. Needs no store. Raises UnknownKind.
        """
        kinds = [self.kind(each if isinstance(each, str) else each.__kind__) for each in inputs]
        return wire(self.name, self._sources.values(), kinds or None)

    # ------------------------------------------------------------------ connecting

    async def __aenter__(self) -> Self:
        async with self._opening:
            self._store = self._store or await self._open()
            self._users += 1
        return self

    async def _open(self) -> Store:
        store = await open_store(
            self.name,
            self.url,
            settings=self._settings,
            limits=self.limits,
            beginnings=self._beginnings(),
            partitions=self._partitions,
            durability=self._durability,
        )
        try:
            if self._sources or self._kinds:
                await register(store, "", self._sources.values(), self._kinds.values())
                await store.partitions[0].keep_retention(in_milliseconds(self.retention))
        except BaseException:
            await store.aclose()
            raise
        return store

    def _beginnings(self) -> Beginnings:
        """What its boards begin with."""
        deadline = in_milliseconds(self.deadline) if self.deadline else 0
        return Beginnings(
            *_as_text(self.strategy), deadline, self.deadline_action, in_milliseconds(self.idle_retention)
        )

    async def __aexit__(self, *_: object) -> None:
        self._users -= 1
        if self._users == 0 and self._store is not None:
            store, self._store = self._store, None
            self._opening = asyncio.Lock()  # a lock belongs to the loop it was waited for on
            await store.aclose()

    def store(self) -> Store:
        """The store, while connected. Raises StoreUnreachable outside of ``async with``."""
        if self._store is None:
            where = without_secrets(self.url) if self.url else "the embedded store"
            raise StoreUnreachable(where, f"open it first: async with Blackboard({self.name!r})")
        return self._store

    # ------------------------------------------------------------------ boards and workers

    def board(self, board: str) -> Board:
        """The board of this id; nothing is created before the first post. Raises InvalidBoardId."""
        return Board(board, self, author=self._author)

    async def boards(self) -> list[str]:
        """The ids of all boards, oldest first; those whose retention has passed are dropped from the list."""
        ids: list[str] = []
        for partition in self.store().partitions:
            ids += await partition.living_boards()
        return ids

    async def approvals(self) -> list[tuple[str, Approval]]:
        """What activations wait for people to answer on any board, each with the id of its board."""
        boards = [each for partition in self.store().partitions for each in await partition.asked()]
        return [(board, approval) for board in boards for approval in await self.board(board).approvals()]

    async def import_board(
        self, lines: Iterable[Line | str | bytes] | AsyncIterable[Line | str | bytes], board: str | None = None
    ) -> Board:
        """Make a board of the lines of an archive, under its own id or another one, and return it.

        It has the same entries with the same versions, the same history, mode and open activations; the agenda is brought up to
        the sources that are registered here. Nothing is written when a line cannot be read. Raises BrokenArchive, BoardExists,
        InvalidBoardId, and InvalidSource for what has no lines.
        """
        found = parse(await _all_of(lines))
        made = self.board(found.board if board is None else board)
        partition = self.store().partition(made.id)
        await load(partition, found, made.id, in_milliseconds(self.retention))
        await rematch_board(partition, made.id, await partition.revision())
        return made

    def workers(
        self,
        concurrency: int = 32,
        *,
        only: str | KnowledgeSource[..., Any] | Iterable[str | KnowledgeSource[..., Any]] | None = None,
        burst: bool = False,
        max_idle: float | None = None,
    ) -> Worker:
        """Workers in this process: ``async with bb.workers(concurrency=8): …``.

        ``concurrency`` activations run at once; ``only`` names the sources to run. Raises UnknownSource, and InvalidSource for
        what cannot work.
        """
        names = _names(only)
        for name in names or ():
            if name not in self._sources:
                raise UnknownSource(name, tuple(sorted(self._sources)))
        if not is_whole(concurrency, 1, MOST_AT_ONCE):
            remedy = f"Give it a whole number from 1 to {MOST_AT_ONCE}"
            raise InvalidSource("workers", f"concurrency={concurrency!r} cannot work", remedy)
        if not isinstance(burst, bool):
            raise InvalidSource("workers", f"burst={burst!r} cannot work", "Give it True or False")
        if max_idle is not None and not is_number(max_idle, 0, YEAR):
            raise InvalidSource("workers", f"max_idle={max_idle!r} cannot work", "Give it seconds from 0 up, or None")
        options = WorkerOptions(concurrency, names, burst, max_idle, self.lease)
        return Worker(self, self._sources, options)

    def controller(self) -> Controller:
        """A controller in this process: ``async with bb.controller(): …``. Any number may work at once, anywhere."""
        return Controller(self, self.lease)

    def sync(self) -> SyncBlackboard:
        """The same verbs without ``await``, for scripts, notebooks and synchronous frameworks."""
        return SyncBlackboard(self)


def _as_text(strategy: Strategy | None) -> tuple[str, str]:
    """A strategy as the store keeps it: its JSON and its name."""
    if strategy is None:
        return "", ""
    return json.dumps(to_data(strategy), ensure_ascii=False, separators=(",", ":")), strategy.label


def _check_settings(given: Mapping[str, Any]) -> None:
    """Raises InvalidSource for a setting that cannot work."""
    for name, (accepts, wanted) in _RULES.items():
        value = given[name]
        if not accepts(value):
            said = str(value) if isinstance(value, timedelta) else repr(value)
            raise InvalidSource("blackboard", f"{name}={said} cannot work", f"Give it {wanted}")


def _optional(accepts: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or accepts(value)


async def _all_of(lines: Any) -> Iterable[Line | str | bytes]:
    """The lines of an archive, of whatever gives them. Raises InvalidSource for what gives none."""
    if isinstance(lines, AsyncIterable):
        return [line async for line in lines]
    if isinstance(lines, Iterable) and not isinstance(lines, str | bytes):
        return lines
    remedy = "Give it the lines: an open file, a list, or what `export` yields"
    raise InvalidSource("import_board", f"{type(lines).__name__} is no lines of an archive", remedy)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _is_author(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and 0 < len(value) <= LONGEST_AUTHOR


LONGEST_AUTHOR: Final = 200
MOST_PARTITIONS: Final = 16_384
"""As many as a cluster has slots."""

_SPAN: Final = "a timedelta from 1 ms to 100 years"
_RULES: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "url": (_optional(lambda value: isinstance(value, str)), "the URL of a store, or None"),
    "limits": (_optional(lambda value: isinstance(value, Limits)), "Limits(…), or None"),
    "retention": (_optional(is_span), f"{_SPAN}, or None to keep boards for ever"),
    "idle_retention": (_optional(is_span), f"{_SPAN}, or None"),
    "deadline": (_optional(is_span), f"{_SPAN}, or None"),
    "deadline_action": (lambda value: value in ("pause", "close"), "one of: pause, close"),
    "archive": (
        _optional(lambda value: callable(value) or (isinstance(value, str | PathLike) and value != "")),
        "a directory, a function, or None",
    ),
    "lease": (lambda value: is_duration(value, 0.1), "a duration from 0.1 s to a year, in seconds or as a timedelta"),
    "partitions": (
        _optional(lambda value: is_whole(value, 1, MOST_PARTITIONS)),
        f"a whole number from 1 to {MOST_PARTITIONS}, or None",
    ),
    "strategy": (_optional(lambda value: isinstance(value, Strategy)), "a strategy, such as Sequential(a, b), or None"),
    "settings": (_optional(lambda value: isinstance(value, Settings)), "Settings(…), or None"),
    "author": (_is_author, f"1 to {LONGEST_AUTHOR} printable characters"),
}


def _names(only: Any) -> frozenset[str] | None:
    """The names of the sources that workers are to run; None for all. Raises InvalidSource."""
    given = (only,) if isinstance(only, str | KnowledgeSource) else only
    if given is None:
        return None
    names: list[Any] = [getattr(each, "name", each) for each in given] if isinstance(given, Iterable) else []
    if not names or not all(isinstance(each, str) for each in names):
        raise InvalidSource("workers", f"only={only!r} names no sources", "Name some, or leave it out to run all")
    return frozenset(names)

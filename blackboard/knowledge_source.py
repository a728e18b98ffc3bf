"""Knowledge sources: an agent is a function with a trigger and policies."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from typing import Any, Final, Generic, ParamSpec, TypeVar, Unpack, overload

from blackboard.card import KindCard, SourceCard
from blackboard.edge import Linked
from blackboard.entry import Entry
from blackboard.errors import InvalidSource
from blackboard.options import SourceOptions, check_options, policies_of, trigger_of
from blackboard.policies import Policies
from blackboard.question import Precondition, Question, Reconciliation, read_question
from blackboard.rating import Bid
from blackboard.signature import Parameter, Pattern, Signature, may_hand_over, read_signature, read_writes
from blackboard.trigger import Json, Trigger

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])


class Style(StrEnum):
    """How an action runs: a coroutine or an asynchronous generator on the event loop, a plain function in a thread."""

    ASYNC = "async"
    SYNC = "sync"
    STREAM = "stream"


class KnowledgeSource(Linked, Generic[P, R]):
    """An agent: its function, what triggers it, and its policies. Called, it is the plain function.

    `a >> [b, c] >> d` says in which order sources come, for a strategy that goes by it (`blackboard.control.Graph`).
    """

    __name__: str

    def __init__(
        self,
        function: Callable[P, R],
        *,
        trigger: Trigger,
        policies: Policies,
        parameters: tuple[Parameter, ...],
        writes: tuple[type[Entry], ...],
        style: Style,
        precondition: Precondition | None = None,
        bid: Bid | None = None,
        reconcile: Reconciliation | None = None,
        hands_over: bool = False,
        undoes: "KnowledgeSource[..., Any] | None" = None,
    ) -> None:
        self.function: Final = function
        self.trigger: Final = trigger
        self.policies: Final = policies
        self.parameters: Final = parameters
        self.writes: Final = frozenset(writes)
        self.style: Final = style
        self.precondition: Final = precondition
        self.bid: Final = bid
        self.reconcile: Final = reconcile
        self.hands_over: Final = hands_over
        self.undoes: Final = undoes
        """For a compensation, the source of what it undoes."""
        self.compensator: KnowledgeSource[..., Any] | None = None
        """What undoes its activations: a source of its own, which nothing triggers."""
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<KnowledgeSource {self.name}>"

    @property
    def name(self) -> str:
        """Its name, unique on a blackboard."""
        return self.trigger.source

    @property
    def reads(self) -> tuple[type[Entry], ...]:
        """The kinds that its patterns bind, its clauses count, and its precondition, bid and reconcile look at."""
        return tuple(
            dict.fromkeys(self.trigger.kinds + _kinds(self.precondition) + _kinds(self.bid) + _kinds(self.reconcile))
        )

    @property
    def versions(self) -> dict[str, int]:
        """The schema version of every kind that it reads or writes, by the kind's name, in alphabetical order."""
        kinds = {*self.reads, *self.writes}
        return dict(sorted((kind.__kind__, kind.__version__) for kind in kinds))

    def compile(self) -> Json:
        """The trigger as the store reads it, with the policies that the store applies."""
        retest = {kind.__kind__ for kind in self.trigger.kinds + _kinds(self.precondition)}
        asked: Json = {"wk": sorted(retest)} if self.precondition else {}
        asked |= {"bd": 1} if self.bid else {}
        asked |= {"rc": 1} if self.reconcile else {}
        return self.trigger.compile() | self.policies.compile() | asked

    def card(self) -> SourceCard:
        """The source as data."""
        return SourceCard(
            name=self.name,
            module=_location(self.function),
            style=self.style.value,
            doc=inspect.getdoc(self.function) or "",
            reads=_cards(self.reads),
            writes=_cards(self.writes),
            when=tuple(map(str, self.trigger.clauses)),
            precondition=self.precondition.name if self.precondition else None,
            rating=None if self.trigger.rating is None else str(self.trigger.rating),
            bid=self.bid.name if self.bid else None,
            compensation=_location(self.compensator.function) if self.compensator else None,
            per=None if self.trigger.per is None else str(self.trigger.per),
            reconcile=self.reconcile.name if self.reconcile else None,
            policies=self.policies,
            trigger=self.compile(),
        )

    def compensation(self, function: F) -> F:
        """Registers the function that undoes what this source did; a decorator that leaves the function as it is.

        Its parameters are the kinds that the source writes (what the activation wrote) or reads (what it was bound to); the
        kinds in its return annotation it may write. It has the source's policies. Raises InvalidSource.
        """
        subject = f"compensation of source {self.name}"
        if self.compensator is not None:
            problem = f"{_location(self.compensator.function)} is registered already"
            raise InvalidSource(subject, problem, "Undo everything in one function")
        self.compensator = _compensator(self, function, subject)
        return function


def _kinds(question: Question | None) -> tuple[type[Entry], ...]:
    return question.kinds if question else ()


def _location(function: Callable[..., Any]) -> str:
    name = getattr(function, "__qualname__", type(function).__name__)
    return f"{function.__module__}:{name}"


def _cards(kinds: Any) -> tuple[KindCard, ...]:
    return tuple(sorted(map(KindCard.of, kinds), key=lambda card: card.kind))


class _Recollection(Trigger):
    """What a compensation is bound to: its worker recalls it from the log, and nothing is ever matched."""

    __slots__ = ()

    def __post_init__(self) -> None:
        pass


def _compensator(
    source: KnowledgeSource[..., Any], function: Callable[..., Any], subject: str
) -> KnowledgeSource[..., Any]:
    style, signature = _style(function, subject), read_signature(function, subject)
    _check_kinds(subject, signature.parameters, source.writes.union(source.reads))
    if style is Style.STREAM:
        raise InvalidSource(subject, "it is a generator", "Return everything that it writes at once")
    returns = type(None) if signature.returns is Signature.missing else signature.returns
    writes = read_writes(returns, subject)
    if may_hand_over(returns):
        raise InvalidSource(subject, "it hands over, and nothing starts while a board is undone", "Return entries only")
    return KnowledgeSource(
        function,
        trigger=_Recollection(f"~{source.name}", signature.patterns),
        policies=replace(
            source.policies,
            isolation="snapshot",
            effects="board",
            fatal=False,
            budget=None,
            concurrency=None,
            rate=None,
            breaker=None,
            fair=False,
            approval=None,
        ),
        parameters=signature.parameters,
        writes=writes,
        style=style,
        undoes=source,
    )


def _check_kinds(subject: str, parameters: tuple[Parameter, ...], allowed: frozenset[type[Entry]]) -> None:
    for parameter in parameters:
        if isinstance(parameter, Pattern) and parameter.kind not in allowed:
            names = ", ".join(sorted(kind.__name__ for kind in allowed))
            problem = f"the source has nothing to do with {parameter.kind.__name__}"
            raise InvalidSource(f"{subject}, parameter {parameter.name}", problem, f"Use one of: {names}")


# ---------------------------------------------------------------------------- making one


@overload
def knowledge_source(function: Callable[P, R], /) -> KnowledgeSource[P, R]: ...
@overload
def knowledge_source(
    **options: Unpack[SourceOptions],
) -> Callable[[Callable[P, R]], KnowledgeSource[P, R]]: ...
def knowledge_source(function: Callable[..., Any] | None = None, /, **options: Unpack[SourceOptions]) -> Any:
    """Makes a knowledge source that belongs to no blackboard yet; a decorator, with or without options.

    Raises InvalidSource or InvalidTrigger when the source cannot work.
    """
    if function is not None:
        return make_source(function, **options)
    return lambda decorated: make_source(decorated, **options)


def make_source(function: Callable[P, R], **options: Unpack[SourceOptions]) -> KnowledgeSource[P, R]:
    """Makes a knowledge source of a function, its annotations and the options.

    Raises InvalidSource or InvalidTrigger when the source cannot work.
    """
    name = options.get("name") or str(getattr(function, "__name__", type(function).__name__))
    subject = f"source {name}"
    style = _style(function, subject)
    check_options({"name": name, **options}, subject)
    signature = read_signature(function, subject)
    return KnowledgeSource(
        function,
        trigger=trigger_of(name, signature.patterns, options),
        policies=policies_of(name, options),
        parameters=signature.parameters,
        writes=read_writes(signature.returns, subject),
        style=style,
        hands_over=may_hand_over(signature.returns),
        precondition=read_question(Precondition, options.get("precondition"), signature.parameters, subject),
        bid=read_question(Bid, options.get("bid"), signature.parameters, subject),
        reconcile=read_question(Reconciliation, options.get("reconcile"), signature.parameters, subject),
    )


def _style(function: Callable[..., Any], subject: str) -> Style:
    if not inspect.isfunction(function) and not inspect.ismethod(function):
        problem = f"it is {type(function).__name__} and not a function"
        raise InvalidSource(subject, problem, "Decorate a function or a method, async or plain")
    if inspect.isgeneratorfunction(function):
        problem = "it is a generator, which cannot be run in a thread and stopped"
        raise InvalidSource(subject, problem, "Return a list, or make it an async generator: async def … yield")
    if inspect.isasyncgenfunction(function):
        return Style.STREAM
    return Style.ASYNC if inspect.iscoroutinefunction(function) else Style.SYNC

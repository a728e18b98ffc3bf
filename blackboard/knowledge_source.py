"""Knowledge sources: an agent is a function with a trigger and policies; a SourceCard is the same as data."""

import functools
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, Generic, Literal, ParamSpec, Self, TypedDict, TypeVar, Unpack, overload

from blackboard.approval import Approve
from blackboard.clock import to_seconds
from blackboard.condition import Condition, clauses_of
from blackboard.edge import Linked
from blackboard.entry import Entry
from blackboard.errors import InvalidSource
from blackboard.ids import is_source_name
from blackboard.limit import Breaker, Concurrency, Rate, breaker_of, compile_limits, concurrency_of, rate_of
from blackboard.measure import is_duration, is_whole
from blackboard.question import Precondition, Question, Reconciliation, read_question
from blackboard.rating import Bid, rating_term
from blackboard.retry import Backoff
from blackboard.signature import Parameter, Pattern, Signature, may_hand_over, read_signature, read_writes
from blackboard.term import Operand
from blackboard.trigger import REFIRES, Json, Refire, Trigger

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])

Isolation = Literal["snapshot", "serializable"]
Effects = Literal["board", "external"]


class SourceOptions(TypedDict, total=False):
    """What a knowledge source can be told besides its function. Durations are seconds or timedeltas."""

    name: str
    when: Condition | Sequence[Condition] | None
    precondition: Callable[..., Any] | None
    after: timedelta | float
    refire: Refire
    reentrant: bool
    priority: int
    rating: float | Operand | None
    bid: Callable[..., Any] | None
    retries: int
    backoff: Backoff
    timeout: timedelta | float | None
    crashes: int
    lease: timedelta | float | None
    isolation: Isolation
    effects: Effects
    budget: int | None
    fatal: bool
    concurrency: int | Concurrency | None
    rate: Rate | str | None
    breaker: Breaker | int | None
    fair: bool
    approval: bool | str | Approve
    reconcile: Callable[..., Any] | None


class Style(StrEnum):
    """How an action runs: a coroutine or an asynchronous generator on the event loop, a plain function in a thread."""

    ASYNC = "async"
    SYNC = "sync"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class Policies:
    """How a source's activations are run. Durations are seconds.

    `retries` counts the runs after a first one that raised; `crashes` the deaths of its worker that an activation
    survives: at one more it is held to be poison. `lease` is the blackboard's when None. `budget` bounds the activations
    of the source on one board; beyond it the board is paused. When an activation of a `fatal` source dies, everything
    that was committed on its board is undone. `concurrency` is how many run at once over all workers, altogether or for
    each value of a field that the trigger names; of a `fair` source boards take turns. With `effects="external"` an
    activation that was cut short is not run again blindly: nobody knows what it has done outside the board.
    """

    priority: int = 0
    retries: int = 2
    backoff: Backoff = field(default_factory=Backoff)
    timeout: float | None = None
    crashes: int = 3
    lease: float | None = None
    isolation: Isolation = "snapshot"
    effects: Effects = "board"
    budget: int | None = None
    fatal: bool = False
    concurrency: int | None = None
    rate: Rate | None = None
    breaker: Breaker | None = None
    fair: bool = False
    approval: Approve | None = None

    def compile(self) -> Json:
        """The policies that the store itself applies."""
        compiled: Json = {"pr": self.priority, "ser": int(self.isolation == "serializable")}
        compiled |= {"ls": round(self.lease * 1000)} if self.lease else {}
        compiled |= {"ex": int(self.effects == "external"), "ft": int(self.fatal), "bg": self.budget}
        compiled |= compile_limits(self.concurrency, self.rate, self.breaker, self.fair)
        given = {name: value for name, value in compiled.items() if value}
        return given | {"ret": self.retries, "cr": self.crashes}


# ---------------------------------------------------------------------------- a source as data


@dataclass(frozen=True, slots=True)
class KindCard:
    """A kind as a source knows it: its name, its key field (`*` when the store gives keys), its schema version."""

    kind: str
    key: str | None
    version: int

    @classmethod
    def of(cls, kind: type[Entry]) -> Self:
        """The card of a class."""
        key = kind.__key__
        return cls(kind.__kind__, key if key is None or isinstance(key, str) else "*", kind.__version__)


@dataclass(frozen=True, slots=True)
class SourceCard:
    """A source as data: what the store registers, other processes compare, and people read.

    `when` has the clauses as text, `per` the field whose values count apart under its limit, `trigger` the whole trigger as the
    store reads it, policies included.
    """

    name: str
    module: str
    style: str
    doc: str = ""
    reads: tuple[KindCard, ...] = ()
    writes: tuple[KindCard, ...] = ()
    when: tuple[str, ...] = ()
    precondition: str | None = None
    rating: str | None = None
    bid: str | None = None
    per: str | None = None
    reconcile: str | None = None
    compensation: str | None = None
    policies: Policies = Policies()
    trigger: Json = field(default_factory=dict)

    def to_json(self) -> str:
        """The card as JSON, equal text for equal cards."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The card that was written so, by this release or another: what this one does not know is left out."""
        data = _known(cls, json.loads(text))
        policies = _known(Policies, data.get("policies", {}))
        backoff = Backoff(**_known(Backoff, policies.pop("backoff", {})))
        for name, limit in (("rate", Rate), ("breaker", Breaker)):
            known = policies.get(name)
            policies[name] = limit(**_known(limit, known)) if isinstance(known, Mapping) else None
        if asked := policies.get("approval"):
            policies["approval"] = Approve(**_known(Approve, asked))
        for name in ("reads", "writes"):
            data[name] = tuple(KindCard(**_known(KindCard, kind)) for kind in data.get(name, ()))
        data["when"] = tuple(data.get("when", ()))
        data["policies"] = Policies(backoff=backoff, **policies)
        return cls(**data)


def _known(cls: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    names = {attribute.name for attribute in fields(cls)}
    return {name: value for name, value in data.items() if name in names}


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
    _check_options({"name": name, **options}, subject)
    signature = read_signature(function, subject)
    return KnowledgeSource(
        function,
        trigger=_trigger(name, signature.patterns, options),
        policies=_policies(name, options),
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


def _trigger(name: str, patterns: tuple[Pattern, ...], options: SourceOptions) -> Trigger:
    concurrency = concurrency_of(options.get("concurrency"))
    return Trigger(
        source=name,
        patterns=patterns,
        clauses=clauses_of(options.get("when")),
        after=round(to_seconds(options.get("after", 0)) * 1000),
        refire=options.get("refire", "version"),
        reentrant=options.get("reentrant", False),
        rating=rating_term(options.get("rating")),
        per=concurrency.term if concurrency else None,
    )


def _policies(name: str, options: SourceOptions) -> Policies:
    given = _known(Policies, options)
    given |= {name: to_seconds(given[name]) for name in ("timeout", "lease") if given.get(name) is not None}
    concurrency = concurrency_of(given.get("concurrency"))
    given |= {"concurrency": concurrency and concurrency.limit}
    given |= {"rate": rate_of(given.get("rate")), "breaker": breaker_of(given.get("breaker"))}
    given["approval"] = _asked(options.get("approval", False), name)
    return Policies(**given)


def _asked(approval: bool | str | Approve, name: str) -> Approve | None:
    """What a person is asked before the action runs; None when nobody is."""
    asked = approval if isinstance(approval, Approve) else Approve(approval) if isinstance(approval, str) else Approve()
    if approval is False:
        return None
    expires = None if asked.expires is None else to_seconds(asked.expires)  # a card is data
    return replace(asked, question=asked.question or f"May {name} run?", expires=expires)


def _whole(lowest: int, highest: int) -> Callable[[Any], bool]:
    return lambda value: is_whole(value, lowest, highest)


def _duration(lowest: float, *, optional: bool = False) -> Callable[[Any], bool]:
    return lambda value: (optional and value is None) or is_duration(value, lowest)


_RULES: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "name": (
        is_source_name,
        "a word of 1 to 64 letters, digits, underscores, dots and hyphens, not starting with a digit",
    ),
    "when": (lambda _: True, "clauses"),
    "precondition": (lambda value: value is None or callable(value), "a function"),
    "after": (_duration(0), "a duration from 0 to a year, in seconds or as a timedelta"),
    "refire": (lambda value: value in REFIRES, "one of: version, entry, once"),
    "reentrant": (lambda value: isinstance(value, bool), "True or False"),
    "priority": (_whole(-999, 999), "a whole number from -999 to 999"),
    "rating": (lambda _: True, "a number, or what is calculated from number fields"),
    "bid": (lambda value: value is None or callable(value), "a function"),
    "retries": (_whole(0, 1000), "a whole number from 0 to 1000"),
    "backoff": (lambda value: isinstance(value, Backoff), "a Backoff, such as Backoff(initial=0.5)"),
    "timeout": (
        _duration(0.001, optional=True),
        "a duration from 1 ms to a year, in seconds or as a timedelta, or None",
    ),
    "crashes": (_whole(1, 1000), "a whole number from 1 to 1000"),
    "lease": (
        _duration(0.1, optional=True),
        "a duration from 0.1 s to a year, in seconds or as a timedelta, or None",
    ),
    "isolation": (lambda value: value in ("snapshot", "serializable"), "one of: snapshot, serializable"),
    "effects": (lambda value: value in ("board", "external"), "one of: board, external"),
    "budget": (
        lambda value: value is None or _whole(1, 10**9)(value),
        "a whole number from 1 to 1,000,000,000, or None",
    ),
    "fatal": (lambda value: isinstance(value, bool), "True or False"),
    "concurrency": (lambda _: True, "a number, or Concurrency(1, per=Order.customer)"),
    "rate": (lambda _: True, "a Rate, or a text like 10/s"),
    "breaker": (lambda _: True, "a Breaker, or a number of failures"),
    "fair": (lambda value: isinstance(value, bool), "True or False"),
    "approval": (
        lambda value: isinstance(value, bool | Approve) or (isinstance(value, str) and bool(value.strip())),
        "True, a question, or an Approve",
    ),
    "reconcile": (lambda value: value is None or callable(value), "a function"),
}


def _check_options(options: Mapping[str, Any], subject: str) -> None:
    for name, value in options.items():
        if name not in _RULES:
            raise InvalidSource(subject, f"there is no option {name!r}", f"The options are: {', '.join(_RULES)}")
        accepts, wanted = _RULES[name]
        if not accepts(value):
            raise InvalidSource(subject, f"{name}={value!r} is not {wanted}", f"Give {name} {wanted}")
    if options.get("reconcile") is not None and options.get("effects") != "external":
        problem = "it has a reconcile function, and its effects are on the board only, where nothing is in doubt"
        raise InvalidSource(subject, problem, 'Say effects="external", or remove reconcile=')

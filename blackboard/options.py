"""Options: what a knowledge source can be told besides its function, checked, and made into its trigger and policies."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any, Final, TypedDict

from blackboard.approval import Approve
from blackboard.clock import to_seconds
from blackboard.condition import Condition, clauses_of
from blackboard.errors import InvalidSource
from blackboard.ids import is_source_name
from blackboard.limit import Breaker, Concurrency, Rate, breaker_of, concurrency_of, rate_of
from blackboard.measure import is_duration, is_whole
from blackboard.policies import Effects, Isolation, Policies
from blackboard.rating import rating_term
from blackboard.retry import Backoff
from blackboard.signature import Pattern
from blackboard.term import Operand
from blackboard.trigger import REFIRES, Refire, Trigger

_POLICIES: Final = frozenset(attribute.name for attribute in fields(Policies))


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


def check_options(options: Mapping[str, Any], subject: str) -> None:
    """Raises InvalidSource when there is no such option, or its value cannot be."""
    for name, value in options.items():
        if name not in _RULES:
            raise InvalidSource(subject, f"there is no option {name!r}", f"The options are: {', '.join(_RULES)}")
        accepts, wanted = _RULES[name]
        if not accepts(value):
            raise InvalidSource(subject, f"{name}={value!r} is not {wanted}", f"Give {name} {wanted}")
    if options.get("reconcile") is not None and options.get("effects") != "external":
        problem = "it has a reconcile function, and its effects are on the board only, where nothing is in doubt"
        raise InvalidSource(subject, problem, 'Say effects="external", or remove reconcile=')


def trigger_of(name: str, patterns: tuple[Pattern, ...], options: SourceOptions) -> Trigger:
    """The trigger that the patterns of a signature make with the options. Raises InvalidTrigger."""
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


def policies_of(name: str, options: SourceOptions) -> Policies:
    """The policies among the options, in the types that cards carry."""
    given: dict[str, Any] = {option: value for option, value in options.items() if option in _POLICIES}
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

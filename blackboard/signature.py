"""A function's signature as wiring: what its parameters need, and what its return annotation allows it to write."""

import inspect
import sys
import typing
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Final, TypeGuard, Union, get_args, get_origin

from blackboard.entry import Entry
from blackboard.errors import InvalidSource
from blackboard.handoff import Handoff


class Injected:
    """Marks classes whose instances a worker passes to an action by itself, such as the board it runs on."""


class Mode(StrEnum):
    """How a parameter binds the entries of its kind."""

    EACH = "e"
    """`x: K`: each matching entry; several such parameters form a join."""
    GATHER = "g"
    """`xs: list[K]`: all matching entries at once."""
    CONTEXT = "c"
    """`x: K | None`: the first there is; neither blocks nor triggers."""
    CONTEXT_GATHER = "G"
    """`xs: list[K] | None`: all there are; neither blocks nor triggers."""

    @property
    def triggers(self) -> bool:
        """Whether a new entry can open an activation."""
        return self in {Mode.EACH, Mode.GATHER}


@dataclass(frozen=True, slots=True)
class Pattern:
    """A parameter that binds entries of a kind."""

    name: str
    mode: Mode
    kind: type[Entry]


@dataclass(frozen=True, slots=True)
class Injection:
    """A parameter that a worker fills in by itself."""

    name: str
    of: type[Injected]


Parameter = Pattern | Injection


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function asks for, in the order of its parameters, and its return annotation, `missing` without one."""

    parameters: tuple[Parameter, ...]
    returns: Any

    missing: typing.ClassVar[object] = object()

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """The parameters that bind entries."""
        return tuple(parameter for parameter in self.parameters if isinstance(parameter, Pattern))


def read_signature(
    function: Callable[..., Any], subject: str, known: Mapping[str, Parameter] | None = None
) -> Signature:
    """Reads a function's parameters; one without annotation means what `known` says of its name.

    Raises InvalidSource, naming the subject and the parameter.
    """
    hints = _hints(function, subject)
    parameters = []
    for name, parameter in inspect.signature(function).parameters.items():
        of_parameter = f"{subject}, parameter {name}"
        _check_form(parameter, of_parameter)
        if name not in hints and known and name in known:
            parameters.append(known[name])
        else:
            parameters.append(_parameter(name, hints.get(name, inspect.Parameter.empty), of_parameter))
    return Signature(tuple(parameters), hints.get("return", Signature.missing))


# ---------------------------------------------------------------------------- parameters


_FORMS: Final[Mapping[Any, str]] = {
    inspect.Parameter.VAR_POSITIONAL: "it stands for any number of arguments",
    inspect.Parameter.VAR_KEYWORD: "it stands for any number of arguments",
    inspect.Parameter.POSITIONAL_ONLY: "it is positional only, and arguments are passed by name",
}


def _check_form(parameter: inspect.Parameter, subject: str) -> None:
    if problem := _FORMS.get(parameter.kind):
        raise InvalidSource(subject, problem, "Declare one named parameter for each thing the source needs")
    if parameter.default is not inspect.Parameter.empty:
        problem = f"its default, {parameter.default!r}, would never be used: a worker passes every argument"
        raise InvalidSource(subject, problem, "Remove the default; `K | None` says that the entry may be missing")


def _parameter(name: str, annotation: Any, subject: str) -> Parameter:
    if annotation is inspect.Parameter.empty:
        problem = "it has no annotation, so nobody knows which entries it needs"
        raise InvalidSource(subject, problem, "Annotate it with a kind: K, list[K], K | None, or Board or Context")
    if isinstance(annotation, type) and issubclass(annotation, Injected):
        return Injection(name, annotation)
    options = get_args(annotation) if _is_union(annotation) else (annotation,)
    wanted = [option for option in options if option is not NoneType]
    kinds = [kind for kind in map(_listed, wanted) if is_kind(kind)]
    if len(wanted) != 1 or len(kinds) != 1:
        raise InvalidSource(subject, _unusable(annotation, wanted), "Annotate it with K, list[K], K | None, or Board")
    return Pattern(name, _MODES[get_origin(wanted[0]) is list, NoneType in options], kinds[0])


_MODES: Final = {
    (False, False): Mode.EACH,
    (True, False): Mode.GATHER,
    (False, True): Mode.CONTEXT,
    (True, True): Mode.CONTEXT_GATHER,
}


def _unusable(annotation: Any, wanted: list[Any]) -> str:
    if len(wanted) > 1:
        return f"{_name(annotation)} names several kinds, and a pattern has one"
    return f"{_name(annotation)} is not a kind of entry"


def _listed(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is list else annotation


def is_kind(annotation: Any) -> TypeGuard[type[Entry]]:
    """Whether this is a kind of entry, not just any class, nor Entry itself."""
    return isinstance(annotation, type) and issubclass(annotation, Entry) and annotation is not Entry


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in {Union, UnionType}


def _name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


# ---------------------------------------------------------------------------- return annotations


_CONTAINERS: Final = frozenset(
    {list, tuple, set, frozenset, Sequence, Collection, Iterable, Iterator, AbstractSet}
    | {AsyncIterable, AsyncIterator, AsyncGenerator}
)


def read_writes(returns: Any, subject: str) -> tuple[type[Entry], ...]:
    """The kinds that a return annotation names, in its order; raises InvalidSource for anything else in it."""
    if returns is Signature.missing:
        problem = "it has no return annotation, which says what the source may write"
        raise InvalidSource(subject, problem, "Annotate it: -> K, list[K], K | None, or None when it writes nothing")
    return tuple(dict.fromkeys(kind for kind in _written(returns, subject) if kind is not Handoff))


def may_hand_over(returns: Any) -> bool:
    """Whether a return annotation, which `read_writes` accepts, names Handoff."""
    return Handoff in _written(returns, "")


def _written(annotation: Any, subject: str) -> Iterator[Any]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if is_kind(annotation) or annotation is Handoff:
        yield annotation
    elif _is_union(annotation) or (origin in _CONTAINERS and arguments):
        # The second argument of AsyncGenerator is what may be sent into it: nothing, ever.
        for argument in arguments[:1] if origin is AsyncGenerator else arguments:
            if argument is not ...:
                yield from _written(argument, subject)
    elif annotation is not NoneType:
        problem = f"its return annotation says {_name(annotation)}, which is not a kind of entry"
        raise InvalidSource(
            subject, problem, "Return kinds: K, list[K], K | None, tuple[A, B], AsyncIterator[K], or None"
        )


# ---------------------------------------------------------------------------- annotations that are strings


def _hints(function: Callable[..., Any], subject: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, localns=_scope(inspect.unwrap(function)))
    except NameError as error:
        remedy = "Import it where the source is defined, and not under TYPE_CHECKING only"
        raise InvalidSource(subject, f"an annotation cannot be resolved: {error}", remedy) from error


def _scope(function: Callable[..., Any]) -> dict[str, Any]:
    """The local names around the function, where those who call us are still inside what defines it.

    Kinds defined inside a function, as in tests, are no globals; `from __future__ import annotations` leaves only
    their names.
    """
    scopes: list[dict[str, Any]] = []
    code, frame = getattr(function, "__code__", None), sys._getframe()  # noqa: SLF001  # as inspect does
    while frame.f_back is not None and code is not None:
        frame = frame.f_back
        if code in frame.f_code.co_consts:
            scopes.append(frame.f_locals)
            code = frame.f_code
    return {name: value for scope in reversed(scopes) for name, value in scope.items()}

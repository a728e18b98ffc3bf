"""The strategy that a word on the command line means: a short notation, `module:object`, or JSON.

The short notation is a name and, after a colon, what follows in the parentheses of the class, separated by commas:
`sequential:check_text,decide` is `Sequential("check_text", "decide")`, and `priority:order=lex,limit=2` is
`Priority(order="lex", limit=2)`. Several names for one argument are joined by a plus: `parallel:4,sources=check_text+decide`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from blackboard.cli.failures import NOT_FOUND
from blackboard.cli.loading import load_object

if TYPE_CHECKING:
    from blackboard.control.strategy import Strategy  # loaded when a verb runs

SHORT: Mapping[str, tuple[str, str]] = {
    "sequential": ("Sequential", "sequential:SOURCE,SOURCE…"),
    "parallel": ("Parallel", "parallel:LIMIT"),
    "priority": ("Priority", "priority, priority:order=lex,limit=2"),
    "round-robin": ("RoundRobin", "round-robin"),
    "random": ("Random", "random:SEED"),
    "router": ("Router", "router:SOURCE"),
    "supervisor": ("Supervisor", "supervisor:SOURCE"),
    "swarm": ("Swarm", "swarm:SOURCE"),
    "plan-execute": ("PlanExecute", "plan-execute:SOURCE"),
    "manual": ("Manual", "manual"),
}
"""Name → its class in `blackboard.control`, and how it is written. A graph has no short form: name one by module:object."""


class NoSource(click.ClickException):
    """A strategy names a source that nobody has registered."""

    exit_code = NOT_FOUND


def strategy_of(word: str) -> Strategy:
    """The strategy that a word means. Raises click.UsageError, which says what there is, and what loading a module raises."""
    from blackboard.errors import InvalidStrategy

    name, colon, rest = word.partition(":")
    try:
        if word.lstrip().startswith("{"):
            return _from_json(word)
        if name in SHORT:
            return _from_short(name, rest.split(",") if colon else [])
    except InvalidStrategy as error:
        raise click.UsageError(str(error)) from error
    if not colon or not rest:
        raise click.UsageError(f"there is no strategy {word!r}. {_hint(name)}")
    return _from_module(word)


def check_sources(strategy: Strategy, known: Collection[str]) -> None:
    """Raise NoSource when a strategy names a source that is not known, with the nearest that is."""
    from blackboard.control.mention import sources_of

    for name in sources_of(strategy):
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            listed = ", ".join(sorted(known)) or "none yet; workers register theirs"
            raise NoSource(f"there is no knowledge source {name}.{hint} Registered are: {listed}.")


# ---------------------------------------------------------------------------- the three forms


def _from_short(name: str, words: list[str]) -> Strategy:
    from blackboard import control

    cls: type[Strategy] = getattr(control, SHORT[name][0])
    given = [_value(word) for word in words if "=" not in word]
    named = dict(word.split("=", 1) for word in words if "=" in word)
    try:
        return cls(*given, **{key: _value(value) for key, value in named.items()})
    except TypeError as error:
        problem = (
            f"{','.join(words)!r} is not what {name} is made of" if words else f"{name} needs something after a colon"
        )
        raise click.UsageError(f"{problem}. It is written {SHORT[name][1]}.") from error


def _value(word: str) -> Any:
    """A number where it reads as one, several texts joined by plus, or a text."""
    word = word.strip()
    if "+" in word:
        return tuple(word.split("+"))
    return int(word) if word.isascii() and word.isdigit() else word


def _from_json(text: str) -> Strategy:
    from blackboard.control.notation import VERSION, from_data

    try:
        return from_data({"notation": VERSION} | json.loads(text))
    except ValueError as error:
        written = '{"strategy": "Parallel", "with": {"limit": 4}}'
        raise click.UsageError(f"that is no strategy in JSON ({error}). One is written like {written}.") from error


def _from_module(word: str) -> Strategy:
    from blackboard.control.strategy import Strategy

    try:
        return load_object(word, Strategy)
    except click.UsageError as error:
        raise click.UsageError(f"{error.message} {_hint(word.partition(':')[0])}") from error


def _hint(name: str) -> str:
    near = get_close_matches(name, SHORT, 1)
    meant = f"Did you mean {near[0]}? " if near else ""
    there = "; ".join(written for _, written in SHORT.values())
    return f"{meant}There is: {there}; or module:object; or JSON."

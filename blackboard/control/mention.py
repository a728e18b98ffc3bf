"""Which sources a strategy names, so that a misspelled one is found before it is waited for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from blackboard.control.strategy import Strategy

SOURCE_FIELDS = frozenset({"agent", "choose", "nodes", "planner", "source", "sources", "start", "steps"})
"""The fields of our strategies that name sources; another's are known by their annotation."""


def sources_of(strategy: Strategy) -> Iterator[str]:
    """The sources that a strategy, and what it is made of, names."""
    for each in fields(strategy):
        value = getattr(strategy, each.name)
        names = each.name in SOURCE_FIELDS or "Source" in str(each.type)
        if each.name == "nodes":
            value = tuple(what for _, what in value)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Strategy):
                yield from sources_of(part)
            elif names and isinstance(part, str):
                yield part

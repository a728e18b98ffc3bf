"""Values in words: times, lengths of time, texts on one line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

STEPS = ((60, "s", 1), (3600, "min", 60), (86400, "h", 3600))


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON, with times as ISO 8601."""
    return json.dumps(value, ensure_ascii=False, indent=indent, default=jsonable)


def jsonable(value: Any) -> Any:
    """What stands in JSON for a value that has no form there."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)


def ago(value: datetime | None) -> str:
    """How long ago a moment is, in one unit."""
    return "" if value is None else f"{lasting((datetime.now(UTC) - value).total_seconds())} ago"


def ahead(value: datetime) -> str:
    """How soon a moment comes, in one unit."""
    return f"in {lasting((value - datetime.now(UTC)).total_seconds())}"


def lasting(seconds: float) -> str:
    """How long something lasts, in one unit."""
    seconds = max(0.0, seconds)
    for limit, unit, size in STEPS:
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def shown(value: Any) -> str:
    """A value for people, on one line, with nothing in it that a terminal would obey."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return ago(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else to_json(value) if isinstance(value, dict) else str(value)
    return "".join(c if c.isprintable() else " " for c in text)


def shorten(text: str, width: int) -> str:
    """The beginning of a text that is too long."""
    return text if len(text) <= width else text[: width - 1] + "…"


def summary(problem: str) -> str:
    """What an error says in its first line."""
    return problem.strip().partition("\n")[0]


def iso(value: datetime) -> str:
    """A moment in ISO 8601, to the millisecond."""
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")

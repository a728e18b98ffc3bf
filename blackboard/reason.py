"""Reasons: why somebody did something, in words that can be kept and shown."""

from __future__ import annotations

from typing import Any

from blackboard.errors import InvalidSource

LONGEST = 500
"""Characters kept of a reason."""


def check_text(said: Any) -> None:
    """Raises InvalidSource for what is no text: an act would be kept with words that nobody could read."""
    if not isinstance(said, str):
        raise InvalidSource("what was said", f"{said!r} is no text", 'Say it in words, such as "checked by hand"')


def clean(reason: str) -> str:
    """A reason as it is kept: one line of what can be shown. Raises InvalidSource for what is no text."""
    check_text(reason)
    return "".join(c if c.isprintable() else " " for c in reason)[:LONGEST]

"""Sources that are paused on all boards: which, since when, by whom and why."""

from __future__ import annotations

from collections.abc import Mapping

from blackboard.clock import to_datetime
from blackboard.facts.words import ago, shorten, shown

EVERY_SOURCE = "*"
"""What the store calls all sources at once."""

Pause = tuple[int, str, str]
"""Since when (ms), by whom, and why."""

LONGEST_REASON = 80


def pause_of(source: str, paused: Mapping[str, Pause]) -> Pause | None:
    """The pause that concerns a source: its own, else that of all sources."""
    return paused.get(source) or paused.get(EVERY_SOURCE)


def paused_by(pause: Pause) -> str:
    """Who paused, when and why."""
    at, by, why = pause
    return f"paused by {by} {ago(to_datetime(at))}" + (f": {shorten(shown(why), LONGEST_REASON)}" if why else "")

"""Entries that the tests post."""

from __future__ import annotations

from typing import Any

from blackboard import Entry


class Task(Entry, key="id"):
    id: str


class Note(Entry, key="id"):
    id: str
    text: str = ""


class Result(Entry, key="id"):
    id: str
    value: Any = None

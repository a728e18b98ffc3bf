"""Answers: facts as JSON that is never endless, and errors as JSON that says what to do."""

from __future__ import annotations

import json
import logging
from typing import Any

from redis.exceptions import RedisClusterException, RedisError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from blackboard.errors import BlackboardError, EntryError, InvalidBoardId, NotFound, StoreError
from blackboard.facts.words import jsonable
from blackboard.store.translation import translate

logger = logging.getLogger(__name__)

LONGEST_TEXT = 4000
"""Characters of a text; an entry may have more."""

MOST_ITEMS = 100
"""Items of a list inside of a row."""


def answer(found: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Facts as JSON."""
    headers = {"Cache-Control": "no-store"} | (headers or {})
    return Response(as_json(found), status, headers, "application/json")


def as_json(found: Any) -> str:
    """Facts as JSON in ASCII: what is half a character, or ends a line elsewhere, is escaped and harms nobody."""
    return json.dumps(found, default=jsonable)


def refusal(error: Exception, url: str) -> Response:
    """An error as JSON: what happened, why, and what to do. Tracebacks go to the log."""
    if isinstance(error, HTTPException):
        return answer({"error": "HTTPException", "message": error.detail}, error.status_code)
    if isinstance(error, RedisError | RedisClusterException | OSError):
        error = translate(error, url)
    if isinstance(error, BlackboardError):
        return answer({"error": type(error).__name__, "message": str(error)}, _status(error))
    logger.error("the inspector failed", exc_info=error)
    message = "The inspector failed. This should not happen; its log says where. Please report it."
    return answer({"error": type(error).__name__, "message": message}, 500)


def _status(error: BlackboardError) -> int:
    meaning: tuple[tuple[type[BlackboardError], int], ...] = (
        (NotFound, 404),
        (StoreError, 503),
        (InvalidBoardId, 400),
        (EntryError, 400),
    )
    return next((status for kind, status in meaning if isinstance(error, kind)), 500)


def brief(value: Any) -> Any:
    """A value of which texts and lists are cut where they are too long, with a note of how much is missing."""
    if isinstance(value, str):
        missing = len(value) - LONGEST_TEXT
        return value if missing <= 0 else f"{value[:LONGEST_TEXT]}… ({missing} characters more)"
    if isinstance(value, dict):
        return {name: brief(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        missing = len(value) - MOST_ITEMS
        return [brief(each) for each in value[:MOST_ITEMS]] + ([f"… and {missing} more"] if missing > 0 else [])
    return value

"""Identifiers: those made here, and the rules for those that users choose.

No identifier contains a control character: the store joins fields with one.
"""

import os
import re
import socket
import time
from typing import Final

from blackboard.errors import InvalidBoardId, InvalidKey

LONGEST_BOARD_ID: Final = 200
LONGEST_KEY: Final = 512

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_SOURCE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_HOST = re.compile(r"[^A-Za-z0-9.-]+")


def operation_id() -> str:
    """A new id for one operation: 23 characters, unique, in the order of their making (to the millisecond)."""
    # The system's randomness, not the random module's: after a fork that would repeat itself in the child.
    return f"{time.time_ns() // 1_000_000:011x}{os.urandom(6).hex()}"


def worker_id() -> str:
    """A new id for one worker instance: where it runs, for people, and a random part, for the fence."""
    host = _HOST.sub("-", socket.gethostname())[:40] or "host"
    return f"{host}:{os.getpid()}:{os.urandom(4).hex()}"


def check_board_id(board: str) -> str:
    """Returns the id if a board may have it; raises InvalidBoardId otherwise."""
    if problem := _problem(board, LONGEST_BOARD_ID):
        raise InvalidBoardId(board, problem)
    return board


def check_key(kind: str, key: str) -> str:
    """Returns the key if an entry of the kind may have it; raises InvalidKey otherwise."""
    if problem := _problem(key, LONGEST_KEY):
        raise InvalidKey(kind, key, problem)
    return key


def is_kind_name(name: str) -> bool:
    """Whether a kind may have this name: lower case letters, digits and underscores, at most 64."""
    return _NAME.fullmatch(name) is not None


def is_source_name(name: object) -> bool:
    """Whether a knowledge source may have this name: a word of letters, digits and `_ . -`, at most 64."""
    return isinstance(name, str) and _SOURCE_NAME.fullmatch(name) is not None


def _problem(text: object, longest: int) -> str | None:
    if not isinstance(text, str):
        return f"it is not text but {type(text).__name__}"
    if not text:
        return "it is empty"
    if control := _CONTROL.search(text):
        return f"it contains the control character U+{ord(control.group()):04X}"
    return _size_problem(text, longest)


def _size_problem(text: str, longest: int) -> str | None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "it contains half a character (a lone surrogate)"
    return f"it has {size} bytes" if size > longest else None

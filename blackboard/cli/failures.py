"""The one place where an outcome becomes a message and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import click

from blackboard.cli.options import Options

OK, FAILURE, USAGE, NO, NOT_FOUND, CONFLICT = 0, 1, 2, 3, 4, 5
NO_STORE = 69
"""EX_UNAVAILABLE of sysexits.h."""
TIMED_OUT = 124
"""As of timeout(1)."""
INTERRUPTED, BROKEN_PIPE = 130, 141
"""128 and the number of the signal, as shells say it."""


def end(run: Callable[[], Any], options: Options) -> NoReturn:
    """Run, report what went wrong on stderr, and exit."""
    try:
        code = run() or OK
        sys.stdout.flush()
    except BrokenPipeError:
        close_output()
        code = BROKEN_PIPE
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except click.ClickException as error:
        if options.debug and error.__cause__ is not None:
            _show_traceback(error.__cause__)
        error.show()
        code = error.exit_code
    except Exception as error:  # noqa: BLE001  # the last one to see it: what nobody foresaw is told too
        code = report(error, options)
    sys.exit(code)


def report(error: Exception, options: Options) -> int:
    """Say what happened and what to do; returns the exit code."""
    if options.debug:
        _show_traceback(error)
    error = _ours(error)
    text = "".join(c if c.isprintable() or c == "\n" else "�" for c in _message(error, options))
    click.echo(f"Error: {text}", err=True)
    return exit_code(error)


def _show_traceback(error: BaseException) -> None:
    import traceback

    traceback.print_exception(error)


def exit_code(error: Exception) -> int:
    """The exit code that an error stands for."""
    from blackboard import errors

    meaning: tuple[tuple[tuple[type[Exception], ...], int], ...] = (
        ((errors.StoreUnreachable, errors.StoreBusy, errors.StoreRefused), NO_STORE),
        ((errors.TimedOut,), TIMED_OUT),
        ((errors.NotFound,), NOT_FOUND),
        ((errors.Conflict, errors.BoardClosed, errors.SagaUnderWay), CONFLICT),
        ((errors.NotHeld, errors.GuardTripped, errors.NotUnknown, errors.StillRunning), NO),
        ((errors.EntryError, errors.InvalidBoardId, errors.BrokenArchive), USAGE),
    )
    return next((code for classes, code in meaning if isinstance(error, classes)), FAILURE)


def _ours(error: Exception) -> Exception:
    """What a client library raised, as our own error. Only one that was loaded can have raised it."""
    if "redis" not in sys.modules:
        return error
    from redis.exceptions import RedisError

    if not isinstance(error, RedisError):
        return error
    from blackboard.store.translation import translate

    return translate(error, os.environ.get("BLACKBOARD_URL") or "the embedded store")


def _message(error: Exception, options: Options) -> str:
    from blackboard.errors import BlackboardError

    if isinstance(error, BlackboardError):
        return str(error)
    hint = "" if options.debug else " This should not happen; run it again with --debug to see where, and report it."
    return f"{type(error).__name__}: {error}.{hint}"


def close_output() -> None:
    """Let nothing more be written to an output that nobody reads, not even when the interpreter ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)

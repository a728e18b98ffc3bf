"""What an agent is told of its own activation, and what it can do durably."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NoReturn, TypeVar, overload

from blackboard.approval import YES_OR_NO, Answer, Approve
from blackboard.board import Board
from blackboard.clock import to_seconds
from blackboard.errors import InvalidStep
from blackboard.measure import is_duration
from blackboard.record import Progress
from blackboard.saga import Abort
from blackboard.signature import Injected
from blackboard.step import Steps, check_name

T = TypeVar("T")

LONGEST_SLEEP = 10 * 366 * 86400.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Context(Injected):
    """The activation that is running, for an agent that declares a parameter of this type.

    ``attempt`` says which run this is, from 1; ``crashes`` the workers that died with it since it last recorded a step. The
    ``idempotency_key`` is the same for every run of this activation: give it to whatever acts outside the board. ``note``
    is what the agent said that handed control over, if one did.

    `step`, `sleep` and `approval` are recorded: another run of the activation, after a crash, a timeout or a failure, goes on
    where this one was. An agent that is a plain function has the same three without ``await`` in ``sync``.
    """

    board: Board
    source: str
    number: int
    attempt: int
    crashes: int
    depth: int
    idempotency_key: str
    note: str = ""
    steps: Steps = field(default_factory=Steps, repr=False, compare=False)
    """What becomes of its steps; for a test of its own, `Steps(answers={…})`."""

    @property
    def activation(self) -> str:
        """The activation as people write it, ``decide#17``."""
        return f"{self.source}#{self.number}"

    def abort(self, reason: str) -> NoReturn:
        """Give up for the whole board: this activation is dead, and everything that was committed is undone.

        It leaves the agent as an exception that `except Exception` does not catch; nothing of this run is committed. In a
        compensation, only that one dies.
        """
        raise Abort(reason)

    @property
    def sync(self) -> SyncContext:
        """`step`, `sleep` and `approval` for an agent that is a plain function: they wait in its thread."""
        return SyncContext(self.steps)

    # ------------------------------------------------------------------ durable

    @overload
    def step(
        self, name: str, function: Callable[..., Awaitable[T]], /, *arguments: Any, **keywords: Any
    ) -> Coroutine[Any, Any, T]: ...
    @overload
    def step(
        self, name: str, function: Callable[..., T], /, *arguments: Any, **keywords: Any
    ) -> Coroutine[Any, Any, T]: ...
    def step(self, name: str, function: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Any:
        """Call a function once and record what it returns; another run returns the record and does not call it.

        A coroutine function is awaited, a plain one runs in a thread. What it returns must have a JSON form, and comes back as
        the function's return annotation says, or else as plain JSON. Steps are known by their order and name.

        Raises what the function raises (nothing is recorded then), InvalidStep, StepMismatch, Overloaded.
        """
        return self.steps.step(self.steps.place(), check_name(name), function, arguments, keywords)

    def sleep(self, duration: float | timedelta, name: str = "sleep") -> Coroutine[Any, Any, None]:
        """Sleep for so many seconds. A longer sleep ends this run: the activation takes no slot, and runs anew when it wakes.

        Raises InvalidStep for a duration that makes no sense.
        """
        return self.steps.sleep(self.steps.place(), check_name(name), _seconds(duration))

    def approval(
        self,
        question: str,
        choices: Sequence[str] = YES_OR_NO,
        value: Any = None,
        *,
        to: str = "",
        expires: float | timedelta | None = None,
        default: str | None = None,
    ) -> Coroutine[Any, Any, Answer]:
        """Ask a person, and return what they answer. Until then the activation takes no slot; then it runs anew.

        The first of the ``choices`` is the one that approves. ``value`` is what is proposed, which the person may edit. After
        ``expires`` seconds the ``default`` is taken. Raises ApprovalExpired when there is none, InvalidStep.
        """
        return self.steps.ask(self.steps.place(), Approve(question, choices, to, expires, default), value)

    # ------------------------------------------------------------------ how far it is

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        """Say how far it is: a fraction from 0 to 1, or ``done`` of ``total``. Cheap, and from any thread."""
        fraction = done / total if total else done if total is None else 1.0
        counted = None if total is None else float(done)
        self.steps.report(Progress(min(1.0, max(0.0, float(fraction))), counted, total, text))

    def log(self, text: str) -> None:
        """Say a line, which stands in the log of the board. Cheap, and from any thread."""
        self.steps.say(text)


@dataclass(frozen=True, slots=True)
class SyncContext:
    """The durable verbs of a `Context` without ``await``, for an agent that is a plain function."""

    steps: Steps

    def step(self, name: str, function: Callable[..., T], /, *arguments: Any, **keywords: Any) -> T:
        """Call a plain function once, in this thread, and record what it returns. Else as `Context.step`."""
        if inspect.iscoroutinefunction(function):
            problem = "its function is a coroutine function, and this agent is a plain one"
            raise InvalidStep(f"step {name}", problem, "Make the agent async: await ctx.step(…); or the function plain")
        result: T = self.steps.step_here(self.steps.place(), check_name(name), function, arguments, keywords)
        return result

    def sleep(self, duration: float | timedelta, name: str = "sleep") -> None:
        """Sleep, as `Context.sleep`."""
        self.steps.wait(self.steps.sleep(self.steps.place(), check_name(name), _seconds(duration)))

    def approval(
        self,
        question: str,
        choices: Sequence[str] = YES_OR_NO,
        value: Any = None,
        *,
        to: str = "",
        expires: float | timedelta | None = None,
        default: str | None = None,
    ) -> Answer:
        """Ask a person, as `Context.approval`."""
        asked = Approve(question, choices, to, expires, default)
        return self.steps.wait(self.steps.ask(self.steps.place(), asked, value))


def _seconds(duration: Any) -> float:
    if is_duration(duration, 0, LONGEST_SLEEP):
        return to_seconds(duration)
    raise InvalidStep(f"sleep {duration!r}", "it is no duration from 0 to ten years", "Give seconds, or a timedelta")

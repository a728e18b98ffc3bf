"""Steps: what an agent does durably. This is how they behave outside of a worker, where a test calls an agent by itself: they
just happen, and nothing is recorded. `recording` has what a worker does with them.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import threading
import typing
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic_core import PydanticSerializationError, from_json, to_json

from blackboard.approval import Answer, Approve
from blackboard.errors import ApprovalExpired, InvalidStep
from blackboard.record import Progress

T = TypeVar("T")

LONGEST_NAME = 200
"""Characters of a step's name."""

_JSON_ABLE = "Return JSON: numbers, texts, lists, dicts, pydantic models, or what the function's return annotation says"


class Steps:
    """The steps of one run of an agent: run at once, and kept nowhere.

    ``answers`` says what the people answer, by question (an `Answer` or a choice). What was said is in ``said``, how far it
    came in ``progressed``.
    """

    def __init__(self, answers: Mapping[str, Answer | str] | None = None) -> None:
        self.said: list[str] = []
        self.progressed: Progress | None = None
        self._answers = dict(answers or {})
        self._places = itertools.count(1)
        self._lock = threading.Lock()

    def place(self) -> int:
        """The place of the next step: given when it is called, so that steps that run together keep their order."""
        with self._lock:
            return next(self._places)

    async def step(
        self, place: int, name: str, function: Callable[..., Any], arguments: Sequence[Any], keywords: Mapping[str, Any]
    ) -> Any:
        """Run a function, a plain one in a thread, and return what it returns as it is recorded."""
        if inspect.iscoroutinefunction(function):
            result = await function(*arguments, **keywords)
        else:
            result = await asyncio.to_thread(function, *arguments, **keywords)
        result = await result if inspect.isawaitable(result) else result
        return decoded(function, name, encoded(function, name, result))

    def step_here(
        self, place: int, name: str, function: Callable[..., Any], arguments: Sequence[Any], keywords: Mapping[str, Any]
    ) -> Any:
        """The same for an agent that is a plain function: in its own thread."""
        return decoded(function, name, encoded(function, name, function(*arguments, **keywords)))

    async def sleep(self, place: int, name: str, seconds: float) -> None:
        """Sleep; outside of a worker, not at all."""

    async def ask(self, place: int, asked: Approve, value: Any) -> Answer:
        """Ask a person; outside of a worker, look up what a test says they answer."""
        answer = self._answers.get(asked.question, asked.default)
        if answer is None:
            problem = "nobody is there to answer it, outside of a worker"
            remedy = f'Say what is answered: Context(…, steps=Steps({{{asked.question!r}: "{asked.choices[0]}"}}))'
            raise InvalidStep(f"approval {asked.question!r}", problem, remedy)
        if isinstance(answer, Answer):
            return answer
        if answer == "expired":
            raise ApprovalExpired(str(place), asked.question)
        return Answer(answer, value, by="@test", approved=answer == asked.choices[0])

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for one of the above from a plain function."""
        try:
            work.send(None)
        except StopIteration as end:
            value: T = end.value
            return value
        raise RuntimeError("a step outside of a worker has nothing to wait for")

    def say(self, line: str) -> None:
        """Say a line."""
        self.said.append(line)

    def report(self, progress: Progress) -> None:
        """Say how far it is."""
        self.progressed = progress


def check_name(name: object) -> str:
    """A step's name, if it can be one. Raises InvalidStep."""
    if isinstance(name, str) and name.isprintable() and 0 < len(name) <= LONGEST_NAME:
        return name
    problem = f"it is not 1 to {LONGEST_NAME} printable characters"
    raise InvalidStep(f"step {name!r}", problem, 'Name it by what it does: ctx.step("search", search, query)')


# ---------------------------------------------------------------------------- results


def encoded(function: Callable[..., Any], name: str, result: Any) -> str:
    """What a step returned, as it is recorded. Raises InvalidStep when it has no JSON."""
    adapter = _adapter_of(function)
    try:
        return (to_json(result) if adapter is None else adapter.dump_json(result, warnings="error")).decode()
    except (PydanticSerializationError, UnicodeDecodeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InvalidStep(f"step {name}", f"what it returned cannot be recorded: {reason}", _JSON_ABLE) from error


def decoded(function: Callable[..., Any], name: str, text: str) -> Any:
    """What a step returned, from its record. Raises InvalidStep when it is no longer what the function says it returns."""
    adapter = _adapter_of(function)
    try:
        return from_json(text) if adapter is None else adapter.validate_json(text)
    except ValidationError as error:
        [first, *_] = error.errors(include_url=False, include_input=False)
        problem = f"what was recorded does not fit the return annotation of its function: {first['msg']}"
        raise InvalidStep(
            f"step {name}", problem, "Return what the annotation says, or take the annotation away"
        ) from error


def _adapter_of(function: Callable[..., Any]) -> TypeAdapter[Any] | None:
    """What a function says that it returns, if that is something pydantic can read back."""
    while isinstance(function, partial):
        function = function.func
    if not inspect.isroutine(function):
        function = getattr(function, "__call__", function)  # noqa: B004  # its annotations are wanted, not whether it has one
    if "return" not in getattr(function, "__annotations__", {}):
        return None
    try:
        return _adapter(typing.get_type_hints(function).get("return", Any))
    except (NameError, TypeError, PydanticSchemaGenerationError, PydanticUserError):
        return None  # a name that only its own scope knows, or no type of data: then its plain JSON counts


@lru_cache(maxsize=512)
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)

"""The synchronous façade: the same objects, whose coroutines run on a loop in a thread.

Nothing is written twice: a proxy turns every coroutine into a plain call and every asynchronous iterator into a plain one.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterator
from typing import Any, Self, TypeVar

T = TypeVar("T")


class _Loop:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="blackboard-sync", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there and wait for its result."""
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    def stop(self) -> None:
        """End the loop and its thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class Synchronous:
    """Any object of this library, with its coroutines as plain calls."""

    def __init__(self, target: Any, loop: _Loop) -> None:
        self._target = target
        self._loop = loop

    def __repr__(self) -> str:
        return f"<synchronous {self._target!r}>"

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if not callable(value) or inspect.isclass(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._plain(value(*args, **kwargs))

        call.__name__, call.__doc__ = name, value.__doc__
        return call

    def __enter__(self) -> Self:
        self._loop.run(self._target.__aenter__())
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.run(self._target.__aexit__(*exc))

    def _plain(self, value: Any) -> Any:
        if inspect.iscoroutine(value):
            return self._plain(self._loop.run(value))
        if isinstance(value, AsyncGenerator):
            return self._iterate(value)
        if hasattr(value, "__aenter__") or (type(value).__module__ == "blackboard.board" and hasattr(value, "post")):
            return Synchronous(value, self._loop)
        return value

    def _iterate(self, source: AsyncGenerator[T, None]) -> Iterator[T]:
        try:
            while True:
                try:
                    yield self._loop.run(_next(source))
                except StopAsyncIteration:
                    return
        finally:
            self._loop.run(_close(source))


async def _next(source: AsyncGenerator[T, None]) -> T:
    return await anext(source)


async def _close(source: AsyncGenerator[T, None]) -> None:
    await source.aclose()


class SyncBlackboard(Synchronous):
    """A blackboard without ``await``: ``with bb.sync() as blackboard: blackboard.board("b").post(…)``."""

    def __init__(self, blackboard: Any) -> None:
        super().__init__(blackboard, _Loop())

    def __enter__(self) -> Self:
        try:
            return super().__enter__()
        except BaseException:
            self._loop.stop()
            raise

    def __exit__(self, *exc: object) -> None:
        try:
            super().__exit__(*exc)
        finally:
            self._loop.stop()

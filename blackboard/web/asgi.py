"""The inspector as an ASGI application: its pages, and the questions that they ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from blackboard.application import Blackboard
from blackboard.web import reads
from blackboard.web.answers import answer, refusal
from blackboard.web.guard import Guard
from blackboard.web.stream import Followers

STATIC = Path(__file__).parent / "static"

PATIENCE = 3.0
"""Seconds that a browser waits for the store."""

Read = Callable[[Blackboard, reads.Question], Awaitable[dict[str, Any]]]


def inspector(bb: Blackboard, hosts: Iterable[str] = ()) -> Starlette:
    """The inspector of a blackboard, an ASGI application which opens it while it lives. It only reads.

    ``hosts`` are the names under which it may be asked for, besides ``localhost`` and addresses. Whoever can reach it can read
    every board: put something in front of it that knows whom to let in before it leaves the machine.
    """
    asked = {
        "/api/boards": reads.boards,
        "/api/board": reads.board,
        "/api/entries": reads.entries,
        "/api/entry": reads.entry,
        "/api/events": reads.events,
    }
    return Starlette(
        routes=[
            Route("/", _page("index.html")),
            Route("/boards/{board:path}", _page("board.html")),
            *(Route(path, _answering(bb, read)) for path, read in asked.items()),
            Route("/api/stream", _following(bb)),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Guard, names=tuple(hosts))],
        exception_handlers={404: _nothing_here},
        lifespan=_opening(bb),
    )


def _opening(bb: Blackboard) -> Callable[[Starlette], Any]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with bb:
            yield

    return lifespan


def _page(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def page(_: Request) -> Response:
        return FileResponse(STATIC / name)

    return page


def _answering(bb: Blackboard, read: Read) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await _in_time(bb, lambda: _answered(bb, read, request))

    return endpoint


async def _answered(bb: Blackboard, read: Read, request: Request) -> Response:
    return answer(await read(bb, request.query_params))


def _following(bb: Blackboard) -> Callable[[Request], Awaitable[Response]]:
    followers = Followers(bb)

    async def endpoint(request: Request) -> Response:
        return await _in_time(bb, lambda: followers.follow(request))

    return endpoint


async def _in_time(bb: Blackboard, work: Callable[[], Awaitable[Response]]) -> Response:
    """An answer, or why there is none: a store that is away is waited for, but not for long."""
    url = bb.store().clients.url
    try:
        async with asyncio.timeout(PATIENCE):
            return await work()
    except Exception as error:  # noqa: BLE001  # whatever it is, time that is up too, the browser is told in words
        return refusal(error, url)


async def _nothing_here(request: Request, _: Exception) -> Response:
    message = f"There is nothing at {request.url.path[:200]}. Boards are listed at /, and shown at /boards/ID."
    return answer({"error": "NotFound", "message": message}, 404)

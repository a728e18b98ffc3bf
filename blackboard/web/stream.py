"""A board's events as they come, as server-sent events.

Each connection follows its board for itself. The watch below is shared: one subscription serves all who wait for a board. What
is read is a slice, of which only the rows are kept, and the next is read once the browser has taken this one; so the slowest
browser holds one slice, and keeps nobody waiting. A follower shared by all would have to keep, or to drop, what the slowest has
not taken.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.exceptions import HTTPException
from starlette.requests import Request

from blackboard.application import Blackboard
from blackboard.errors import BlackboardError
from blackboard.store.board_facts import BoardFacts
from blackboard.web.answers import as_json
from blackboard.web.reads import event_row, number

SLICE = 50
"""Events read at once."""

BACKLOG = 100
"""Events that a connection begins with which does not say where it was."""

MOST_FOLLOWERS = 200
"""Connections at once."""

RETRY_MILLISECONDS = 2000
"""How long a browser waits before it connects again."""

SEND_SECONDS = 30.0
"""After which a browser that takes nothing is let go."""


class Followers:
    """Everybody who follows a board of a blackboard."""

    def __init__(self, bb: Blackboard) -> None:
        self._bb = bb
        self._count = 0

    async def follow(self, request: Request) -> EventSourceResponse:
        """The events of a board from the one after the last that the browser saw. Raises BoardNotFound, HTTPException."""
        if self._count >= MOST_FOLLOWERS:
            raise HTTPException(503, f"{self._count} live views are open, which is the most. Close some of them.")
        facts = await self._bb.board(request.query_params.get("board", "")).status()
        since = _since(request, facts)
        return EventSourceResponse(self._told(facts, since), send_timeout=SEND_SECONDS)

    async def _told(self, facts: BoardFacts, since: int) -> AsyncGenerator[ServerSentEvent]:
        self._count += 1
        try:
            yield ServerSentEvent(comment="here it begins", retry=RETRY_MILLISECONDS)
            if since > facts.seq:  # the board was forgotten, and another one has its id
                yield ServerSentEvent(event="anew", data="{}")
                return
            async with aclosing(self._events(facts.board, since)) as events:
                async for told in events:
                    yield told
        except BlackboardError as error:
            yield ServerSentEvent(event="failure", data=as_json({"error": type(error).__name__, "message": str(error)}))
        finally:
            self._count -= 1

    async def _events(self, board: str, since: int) -> AsyncGenerator[ServerSentEvent]:
        store = self._bb.store()
        partition = store.partition(board)
        async with store.watch(board).board(board) as signal:
            while True:
                rows = [event_row(each) for each in await partition.events(board, since, SLICE)]
                for row in rows:
                    since = row["seq"]
                    yield ServerSentEvent(id=str(since), data=as_json(row))
                if rows:
                    continue
                facts = await partition.facts(board)
                if facts is None or (facts.over and facts.seq <= since):
                    yield ServerSentEvent(event="end", data="{}")
                    return
                await signal.wait()


def _since(request: Request, facts: BoardFacts) -> int:
    """The last event that the browser saw: as it says when it connects again, else as its page asked."""
    said = request.headers.get("last-event-id", "")
    asked = {"since": said} if said else request.query_params
    return number(asked, "since", max(0, facts.seq - BACKLOG))

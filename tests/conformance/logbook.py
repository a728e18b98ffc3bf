"""Reading a board's log: the judge of every conformance test."""

from blackboard import Board, Event


async def events_of(board: Board, *types: str) -> list[Event]:
    """Return the board's events so far, of these types or all."""
    return [event async for event in board.events() if not types or event.type in types]


async def types_of(board: Board) -> list[str]:
    """Return the types of all its events, in order."""
    return [str(event.type) for event in await events_of(board)]


async def fired(board: Board) -> list[str]:
    """Return the names of the sources that fired, in order."""
    return [str(event.source) for event in await events_of(board, "fired")]


async def last(board: Board) -> int:
    """Return the number of the board's last event, 0 when there is no board."""
    return max((event.seq for event in await events_of(board)), default=0)

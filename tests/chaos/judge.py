"""The judge of every chaos test: the log of a board says whether anything was lost or done twice."""

from collections import Counter

from blackboard import Board, EventType
from blackboard.event import STARTS_AGAIN
from tests.chaos.app import LENGTH


async def counted(board: Board) -> Counter[str]:
    """How often each thing happened on a board, the entries at their addresses, the agents by name.

    That an agent starts again after a death depends on who died when, and is left out.
    """
    seen: Counter[str] = Counter()
    numbers = []
    async for event in board.events():
        numbers.append(event.seq)
        if event.type is EventType.SAID and (event.reason or "").startswith(STARTS_AGAIN):
            continue
        seen[f"{event.type} {event.address or event.source or ''}".strip()] += 1
    assert numbers == list(range(1, len(numbers) + 1))
    return seen


def whole_chain() -> Counter[str]:
    """What has happened on a board when a chain ran as it should, whoever died meanwhile."""
    links = range(LENGTH)
    return Counter(
        ["created", "posted link/0"]
        + [f"triggered link{place}" for place in links]
        + [f"fired link{place}" for place in links]
        + [f"posted link/{place + 1}" for place in links]
    )


def whole_answer(failed: int = 0) -> Counter[str]:
    """What has happened on a board whose one agent answered, after so many failures."""
    once = ["created", "posted task", "triggered answer", "fired answer", "posted answer"]
    return Counter(once + ["failed answer"] * failed)

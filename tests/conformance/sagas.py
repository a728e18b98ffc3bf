"""What the tests of sagas share: kinds, a chain of agents that can be undone, and how a board ends."""

from __future__ import annotations

from blackboard import Backoff, Blackboard, Board, Entry

AT_ONCE = Backoff(initial=0)


class Step(Entry, key="at"):
    """What each of a chain writes."""

    at: int


class Task(Entry, key="name"):
    """One per piece of work."""

    name: str


class Part(Entry, key="name"):
    """What a piece of work comes to."""

    name: str
    state: str = "made"


class Whole(Entry):
    """What all parts come to."""

    parts: int


def add_chain(bb: Blackboard, undone: list[str], length: int = 3) -> None:
    """Add sources `step1`, `step2` … each of which goes on where the one before it ended, and notes that it was undone."""

    def add(at: int) -> None:
        async def step(before: Step) -> Step:
            return Step(at=at)

        source = bb.knowledge_source(name=f"step{at}", when=Step.at == at - 1)(step)

        @source.compensation
        async def undo(step: Step) -> None:
            undone.append(f"step{step.at}")

    for at in range(1, length + 1):
        add(at)


async def end(board: Board) -> str:
    """Run until the board has settled, and return its status."""
    await board.run_until_settled(timeout=20)
    return (await board.status()).status


def sources(names: tuple[str, ...]) -> list[str]:
    """The sources of activations, by their names."""
    return [name.rpartition("#")[0] for name in names]

"""`from blackboard import …` for checkers: every name is there with its type, and no other; only they read this file."""

from typing import assert_type

import blackboard
from blackboard import (
    UNIQUE,
    Absent,
    Backoff,
    Blackboard,
    Board,
    BoardClosed,
    Count,
    Entry,
    Event,
    Limits,
    Receipt,
    Saga,
    Settings,
    Tripped,
    Wiring,
    any_of,
    field,
)

bb = Blackboard("claims", limits=Limits(entries=10), settings=Settings(timeout=1.0))


class Claim(Entry):
    amount: float
    text: str


class Note(Entry, key=UNIQUE):
    text: str


@bb.knowledge_source(
    when=[any_of(Claim.amount > 1, Count(Note) > 2), Absent(Note), field(Claim.text).startswith("a")],
    backoff=Backoff(initial=0.1),
)
def note(claim: Claim) -> Note:
    return Note(text=claim.text)


async def use(board: Board) -> None:
    assert_type(await board.post(Claim(amount=1, text="a")), Receipt)
    assert_type(await board.wait_for(Claim, timeout=1), Claim)
    assert_type((await board.mode()).tripped, Tripped | None)
    assert_type(bb.check(Claim, "note"), Wiring)
    async for event in board.events():
        assert_type(event, Event)
    assert_type(await board.savepoint("here"), int)
    assert_type(await board.compensate("enough", to="here"), int)
    assert_type(await board.saga(), Saga)
    try:
        await board.close()
    except BoardClosed as error:
        assert_type(error.board, str)


def no_other_name_is_there() -> None:
    assert blackboard.Nonsense  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]

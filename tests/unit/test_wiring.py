"""The wiring of sources, found without a store: what leads to what, what goes round and what ends it, what cannot work."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import Enum
from typing import Any, Literal

import pytest

from blackboard import UNIQUE, Absent, Blackboard, Board, Count, Entry, Handoff, Quiescent, UnknownKind, any_of
from blackboard.cycle import Bound
from blackboard.doubt import Doubt


class Ball(Entry):
    n: int
    state: Literal["new", "old"] = "new"


class Back(Entry):
    n: int


class Item(Entry, key="name"):
    name: str
    size: int = 0


class Note(Entry, key=UNIQUE):
    text: str


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Paint(Entry, key="name"):
    name: str
    colour: Colour
    state: Literal["wet", "dry"]


@pytest.fixture
def bb() -> Blackboard:
    return Blackboard("wired")


def doubts(bb: Blackboard, *inputs: type[Entry]) -> list[Doubt]:
    return list(bb.check(*inputs).doubts)


def cycles(bb: Blackboard) -> dict[str, Bound]:
    return {str(cycle): cycle.bound for cycle in bb.check().cycles}


# ---------------------------------------------------------------------------- the graph


def test_what_comes_from_outside_and_what_nobody_reads(bb: Blackboard) -> None:
    @bb.knowledge_source
    def ping(ball: Ball, notes: list[Note], item: Item | None) -> Back: ...

    found = bb.check()
    assert (found.inputs, found.results, found.works, found.cycles) == (("ball", "item", "note"), ("back",), True, ())
    (wire,) = found.wires
    assert (wire.reads, wire.writes) == (("ball", "[note]", "(item)"), ("back",))


def test_sources_are_drawn_in_the_order_in_which_they_can_be_triggered(bb: Blackboard) -> None:
    @bb.knowledge_source(when=Count(Item) >= 2)
    def last(note: Note) -> None: ...

    @bb.knowledge_source
    def middle(back: Back) -> list[Item | Note]: ...

    @bb.knowledge_source(when=Ball.n > 1, after=2)
    def first(ball: Ball) -> Back: ...

    assert [wire.source for wire in bb.check().wires] == ["first", "middle", "last"]
    assert str(bb.check()) == (
        "wired: 3 sources, 4 kinds\n"
        "\n"
        "  ball  →  first   →  back\n"
        "                      when ball.n > 1, after 2 s\n"
        "  back  →  middle  →  item, note\n"
        "  note  →  last    →  nothing\n"
        "                      when count(item) >= 2\n"
        "\nFrom outside: ball"
    )


def test_a_blackboard_without_sources(bb: Blackboard) -> None:
    assert str(bb.check()) == "wired: 0 sources, 0 kinds\n"


def test_the_wiring_as_data(bb: Blackboard) -> None:
    @bb.knowledge_source
    def ping(ball: Ball, board: Board) -> Back: ...

    data = json.loads(json.dumps(bb.check().as_data()))
    assert data["works"] is True
    assert data["wires"] == [{"source": "ping", "reads": ["ball"], "when": [], "writes": ["back"], "hands_to": []}]


def test_the_clauses_count_as_reading(bb: Blackboard) -> None:
    def fits(items: list[Item]) -> bool: ...

    @bb.knowledge_source(when=Absent(Back), precondition=fits)
    def ping(ball: Ball) -> Note: ...

    found = bb.check()
    assert (found.inputs, found.results) == (("back", "ball", "item"), ("note",))
    assert found.wires[0].when == ("absent(back)", "custom: fits")


# ---------------------------------------------------------------------------- cycles and what bounds them


def pong(bb: Blackboard, **options: Any) -> None:
    """Ping and pong drive each other; pong has these options."""

    @bb.knowledge_source
    def ping(ball: Ball) -> Back: ...

    @bb.knowledge_source(**options)
    def pong(back: Back) -> Ball: ...


@pytest.mark.parametrize(
    ("options", "bound"),
    [
        ({}, "refraction"),
        ({"refire": "once"}, "once"),
        ({"refire": "entry"}, "entry"),
        ({"when": Absent(Ball)}, "count"),
        ({"when": Count(Ball) < 1}, "count"),
        ({"budget": 3}, "budget"),
        ({"when": Absent(Note)}, "refraction"),
        ({"when": any_of(Absent(Ball), Back.n > 1)}, "refraction"),
        ({"after": 60}, "refraction"),
    ],
    ids=str,
)
def test_what_bounds_a_cycle(bb: Blackboard, options: dict[str, Any], bound: Bound) -> None:
    pong(bb, **options)
    assert cycles(bb) == {"ping → back → pong → ball → ping": bound}


def test_a_test_may_end_a_cycle_and_is_told(bb: Blackboard) -> None:
    def is_fair(back: Back) -> bool: ...

    pong(bb, when=Back.n < 10, precondition=is_fair)
    (cycle,) = bb.check().cycles
    assert not cycle.is_bounded
    assert cycle.why == (
        "it ends when what is written no longer changes, or when this does not hold: back.n < 10, custom: is_fair"
    )


def test_new_entries_in_each_round_are_bounded_by_nothing(bb: Blackboard) -> None:
    @bb.knowledge_source
    def more(note: Note) -> list[Note]: ...

    (cycle,) = bb.check().cycles
    assert (cycle.path, cycle.bound) == (("more", "note", "more"), "depth")
    assert "nothing but the guard of depth" in cycle.why


@pytest.mark.parametrize(("reentrant", "bound"), [(False, "own"), (True, "refraction")])
def test_a_source_that_writes_what_it_reads(bb: Blackboard, reentrant: bool, bound: Bound) -> None:
    @bb.knowledge_source(reentrant=reentrant)
    def again(ball: Ball) -> Ball: ...

    assert cycles(bb) == {"again → ball → again": bound}


def test_a_source_that_writes_other_entries_of_its_kind(bb: Blackboard) -> None:
    @bb.knowledge_source
    def again(item: Item) -> Item: ...

    assert cycles(bb) == {"again → item → again": "refraction"}


def test_a_cycle_that_nothing_bounds_is_not_hidden_by_a_shorter_one(bb: Blackboard) -> None:
    """Each of the three leads straight back to the first, once; the long way round is free."""

    @bb.knowledge_source
    def one(ball: Ball) -> Back: ...

    @bb.knowledge_source(refire="once")
    def short(back: Back) -> Ball: ...

    @bb.knowledge_source
    def long(back: Back) -> Item: ...

    @bb.knowledge_source
    def home(item: Item) -> Ball: ...

    assert cycles(bb) == {
        "one → back → short → ball → one": "once",
        "one → back → long → item → home → ball → one": "refraction",
    }


def test_a_cycle_through_a_gathering_a_count_and_quiescence(bb: Blackboard) -> None:
    @bb.knowledge_source(when=Quiescent())
    def report(items: list[Item]) -> Ball: ...

    @bb.knowledge_source(when=Count(Note) > 2)
    def work(ball: Ball) -> Item: ...

    @bb.knowledge_source
    def annotate(item: Item) -> Note: ...

    assert set(cycles(bb)) == {"report → ball → work → item → report", "work → item → annotate → note → work"}


def test_handoffs_are_ways_too(bb: Blackboard) -> None:
    @bb.knowledge_source
    def sales(ball: Ball) -> Handoff:
        return Handoff("support")

    @bb.knowledge_source(when=Ball.n < 0)
    def support(ball: Ball) -> Handoff:
        return Handoff(to="sales", note="not mine")

    found = bb.check()
    assert [wire.hands_to for wire in found.wires] == [("support",), ("sales",)]
    assert cycles(bb) == {"sales → (handoff) → support → (handoff) → sales": "depth"}


def test_a_handoff_to_whom_the_code_does_not_say_may_go_to_whoever_can_take_it(bb: Blackboard) -> None:
    @bb.knowledge_source
    def sales(ball: Ball) -> Handoff:
        return Handoff(str(ball.n))

    @bb.knowledge_source
    def support(ball: Ball) -> None: ...

    @bb.knowledge_source
    def stock(item: Item) -> None: ...

    assert {wire.source: wire.hands_to for wire in bb.check().wires}["sales"] == ("support",)


# ---------------------------------------------------------------------------- what nothing can trigger


def test_two_that_wait_for_each_other_are_looked_at_and_may_work(bb: Blackboard) -> None:
    pong(bb)
    found = doubts(bb)
    assert [(each.subject, each.fatal) for each in found] == [("ping, pong", False)]
    assert found[0].problem == "they wait for each other, until back or ball is posted"
    assert bb.check().works


def test_what_is_posted_decides_what_can_be_triggered(bb: Blackboard) -> None:
    pong(bb)

    @bb.knowledge_source
    def count(item: Item) -> None: ...

    assert doubts(bb, Item, Ball) == []
    found = doubts(bb, Ball)
    assert [(each.subject, each.fatal) for each in found] == [("count", True)]
    assert found[0].problem == "nothing can trigger it: item is neither posted nor written by what can be triggered"
    assert not bb.check("ball").works
    with pytest.raises(UnknownKind):
        bb.check("bell")


def test_what_needs_nothing_can_always_be_triggered(bb: Blackboard) -> None:
    @bb.knowledge_source(when=Absent(Ball))
    def begin() -> Ball: ...

    @bb.knowledge_source(when=Quiescent())
    def end(items: list[Item]) -> None: ...

    assert doubts(bb, Item) == []


# ---------------------------------------------------------------------------- what can never hold


@pytest.mark.parametrize(
    ("when", "problem"),
    [
        (lambda: Absent(Ball), "absent(ball), but a parameter binds one ball"),
        (lambda: Count(Ball) < 1, "count(ball) < 1, but a parameter binds one ball"),
        (lambda: [Ball.n > 2, Absent(Ball, Ball.n > 2)], "absent(ball, ball.n > 2), but a parameter binds one ball"),
        (lambda: Count(Ball) >= 2, "a board has at most one ball, which has no key"),
        (lambda: Count(Back) == 2, "a board has at most one back, which has no key"),
        (lambda: [Absent(Note), Count(Note) > 1], "absent(note) and count(note) > 1, but both cannot be"),
        (lambda: [Count(Note) > 4, Count(Note) < 5], "but both cannot be"),
        (lambda: Ball.state == Paint.state, "joins new/old with dry/wet"),
        (lambda: Ball.state == Paint.colour, "joins new/old with blue/red"),
        (lambda: [Ball.n == 1, Ball.n > 1], "ball.n == 1 and ball.n > 1 exclude each other"),
        (lambda: [Ball.n == 1, Ball.n == 2], "ball.n == 1 and ball.n == 2 exclude each other"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_trigger_that_can_never_hold(bb: Blackboard, when: Callable[[], Any], problem: str) -> None:
    @bb.knowledge_source(when=when())
    def never(ball: Ball, paint: Paint, item: Item) -> None: ...

    assert not bb.check().works
    (doubt, *_) = doubts(bb)
    assert doubt.subject == "never"
    assert problem in doubt.problem
    assert "CANNOT WORK  never: it can never be triggered" in str(bb.check())


def test_what_is_mere_context_may_never_match(bb: Blackboard) -> None:
    @bb.knowledge_source(when=[Back.n == 1, Back.n == 2, Ball.state == Paint.state])
    def odd(ball: Ball, back: Back | None, paint: Paint | None) -> None: ...

    assert doubts(bb) == []


def test_a_count_whose_join_never_matches(bb: Blackboard) -> None:
    @bb.knowledge_source(when=Count(Paint, Paint.state == Ball.state) >= 1)
    def never(ball: Ball) -> None: ...

    assert "joins" in doubts(bb)[0].problem


@pytest.mark.parametrize(
    "when",
    [
        lambda: Absent(Ball, Ball.n > 2),
        lambda: Count(Ball) == 1,
        lambda: Count(Item) >= 2,
        lambda: Absent(Note),
        lambda: [Count(Note) > 4, Count(Note) < 6],
        lambda: any_of(Absent(Ball), Count(Note) > 1),
        lambda: Ball.state != Paint.state,
        lambda: any_of(Ball.n == 1, Ball.n == 2),
        lambda: [Ball.n == 3, Ball.n > 1, Ball.n.in_([2, 3]), Ball.n != None],  # noqa: E711  # a clause
        lambda: Item.name == Paint.state,
        lambda: Count(Paint, Paint.state == Ball.state) == 0,
    ],
    ids=map(str, range(11)),
)
def test_a_trigger_that_can_hold_is_not_doubted(bb: Blackboard, when: Callable[[], Any]) -> None:
    @bb.knowledge_source(when=when())
    def maybe(ball: Ball, paint: Paint, item: Item) -> None: ...

    assert doubts(bb) == []


def test_handoffs_that_would_be_refused(bb: Blackboard) -> None:
    @bb.knowledge_source
    def sales(ball: Ball) -> Handoff:
        if ball.n > 3:
            return Handoff("suport")
        return Handoff("stock") if ball.n else Handoff("sales")

    @bb.knowledge_source
    def stock(item: Item, back: Back) -> None: ...

    found = {each.problem: each.fatal for each in doubts(bb)}
    assert found == {
        "it hands over to suport, which is no source here": False,
        "it hands over to stock, which needs item, to which the giver is not bound": True,
        "it hands over to itself, which is refused": True,
    }

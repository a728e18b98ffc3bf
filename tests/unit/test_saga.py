"""Planning of sagas: from any log, what is undone, in which order, and what that waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from blackboard.event import Event, EventType
from blackboard.saga import MOST_OPENED, Abort, Agent, Ledger, Plan, Saga, Undoing

UNDOABLE, PLAIN, GATHERING = Agent(compensated=True), Agent(compensated=False), Agent(compensated=True, gathers=("a",))


# ---------------------------------------------------------------------------- logs


@dataclass
class Story:
    """A log as it is written, and what is true of it: who is the effect of whom, by way of entries as they were."""

    log: list[Event] = field(default_factory=list)
    causes: dict[int, set[int]] = field(default_factory=dict)
    agents: dict[str, Agent] = field(default_factory=dict)
    board: list[dict[str, int]] = field(default_factory=lambda: [{}])
    """Who wrote what is at each address, after each event."""
    addresses: dict[int, tuple[str, ...]] = field(default_factory=dict)
    snapshots: dict[int, int] = field(default_factory=dict)
    fired: list[int] = field(default_factory=list)

    def say(self, kind: EventType, **facts: Any) -> int:
        """The next event."""
        seq = len(self.log) + 1
        number = facts.pop("number", seq)
        self.log.append(Event("b", seq, kind, seq, number=number, **facts))
        self.board.append(dict(self.board[-1]))
        return seq

    def post(self, address: str, by: int = 0) -> int:
        """Somebody writes an entry; 0 is somebody outside."""
        author = self.name(by) if by else "@api"
        seq = self.say(EventType.POSTED, address=address, by=author, version=1, payload=b"1")
        self.board[-1][address] = by
        return seq

    def retract(self, address: str) -> None:
        """An entry goes."""
        self.say(EventType.RETRACTED, address=address, by="@api", version=1)
        self.board[-1].pop(address, None)

    def trigger(self, agent: Agent, *addresses: str, cause: int = 1) -> int:
        """An activation of a source of its own."""
        source = f"s{len(self.agents)}"
        self.agents[source] = agent
        number = self.say(EventType.TRIGGERED, source=source, addresses=addresses, cause=cause, depth=1)
        self.addresses[number] = addresses
        author = self.log[cause - 1].by or ""
        self.causes[number] = {int(author.partition("#")[2])} if "#" in author else set()
        return number

    def claim(self, number: int) -> None:
        """A worker begins, or begins anew, with what there is now."""
        self.snapshots[number] = len(self.log)

    def fire(self, number: int, *writes: str) -> None:
        """It commits."""
        at = self.board[self.snapshots[number]]
        gathered = {address for address in at if address[0] in self.agents[self.source(number)].gathers}
        self.causes[number] |= {at[address] for address in gathered.union(self.addresses[number]) if at.get(address)}
        self.say(
            EventType.FIRED,
            source=self.source(number),
            addresses=self.addresses[number],
            number=number,
            snapshot=self.snapshots[number],
        )
        self.fired.append(number)
        for address in writes:
            self.post(address, by=number)

    def run(self, agent: Agent, *addresses: str, writes: tuple[str, ...] = (), cause: int = 1) -> int:
        """From trigger to commit."""
        number = self.trigger(agent, *addresses, cause=cause)
        self.claim(number)
        self.fire(number, *writes)
        return number

    def abort(self, savepoint: int = 0) -> int:
        """It is to be undone."""
        return self.say(EventType.ABORTED, by="@api", cause=savepoint, reason="enough")

    def undoing(self, kind: EventType, number: int) -> None:
        """Something happens to the compensation of an activation."""
        source, target = f"undo:{self.source(number)}", (f"@undo/{number}",)
        opened = next((e.number for e in self.log if e.source == source and e.type is EventType.TRIGGERED), None)
        facts: dict[str, Any] = {} if opened is None else {"number": opened}
        self.say(kind, source=source, addresses=target, **facts)

    def source(self, number: int) -> str:
        """The source of an activation."""
        return self.log[number - 1].source or ""

    def name(self, number: int) -> str:
        """As events name their author."""
        return f"{self.source(number)}#{number}"

    def plan(self, **how: bool) -> Plan:
        """What comes next."""
        return Ledger.of(self.log).plan(self.agents, **how)

    def effects(self, number: int) -> set[int]:
        """Everything that would not be without it."""
        found: set[int] = set()
        while new := {n for n, causes in self.causes.items() if causes & (found | {number})} - found:
            found |= new
        return found


def numbers(plan: Plan) -> list[int]:
    """What is opened."""
    return [number for _, number in plan.opening]


# ---------------------------------------------------------------------------- single rules


def test_an_effect_comes_before_its_cause() -> None:
    story = Story()
    story.post("a/1")
    first = story.run(UNDOABLE, "a/1", writes=("b/1",))
    second = story.run(UNDOABLE, "b/1")
    story.abort()
    assert numbers(story.plan()) == [second]
    story.undoing(EventType.TRIGGERED, second)
    assert (story.plan().verdict, story.plan().named(Undoing.OPEN)) == ("wait", (story.name(second),))
    story.undoing(EventType.FIRED, second)
    assert numbers(story.plan()) == [first]
    story.undoing(EventType.TRIGGERED, first)
    story.undoing(EventType.FIRED, first)
    assert story.plan() == Plan("done", (), {story.name(second): Undoing.UNDONE, story.name(first): Undoing.UNDONE})


def test_what_is_bound_counts_as_it_was_when_the_activation_began() -> None:
    """Of three versions it saw the second, and is an effect of who wrote that alone."""
    story = Story()
    story.post("x/1")
    authors = [story.run(UNDOABLE, "x/1", writes=("b/1",)) for _ in range(2)]
    late = story.trigger(UNDOABLE, "b/1", cause=1)
    story.claim(late)
    authors.append(story.run(UNDOABLE, "x/1", writes=("b/1",)))
    story.fire(late)
    story.abort()
    assert numbers(story.plan()) == [late, authors[2], authors[0]]


def test_what_triggered_an_activation_is_its_cause_also_when_it_is_gone() -> None:
    story = Story()
    story.post("a/1")
    first = story.run(UNDOABLE, "a/1", writes=("b/1",))
    second = story.trigger(UNDOABLE, cause=len(story.log))
    story.retract("b/1")
    story.claim(second)
    story.fire(second)
    story.abort()
    assert numbers(story.plan()) == [second]
    assert story.plan().states[story.name(first)] is Undoing.PENDING


def test_a_handoff_is_a_cause() -> None:
    """Also of an activation that was open before."""
    story = Story()
    story.post("a/1")
    giver = story.run(UNDOABLE, "a/1")
    taker = story.trigger(UNDOABLE, "a/1")
    story.say(EventType.HANDED_OFF, by=story.name(giver), source=story.source(taker), addresses=("a/1",))
    story.claim(taker)
    story.fire(taker)
    other = story.trigger(UNDOABLE, "a/1", cause=len(story.log) - 1)
    story.claim(other)
    story.fire(other)
    story.abort()
    assert numbers(story.plan()) == [other, taker]
    assert giver not in numbers(story.plan())


def test_gathered_kinds_are_causes() -> None:
    story = Story()
    story.post("x/1")
    parts = [story.run(UNDOABLE, "x/1", writes=(f"a/{i}",)) for i in range(3)]
    whole = story.run(GATHERING, "x/1")
    later = story.run(UNDOABLE, "x/1", writes=("a/9",))
    story.abort()
    assert numbers(story.plan()) == [later, whole]
    assert set(story.plan().named(Undoing.PENDING)) == {story.name(n) for n in (*parts, whole, later)}


def test_what_was_not_committed_is_not_undone() -> None:
    story = Story()
    story.post("a/1")
    story.trigger(UNDOABLE, "a/1")
    dead = story.trigger(UNDOABLE, "a/1")
    story.say(EventType.DIED, source=story.source(dead), addresses=("a/1",), number=dead)
    story.abort()
    assert story.plan() == Plan("done", (), {})


@pytest.mark.parametrize("writes", [("b",), ("c",)], ids=["of a kind it writes", "of another"])
@pytest.mark.parametrize("gone", [False, True], ids=["dead", "obviated"])
def test_what_was_committed_in_parts_is_undone_when_nobody_goes_on(writes: tuple[str, ...], gone: bool) -> None:
    """With the whole board, nobody does; after a savepoint, who has left the agenda for good."""
    story = Story()
    mark = story.post("a/1")
    partial = story.trigger(Agent(compensated=True, writes=writes), "a/1")
    story.post("b/1", by=partial)
    end = EventType.OBVIATED if gone else EventType.DIED
    story.say(end, source=story.source(partial), addresses=("a/1",), number=partial)
    story.abort(mark)
    assert numbers(story.plan()) == ([partial] if gone and writes == ("b",) else [])
    story.abort()
    assert numbers(story.plan()) == ([partial] if writes == ("b",) else [])


def test_what_runs_is_waited_for() -> None:
    story = Story()
    story.post("a/1")
    story.run(UNDOABLE, "a/1")
    story.abort()
    assert (story.plan(busy=True).verdict, story.plan(busy=True).opening) == ("wait", ())
    assert story.plan().verdict == "go"


def test_what_is_dead_holds_back_its_causes_alone() -> None:
    """In choreography; one by one, it holds back everything."""
    story = Story()
    story.post("a/1")
    cause = story.run(UNDOABLE, "a/1", writes=("b/1",))
    other = story.run(UNDOABLE, "a/1")
    dead = story.run(UNDOABLE, "b/1")
    story.abort()
    story.undoing(EventType.TRIGGERED, dead)
    story.undoing(EventType.DIED, dead)
    assert numbers(story.plan()) == [other]
    assert story.plan(one_by_one=True).verdict == "stuck"
    story.undoing(EventType.TRIGGERED, other)
    story.undoing(EventType.FIRED, other)
    assert (story.plan().verdict, story.plan().named(Undoing.DEAD)) == ("stuck", (story.name(dead),))
    story.undoing(EventType.REVIVED, dead)
    assert story.plan().verdict == "wait"
    story.undoing(EventType.SKIPPED, dead)
    assert numbers(story.plan()) == [cause]


def test_a_savepoint_bounds_what_is_undone_and_its_end_does_too() -> None:
    story = Story()
    story.post("a/1")
    story.run(UNDOABLE, "a/1")
    mark = story.say(EventType.SAVED, by="@api", reason="here")
    after = story.run(UNDOABLE, "a/1")
    story.abort(mark)
    assert numbers(story.plan()) == [after]
    story.undoing(EventType.TRIGGERED, after)
    story.undoing(EventType.FIRED, after)
    story.say(EventType.UNDONE, by="w", outcome="undone")
    story.run(UNDOABLE, "a/1")
    assert list(story.plan().states) == [story.name(after)]


def test_what_an_earlier_saga_has_settled_is_left_alone() -> None:
    story = Story()
    story.post("a/1")
    kept = story.run(UNDOABLE, "a/1")
    mark = story.say(EventType.SAVED, by="@api", reason="here")
    undone, skipped = story.run(UNDOABLE, "a/1"), story.run(UNDOABLE, "a/1")
    story.abort(mark)
    for number, end in ((undone, EventType.FIRED), (skipped, EventType.SKIPPED)):
        story.undoing(EventType.TRIGGERED, number)
        story.undoing(end, number)
    story.abort()
    assert story.plan() == Plan("go", ((story.source(kept), kept),), {story.name(kept): Undoing.PENDING})


def test_two_that_are_effects_of_each_other_come_before_the_cause_of_both() -> None:
    """By way of parts, which are on the board before the commit; and the cause of both is the last to commit."""
    story = Story()
    story.post("a/1")
    cause = story.trigger(UNDOABLE, "a/1")
    story.claim(cause)
    story.post("b/1", by=cause)
    one, other = story.trigger(UNDOABLE, "b/1", "b/2"), story.trigger(UNDOABLE, "a/2")
    story.claim(one)
    story.post("a/2", by=one)
    story.claim(other)
    story.post("b/2", by=other)
    story.claim(one)
    for number in (one, other, cause):
        story.fire(number)
    story.abort()
    assert story.effects(one) >= {one, other}
    assert list(Ledger.of(story.log).order(story.agents)) == [other, one, cause]


def test_so_many_are_opened_at_once_and_no_more() -> None:
    story = Story()
    story.post("a/1")
    for _ in range(MOST_OPENED + 10):
        story.run(UNDOABLE, "a/1")
    story.abort()
    assert len(story.plan().opening) == MOST_OPENED


def test_a_board_without_a_saga_has_nothing_to_undo() -> None:
    story = Story()
    story.post("a/1")
    story.run(UNDOABLE, "a/1")
    assert story.plan() == Plan("done", (), {})
    assert Saga("none").undone == ()


@pytest.mark.parametrize("trigger", [{}, {"rf": "o"}])
def test_what_a_card_says(trigger: Mapping[str, Any]) -> None:
    """A source that fires once per board has no addresses in its identity: whatever there was may have been it."""
    patterns = [{"k": "order", "m": "e"}, {"k": "part", "m": "g"}, {"k": "note", "m": "c"}, {"k": "part", "m": "G"}]
    card = {"trigger": {**trigger, "p": patterns}, "compensation": "m:f", "writes": [{"kind": "bill", "key": None}]}
    gathers = ("order", "part", "note") if trigger else ("part", "note")
    assert Agent.of_card(card) == Agent(compensated=True, gathers=gathers, writes=("bill",))
    assert Agent.of_card({"compensation": None}) == PLAIN


def test_an_abort_is_found_in_a_group() -> None:
    abort = Abort("enough")
    assert Abort.within(abort) is abort
    assert Abort.within(BaseExceptionGroup("tasks", [ValueError(), BaseExceptionGroup("more", [abort])])) is abort
    assert Abort.within(ExceptionGroup("tasks", [ValueError()])) is None
    assert not isinstance(abort, Exception)


# ---------------------------------------------------------------------------- any log

AGENTS = st.sampled_from([UNDOABLE, UNDOABLE, PLAIN, GATHERING])
ADDRESSES = st.sampled_from(["a/1", "a/2", "b/1", "b/2", "c/1"])


@st.composite
def stories(draw: st.DrawFn, *, parts: bool) -> Story:
    """Activations that are triggered, begin, write and commit in any order; some begin anew after they wrote a part."""
    story = Story()
    story.post("a/1")
    open_, begun = [], []
    for _ in range(draw(st.integers(3, 40))):
        act = draw(st.sampled_from(["trigger", "trigger", "claim", "fire", "fire", "post", "retract", "part"]))
        if act == "trigger":
            bound = draw(st.lists(ADDRESSES, max_size=2, unique=True))
            entries = [e.seq for e in story.log if e.address is not None]
            open_.append(story.trigger(draw(AGENTS), *bound, cause=draw(st.sampled_from(entries))))
        elif act == "claim" and open_:
            begun.append(open_.pop(draw(st.integers(0, len(open_) - 1))))
            story.claim(begun[-1])
        elif act == "fire" and begun:
            number = begun.pop(draw(st.integers(0, len(begun) - 1)))
            story.fire(number, *draw(st.lists(ADDRESSES, max_size=2, unique=True)))
        elif act == "part" and begun and parts:
            number = draw(st.sampled_from(begun))
            story.post(draw(ADDRESSES), by=number)
            if draw(st.booleans()):
                story.claim(number)
        elif act == "post":
            story.post(draw(ADDRESSES))
        elif act == "retract":
            story.retract(draw(ADDRESSES))
    return story


def targets(story: Story, savepoint: int = 0) -> list[int]:
    """What is to be undone, latest first."""
    committed = [e.number or 0 for e in story.log if e.type is EventType.FIRED and e.seq > savepoint]
    return [n for n in reversed(committed) if story.agents[story.source(n)].compensated]


@given(stories(parts=False))
def test_the_order_is_a_linear_extension_of_effect_before_cause(story: Story) -> None:
    """And nothing is lost; without parts it is the order of the commits reversed."""
    story.abort()
    order = list(Ledger.of(story.log).order(story.agents))
    assert order == targets(story)
    place = {number: i for i, number in enumerate(order)}
    for number in order:
        assert all(place[effect] < place[number] for effect in story.effects(number) & place.keys())


@given(stories(parts=True))
def test_parts_may_close_a_circle_and_all_else_is_in_order(story: Story) -> None:
    story.abort()
    order = list(Ledger.of(story.log).order(story.agents))
    assert sorted(order) == sorted(targets(story))
    place = {number: i for i, number in enumerate(order)}
    for number in order:
        for effect in story.effects(number) & place.keys():
            fired = all(n in story.fired for n in story.effects(number))
            if fired and number not in story.effects(effect):
                assert place[effect] < place[number]


@given(stories(parts=True), st.booleans(), st.data())
def test_everything_is_undone_once_whatever_dies(story: Story, one_by_one: bool, data: st.DataObject) -> None:
    """Compensations end in any order, die, are revived and skipped; none begins before those it must come after."""
    savepoint = data.draw(st.integers(0, len(story.log)))
    story.abort(savepoint)
    left = set(targets(story, savepoint))
    assume(left)
    opened: list[int] = []
    dead: list[int] = []
    ended: list[int] = []
    while (plan := story.plan(one_by_one=one_by_one)).verdict != "done":
        for number in numbers(plan):
            before = Ledger.of(story.log).order(story.agents)[number]
            assert before <= set(ended)
            assert number not in (*opened, *dead, *ended)
            story.undoing(EventType.TRIGGERED, number)
            opened.append(number)
        assert not one_by_one or len(opened) + len(dead) <= 1
        assert (plan.verdict == "stuck") == (not opened)
        if opened and (plan.verdict != "stuck") and data.draw(st.booleans()):
            ended.append(opened.pop(data.draw(st.integers(0, len(opened) - 1))))
            story.undoing(EventType.FIRED, ended[-1])
        elif opened:
            dead.append(opened.pop())
            story.undoing(EventType.DIED, dead[-1])
        elif data.draw(st.booleans()):
            opened.append(dead.pop())
            story.undoing(EventType.REVIVED, opened[-1])
        else:
            ended.append(dead.pop())
            story.undoing(EventType.SKIPPED, ended[-1])
    assert sorted(ended) == sorted(left)
    assert set(plan.states.values()) <= {Undoing.UNDONE, Undoing.SKIPPED}

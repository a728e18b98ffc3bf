"""Standing grants: what a strategy says beforehand is what it says when it comes to be so."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackboard.activation import Activation, ActivationState
from blackboard.control import Parallel, Quiescence, Sequential, Strategy, View, standing
from blackboard.control.memo import Memo
from blackboard.control.standing import FURTHEST, SOME_NUMBER, Standing, foresee
from blackboard.control.strategy import Grants, State
from blackboard.event import Event, EventType
from blackboard.news import NO_NEWS, News

STEPS = st.lists(
    st.sampled_from("abc")
    | st.just(Parallel(2).until(Quiescence()))
    | st.lists(st.sampled_from("ab"), min_size=1, max_size=2).map(lambda names: Sequential(*names)),
    min_size=1,
    max_size=6,
)


def held(source: str, number: int) -> Activation:
    """The one activation that is open."""
    state = ActivationState.HELD
    return Activation("b", source, ("k/1",), state, number, 1, 0, 0, 0, 0, 0, 0, 0, None, 0, "", f"{source}\x1ek/1")


class Story:
    """A board on which one activation is open at a time; the next comes when it has fired."""

    def __init__(self, strategy: Strategy) -> None:
        self.strategy, self.memo, self.seq, self.news = strategy, Memo(), 4, NO_NEWS
        self.open: Activation | None = None

    def comes(self, source: str) -> bool:
        """An activation comes, and the strategy is asked. Whether it grants it."""
        self.seq += 2
        self.open = held(source, self.seq)
        memo = self.memo.after(self.news)
        view = View("b", self.seq, 1, (self.open,), self.news, history=memo.history)
        grants, state = self.strategy.decide(view, json.loads(json.dumps(memo.state)), 0)
        self.view, self.memo = view, memo.remembering(state)
        granted = Event("b", self.seq + 1, EventType.GRANTED, 0, source=source, number=self.open.number)
        fired = Event("b", self.seq + 2, EventType.FIRED, 0, source=source, addresses=("k/1",), number=self.open.number)
        posted = Event("b", self.seq + 3, EventType.POSTED, 0, address="k/2", version=1, schema=1, payload=b"{}")
        self.news = News.of([granted, fired, posted])
        self.seq += 3
        return list(grants) == [self.open]

    def coming(self) -> list[Standing]:
        """What the strategy says of the next."""
        assert self.open is not None
        return foresee(self.strategy, self.view, self.open, self.memo, 0)


def kept(coming: Standing, number: int) -> str:
    return coming.memo.replace(str(SOME_NUMBER), str(number))


@given(steps=STEPS, turns=st.lists(st.sampled_from(["as foreseen", "a", "b", "c"]), min_size=1, max_size=8))
def test_what_it_foresees_is_what_it_decides(steps: Sequence[str | Strategy], turns: list[str]) -> None:
    """Whatever comes: the source that was foreseen is granted, and the memo is the one that was foreseen."""
    story, coming = Story(Sequential(*steps)), list[Standing]()
    for turn in turns:
        foreseen = coming[0].source if coming else "a"
        source = foreseen if turn == "as foreseen" else turn
        was_foreseen = coming and foreseen == source
        granted = story.comes(source)
        if was_foreseen:
            assert granted
            assert story.open is not None
            assert story.memo.text() == kept(coming[0], story.open.number)
            rest = [(each.source, kept(each, 0)) for each in coming[1:]]
            assert [(each.source, kept(each, 0)) for each in story.coming()][: len(rest)] == rest
        if not granted:
            return
        coming = story.coming()


def test_a_sequence_foresees_its_steps() -> None:
    story = Story(Sequential("a", "b", "c"))
    assert story.comes("a")
    assert [coming.source for coming in story.coming()] == ["b", "c"]


def test_it_foresees_nothing_of_a_step_that_is_a_strategy() -> None:
    story = Story(Sequential("a", "b", Sequential("c"), "a"))
    assert story.comes("a")
    assert [coming.source for coming in story.coming()] == ["b"]


def test_what_it_foresees_is_bounded() -> None:
    story = Story(Sequential(*("ab" * FURTHEST)))
    assert story.comes("a")
    assert len(story.coming()) == FURTHEST


@dataclass(frozen=True, init=False)
class Watchful(Sequential):
    """A sequence that grants nothing while what it looks at says so; it inherits what a sequence would foresee."""

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        grants, state = super().decide(view, state, now)
        return (grants if now < 60_000 else ()), state


def test_what_is_inherited_says_nothing_of_one_that_decides_otherwise() -> None:
    """It may look at anything: it is asked."""
    story = Story(Watchful("a", "b", "c"))
    assert story.comes("a")
    assert story.coming() == []


def test_what_it_foresees_takes_no_more_than_a_little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(Sequential("a", "b", "c"))
    assert story.comes("a")
    first = story.coming()[0]
    monkeypatch.setattr(standing, "LARGEST", len(first.memo))
    assert story.coming() == [first]


def test_a_source_that_is_called_like_the_number_is_not_foreseen() -> None:
    """Else its name would be taken for the number of the activation."""
    story = Story(Sequential("a", "b", f"a{SOME_NUMBER}", "c"))
    assert story.comes("a")
    assert [coming.source for coming in story.coming()] == ["b"]
    story = Story(Sequential(f"a{SOME_NUMBER}", "b"))
    assert story.comes(f"a{SOME_NUMBER}")
    assert story.coming() == []


def test_a_strategy_foresees_nothing_unless_it_says_so() -> None:
    story = Story(Parallel(2))
    assert story.comes("a")
    assert story.coming() == []

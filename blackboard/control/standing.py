"""Standing grants: what a strategy would grant next, said beforehand.

A strategy is a pure function of what it is shown. So one that looks at nothing but which sources are on the agenda and which have
ended can be asked beforehand: what it would decide when what it has just granted has fired and one activation of a source is all
that is open then. The store keeps its answers, and applies them when it comes to be so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from blackboard.activation import Activation, ActivationState
from blackboard.control.memo import Memo
from blackboard.control.strategy import Strategy
from blackboard.control.view import View
from blackboard.event import Event, EventType
from blackboard.news import News

GOOD_FOR: Final = 10_000
"""Milliseconds for which it counts: as long as the lease of a controller by default, since a board shall not go on for longer
than that when no controller is left."""

FURTHEST: Final = 16
"""Steps that are foreseen at once."""

LARGEST: Final = 65_536
"""Characters that all it says may take: they lie on the board, and are written anew with each step."""

SOME_NUMBER: Final = 2**53 - 1
"""Stands for the number of an activation that is not there yet; no event has it."""


class Standing(NamedTuple):
    """A grant for what is to come: the source, and the memo to keep with it, in which `SOME_NUMBER` is the activation's."""

    source: str
    memo: str


def foresee(strategy: Strategy, view: View, granted: Activation, memo: Memo, now: int) -> list[Standing]:
    """What the strategy would grant next, step by step, each when the one before has fired and it is all that is open.

    ``granted`` is what it has granted now, of a board on which nothing else is open, and ``memo`` what it keeps with that.
    One that decides otherwise than the class that says what is foreseen is not spoken for: it may look at anything.
    """
    if not issubclass(_origin(strategy, "foreseen"), _origin(strategy, "decide")):
        return []
    found: list[Standing] = []
    if any(str(SOME_NUMBER) in name for name in (granted.source, *memo.history)):  # it would be taken for the number
        return found
    for coming in _steps(strategy, view, granted, memo, now):
        if sum(len(each.memo) for each in (*found, coming)) > LARGEST or str(SOME_NUMBER) in coming.source:
            break
        found.append(coming)
    return found


def _origin(strategy: Strategy, method: str) -> type:
    """The class that a strategy has a method of."""
    return next(each for each in type(strategy).__mro__ if method in vars(each))


def _steps(strategy: Strategy, view: View, granted: Activation, memo: Memo, now: int) -> Iterator[Standing]:
    for source in strategy.foreseen(memo.state)[:FURTHEST]:
        fired = Event(view.board, view.seq, EventType.FIRED, now, source=granted.source, addresses=granted.addresses)
        news = News.of([fired])
        memo = memo.after(news)
        coming = _held(granted, source)
        view = replace(view, agenda=(coming,), news=news, history=memo.history)
        grants, state = strategy.decide(view, memo.state, now)
        if list(grants) != [coming] or strategy.wake(view, state, now) or strategy.posts(view, state, now):
            return
        memo = memo.remembering(state)
        yield Standing(source, memo.text())
        granted = coming


def _held(like: Activation, source: str) -> Activation:
    """An activation that is not there yet, of which only the source is known."""
    held = ActivationState.HELD
    return replace(like, source=source, identity=source, addresses=(), state=held, number=SOME_NUMBER, granted=0)

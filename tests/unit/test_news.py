"""News are a sequence of events, each made when it is asked for, and no sooner."""

from __future__ import annotations

import pytest

from blackboard.control import View
from blackboard.event import Event, EventType
from blackboard.news import NO_NEWS, News

TYPES = (EventType.POSTED, EventType.FIRED, EventType.TRIGGERED, EventType.DIED)
EVENTS = [Event("b", seq, kind, 0) for seq, kind in enumerate(TYPES, 1)]


def lazy() -> tuple[News, list[int]]:
    read: list[int] = []

    def one(index: int) -> Event:
        read.append(index)
        return EVENTS[index]

    return News(TYPES, one), read


def test_it_is_a_sequence_of_events() -> None:
    news, _ = lazy()
    assert list(news) == EVENTS
    assert news == tuple(EVENTS)
    assert (news[0], news[-1], tuple(news[1:3])) == (EVENTS[0], EVENTS[3], (EVENTS[1], EVENTS[2]))
    assert len(news) == 4


def test_only_what_is_asked_for_is_read_and_only_once() -> None:
    news, read = lazy()
    assert [event.seq for event in news.ended()] == [2, 4]
    assert news.ended()[0] is news[1]
    assert read == [1, 3]


def test_an_index_beyond_them_raises() -> None:
    news, read = lazy()
    with pytest.raises(IndexError):
        news[4]
    with pytest.raises(IndexError):
        news[-5]
    assert read == []


def test_it_can_be_made_of_events() -> None:
    assert News.of(EVENTS) == lazy()[0]
    assert hash(News.of(EVENTS)) == hash(lazy()[0])
    assert not NO_NEWS
    assert News.of(EVENTS) != NO_NEWS
    assert repr(News.of(EVENTS[:2])) == "News(1 posted, 2 fired)"


def test_a_view_can_be_made_of_any_events() -> None:
    view = View("b", seq=4, epoch=1, news=tuple(EVENTS))  # type: ignore[arg-type]  # as tests of strategies may
    assert [event.seq for event in view.ended()] == [2, 4]
    assert view.afresh().news == ()

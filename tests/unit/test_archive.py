"""An archive is a board as lines of JSON; what is not whole is refused, with the line."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackboard import archive
from blackboard.archive import Archive, Line
from blackboard.errors import BrokenArchive
from blackboard.event import Event, EventType

US, RS = "\x1f", "\x1e"

FACTS = '["r",3,2,1,0,1000,0,0,0,0,"-",0,0,0,0,0,0,"-",0,0,0,0,0,0]'

TEXT = st.text(st.characters(exclude_characters=US + RS, exclude_categories=("Cs",)), min_size=1, max_size=8)
NUMBER = st.integers(0, 1 << 40)
PAYLOAD = st.dictionaries(TEXT, st.none() | st.integers() | st.floats(allow_nan=False) | TEXT, max_size=3).map(
    json.dumps
)


@st.composite
def archives(draw: st.DrawFn) -> Archive:
    """Any archive, however odd what is in it."""
    numbers = {name: draw(NUMBER) for name in archive.NUMBERS if name != "seq"}
    found = Archive(draw(TEXT), draw(TEXT), draw(st.sampled_from(archive.STATUSES)), draw(st.integers(1, 5)), **numbers)
    found.mode, found.gate = draw(st.sampled_from(archive.MODES)), draw(st.sampled_from(archive.GATES))
    found.facts = draw(st.dictionaries(TEXT, TEXT, max_size=3))
    keys = draw(st.lists(TEXT, max_size=3, unique=True))
    found.entries = [(f"a/{key}", f"{i + 1} 2 0 1 {draw(PAYLOAD)}") for i, key in enumerate(keys)]
    found.fired = [(f"one{RS}a/{key}", f"2 3-4 {draw(TEXT)}") for key in keys]
    found.records = [(f"s{RS}3{RS}1", draw(TEXT))] if draw(st.booleans()) else []
    bound = draw(st.lists(TEXT, max_size=2).map(RS.join))
    found.activations = [(f"one{RS}", US.join((FACTS, bound, draw(TEXT), "", draw(TEXT))))]
    found.chores = draw(st.lists(st.sampled_from(["@saga", "@shape"]), unique=True).map(sorted))
    found.events = [US.join(("P", "1000", draw(TEXT), "a/1", "1", "1", draw(PAYLOAD))) for _ in range(found.seq)]
    found.closing = {"by": "@ada", "reason": "", "result": draw(TEXT)} if draw(st.booleans()) else None
    return found


def lines_of(found: Archive) -> list[Line]:
    lines = [archive.header(found, 0), *archive.body(found)]
    for seq, text in enumerate(found.events, 1):
        lines.append(archive.event_line(Event(found.board, seq, EventType.POSTED, 1000), text))
    return [*lines, archive.end(len(lines))]


@given(archives())
def test_what_is_written_is_read_again(found: Archive) -> None:
    for name in ("entries", "fired", "records", "activations"):
        getattr(found, name).sort()
    assert archive.parse(map(archive.to_text, lines_of(found))) == found
    assert archive.parse(lines_of(found)) == found
    assert all("\n" not in archive.to_text(line) for line in lines_of(found))


def test_data_is_readable_where_nothing_is_lost() -> None:
    found = Archive("b", "n", "open", 1)
    found.entries = [("a", '1 2 0 1 {"x":1.5}'), ("b", '1 2 0 1 {"x": 1e2}')]
    assert [(line.get("data"), line.get("payload")) for line in archive.body(found)] == [
        ({"x": 1.5}, None),
        (None, '{"x": 1e2}'),
    ]


def whole() -> list[Line]:
    found = Archive("b", "n", "open", 2)
    found.entries = [("a/1", '1 2 0 1 {"x":1}'), ("a/2", '1 2 0 1 {"x":1}')]
    found.fired = [(f"one{RS}a/1", "2 - 3 1 w1")]
    found.activations = [(f"one{RS}a/2", US.join((FACTS, "", "", "", "")))]
    found.events = [US.join(("B", "1000", "@ada")), US.join(("P", "1000", "@ada", "a/1", "1", "1", "{}"))]
    return lines_of(found)


Break = Callable[[list[Any]], None]


def dropped(at: int | slice) -> Break:
    def change(lines: list[Any]) -> None:
        del lines[at]

    return change


def changed(at: int, **what: Any) -> Break:
    def change(lines: list[Any]) -> None:
        lines[at] = lines[at] | what

    return change


def replaced(at: int, line: Any) -> Break:
    def change(lines: list[Any]) -> None:
        lines[at] = line

    return change


@pytest.mark.parametrize(
    ("broken", "line", "problem"),
    [
        (replaced(0, "no json"), 1, "it is no JSON"),
        (replaced(2, b"\xff\xfe\xff"), 3, "it is no JSON"),
        (replaced(2, "[1]"), 3, "no JSON object"),
        (replaced(0, {"entry": "a"}), 1, "not the header"),
        (changed(0, format=2), 1, "its format is 2, and this release reads 1"),
        (changed(0, format="1"), 1, "its format is '1'"),
        (changed(0, status="loading"), 1, "its status is 'loading', none of open, closed"),
        (changed(0, seq=-1), 1, "its seq is -1"),
        (changed(0, floor=1.5), 1, "its floor is 1.5"),
        (changed(0, facts=[]), 1, "its facts is no object"),
        (changed(0, facts={"a": 1}), 1, "1 is no text"),
        (changed(0, board=f"b{RS}"), 1, "holds what separates fields"),
        (changed(0, closing={"by": "x"}), 1, "closing"),
        (changed(0, mode=None), 1, "mode"),
        (changed(1, version=0), 2, "versions count from 1"),
        (changed(1, entry="A/1"), 2, "'A/1' is no address"),
        (changed(1, entry=f"a/{US}"), 2, "holds what separates fields"),
        (changed(1, data=None), 2, "its data is no object"),
        (changed(1, data={"x": float("nan")}), 2, "Out of range float values"),
        (changed(1, payload="{"), 2, "Expecting"),
        (changed(1, entry="a/2"), 8, "two entries have one address: twice there is the entry of a/2"),
        (changed(3, fired=[]), 4, "does not say whose it is"),
        (changed(3, **{"is": "x"}), 4, "not enough values"),
        (changed(4, **{"is": [FACTS]}), 5, "not an activation's"),
        (changed(4, **{"is": ["{}", "", "", "", ""]}), 5, "not an activation's"),
        (changed(5, event=2), 6, "event 2 is not the next one: that is event 1"),
        (changed(5, **{"is": ["B", "now"]}), 6, "not an event's"),
        (replaced(4, {"what": 1}), 5, "it is none of entry"),
        (dropped(-1), 8, "ends here, before its last line: which one is missing, the log does not tell"),
        (dropped(slice(6, 8)), 7, "ends here, before its last line: event 2 is missing"),
        (dropped(1), 7, "had 7 lines before its end, not 6: by its log, missing is the entry a/1"),
        (dropped(3), 7, "had 7 lines before its end, not 6: which one is missing, the log does not tell"),
        (dropped(6), 7, "had 7 lines before its end, not 6: event 2 is missing"),
        (lambda lines: lines.insert(3, lines[3]), 9, "not 8: twice there is the firing of one with a/1"),
        (lambda lines: lines.append(lines[-1]), 9, "behind the end"),
        (lambda lines: lines.clear(), 1, "ends here"),
        (changed(0, seq=4), 8, "the board had 4 events, and 2 are here: the events 3 to 4 are missing"),
        (lambda lines: lines.__setitem__(slice(1, 7), [*lines[5:7], *lines[1:5]]), 4, "behind the log"),
    ],
    ids=map(str, itertools.count()),
)
def test_what_is_not_whole_is_refused(broken: Break, line: int, problem: str) -> None:
    lines: list[Any] = whole()
    archive.parse(lines)
    broken(lines)
    with pytest.raises(BrokenArchive) as refused:
        archive.parse(lines)
    assert (refused.value.line, problem in str(refused.value)) == (line, True), str(refused.value)

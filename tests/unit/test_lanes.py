"""Lanes: which round trips may be under way, what they ask for, and which claim is made once more."""

from __future__ import annotations

from blackboard.lanes import COUNT, VIGIL, Lanes


def lanes() -> Lanes:
    return Lanes("worker", "crew", 10.0)


def test_each_round_trip_has_a_lane_and_a_number_of_its_own() -> None:
    some = lanes()
    first, _ = some.ask(some.take(1), 3, "a")
    second, _ = some.ask(some.take(1), 4, "a")
    assert (some.under_way, some.asked) == (COUNT, 7)
    assert first.lane != second.lane
    assert first.number != second.number
    assert (first.owner, first.crew, first.lease, first.wanted, first.cursor) == ("worker", "crew", 10_000, 3, "a")
    some.give_back(first)
    some.give_back(second)
    assert (some.under_way, some.asked) == (0, 0)


def test_a_claim_without_an_answer_is_made_once_more_and_before_all_others() -> None:
    some = lanes()
    lost, repeats = some.ask(some.take(1), 3, "a")
    assert not repeats
    some.lost(lost)
    some.give_back(lost)
    again, repeats = some.ask(some.take(1), 5, "b")
    assert repeats
    assert (again.lane, again.number) == (lost.lane, lost.number)
    some.give_back(again)
    _, repeats = some.ask(some.take(1), 5, "b")
    assert not repeats


def test_who_has_room_for_nothing_repeats_it_later() -> None:
    some = lanes()
    lost, _ = some.ask(some.take(1), 3, "a")
    some.lost(lost)
    some.give_back(lost)
    nothing, repeats = some.ask(some.take(0), 0, "a")
    assert (nothing.wanted, repeats) == (0, False)
    some.lost(nothing)  # it asked for nothing: there is nothing to repeat
    some.give_back(nothing)
    again, repeats = some.ask(some.take(1), 1, "a")
    assert (again.number, repeats) == (lost.number, True)


def test_a_vigil_is_under_way_besides() -> None:
    some = lanes()
    vigil, _ = some.ask(VIGIL, 2, "a")
    assert (some.under_way, some.asked) == (0, 2)
    some.lost(vigil)
    some.give_back(vigil)
    assert some.take(1) == VIGIL, "what it got is asked for at once"
    again, repeats = some.ask(VIGIL, 2, "a")
    assert (again.number, repeats) == (vigil.number, True)
    some.give_back(again)
    assert (some.under_way, some.asked) == (0, 0)


def test_who_wants_nothing_does_not_get_the_lane_of_a_vigil() -> None:
    some = lanes()
    vigil, _ = some.ask(VIGIL, 2, "a")
    some.lost(vigil)
    some.give_back(vigil)
    assert VIGIL not in {some.take(0), some.take(0)}
    assert some.under_way == COUNT

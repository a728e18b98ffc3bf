"""Router, Supervisor and Swarm: a function, an agent or a handoff says who is next."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from blackboard.activation import Activation, ActivationState
from blackboard.control import Delegation, Route, Router, Setback, Supervisor, Swarm, View
from blackboard.entry import Entry, Stamp, decode, encode
from blackboard.errors import InvalidEntry, InvalidInstruction, InvalidStrategy
from tests.unit.control.playboard import Playboard, triggering

SEEDS = st.integers(0, 10_000)


class Claim(Entry):
    amount: float


# ---------------------------------------------------------------------------- Router, by a function


def by_amount(view: View) -> str | None:
    for claim in view.read(Claim):
        return "lawyer" if claim.amount > 100 else "clerk"
    return None


def the_youngest(view: View) -> Activation | None:
    return max(view.held, key=lambda each: each.number, default=None)


def nobody_there(view: View) -> str:
    return "ghost"


def a_name(view: View) -> str | None:
    return view.held[-1].name if view.held else None


@pytest.mark.parametrize(("amount", "first"), [(50, "clerk"), (500, "lawyer")])
def test_a_function_chooses_by_the_entries_it_reads(amount: float, first: str) -> None:
    board = Playboard()
    board.trigger("clerk")
    board.trigger("lawyer")
    strategy = Router(by_amount, reads=[Claim])
    assert board.play(strategy) == []
    board.post(Claim(amount=amount))
    assert [each.source for each in board.ask(strategy)] == [first]
    assert board.ask(strategy) == (), "one at a time"
    assert board.last == "by_amount chooses from 1 held, 1 under way"


@given(seed=SEEDS, many=st.integers(1, 6), limit=st.integers(1, 3))
def test_a_function_may_choose_an_activation(seed: int, many: int, limit: int) -> None:
    board = Playboard(seed)
    for _ in range(many):
        board.trigger("a")
    board.play(Router(the_youngest, limit=limit))
    assert [grant.number for _, grant in board.grants()] == list(range(many, 0, -1))
    assert all(len(moment.view.under_way) + len(moment.grants) <= limit for moment in board.moments)


def test_a_function_may_choose_an_activation_by_its_name() -> None:
    board = Playboard()
    board.trigger("a")
    board.trigger("b")
    assert board.play(Router(a_name)) == ["b", "a"]


def test_choosing_what_is_not_held_fails_with_the_reason() -> None:
    board = Playboard()
    board.trigger("a")
    with pytest.raises(InvalidStrategy, match="nobody_there asked for ghost, of which nothing is held; held now: a#1"):
        board.ask(Router(nobody_there))


@pytest.mark.parametrize("choose", [lambda view: None, 3, "no name", None])
def test_what_cannot_choose_is_refused(choose: Any) -> None:
    with pytest.raises(InvalidStrategy):
        Router(choose)


# ---------------------------------------------------------------------------- an agent that answers


def answering(*answers: list[Entry]) -> Callable[[Playboard, Activation], None]:
    """An agent that posts these answers, one each time it is asked."""
    left: Iterator[list[Entry]] = iter(answers)

    def act(board: Playboard, activation: Activation) -> None:
        for answer in next(left, []):
            board.post(answer, by=activation.name)

    return act


def board_with(agent: str, *answers: list[Entry], seed: int = 0, doomed: str = "") -> Playboard:
    """A board on which whatever a and b write triggers the agent."""
    acts = {source: triggering(agent) for source in "ab"}
    board = Playboard(seed, doomed=doomed, acts=acts | {agent: answering(*answers)})
    board.trigger(agent)
    return board


@given(seed=SEEDS, choices=st.lists(st.sampled_from("ab"), max_size=6))
def test_a_routing_agent_is_asked_each_time(seed: int, choices: list[str]) -> None:
    answers: list[list[Entry]] = [[Route(to=choice)] for choice in choices]
    board = board_with("route", *answers, seed=seed)
    for choice in choices:
        board.trigger(choice)
    granted = board.play(Router("route"))
    assert granted == [name for choice in choices for name in ("route", choice)]


@given(seed=SEEDS, rounds=st.lists(st.lists(st.sampled_from("ab"), min_size=1, max_size=3), max_size=5))
def test_a_supervisor_is_granted_first_and_after_all_that_it_delegated(seed: int, rounds: list[list[str]]) -> None:
    answers: list[list[Entry]] = [[Delegation(to=source) for source in each] for each in rounds]
    board = board_with("lead", *answers, [Delegation(finished=True)], seed=seed)
    for source in "".join(map("".join, rounds)) + "ab":
        board.trigger(source)
    strategy = Supervisor("lead")
    granted = board.play(strategy)
    assert granted == [name for each in rounds for name in ("lead", *each)] + ["lead"]
    assert board.finished(strategy)
    assert board.last == "finished, lead says"
    for moment in board.moments:
        if any(grant.source == "lead" for grant in moment.grants):
            assert not moment.view.under_way


def test_a_delegation_may_name_one_activation() -> None:
    board = board_with("lead", [Delegation(to="a#3")], [Delegation(finished=True)])
    board.trigger("a")
    assert board.trigger("a").name == "a#3"
    board.play(Supervisor("lead"))
    assert [grant.name for _, grant in board.grants()][1] == "a#3"


def test_only_the_answers_of_the_agent_count() -> None:
    board = board_with("lead")
    board.trigger("a")
    board.post(Delegation(to="a"), by="b#9")
    board.post(Route(to="a"), by="lead#1")
    assert board.play(Supervisor("lead")) == ["lead"]
    assert board.last == "waiting for lead, which is not on the agenda"


def test_what_died_of_what_was_delegated_is_posted_as_a_setback() -> None:
    board = board_with("lead", [Delegation(to="a")], [Delegation(finished=True)], doomed="a")
    board.trigger("a")
    strategy = Supervisor("lead")
    assert board.play(strategy) == ["lead", "a"]
    [death] = board.ended("a")
    assert [address for address in board.entries if address.startswith("setback")] == [f"setback/a#2@{death}"]
    board.trigger("lead")  # what the setback does
    board.play(strategy)
    assert board.finished(strategy)


def test_the_death_of_the_agent_itself_is_no_setback_to_it() -> None:
    board = Playboard(mortal=["lead"], seed=1)
    for _ in range(20):
        board.trigger("lead")
    board.play(Supervisor("lead"))
    assert "died" in {event.type for event in board.log}
    assert not board.entries


def test_delegating_to_what_is_not_held_fails_with_the_reason() -> None:
    board = board_with("lead", [Delegation(to="ghost")])
    board.trigger("a")
    with pytest.raises(
        InvalidStrategy, match=r"lead asked for ghost, of which nothing is held; held now: a#2\. Post what"
    ):
        board.play(Supervisor("lead"))


def test_a_pause_takes_grants_back_and_they_are_given_again() -> None:
    board = board_with("lead", [Delegation(to="a")], [Delegation(finished=True)])
    granted = board.trigger("a").number
    strategy = Supervisor("lead")
    while not any(grant.source == "a" for _, grant in board.grants()):
        board.ask(strategy)
        board.work()
    board.move(granted, ActivationState.HELD)
    board.play(strategy)
    assert board.granted == ["lead", "a", "a", "lead"]


@pytest.mark.parametrize("facts", [{}, {"to": "a", "finished": True}, {"to": "", "note": "?"}])
def test_a_delegation_says_one_thing(facts: dict[str, Any]) -> None:
    with pytest.raises(InvalidInstruction, match=r"Delegation cannot be .* one of the two.*Post Delegation\(to="):
        Delegation(**facts)
    with pytest.raises(InvalidEntry, match=r"delegation/x does not fit .* one of the two"):
        decode(Delegation, json.dumps(facts), Stamp("delegation/x", 1, 1))


def test_an_instruction_is_read_as_any_entry() -> None:
    for said in (Delegation(to="a", note="?"), Route(to="a"), Delegation(finished=True)):
        assert decode(type(said), encode(said), Stamp("x", 1, 1)) == said
    newer = decode(Delegation, '{"to": "a", "by": 3}', Stamp("delegation/x", 1, 1), 2)
    assert (newer.to, newer.stamp and newer.stamp.newer) == ("a", 2)
    with pytest.raises(ValidationError):  # who reads what a model says expects pydantic's own error
        TypeAdapter(list[Route]).validate_python([{}])


@pytest.mark.parametrize("facts", [{}, {"to": None}, {"to": 3}, {"to": "a", "why": "?"}])
def test_a_route_names_who_is_next(facts: dict[str, Any]) -> None:
    with pytest.raises(InvalidInstruction, match=r"Route cannot be followed: .*Name who is next"):
        Route(**facts)


def test_a_setback_is_short() -> None:
    assert Setback.__kind__ == "setback"
    assert Setback.__key__ == "name"


# ---------------------------------------------------------------------------- Swarm


def handing(to: str) -> Callable[[Playboard, Activation], None]:
    def act(board: Playboard, activation: Activation) -> None:
        board.trigger(to, handed=len(board.log))

    return act


@given(seed=SEEDS, starts=st.integers(1, 3), others=st.lists(st.sampled_from("xy"), max_size=4))
def test_only_the_start_and_those_handed_to_are_granted(seed: int, starts: int, others: list[str]) -> None:
    """triage hands over to refunds, and that to closing: each chain is followed to its end before the next begins."""
    board = Playboard(seed, acts={"triage": handing("refunds"), "refunds": handing("closing")})
    for source in ["triage"] * starts + others:
        board.trigger(source)
    assert board.play(Swarm("triage")) == ["triage", "refunds", "closing"] * starts
    assert all(len(moment.view.under_way) + len(moment.grants) <= 1 for moment in board.moments)
    assert board.last == "waiting for a handoff, or for triage"


def test_handoffs_come_in_the_order_in_which_they_were_made() -> None:
    board = Playboard()
    board.trigger("c", handed=9)
    board.trigger("b", handed=8)
    board.trigger("a")
    strategy = Swarm("a")
    assert board.play(strategy) == ["b", "c", "a"]
    assert board.moments[0].said == "b#2 is next"


def test_a_swarm_begins_with_a_source() -> None:
    with pytest.raises(InvalidStrategy, match="is no source"):
        Swarm("no name")

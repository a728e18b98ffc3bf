"""Steps outside of a worker, what can be recorded of them, and what can be asked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import BaseModel

from blackboard import Answer, ApprovalExpired, Approve, Blackboard, Context, InvalidStep, Progress, Steps
from blackboard.activation import StoredEntry
from blackboard.card import SourceCard
from blackboard.entry import Entry
from blackboard.record import of_arguments, of_binding
from blackboard.step import decoded, encoded


class Page(BaseModel):
    title: str
    at: datetime


@dataclass
class Point:
    x: int


class Claim(Entry):
    amount: float


def context(**answers: Answer | str) -> Context:
    """As a test of an agent makes one."""
    board = Blackboard("t", url="memory://t").board("b")
    return Context(
        board, "decide", 7, 1, 0, 0, "key", steps=Steps({f"{name}?": each for name, each in answers.items()})
    )


# ---------------------------------------------------------------------------- outside of a worker


@pytest.mark.tutorial
async def test_an_agent_can_be_called_by_itself() -> None:
    """Its steps just run, it does not sleep, and the test answers for the people."""

    async def agent(claim: Claim, ctx: Context) -> str:
        twice = await ctx.step("double", lambda amount: 2 * amount, claim.amount)
        await ctx.sleep(timedelta(days=30))
        ctx.log("slept well")
        ctx.progress(1, 2, "half")
        answer = await ctx.approval("pay?", value=twice)
        return f"{answer.choice} {answer.value:g}"

    ctx = context(pay="approve")
    assert await agent(Claim(amount=4), ctx) == "approve 8"
    assert (ctx.steps.said, ctx.steps.progressed) == (["slept well"], Progress(0.5, 1, 2, "half"))


def test_a_plain_agent_can_be_called_by_itself() -> None:
    def agent(ctx: Context) -> str:
        ctx.sync.sleep(3600)
        return ctx.sync.step("answer", lambda: ctx.sync.approval("pay?", ("yes", "no")).choice)

    assert agent(context(pay=Answer("no", approved=False))) == "no"


def test_a_plain_agent_takes_plain_steps() -> None:
    async def fetch() -> int: ...

    with pytest.raises(InvalidStep, match="step fetch: its function is a coroutine function"):
        context().sync.step("fetch", fetch)


async def test_without_an_answer_a_test_is_told_how_to_give_one() -> None:
    with pytest.raises(InvalidStep, match=r'steps=Steps\(\{\'pay\?\': "approve"\}\)'):
        await context().approval("pay?")
    assert (await context().approval("pay?", default="reject")).choice == "reject"
    with pytest.raises(ApprovalExpired):
        await context(pay="expired").approval("pay?")


async def test_steps_have_the_place_in_which_they_are_called() -> None:
    ctx = context()
    second, first = ctx.step("b", int), ctx.step("a", int)
    assert await asyncio.gather(first, second) == [0, 0]
    assert ctx.steps.place() == 3


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 201, 5])
async def test_a_name_says_what_a_step_does(name: Any) -> None:
    with pytest.raises(InvalidStep, match="printable characters"):
        await context().step(name, int)


@pytest.mark.parametrize("duration", [-1, float("nan"), 1e12, "1", None])
def test_a_sleep_has_a_length(duration: Any) -> None:
    with pytest.raises(InvalidStep, match="no duration"):
        context().sleep(duration)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ((0.5,), "50%"),
        ((7,), "100%"),
        ((-1,), "0%"),
        ((1, 3, "reading"), "33% (1 of 3) reading"),
        ((0, 0), "100% (0 of 0)"),
    ],
)
def test_progress_reads_well(said: Any, text: str) -> None:
    ctx = context()
    ctx.progress(*said)
    assert str(ctx.steps.progressed) == text


# ---------------------------------------------------------------------------- results


def as_page() -> Page: ...
def as_point() -> Point: ...
def as_pages() -> list[Page]: ...
def as_bytes() -> bytes: ...
def as_client() -> asyncio.Event: ...
def as_nothing(): ...  # type: ignore[no-untyped-def]


AT = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("function", "result", "back"),
    [
        (as_page, Page(title="a", at=AT), Page(title="a", at=AT)),
        (partial(as_page), Page(title="a", at=AT), Page(title="a", at=AT)),
        (as_pages, [Page(title="a", at=AT)], [Page(title="a", at=AT)]),
        (as_point, Point(1), Point(1)),
        (as_bytes, b"a", b"a"),
        (as_nothing, Page(title="a", at=AT), {"title": "a", "at": "2026-01-02T00:00:00Z"}),
        (as_nothing, (1, {2}), [1, [2]]),
        (as_client, {"a": 1}, {"a": 1}),
        (len, 3, 3),
    ],
)
def test_a_result_comes_back_as_its_function_says(function: Any, result: Any, back: Any) -> None:
    assert decoded(function, "s", encoded(function, "s", result)) == back


@pytest.mark.parametrize(("function", "result"), [(as_page, {"title": 5}), (as_nothing, object()), (as_point, 5)])
def test_a_result_that_does_not_fit_is_an_error(function: Any, result: Any) -> None:
    with pytest.raises(InvalidStep, match="step s: what"):
        decoded(function, "s", encoded(function, "s", result))


JSON = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**53), 2**53) | some.floats(allow_nan=False) | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_json_comes_back_as_it_is(value: Any) -> None:
    text = encoded(as_nothing, "s", value)
    assert "\x1f" not in text
    assert decoded(as_nothing, "s", text) == value


# ---------------------------------------------------------------------------- fingerprints


@given(some.lists(JSON), some.dictionaries(some.text(), JSON))
def test_equal_arguments_have_equal_fingerprints(arguments: list[Any], keywords: dict[str, Any]) -> None:
    again = dict(reversed(keywords.items()))
    assert of_arguments(arguments, keywords) == of_arguments(tuple(arguments), again)
    assert of_arguments(arguments, keywords) != of_arguments([*arguments, 1], keywords)


def test_what_has_no_json_counts_by_its_repr() -> None:
    assert of_arguments([Claim(amount=1)], {}) != of_arguments([Claim(amount=2)], {})
    assert of_arguments([object()], {}) != of_arguments([object()], {})


def test_a_binding_is_its_entries_and_their_versions() -> None:
    one, two = StoredEntry("claim", 1, 1, b"{}"), StoredEntry("claim", 2, 1, b"{}")
    assert of_binding([(one,)]) == of_binding([(StoredEntry("claim", 1, 1, b"other"),)])
    assert len({of_binding(each) for each in ([(one,)], [(two,)], [(one,), ()], [()], [(one, one)])}) == 5


# ---------------------------------------------------------------------------- asking


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"choices": "yes"}, "are not different words"),
        ({"choices": ()}, "are not different words"),
        ({"choices": ("a", "a")}, "are not different words"),
        ({"choices": ("a", "")}, "are not different words"),
        ({"default": "maybe"}, "is none of its choices"),
        ({"expires": 0}, "is no time"),
        ({"expires": 1e300}, "is no time"),
        ({"expires": "5"}, "is no time"),
        ({"to": 5}, "are not both texts"),
        ({"choices": None}, "are not different words"),
        ({"choices": [["a"]]}, "are not different words"),
        ({"question": "x" * 2001}, "more than 2000 characters"),
    ],
)
def test_what_cannot_be_asked(wrong: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidStep, match=problem):
        Approve(**{"question": "Well?", **wrong})


def test_a_source_says_what_it_asks_as_data() -> None:
    bb = Blackboard("t", url="memory://t")

    @bb.knowledge_source(approval=Approve("Pay it?", to="desk", expires=timedelta(hours=1)))
    def pay(claim: Claim) -> None: ...

    @bb.knowledge_source(approval=True)
    def other(claim: Claim) -> None: ...

    @bb.knowledge_source(approval=False)
    def none(claim: Claim) -> None: ...

    card = pay.card()
    assert SourceCard.from_json(card.to_json()) == card
    assert card.policies.approval == Approve("Pay it?", to="desk", expires=3600.0)
    assert other.policies.approval == Approve("May other run?")
    assert none.policies.approval is None

"""Knowledge sources: a function, its trigger and its policies; the same as a card; which functions are refused."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from blackboard.card import SourceCard
from blackboard.condition import Absent, Count
from blackboard.entry import UNIQUE, Entry
from blackboard.errors import InvalidSource, InvalidTrigger
from blackboard.handoff import Handoff
from blackboard.knowledge_source import KnowledgeSource, Style, knowledge_source, make_source
from blackboard.retry import Backoff
from blackboard.signature import Mode, Pattern


class Claim(Entry):
    amount: float


class Finding(Entry, key="source", version=2):
    source: str


class Note(Entry, key=UNIQUE):
    text: str


class Decision(Entry):
    approved: bool


def act(claim: Claim) -> Finding:
    """Looks at a claim."""
    return Finding(source=str(claim.amount))


# ---------------------------------------------------------------------------- functions


def test_a_source_is_still_its_function() -> None:
    source = knowledge_source(act)
    assert source(Claim(amount=3)) == Finding(source="3.0")
    assert (source.__name__, source.__doc__, source.name) == ("act", "Looks at a claim.", "act")
    assert repr(source) == "<KnowledgeSource act>"


def test_a_coroutine_stays_one() -> None:
    @knowledge_source(name="decide-claims")
    async def decide(claim: Claim) -> Decision:
        return Decision(approved=claim.amount < 5)

    assert asyncio.run(decide(Claim(amount=3))) == Decision(approved=True)
    assert decide.name == "decide-claims"


def test_functions_have_styles() -> None:
    async def coroutine(claim: Claim) -> None: ...

    async def stream(claim: Claim) -> AsyncIterator[Note]:
        yield Note(text="")

    class Agent:
        def method(self, claim: Claim) -> None: ...

    styles = [make_source(function).style for function in (act, coroutine, stream, Agent().method)]
    assert styles == [Style.SYNC, Style.ASYNC, Style.STREAM, Style.SYNC]


RETURNS: list[tuple[Any, set[type[Entry]]]] = [
    (None, set()),
    (Finding, {Finding}),
    (Finding | None, {Finding}),
    (list[Finding], {Finding}),
    (tuple[Finding, Note], {Finding, Note}),
    (tuple[Finding, ...] | None, {Finding}),
    (Finding | list[Note | Decision], {Finding, Note, Decision}),
    ("AsyncIterator[Note]", {Note}),
    ("Finding", {Finding}),
]


@pytest.mark.parametrize(("returns", "writes"), RETURNS, ids=[str(returns) for returns, _ in RETURNS])
def test_the_return_annotation_says_what_may_be_written(returns: Any, writes: set[type[Entry]]) -> None:
    def function(claim: Claim) -> None: ...

    function.__annotations__["return"] = returns
    assert make_source(function).writes == writes


def generator(claim: Claim) -> Iterator[Finding]:
    yield Finding(source="")


def silent(claim: Claim): ...  # type: ignore[no-untyped-def]
def talks(claim: Claim) -> str | None: ...
def maps(claim: Claim) -> dict[str, Finding] | None: ...
def anything(claim: Claim) -> Entry | None: ...


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (generator, "source generator: it is a generator.*make it an async generator"),
        (silent, "source silent: it has no return annotation.*Annotate it"),
        (talks, "source talks: its return annotation says str, which is not a kind of entry. Return kinds"),
        (maps, "its return annotation says dict.*which is not a kind of entry"),
        (anything, "its return annotation says Entry"),
        (lambda claim: None, "source <lambda>: name='<lambda>' is not a word of .*Give name a word"),
        (Claim, "source Claim: it is EntryType and not a function. Decorate a function"),
        (make_source(act), "source act: it is KnowledgeSource and not a function"),
    ],
)
def test_a_function_that_cannot_be_a_source_is_refused(function: Callable[..., Any], message: str) -> None:
    with pytest.raises(InvalidSource, match=message):
        make_source(function)


# ---------------------------------------------------------------------------- options


def test_policies_have_defaults() -> None:
    policies = make_source(act).policies
    assert (policies.retries, policies.crashes, policies.timeout, policies.lease) == (2, 3, None, None)
    assert policies.backoff == Backoff(initial=1, factor=2, maximum=300, jitter=1)
    assert make_source(act).compile() == make_source(act).trigger.compile() | {"ret": 2, "cr": 3}


def test_durations_are_seconds_or_timedeltas() -> None:
    source = make_source(act, timeout=timedelta(minutes=1), lease=0.25, after=timedelta(milliseconds=1500))
    assert source.policies.timeout == 60
    assert source.trigger.after == 1500
    assert source.compile()["ls"] == 250


def test_the_store_gets_the_policies_that_it_applies() -> None:
    source = make_source(act, priority=-5, retries=0, crashes=1, isolation="serializable", reentrant=True)
    assert source.compile() == source.trigger.compile() | {"pr": -5, "ret": 0, "cr": 1, "ser": 1}


@pytest.mark.parametrize(
    "options",
    [
        {"priority": 1000},
        {"priority": True},
        {"retries": -1},
        {"retries": 1.5},
        {"crashes": 0},
        {"timeout": 0},
        {"timeout": "30"},
        {"timeout": float("nan")},
        {"lease": timedelta(milliseconds=50)},
        {"after": -1},
        {"after": None},
        {"after": timedelta(days=1000)},
        {"refire": "always"},
        {"reentrant": 1},
        {"isolation": "none"},
        {"effects": "internal"},
        {"backoff": 3},
        {"precondition": "claim.amount > 1"},
    ],
    ids=str,
)
def test_an_option_out_of_its_range_is_refused(options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(InvalidSource, match=rf"source act: {name}=.* is not .*Give {name} "):
        make_source(act, **options)


def test_a_backoff_that_is_a_number_is_answered_with_one_that_is_none() -> None:
    with pytest.raises(InvalidSource, match=r"Give backoff a Backoff, such as Backoff\(initial=0\.5\)\."):
        make_source(act, backoff=0.5)  # type: ignore[arg-type]


def test_an_unknown_option_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidSource, match=r"there is no option 'retry'\. The options are: name, when, precondition"):
        make_source(act, retry=3)  # type: ignore[call-arg]


def test_a_condition_that_was_computed_already_is_refused() -> None:
    with pytest.raises(InvalidTrigger, match="the condition True"):
        make_source(act, when=Claim(amount=3).amount > 1)


# ---------------------------------------------------------------------------- preconditions


def test_a_precondition_takes_parameters_by_name_or_annotation() -> None:
    def is_quiet(claim, notes: list[Note], decision: Decision | None) -> bool:  # type: ignore[no-untyped-def]
        return True

    source = make_source(act, precondition=is_quiet)
    assert source.precondition is not None
    assert source.precondition.name == "is_quiet"
    assert source.precondition.parameters[:2] == (
        Pattern("claim", Mode.EACH, Claim),
        Pattern("notes", Mode.GATHER, Note),
    )
    assert source.compile()["wk"] == ["claim", "decision", "note"]
    assert make_source(act, precondition=lambda claim: claim.amount > 3).compile()["wk"] == ["claim"]


def test_a_precondition_about_what_the_source_does_not_bind_is_refused() -> None:
    with pytest.raises(InvalidSource, match="precondition of source act, parameter order: it has no annotation"):
        make_source(act, precondition=lambda order: True)

    def needs(note: Note) -> bool:
        return bool(note.text)

    with pytest.raises(InvalidSource, match=r"parameter note: the source has no parameter note: Note.*Note \| None"):
        make_source(act, precondition=needs)


# ---------------------------------------------------------------------------- compensation


def test_a_compensation_is_recorded_and_stays_a_function() -> None:
    source = make_source(act)

    @source.compensation
    async def forget(finding: Finding) -> None: ...

    assert source.compensator is not None
    assert (source.compensator.function, source.compensator.undoes) == (forget, source)
    assert source.compensator.parameters == (Pattern("finding", Mode.EACH, Finding),)
    assert source.card().compensation == f"{__name__}:{forget.__qualname__}"
    with pytest.raises(InvalidSource, match=r"compensation of source act: .*forget is registered already\. Undo"):
        source.compensation(forget)


def test_a_compensation_has_the_policies_of_its_source_and_what_it_may_write() -> None:
    source = make_source(act, retries=7, timeout=3, isolation="serializable", effects="external", fatal=True)

    @source.compensation
    def forget(finding: Finding) -> Note | None: ...

    assert source.compensator is not None
    policies = source.compensator.policies
    assert (policies.retries, policies.timeout) == (7, 3)
    assert (policies.isolation, policies.effects, policies.fatal) == ("snapshot", "board", False)
    assert (source.compensator.name, source.compensator.writes) == ("~act", {Note})
    assert (source.compile()["ft"], "ft" in make_source(act).compile()) == (1, False)


def test_a_compensation_without_a_return_annotation_writes_nothing() -> None:
    source = make_source(act, concurrency=1, rate="1/s", breaker=3, fair=True, budget=1, approval=True)

    @source.compensation
    def forget(finding: Finding):  # type: ignore[no-untyped-def]  # that is what is tested
        pass

    assert source.compensator is not None
    assert source.compensator.writes == frozenset()
    policies = source.compensator.policies
    assert (policies.concurrency, policies.rate, policies.breaker, policies.fair) == (None, None, None, False)
    assert (policies.budget, policies.approval) == (None, None)


def test_a_compensation_that_hands_over_is_refused() -> None:
    def forget(finding: Finding) -> Handoff: ...

    with pytest.raises(InvalidSource, match="it hands over, and nothing starts while a board is undone"):
        make_source(act).compensation(forget)


def test_a_compensation_of_something_else_is_refused() -> None:
    def forget(note: Note) -> None: ...

    with pytest.raises(InvalidSource, match=r"parameter note: the source has nothing to do with Note\. Use one of: Cl"):
        make_source(act).compensation(forget)


# ---------------------------------------------------------------------------- cards


def full_source() -> KnowledgeSource[..., Any]:
    def decide(claim: Claim, findings: list[Finding]) -> Decision | Note:
        """Decides a claim."""
        raise NotImplementedError

    when = [Count(Finding) >= 3, Absent(Decision)]
    return make_source(decide, when=when, backoff=Backoff(5), timeout=30, precondition=lambda claim: True)


def test_a_card_says_everything_about_a_source() -> None:
    card = full_source().card()
    assert (card.name, card.doc, card.style, card.precondition) == (
        "decide",
        "Decides a claim.",
        "sync",
        "<lambda>",
    )
    assert card.module == f"{__name__}:full_source.<locals>.decide"
    assert [(kind.kind, kind.key, kind.version) for kind in card.reads] == [
        ("claim", None, 1),
        ("decision", None, 1),
        ("finding", "source", 2),
    ]
    assert [(kind.kind, kind.key) for kind in card.writes] == [("decision", None), ("note", "*")]
    assert card.when == ("count(finding) >= 3", "absent(decision)")
    assert card.trigger == full_source().compile()


def test_a_card_travels_as_json() -> None:
    card = full_source().card()
    assert SourceCard.from_json(card.to_json()) == card
    assert SourceCard.from_json(card.to_json().encode()).to_json() == card.to_json()


def test_a_card_of_another_release_is_read_as_far_as_it_is_known() -> None:
    card = full_source().card()
    data = json.loads(card.to_json())
    newer = data | {"colour": "red", "policies": data["policies"] | {"rate": 5}}
    assert SourceCard.from_json(json.dumps(newer)) == card
    older = SourceCard.from_json('{"name":"a","module":"m:a","style":"sync"}')
    assert (older.policies.retries, older.when) == (2, ())

"""The strategy that a word on the command line means."""

from __future__ import annotations

import inspect
from pathlib import Path

import click
import pytest

from blackboard import control
from blackboard.cli.strategies import SHORT, NoSource, check_sources, strategy_of
from blackboard.control import (
    Goal,
    Graph,
    Manual,
    Parallel,
    PlanExecute,
    Priority,
    Random,
    RoundRobin,
    Sequential,
    Strategy,
    Supervisor,
    Swarm,
)
from blackboard.control.mention import sources_of
from blackboard.facts.control import as_text
from tests.cli import claims

WITHOUT_A_SHORT_FORM = {"Graph", "Step", "Strategy", "Then", "Until"}


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("sequential:check_text,decide", Sequential("check_text", "decide")),
        ("parallel:4", Parallel(4)),
        ("parallel:4,sources=check_text+decide", Parallel(4, sources=("check_text", "decide"))),
        ("parallel:limit=4,sources=decide", Parallel(4, sources="decide")),
        ("priority", Priority()),
        ("priority:order=lex,limit=2", Priority(order="lex", limit=2)),
        ("round-robin", RoundRobin()),
        ("random:7", Random(7)),
        ("random:seed", Random("seed")),
        ("supervisor:lead", Supervisor("lead")),
        ("swarm:triage", Swarm("triage")),
        ("plan-execute:plan,replans=1", PlanExecute("plan", replans=1)),
        ("manual", Manual()),
        ('{"strategy": "Parallel", "with": {"limit": 4}}', Parallel(4)),
        ('{"notation": 1, "strategy": "Manual"}', Manual()),
        ("tests.cli.claims:careful", claims.careful),
    ],
)
def test_a_word_means_a_strategy(word: str, meant: Strategy) -> None:
    assert strategy_of(word) == meant


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("sequental:a", "Did you mean sequential?"),
        ("nonsense", "round-robin; random:SEED"),
        ("", "sequential:SOURCE"),
        ("parallel", "parallel needs something after a colon. It is written parallel:LIMIT"),
        ("parallel:0", "whole number from 1"),
        ("parallel:1,2,3,4", "parallel:LIMIT"),
        ("parallel:4,colour=red", "parallel:LIMIT"),
        ("sequential:", "is no source"),
        ("priority:order=age", "Use one of"),
        ("manual:now", "written manual"),
        ("{", "no strategy in JSON"),
        ('{"strategy": "Paralel"}', "no class of this name"),
        ('{"strategy": "Parallel", "with": 7}', "it is no strategy"),
        ('{"strategy": "Sequential", "with": {"steps": [{"condition": 5}]}}', "it is no strategy"),
        ('{"notation": 99, "strategy": "Manual"}', "notation 99"),
        ("tests.cli.claims:bb", "should be a Strategy; there is: tests.cli.claims:careful"),
        ("tests.cli.claims:Claim", "is a class and not an object made of it"),
        ("tests.cli.nowhere:bb", "no module"),
    ],
)
def test_a_word_that_means_none_is_a_mistake_of_use(word: str, said: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        strategy_of(word)
    assert said in caught.value.message


def test_every_strategy_has_a_short_form_or_none_on_purpose() -> None:
    public = [getattr(control, name) for name in control.__all__]
    names = {each.__name__ for each in public if inspect.isclass(each) and issubclass(each, Strategy)}
    assert {name for name, _ in SHORT.values()} == names - WITHOUT_A_SHORT_FORM


def test_a_strategy_is_told_without_what_goes_without_saying() -> None:
    assert as_text(Priority(order="lex")) == "Priority(order='lex')"
    assert as_text(Manual()) == "Manual()"


def test_sources_are_found_in_what_a_strategy_is_made_of() -> None:
    graph = Graph(claims.check_history >> claims.decide)
    nested = Sequential("first", Parallel(2, sources=["second"]), graph).until(Goal("decision"))
    assert list(sources_of(nested)) == ["first", "second", "check_history", "decide"]
    assert list(sources_of(Supervisor("lead").then(Swarm("triage")))) == ["lead", "triage"]
    assert list(sources_of(Parallel(2))) == []


def test_a_source_that_is_not_registered_is_answered_with_the_nearest() -> None:
    check_sources(Sequential("decide"), {"decide"})
    with pytest.raises(NoSource) as caught:
        check_sources(Sequential("decid"), {"decide", "check_history"})
    assert caught.value.exit_code == 4
    assert "Did you mean decide? Registered are: check_history, decide." in caught.value.message


def test_a_module_below_the_working_directory_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "patience.py").write_text("from blackboard.control import Parallel\nslow = Parallel(1)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert strategy_of("patience:slow") == Parallel(1)

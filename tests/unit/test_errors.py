"""Errors are data with a message: one tree, facts as attributes, and a message that says what, why and what to do."""

import inspect
import pickle
import re
from dataclasses import fields
from typing import Any

import pytest

from blackboard import errors
from blackboard.errors import (
    BlackboardError,
    DuplicateSource,
    InvalidKey,
    StaleSnapshot,
    TimedOut,
    UnknownField,
)

CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, BlackboardError)]
CONCRETE = [cls for cls in CLASSES if not cls.__subclasses__() or cls is errors.InvalidTrigger]
SAMPLES: dict[str, Any] = {"addresses": ("claim", "finding/a"), "known": ("a", "b"), "declared": ("claim",)}


def make(cls: type[BlackboardError]) -> BlackboardError:
    facts: dict[str, Any] = {}
    for field in fields(cls):  # type: ignore[arg-type]  # every class of the tree is one
        numeric = field.type in {"int", int, "float", float}
        facts[field.name] = SAMPLES.get(field.name, 7 if numeric else f"<{field.name}>")
    return cls(**facts)


@pytest.mark.parametrize("cls", CONCRETE, ids=lambda cls: cls.__name__)
class TestEveryError:
    def test_names_all_its_facts_in_its_message(self, cls: type[BlackboardError]) -> None:
        error = make(cls)
        for name, fact in error.facts.items():
            assert getattr(error, name) == fact
            for part in fact if isinstance(fact, tuple) else (fact,):
                assert str(part) in str(error)

    def test_says_what_to_do(self, cls: type[BlackboardError]) -> None:
        message = str(make(cls))
        assert message.endswith(".")
        assert len(re.split(r"[.;:] ", message)) >= 3, "what, why, and the remedy"

    def test_survives_a_journey_between_processes(self, cls: type[BlackboardError]) -> None:
        error = make(cls)
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is cls
        assert copy.facts == error.facts
        assert str(copy) == str(error)

    def test_is_one_sentence_with_the_remedy(self, cls: type[BlackboardError]) -> None:
        assert re.fullmatch(r"[A-Z].*: .*\.", (cls.__doc__ or "").split("\n")[0])


def test_the_drawn_tree_is_the_tree() -> None:
    assert errors.__doc__ is not None
    drawn: list[tuple[str, str]] = []
    path: list[str] = []
    for line in errors.__doc__.splitlines():
        if found := re.match(r"    ([│├└─ ]*)(\w+)", line):
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            drawn.append((found[2], path[depth - 1] if depth else "Exception"))
    assert sorted(drawn) == sorted((cls.__name__, cls.__bases__[0].__name__) for cls in CLASSES)


def test_some_errors_are_also_what_python_calls_them() -> None:
    with pytest.raises(TimeoutError):
        raise TimedOut("decision", 3.0)
    with pytest.raises(AttributeError):
        raise UnknownField("claim", "there is no field 'x'", "Its fields are: amount")


def test_a_message_shows_control_characters_and_cuts_endless_facts() -> None:
    assert r"'a\x1fb'" in str(InvalidKey("claim", "a\x1fb", "it contains a control character"))
    assert len(str(InvalidKey("claim", "k" * 10_000, "it is too long"))) < 1000


def test_a_tuple_reads_as_words() -> None:
    assert "claim, finding/a" in str(StaleSnapshot("decide#7", ("claim", "finding/a")))
    assert ": none." in str(StaleSnapshot("decide#7", ()))


def test_a_duplicate_source_knows_its_own_remedy() -> None:
    assert "name=" in str(DuplicateSource("source decide"))

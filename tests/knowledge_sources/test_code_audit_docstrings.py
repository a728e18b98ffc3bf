"""Docstring coverage: what counts as public, and as documented."""

import ast

import pytest

from knowledge_sources.code_audit.docstrings import coverage, is_test
from knowledge_sources.code_audit.entries import DocCoverage

SOURCE = '''
def bare(): pass
def told():
    """Yes."""
    def local(): pass
def _private(): pass
class Thing:
    """A thing."""
    def __init__(self): pass
    async def method(self): "Also a docstring."
    def other(self): f"not {one}"
    @property
    def size(self): """Told once."""
    @size.setter
    def size(self, value): pass
    @typing.overload
    def many(self): ...
class _Hidden:
    def method(self): pass
'''


def of(source: str, path: str = "p/m.py") -> DocCoverage:
    return coverage(path, ast.parse(source))


def test_public_definitions_are_counted() -> None:
    found = of(SOURCE)

    assert (found.documented, found.total) == (4, 7)
    assert [(one.name, one.line) for one in found.missing] == [
        ("<module>", 1),
        ("bare", 2),
        ("Thing.other", 11),
    ]


@pytest.mark.parametrize("path", ["p/_m.py", "_p/m.py", "tests/m.py", "p/test_m.py", "p/m_test.py", "conftest.py"])
def test_private_modules_and_tests_are_not_counted(path: str) -> None:
    assert of(SOURCE, path).total == 0


def test_a_package_counts_unless_it_is_empty() -> None:
    assert of("", "p/__init__.py").total == 0
    assert of("x = 1", "p/__init__.py").total == 1
    assert of('"""Doc."""', "p/__main__.py").documented == 1


def test_tests_are_known_by_their_names() -> None:
    assert is_test("a/tests/b/c.py")
    assert not is_test("a/testing.py")
    assert not is_test("contest.py")

"""Unused imports: what is reported, and what is left alone on purpose."""

import ast

import pytest

from knowledge_sources.code_audit.source_file import SourceFile
from knowledge_sources.code_audit.unused_imports import find


def unused(source: str, path: str = "m.py") -> list[tuple[str, int]]:
    file = SourceFile(path, ast.parse(source), source.split("\n"))
    return [(one.name, one.line) for one in find(file).unused]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import os", [("os", 1)]),
        ("import os.path", [("os.path", 1)]),
        ("import os as o", [("os", 1)]),
        ("from os import path as p", [("os.path", 1)]),
        ("from . import a", [(".a", 1)]),
        ("from .b import a", [(".b.a", 1)]),
        ("from x import (\n    a,\n    b,\n)\na()", [("x.b", 3)]),
        ("def f():\n    import os\nos = 1\nos", [("os", 2)]),
        ("if TYPE_CHECKING:\n    from x import A\n", [("x.A", 2)]),
        ("try:\n    import a\nexcept ValueError:\n    import b\n", [("a", 2), ("b", 4)]),
        ("import os  # noqa: E501", [("os", 1)]),
        ("import os\nx: Literal['os']", [("os", 1)]),
        ("import os\nx: Annotated[int, 'os']", [("os", 1)]),
        ("import os\nos = 1", [("os", 1)]),
        ("import os\nx.os", [("os", 1)]),
        ("import os\ndef f(os=1): pass", [("os", 1)]),
    ],
)
def test_reported(source: str, expected: list[tuple[str, int]]) -> None:
    assert unused(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.getcwd()",
        "import os.path\nos",
        "import os\ndel os",
        "import os\nos += 1",
        "import os\ndef f():\n    return os",
        "from __future__ import annotations",
        "from x import *",
        "import a as a",
        "from x import a as a",
        "from x import a\n__all__ = ['a']",
        "from x import a, b, c\n__all__ = ('a',)\n__all__ += ['b']\n__all__.extend(['c'])",
        "from x import a\n__all__: list[str] = y.__all__ + ['a']",
        "try:\n    import a\nexcept ImportError:\n    import b\n",
        "try:\n    import a\nexcept (A, ModuleNotFoundError):\n    a = None\n",
        "try:\n    import a\nexcept:\n    pass\n",
        "import os  # noqa",
        "import os  # NOQA: E501, F401",
        "from x import (  # noqa: F401\n    a,\n)",
        "from x import (\n    a,  # noqa\n)",
        "# ruff: noqa\nimport os",
        "# flake8: noqa: F401\nimport os",
        "class C:\n    import os\n",
        "from x import A\ny: 'A'",
        "from x import A\ndef f(y: 'list[A]') -> None: pass",
        "from x import A\ndef f() -> 'dict[str, \"A\"]': pass",
        "from x import A\ny = cast('A', z)",
        "from x import A\nT = TypeVar('T', bound='A')",
        "from x import A\nY = Optional['A']",
        "from x import A\nY: TypeAlias = 'A | None'",
        "from x import A\ny: Annotated['A', 1]",
        "def f():\n    global os\n    import os\n",
        "def f():\n    import os\n    return locals()\n",
        "def f():\n    import os\n    def g(): return os\n",
    ],
)
def test_left_alone(source: str) -> None:
    assert unused(source) == []


def test_the_top_of_a_package_re_exports() -> None:
    source = "from .a import b\ndef f():\n    import os\n"

    assert unused(source, "p/__init__.py") == [("os", 3)]


def test_a_broken_quotation_is_ignored() -> None:
    assert unused("import os\nx: 'os ('\ny: '" + "[" * 500 + "'") == [("os", 1)]

"""Imports are resolved to files of the tree, with the moment of their execution."""

import ast
from collections.abc import Sequence

from knowledge_sources.code_audit.imports import Resolver, collect, statements

FILES = (
    "src/p/__init__.py",
    "src/p/a.py",
    "src/p/b.py",
    "src/p/sub/__init__.py",
    "src/p/sub/c.py",
    "src/space/d.py",
)


def exists(path: str) -> bool:
    """Whether a path is one of FILES or a directory of them."""
    return path in FILES or any(file.startswith(f"{path}/") for file in FILES)


def inside(source: str, path: str = "src/p/a.py", roots: Sequence[str] = ("", "src")) -> list[tuple[str, int, str]]:
    found = collect(path, ast.parse(source), Resolver(exists, path.rpartition("/")[0], roots))
    return [(one.path, one.line, one.when) for one in found.inside]


def outside(source: str) -> list[str]:
    return collect("src/p/a.py", ast.parse(source), Resolver(exists, "src/p", ("", "src"))).outside


def test_absolute_and_relative_imports_lead_to_the_same_file() -> None:
    for source in (
        "import p.b",
        "from p import b",
        "from . import b",
        "from .b import x",
        "from p.b import *",
    ):
        assert inside(source) == [("src/p/b.py", 1, "start")], source


def test_a_name_that_is_no_module_leads_to_its_package() -> None:
    assert inside("from p import thing, b") == [("src/p/__init__.py", 1, "start"), ("src/p/b.py", 1, "start")]
    assert inside("from .sub import *") == [("src/p/sub/__init__.py", 1, "start")]


def test_parents_of_a_dotted_import_do_not_count() -> None:
    assert inside("import p.sub.c") == [("src/p/sub/c.py", 1, "start")]
    assert inside("from ..b import x", "src/p/sub/c.py") == [("src/p/b.py", 1, "start")]
    assert inside("from .. import b", "src/p/sub/__init__.py") == [("src/p/b.py", 1, "start")]


def test_namespace_packages_are_found_by_their_files() -> None:
    assert inside("import space.d") == [("src/space/d.py", 1, "start")]


def test_what_leads_nowhere_or_to_itself_is_left_out() -> None:
    assert (
        inside("from ....x import y\nfrom .missing import z\nimport p.missing\nfrom . import a")
        == [("src/p/__init__.py", 2, "start")]
        or inside("from ....x import y\nfrom .missing import z\nimport p.missing\nfrom . import a") == []
    )


def test_moments_are_told_apart() -> None:
    source = """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from . import b
else:
    from .sub import c
def f():
    if TYPE_CHECKING:
        import p
    from . import b
class C:
    import p.sub
    def g(self):
        import p.sub
"""
    assert inside(source) == [
        ("src/p/__init__.py", 9, "typing"),
        ("src/p/b.py", 10, "call"),
        ("src/p/b.py", 4, "typing"),
        ("src/p/sub/__init__.py", 14, "call"),
        ("src/p/sub/__init__.py", 12, "start"),
        ("src/p/sub/c.py", 6, "start"),
    ]


def test_outside_names_are_top_level_and_sorted() -> None:
    assert outside("import os.path, ast\nfrom typing import Any\nfrom . import zlib\nimport p.q\n") == [
        "ast",
        "os",
        "typing",
    ]


def test_imports_are_found_in_every_kind_of_block() -> None:
    source = """
try: import a
except E: import b
else: import c
finally: import d
for x in y: import e
with x:
    while y: import f
match x:
    case 1: import g
"""
    assert len(statements(ast.parse(source))) == 7


def test_inside_a_package_only_its_own_full_name_leads_inside() -> None:
    files = {"__init__.py", "types.py", "core.py"}
    resolver = Resolver(lambda path: path in files or path == ".", "", ("",), ("click",))
    found = collect("core.py", ast.parse("import types, click\nfrom .types import X\nfrom click import core"), resolver)

    assert [(one.path, one.line) for one in found.inside] == [("__init__.py", 1), ("types.py", 2)]
    assert found.outside == ["types"]

"""The report, from trees on disk to the text: through the sources' own functions, without a board."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeVar

import pytest

from knowledge_sources.code_audit import sources
from knowledge_sources.code_audit.advice import suggestions
from knowledge_sources.code_audit.entries import Churn, History, Module, Report, Target, Tree
from knowledge_sources.code_audit.findings import Findings
from knowledge_sources.code_audit.markdown import code, plain, quantity, table

T = TypeVar("T")


async def gathered(stream: AsyncIterator[list[T] | object]) -> list[object]:
    """What an asynchronous source yields, in one list."""
    found: list[object] = []
    async for item in stream:
        found += item if isinstance(item, list) else [item]
    return found


def audit(root: Path, seed: int = 0, changes: tuple[Churn, ...] = ()) -> Report:
    """Run every source by hand in an order that depends on the seed."""
    shuffle = random.Random(seed).shuffle
    target = Target(root=str(root))
    found = asyncio.run(gathered(sources.inventory(target)))
    tree = next(one for one in found if isinstance(one, Tree))
    modules = [one for one in found if isinstance(one, Module)]
    shuffle(modules)
    syntax = [sources.syntax(target, module) for module in modules]
    census = sources.census(tree, syntax)
    parsed = [one for one in syntax if one.ok]
    shuffle(parsed)
    complexity = [sources.complexity(target, one) for one in parsed]
    imports = [sources.imports(target, tree, one) for one in parsed]
    unused = [sources.unused_imports(target, one) for one in parsed]
    docs = [sources.docstrings(target, one) for one in parsed]
    prints = [sources.fingerprints(target, one) for one in parsed]
    past = asyncio.run(gathered(sources.churn(target, tree, modules)))
    history = next(one for one in past if isinstance(one, History))
    if changes:
        history = History(available=True, note="all commits", commits=9)
    risks = [sources.risk(churn, one) for churn in changes for one in complexity if one.path == churn.path]
    cycles, duplicates = sources.import_cycles(census, imports), sources.duplicates(census, prints)
    return sources.report(tree, modules, syntax, complexity, imports, unused, docs, risks, cycles, duplicates, history)


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    """A tree with one of everything that the audit looks for."""
    body = "".join(f"    if x > {number}:\n        y += {number}\n" for number in range(12))
    files = {
        "p/__init__.py": '"""A package."""\nfrom p.a import f\n',
        "p/a.py": f"import os\nimport yaml\nfrom p import b\n\n\ndef f(x, y=0):\n{body}    return y\n",
        "p/b.py": f"from p import a\n\n\ndef g(v, w=0):\n{body.replace('x', 'v').replace('y', 'w')}    return w\n",
        "p/broken.py": "def f(:\n",
        "p/te|st.py": "import re\n",
        "tests/test_a.py": "import p\n",
    }
    for path, text in files.items():
        (tmp_path / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / path).write_text(text)
    return tmp_path / "tree"


def test_the_report_tells_everything(messy: Path) -> None:
    changes = tuple(
        Churn(path=path, commits=commits, authors=1, last_change="2024-01-01")
        for path, commits in (("p/a.py", 2), ("p/b.py", 7))
    )
    report = audit(messy, changes=changes)

    for line in (
        "6 modules, 65 lines, 2 functions, no classes.",
        "| `p/broken.py:1` | SyntaxError: invalid syntax |",
        "| 13 | `f` | `p/a.py:6` |",
        "| 91 | `p/b.py` | 7 | 1 | 2024-01-01 | 13 | `g` (13) |",
        "  - shortest way round: `p/a.py` → `p/b.py` → `p/a.py`",
        "| 25 | 2 | `f` `p/a.py:6`, `g` `p/b.py:4` |",
        "- `p/te\\|st.py`: `re` (line 1)",
        "| `p` | 1 | 6 | 16.7 % |",
        "From outside it imports 2 modules of the standard library and 1 other: `yaml`.",
        "1. **Make every file parse**: `p/broken.py:1` SyntaxError: invalid syntax.",
        "3. **Split `g`** (`p/b.py:4`, complexity 13): its module has 7 commits by 1 author, and the highest risk.",
        "4. **Merge the two copies of `f`** (`p/a.py:6`, `p/b.py:4`): 25 repeated lines go.",
    ):
        assert line in report.markdown.split("\n"), line
    assert report.summary["failed"] == 1
    assert report.summary["unused_imports"] == 6
    assert report.summary["duplicate_lines"] == 25


def test_the_report_is_the_same_to_the_byte_in_every_order(messy: Path) -> None:
    reports = [audit(messy, seed) for seed in range(10)]

    assert all(report == reports[0] for report in reports)


def test_the_report_does_not_depend_on_where_the_tree_lies(messy: Path, tmp_path: Path) -> None:
    before = audit(messy)
    (tmp_path / "elsewhere").mkdir()
    moved = messy.rename(tmp_path / "elsewhere" / "tree")

    assert audit(moved) == before


@pytest.mark.parametrize("files", [{}, {"a.txt": "x"}, {"a.py": ""}, {"a.py": "x = 1\n"}, {"a.py": "("}])
def test_a_tree_with_little_in_it_has_a_report(tmp_path: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (tmp_path / path).write_text(text)

    report = audit(tmp_path)
    assert report.markdown.startswith("# Audit of ")
    assert report.summary["modules"] == sum(path.endswith(".py") for path in files)
    assert "\n\n\n" not in report.markdown


def test_a_tree_that_does_not_exist_has_a_report(tmp_path: Path) -> None:
    report = audit(tmp_path / "missing")

    assert "| `.` | no such file or directory |" in report.markdown
    assert "Was this the right directory?" in report.markdown


def test_what_never_came_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    found = asyncio.run(gathered(sources.inventory(Target(root=str(tmp_path)))))
    tree = next(one for one in found if isinstance(one, Tree))
    modules = [one for one in found if isinstance(one, Module)]

    report = sources.report(tree, modules, [], [], [], [], [], [], None, None, None)
    assert "| `a.py` | never analysed: the source that should have gave up |" in report.markdown
    assert "Not searched: some module's imports are not known." in report.markdown


def test_a_large_tree_still_has_a_short_report(tmp_path: Path) -> None:
    for number in range(60):
        text = f"import os, re, sys\ndef f{number}(a):\n" + "".join(f"    if a: b{number}_{i}()\n" for i in range(20))
        (tmp_path / f"m{number:02}.py").write_text(text)
        (tmp_path / f"bad{number:02}.py").write_text("(")

    lines = audit(tmp_path).markdown.split("\n")
    assert len(lines) <= 120
    assert "… and 50 more files." in lines


def test_there_are_suggestions_for_a_good_tree_too(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('"""A."""\n\n\ndef f(x):\n    """F."""\n    return [y for y in x if y and x or y]\n')
    (tmp_path / "b.py").write_text('"""B."""\n')

    markdown = audit(tmp_path).markdown
    assert "1. **Split `f`**" in markdown
    assert "2. **Look at `a.py`**" in markdown


def test_nothing_found_is_nothing_to_do() -> None:
    tree = Tree(name="t", modules=0, lines=0, bytes=0, prefix="", import_roots=[], problems=[])

    assert suggestions(Findings(tree))[0].startswith("Nothing to do")


def test_markdown_is_safe_for_any_name() -> None:
    assert code("a|b") == "`a\\|b`"
    assert code("a`b``c") == "``` a`b``c ```"
    assert plain("a *b*\n<c>") == "a \\*b\\* \\<c\\>"
    assert [quantity(number, "class", "classes") for number in (0, 1, 1_200)] == [
        "no classes",
        "1 class",
        "1,200 classes",
    ]
    assert table(("A", "B"), [(1, "x")], right=(0,)) == ["| A | B |", "| ---: | --- |", "| 1 | x |"]


def test_batches_cover_everything_once() -> None:
    items = list(range(2 * sources.BATCH + 1))

    assert [len(batch) for batch in sources.batches(items)] == [sources.BATCH, sources.BATCH, 1]
    assert [item for batch in sources.batches(items) for item in batch] == items
    assert list(sources.batches([])) == []

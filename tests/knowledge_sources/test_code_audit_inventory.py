"""Which files are found, and what they are called."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from knowledge_sources.code_audit.entries import Target
from knowledge_sources.code_audit.inventory import survey


def plant(root: Path, *paths: str) -> Path:
    """Make empty files at these paths."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")
    return root


def found(root: Path) -> list[str]:
    """The paths of the modules of a tree."""
    return [module.path for module in survey(str(root))[1]]


def test_modules_are_sorted_and_measured(tmp_path: Path) -> None:
    (tmp_path / "b.py").write_text("x = 1\ny = 2")
    (tmp_path / "a.pyw").write_text("\n")
    (tmp_path / "c.txt").write_text("")
    tree, modules = survey(str(tmp_path))

    assert [(one.path, one.lines, one.bytes) for one in modules] == [("a.pyw", 1, 1), ("b.py", 2, 11)]
    assert (tree.modules, tree.lines, tree.bytes, tree.problems) == (2, 3, 12, [])


def test_other_peoples_code_and_caches_are_passed_over(tmp_path: Path) -> None:
    plant(tmp_path, "a.py", ".git/h.py", ".venv/b.py", "node_modules/c.py", "__pycache__/d.py", "build/lib/e.py")
    plant(tmp_path, "environment/pyvenv.cfg", "environment/lib/f.py", "build2/g.py", "src/build/__init__.py")

    assert found(tmp_path) == ["a.py", "build2/g.py", "src/build/__init__.py"]


def test_links_are_followed_to_files_outside_only(tmp_path: Path) -> None:
    root = plant(tmp_path / "root", "a.py", "sub/b.py")
    plant(tmp_path, "outside.py")
    (root / "alias.py").symlink_to(root / "a.py")
    (root / "linked.py").symlink_to(tmp_path / "outside.py")
    (root / "sub" / "up").symlink_to(root)

    assert found(root) == ["a.py", "linked.py", "sub/b.py"]


@pytest.mark.parametrize("name", ["a\nb.py", "x" * 250 + "/" + "y" * 200 + ".py", "caf\udce9.py"])
def test_a_path_that_cannot_be_a_key_is_a_problem(tmp_path: Path, name: str) -> None:
    plant(tmp_path, "good.py")
    try:
        plant(tmp_path, name)
    except OSError:
        pytest.skip("this file system refuses the name itself")
    tree, modules = survey(str(tmp_path))

    assert [one.path for one in modules] == ["good.py"]
    [problem] = tree.problems
    assert problem.reason == "its name cannot be that of an entry"
    assert problem.path.isprintable()


def test_a_directory_that_cannot_be_listed_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, "a.py", "closed/b.py")
    listing = os.scandir

    def refuse(path: Path) -> Iterable[os.DirEntry[str]]:
        if path.name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return listing(path)

    monkeypatch.setattr(os, "scandir", refuse)
    tree, _ = survey(str(tmp_path))

    assert [(one.path, one.reason) for one in tree.problems] == [("closed", "permission denied")]


def test_a_root_that_does_not_exist_is_a_problem(tmp_path: Path) -> None:
    tree, modules = survey(str(tmp_path / "missing"))

    assert (tree.modules, modules) == (0, [])
    assert [(one.path, one.reason) for one in tree.problems] == [(".", "no such file or directory")]


def test_a_root_may_be_a_single_file(tmp_path: Path) -> None:
    plant(tmp_path, "a.py", "b.py")

    assert found(tmp_path / "a.py") == ["a.py"]


def test_names_follow_the_packages(tmp_path: Path) -> None:
    plant(
        tmp_path,
        "src/p/__init__.py",
        "src/p/q/__init__.py",
        "src/p/q/m.py",
        "src/p/data/n.py",
        "tool.py",
        "x/y.py",
    )
    tree, modules = survey(str(tmp_path))

    assert {one.path: (one.name, one.package) for one in modules} == {
        "src/p/__init__.py": ("p", "p"),
        "src/p/q/__init__.py": ("p.q", "p.q"),
        "src/p/q/m.py": ("p.q.m", "p.q"),
        "src/p/data/n.py": ("n", "src/p/data/"),
        "tool.py": ("tool", "./"),
        "x/y.py": ("y", "x/"),
    }
    assert tree.import_roots == ["", "src"]


def test_a_root_inside_a_package_keeps_its_full_names(tmp_path: Path) -> None:
    plant(tmp_path, "p/__init__.py", "p/q/__init__.py", "p/q/m.py")
    tree, modules = survey(str(tmp_path / "p" / "q"))

    assert [one.name for one in modules] == ["p.q", "p.q.m"]
    assert tree.prefix == "p/q"


def test_a_target_is_absolute_wherever_it_is_posted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    assert Target(root="src").root == str(tmp_path / "src")

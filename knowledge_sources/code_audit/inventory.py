"""Finding the Python files of a tree, and what each is called when it is imported.

Directories that hold other people's code or what tools leave behind are passed over: virtual environments (by
name, or by their `pyvenv.cfg`), version control, caches, `node_modules`, and `build` and `dist` unless they
are packages. Links to directories are not followed, so a loop of them is harmless; a link to a file counts
only when the file lies outside the tree, as it would otherwise be counted twice.
"""

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from knowledge_sources.code_audit.entries import Module, Problem, Tree
from knowledge_sources.code_audit.source_file import MAX_BYTES, base, digest

SUFFIXES = (".py", ".pyw")
PROBLEMS_KEPT = 100
MAX_PATH = 400  # bytes: a path is the key of its entries, and keys are limited

_VERSIONS = frozenset((".git", ".hg", ".svn", ".bzr"))
_FOREIGN = frozenset((".venv", "venv", ".tox", ".nox", ".eggs", "node_modules", "__pypackages__", "site-packages"))
_CACHES = frozenset(
    (
        "__pycache__",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".hypothesis",
        ".ipynb_checkpoints",
        ".blackboard",
    )
)
_SKIPPED = _VERSIONS | _FOREIGN | _CACHES
_OUTPUT = frozenset(("build", "dist"))
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class _Names:
    """The dotted names of modules: a directory is a package when it has an `__init__.py`, also above the root."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self._packages: dict[str, tuple[str, ...]] = {}
        self.prefix: tuple[str, ...] = ()
        outer = top
        while outer != outer.parent and (outer / "__init__.py").is_file():
            self.prefix = (outer.name, *self.prefix)
            outer = outer.parent

    def of(self, path: str) -> tuple[str, str]:
        """The dotted name of a module and of its package; of no package, the directory with a "/" at its end."""
        folder, _, file = path.rpartition("/")
        stem = file.rpartition(".")[0]
        package = self._package(folder)
        name = package if stem == "__init__" and package else (*package, stem)
        return ".".join(name), ".".join(package) or f"{folder or '.'}/"

    def _package(self, folder: str) -> tuple[str, ...]:
        if not folder:
            return self.prefix
        if folder not in self._packages:
            parent, _, own = folder.rpartition("/")
            is_package = (self._top / folder / "__init__.py").is_file()
            self._packages[folder] = (*self._package(parent), own) if is_package else ()
        return self._packages[folder]


def survey(root: str) -> tuple[Tree, list[Module]]:
    """The totals of a tree and its modules, sorted by path. What cannot be read is a problem, never an exception."""
    top = base(root)
    files, problems = _files(Path(root), top)
    names = _Names(top)
    modules = [_module(top, path, names) for path in sorted(files)]
    tree = Tree(
        name=Path(root).name or "/",
        modules=len(modules),
        lines=sum(module.lines for module in modules),
        bytes=sum(module.bytes for module in modules),
        prefix="/".join(names.prefix),
        import_roots=import_roots(module.path for module in modules),
        problems=problems[:PROBLEMS_KEPT],
        problems_omitted=max(0, len(problems) - PROBLEMS_KEPT),
    )
    return tree, modules


def _files(root: Path, top: Path) -> tuple[list[str], list[Problem]]:
    """The paths of all Python files, and what could not be listed or named."""
    if root.is_file():
        return [root.name], []
    files: list[str] = []
    problems: list[Problem] = []
    pending = [root]
    while pending:
        directory = pending.pop()
        try:
            found = sorted(os.scandir(directory), key=lambda one: one.name)
        except OSError as error:
            problems.append(Problem(path=_shown(directory, top), reason=_reason(error)))
            continue
        pending += [Path(one.path) for one in found if _is_descended(one)]
        for one in found:
            if one.name.endswith(SUFFIXES) and not _is_directory(one):
                _take(Path(one.path), top, files, problems)
    return files, sorted(problems, key=lambda problem: problem.path)


def _take(file: Path, top: Path, files: list[str], problems: list[Problem]) -> None:
    """Sort one file in: a module, a problem, or a link to a module found elsewhere."""
    path = file.relative_to(top).as_posix()
    if not _is_key(path):
        problems.append(Problem(path=_shown(file, top), reason="its name cannot be that of an entry"))
    elif not _is_alias(file, top):
        files.append(path)


def _is_descended(entry: os.DirEntry[str]) -> bool:
    if entry.name in _SKIPPED or not entry.is_dir(follow_symlinks=False):
        return False
    inside = Path(entry.path)
    if entry.name in _OUTPUT:
        return (inside / "__init__.py").exists()
    return not (inside / "pyvenv.cfg").exists()


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False


def _is_alias(file: Path, top: Path) -> bool:
    """Whether a file is a link to another place in the tree. Broken links and loops of links are not."""
    try:
        return file.is_symlink() and file.resolve(strict=True).is_relative_to(top.resolve())
    except (OSError, RuntimeError):
        return False


def _is_key(path: str) -> bool:
    try:
        return len(path.encode()) <= MAX_PATH and not _CONTROL.search(path)
    except UnicodeEncodeError:
        return False


def _shown(path: Path, top: Path) -> str:
    """A path that can be written anywhere: undecodable bytes and control characters escaped, and not endless."""
    text = path.relative_to(top).as_posix().encode("utf-8", "backslashreplace").decode()
    text = _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
    return text if len(text) <= MAX_PATH else text[:MAX_PATH] + "…"


def _module(top: Path, path: str, names: _Names) -> Module:
    name, package = names.of(path)
    try:
        data = _content(top / path)
    except OSError as error:
        return _unread(path, name, package, _reason(error))
    except ValueError as error:
        return _unread(path, name, package, str(error))
    lines = data.count(b"\n") + (data[-1:] not in (b"", b"\n"))
    return Module(path=path, name=name, package=package, sha256=digest(data), lines=lines, bytes=len(data))


def _content(file: Path) -> bytes:
    """The bytes of a regular file that is not too large; `ValueError` says what else it is."""
    facts = file.stat()
    if not stat.S_ISREG(facts.st_mode):  # opening a pipe would wait for ever
        raise ValueError("not a regular file")
    if facts.st_size > MAX_BYTES:
        raise ValueError(f"{facts.st_size:,} bytes, above the limit of {MAX_BYTES:,}")
    return file.read_bytes()


def _unread(path: str, name: str, package: str, problem: str) -> Module:
    return Module(path=path, name=name, package=package, sha256="", lines=0, bytes=0, problem=problem)


def _reason(error: OSError) -> str:
    """The system's words without the file's absolute name, which is no part of the tree."""
    return (error.strerror or type(error).__name__).lower()


def import_roots(paths: Iterable[str]) -> list[str]:
    """The directories of the tree whose packages can be imported by name, such as "" and "src"; the nearest first."""
    packages = {path.rpartition("/")[0] for path in paths if path.endswith("/__init__.py")}
    roots = {folder.rpartition("/")[0] for folder in packages} - packages
    return sorted(roots | {""}, key=lambda root: (root.count("/"), root))

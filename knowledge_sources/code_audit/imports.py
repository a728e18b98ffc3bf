"""What a module imports: files of the tree, by which line and when; and the names of what lies outside.

Relative imports are resolved. `from package import name` leads to the module `package.name` where there is
one, else to the package itself; importing `a.b.c` is counted as importing `a.b.c` alone, although Python also
runs `a` and `a.b`: every package that imports a part of itself would otherwise be a cycle. Imports made by
name at run time (`importlib`, module-level `__getattr__`) are not seen.
"""

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from knowledge_sources.code_audit.definitions import FUNCTIONS, children, last_name
from knowledge_sources.code_audit.entries import Import, Imports, Tree

When: TypeAlias = Literal["start", "call", "typing"]
Exists: TypeAlias = Callable[[str], bool]


@dataclass(frozen=True)
class Statement:
    """One import statement and when it is executed."""

    node: ast.Import | ast.ImportFrom
    when: When


@dataclass(frozen=True)
class Resolver:
    """Finds the file of a dotted name in the directories that the importing file may import from.

    `exists` is asked about paths relative to the root of the audit; `folder` is the importing file's directory;
    `roots` are the directories that hold top-level packages. `prefix` is the part of the packages above the root.
    """

    exists: Exists
    folder: str
    roots: Sequence[str]
    prefix: Sequence[str] = ()

    def file(self, dotted: str) -> str | None:
        """The path of a module or package of the tree, or None."""
        for place in self._places(dotted):
            for path in (f"{place}.py", f"{place}/__init__.py") if place else ("__init__.py",):
                if self.exists(path):
                    return path
        return None

    def knows(self, dotted: str) -> bool:
        """Whether a dotted name, or a part of it that may be a package without a file, lies in the tree."""
        return any(self.exists(place or ".") or self.exists(f"{place}.py") for place in self._places(dotted))

    def _places(self, dotted: str) -> Iterator[str]:
        names = dotted.split(".")
        above = list(self.prefix)
        if above:
            if names[: len(above)] == above:
                yield "/".join(names[len(above) :])
            return
        own = self.folder
        while own and self.exists(f"{own}/__init__.py"):
            own = own.rpartition("/")[0]
        for root in dict.fromkeys((own, *self.roots)):
            yield "/".join(filter(None, (root, *names)))


def resolver(top: Path, tree: Tree, path: str) -> Resolver:
    """The resolver for a module of a tree that lies in the directory `top`."""
    prefix = [name for name in tree.prefix.split("/") if name]
    return Resolver(lambda other: (top / other).exists(), path.rpartition("/")[0], tree.import_roots, prefix)


def collect(path: str, tree: ast.Module, resolver: Resolver) -> Imports:
    """The imports of a module, sorted; each file once for each time (start, call, typing) with its first line."""
    inside: dict[tuple[str, When], int] = {}
    outside: set[str] = set()
    for statement in statements(tree):
        for dotted, names in targets(statement.node, path, resolver):
            files = resolve(dotted, names, resolver)
            for file in files:
                inside.setdefault((file, statement.when), statement.node.lineno)
            top = dotted.partition(".")[0]
            if not files and not _is_relative(statement.node) and not resolver.knows(top):
                outside.add(top)
    found = [Import(path=file, line=line, when=when) for (file, when), line in inside.items() if file != path]
    return Imports(path=path, inside=sorted(found, key=_order), outside=sorted(outside))


def statements(tree: ast.Module) -> list[Statement]:
    """All import statements in the order of their lines, each with the moment of its execution."""
    found: list[Statement] = []
    pending: list[tuple[ast.AST, When]] = [(tree, "start")]
    while pending:
        node, when = pending.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append(Statement(node, when))
        else:
            pending += _children(node, when)
    return sorted(found, key=lambda one: (one.node.lineno, one.node.col_offset))


def targets(node: ast.Import | ast.ImportFrom, path: str, resolver: Resolver) -> Iterator[tuple[str, list[str]]]:
    """The absolute dotted names of a statement, each with the names taken from it (none for a plain import)."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name, []
    else:
        module = _absolute(node, path, resolver)
        if module is not None:
            yield module, [alias.name for alias in node.names]


def resolve(dotted: str, names: Sequence[str], resolver: Resolver) -> list[str]:
    """The files of the tree that an import leads to."""
    if not names:
        file = resolver.file(dotted)
        return [file] if file else []
    modules = {name: resolver.file(f"{dotted}.{name}") for name in names if name != "*"}
    found = [file for file in modules.values() if file]
    own = resolver.file(dotted) if len(found) < len(names) else None
    return [*found, *([own] if own else [])]


def is_type_checking(test: ast.expr) -> bool:
    """Whether a condition is `TYPE_CHECKING` or `typing.TYPE_CHECKING`."""
    return last_name(test) == "TYPE_CHECKING" and not isinstance(test, ast.Call)


def _children(node: ast.AST, when: When) -> Iterator[tuple[ast.AST, When]]:
    if isinstance(node, FUNCTIONS) and when == "start":
        when = "call"
    if isinstance(node, ast.If) and is_type_checking(node.test):
        for child in node.body:
            yield child, "typing"
        for child in node.orelse:
            yield child, when
    elif isinstance(node, ast.stmt | ast.Module | ast.ExceptHandler | ast.match_case):
        for inner in children(node):
            yield inner, when


def _absolute(node: ast.ImportFrom, path: str, resolver: Resolver) -> str | None:
    """The absolute name of the module that a `from … import` names; None when it leads out of every package."""
    if not node.level:
        return node.module
    folders = [*resolver.prefix, *filter(None, path.split("/")[:-1])]
    if node.level > len(folders):
        return None
    package = folders[: len(folders) - node.level + 1]
    return ".".join([*package, *filter(None, [node.module])])


def _is_relative(node: ast.Import | ast.ImportFrom) -> bool:
    return isinstance(node, ast.ImportFrom) and node.level > 0


def _order(one: Import) -> tuple[str, str]:
    return one.path, one.when

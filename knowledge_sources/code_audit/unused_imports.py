"""Unused imports: names that are imported and never used, as far as the text of one file can tell.

A name counts as used when it is read anywhere in the module, or, if a function imports it, anywhere in that
function; also inside annotations and type aliases that are strings, the arguments of `cast`, `TypeVar` and
`NewType`, and the brackets of typing's generics.

Left alone, since they are there on purpose: `from __future__`, star imports, `import x as x` and `from y
import x as x`, names in `__all__`, everything at the top of an `__init__.py` or in a class, imports that a
`try` guards against ImportError (they ask whether a module is there), lines with `# noqa` or `# noqa: F401`,
and files that a comment exempts as a whole.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from knowledge_sources.code_audit.definitions import FUNCTIONS, Function, children, last_name, walk
from knowledge_sources.code_audit.entries import UnusedImport, UnusedImports
from knowledge_sources.code_audit.source_file import SourceFile, parse_expression

_NOQA = re.compile(r"#\s*noqa(?!\w)(?:\s*:\s*(?P<codes>[A-Z]+[0-9]+(?:[\s,]+[A-Z]+[0-9]+)*))?", re.IGNORECASE)
_FILE_NOQA = re.compile(r"^\s*#\s*(?:ruff|flake8)\s*:\s*noqa(?:\s*:\s*(?P<codes>[A-Z0-9,\s]+))?\s*$", re.IGNORECASE)
_GUARDS = frozenset(("ImportError", "ModuleNotFoundError", "Exception", "BaseException"))
_GENERICS = frozenset(
    (
        "Annotated", "Awaitable", "Callable", "ClassVar", "Concatenate", "Coroutine", "DefaultDict",
        "Dict", "Final", "FrozenSet", "Generator", "Generic", "Iterable", "Iterator", "List",
        "Mapping", "MutableMapping", "NotRequired", "Optional", "Required", "Sequence", "Set",
        "Tuple", "Type", "TypeGuard", "TypeIs", "Union", "Unpack", "dict", "frozenset", "list",
        "set", "tuple", "type",
    )
)  # fmt: skip
_TYPED = (*FUNCTIONS, ast.arg, ast.AnnAssign, ast.Subscript, ast.Call)
_TYPE_CALLS = frozenset(("cast", "TypeVar", "NewType", "ForwardRef"))

Scope: TypeAlias = ast.Module | Function


@dataclass(frozen=True)
class Binding:
    """A name that an import puts into a scope."""

    name: str  # as bound: "os" for `import os.path`
    shown: str  # as imported: "os.path"
    line: int
    statement: ast.Import | ast.ImportFrom
    scope: Scope


def find(file: SourceFile) -> UnusedImports:
    """The unused imports of a file, in the order of their lines."""
    unused: list[UnusedImport] = []
    if not is_exempt(file.lines):
        reads: dict[int, set[str]] = {}
        for one in bindings(file.tree, top=not file.path.endswith("__init__.py")):
            used = reads.get(id(one.scope))
            if used is None:
                used = reads[id(one.scope)] = names_used(one.scope)
            if one.name not in used and not _is_silenced(one, file.lines):
                unused.append(UnusedImport(name=one.shown, line=one.line))
    return UnusedImports(path=file.path, unused=sorted(set(unused), key=lambda one: (one.line, one.name)))


def bindings(tree: ast.Module, *, top: bool = True) -> Iterator[Binding]:
    """The names that imports bind and that could be found unused; with `top=False` only those in functions."""
    pending: list[tuple[ast.AST, Scope]] = [(tree, tree)]
    while pending:
        node, scope = pending.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            if top or scope is not tree:
                yield from _bound(node, scope)
        else:
            inner = node if isinstance(node, FUNCTIONS) else scope
            pending += [(child, inner) for child in _statements(node)]


def names_used(scope: Scope) -> set[str]:
    """Every name that a module or function reads, in its code or in its quoted annotations."""
    used: set[str] = set()
    quoted: list[str] = []
    for node in walk(scope):
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Store):
                used.add(node.id)
        elif isinstance(node, ast.AugAssign):
            used.update(one.id for one in (node.target,) if isinstance(one, ast.Name))
        elif isinstance(node, ast.Global | ast.Nonlocal):
            used.update(node.names)  # the import is for another scope
        elif isinstance(node, _TYPED):
            quoted += [text for expression in _types(node) for text in _texts(expression)]
    used.update(_exported(scope) if isinstance(scope, ast.Module) else ())
    if not isinstance(scope, ast.Module) and "locals" in used:
        used.update(one.name for one in bindings(ast.Module(scope.body, [])))
    return used | _names_in(quoted)


def is_exempt(lines: Iterable[str]) -> bool:
    """Whether a comment on a line of its own exempts the whole file."""
    found = (_FILE_NOQA.match(line) for line in lines)
    return any(match and _covers(match["codes"]) for match in found)


def _bound(node: ast.Import | ast.ImportFrom, scope: Scope) -> Iterator[Binding]:
    source = "" if isinstance(node, ast.Import) else f"{'.' * node.level}{node.module or ''}"
    if source == "__future__":
        return
    for alias in node.names:
        if alias.name in ("*", alias.asname):
            continue
        name = alias.asname or (alias.name if source else alias.name.partition(".")[0])
        shown = f"{source}.{alias.name}".replace("..", ".") if source.strip(".") else f"{source}{alias.name}"
        yield Binding(name, shown, alias.lineno, node, scope)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """The statements within a statement, without classes' own and those that a `try` guards against ImportError."""
    guarded = isinstance(node, ast.Try | ast.TryStar) and any(map(_catches_import, node.handlers))
    for child in children(node):
        is_import = isinstance(child, ast.Import | ast.ImportFrom)
        if is_import and (guarded or isinstance(node, ast.ClassDef)):
            continue
        if isinstance(child, ast.stmt | ast.match_case):
            yield child
        elif isinstance(child, ast.ExceptHandler):
            yield from (one for one in child.body if not guarded or not isinstance(one, ast.Import | ast.ImportFrom))


def _catches_import(handler: ast.ExceptHandler) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(one is None or last_name(one) in _GUARDS for one in caught)


def _types(node: ast.AST) -> Iterator[ast.expr]:
    """The parts of a node that may hold a quoted type."""
    found: list[ast.expr | None]
    if isinstance(node, ast.arg):
        found = [node.annotation]
    elif isinstance(node, ast.AnnAssign):
        found = [node.annotation, node.value if last_name(node.annotation) == "TypeAlias" else None]
    elif isinstance(node, FUNCTIONS):
        found = [node.returns]
    elif isinstance(node, ast.Subscript) and last_name(node.value) in _GENERICS:
        found = [node]
    elif isinstance(node, ast.Call) and last_name(node) in _TYPE_CALLS:
        found = [*node.args, *(keyword.value for keyword in node.keywords)]
    else:
        found = []
    yield from filter(None, found)


def _texts(expression: ast.expr) -> Iterator[str]:
    """The strings of a type expression that stand for types: not those of Literal, nor of Annotated's remarks."""
    pending: list[ast.AST] = [expression]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.Subscript) and last_name(node.value) == "Literal":
            continue
        elif isinstance(node, ast.Subscript) and last_name(node.value) == "Annotated":
            pending.append(node.slice.elts[0] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice)
        else:
            pending += children(node)


def _names_in(quoted: Iterable[str]) -> set[str]:
    """The names in quoted types, also in those quoted once more inside."""
    names: set[str] = set()
    pending = list(quoted)
    seen: set[str] = set()
    while pending:
        text = pending.pop()
        if text in seen or len(text) > 1_000:
            continue
        seen.add(text)
        expression = parse_expression(text)
        if expression is None:
            continue
        names.update(node.id for node in walk(expression) if isinstance(node, ast.Name))
        pending += _texts(expression)
    return names


def _exported(tree: ast.Module) -> set[str]:
    """The strings that the module puts into `__all__`, by assignment, `+=`, `extend` or `append`."""
    names: set[str] = set()
    for node in walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            value = node.value if any(last_name(target) == "__all__" for target in targets) else None
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            value = ast.Tuple(node.args, ast.Load()) if last_name(node.func.value) == "__all__" else None
        else:
            value = None
        for part in walk(value) if value else ():
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                names.add(part.value)
    return names


def _is_silenced(one: Binding, lines: list[str]) -> bool:
    """Whether a comment on the name's line, or on the first or last of the statement, silences the finding."""
    numbers = {one.line, one.statement.lineno, one.statement.end_lineno or one.line}
    found = [_NOQA.search(lines[number - 1]) for number in numbers if number <= len(lines)]
    return any(match and _covers(match["codes"]) for match in found)


def _covers(codes: str | None) -> bool:
    return codes is None or "F401" in codes.upper()

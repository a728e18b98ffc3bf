"""Duplicated functions: the same code but for the names of its variables.

A function is reduced to the shape of its parameters and body. Names of its parameters and local variables
become numbers in the order of their appearance, so copies with renamed variables agree; constants,
attributes, keyword arguments and the names it uses from outside remain, so functions that merely look alike
do not. Docstrings, annotations, decorators and the function's own name are dropped. Bodies of fewer than
`MIN_LINES` lines and overloads are not compared.
"""

import ast
import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeAlias

from knowledge_sources.code_audit.definitions import (
    FUNCTIONS,
    SCOPES,
    Function,
    definitions,
    is_decorated,
    is_text,
    walk,
)
from knowledge_sources.code_audit.entries import (
    DuplicateGroup,
    Duplicates,
    Fingerprint,
    Fingerprints,
    Occurrence,
)

MIN_LINES = 6
KEPT = 1_000  # of one module, the longest

_NAMED = (*SCOPES, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)
_DROPPED = frozenset(("ctx", "kind", "type_comment", "annotation", "returns", "decorator_list", "type_params"))
_Group: TypeAlias = list[tuple[str, Fingerprint]]  # copies, each with its path
_Span: TypeAlias = tuple[int, int, str]  # first line, last line, digest


def fingerprints(path: str, tree: ast.Module) -> Fingerprints:
    """The fingerprints of a module's longer functions, in the order of their lines."""
    found = []
    for one in definitions(tree):
        if isinstance(one.node, FUNCTIONS) and not is_decorated(one.node, "overload"):
            body = _body(one.node)
            lines = _span(body)
            if lines >= MIN_LINES:
                last = one.node.end_lineno or one.node.lineno
                digest = _digest(one.node, body)
                found.append(Fingerprint(name=one.name, line=one.node.lineno, last=last, lines=lines, digest=digest))
    longest = sorted(found, key=lambda one: (-one.lines, one.line))[:KEPT]
    return Fingerprints(path=path, functions=sorted(longest, key=lambda one: (one.line, one.name)))


def duplicates(modules: Iterable[Fingerprints]) -> Duplicates:
    """The groups of functions with the same fingerprint; those inside copies of a larger function are left out."""
    groups: dict[str, _Group] = defaultdict(list)
    for module in modules:
        for function in module.functions:
            groups[function.digest].append((module.path, function))
    repeated = {digest: group for digest, group in groups.items() if len(group) > 1}
    spans: dict[str, list[_Span]] = defaultdict(list)
    for digest, group in repeated.items():
        for path, function in group:
            spans[path].append((function.line, function.last, digest))
    outer = [group for digest, group in repeated.items() if not _is_inside_another(group, spans, digest)]
    return Duplicates(compared=sum(map(len, groups.values())), groups=sorted(map(_group, outer), key=_order))


def shape(function: Function) -> str:
    """A text that two functions share exactly when they are the same but for the names of their variables."""
    return "".join(_shape(function, _body(function)))


def _digest(function: Function, body: list[ast.stmt]) -> str:
    digest = hashlib.sha256()
    for part in _shape(function, body):
        digest.update(part.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:20]


def _shape(function: Function, body: list[ast.stmt]) -> Iterator[str]:
    """Write the tree down in prefix form; a stack of what is still to be written stands in for recursion."""
    local = dict.fromkeys(_local_names(function), -1)
    count = 0
    pending: list[object] = [*reversed(body), function.args, type(function).__name__]
    while pending:
        item = pending.pop()
        if isinstance(item, ast.AST):
            pending += reversed(_parts(item, local))
        elif isinstance(item, list):
            pending += ["]", *reversed(item), "["]
        elif isinstance(item, _Local):
            if local[item.name] < 0:
                local[item.name] = count
                count += 1
            yield f"${local[item.name]} "
        else:
            yield f"{item} "


class _Local:
    """A variable's name on its way into a shape."""

    def __init__(self, name: str) -> None:
        self.name = name


def _parts(node: ast.AST, local: Collection[str]) -> list[object]:
    """What is written for a node: its type, then its fields in their fixed order."""
    if isinstance(node, ast.Constant):
        # In hexadecimal, as Python refuses to write very long integers in decimal.
        value = f"{node.value:x}" if isinstance(node.value, int) else repr(node.value)
        return [f"{type(node.value).__name__}:{value}"]
    fields = [_field(node, field, local) for field in node._fields if field not in _DROPPED]
    return [f"({type(node).__name__}", *fields, ")"]


def _field(node: ast.AST, field: str, local: Collection[str]) -> object:
    value = getattr(node, field, None)
    if field == "body" and isinstance(value, list) and isinstance(node, SCOPES):
        return value[1:] if value and is_text(value[0]) else value
    if isinstance(value, str) and value in local and _names_variable(node, field):
        return _Local(value)
    return value


def _names_variable(node: ast.AST, field: str) -> bool:
    """Whether a text field of a node is the name of a variable, not of an attribute or keyword."""
    if isinstance(node, ast.alias):
        return field == "asname"
    return not isinstance(node, ast.Attribute | ast.keyword | ast.ImportFrom)


def _local_names(function: Function) -> set[str]:
    """Every name that the function binds, also in functions nested in it, and does not declare as another scope's."""
    names: set[str] = set()
    shared: set[str] = set()
    for node in walk(function.args, *function.body):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            shared.update(node.names)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, _NAMED):
            names.add(node.name or "")
        elif isinstance(node, ast.MatchMapping):
            names.add(node.rest or "")
    return names - shared - {""}


def _body(function: Function) -> list[ast.stmt]:
    """A function's statements without its docstring."""
    return function.body[1:] if is_text(function.body[0]) else function.body


def _span(body: list[ast.stmt]) -> int:
    if not body:
        return 0
    return (body[-1].end_lineno or body[-1].lineno) - body[0].lineno + 1


def _is_inside_another(group: _Group, spans: Mapping[str, list[_Span]], digest: str) -> bool:
    """Whether every copy lies inside a copy of one and the same larger function."""
    common: set[str] | None = None
    for path, function in group:
        around = {
            outer
            for line, last, outer in spans[path]
            if outer != digest and line < function.line and function.last <= last
        }
        common = around if common is None else common & around
    return bool(common)


def _group(group: _Group) -> DuplicateGroup:
    copies = [Occurrence(path=path, name=function.name, line=function.line) for path, function in group]
    return DuplicateGroup(
        lines=min(function.lines for _, function in group),
        copies=sorted(copies, key=lambda one: (one.path, one.line)),
    )


def _order(group: DuplicateGroup) -> tuple[int, str, int]:
    return -group.lines * (len(group.copies) - 1), group.copies[0].path, group.copies[0].line

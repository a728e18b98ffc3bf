"""Walking a syntax tree without recursion, so that no file is too deep for the audit's own functions."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SCOPES = (*FUNCTIONS, ast.ClassDef)
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


@dataclass(frozen=True)
class Definition:
    """A function or class with its qualified name, such as `Group.command.decorator`."""

    name: str
    node: Function | ast.ClassDef
    local: bool  # defined in the body of a function


def definitions(tree: ast.Module) -> list[Definition]:
    """All functions and classes of a module, wherever they are, in the order of their lines."""
    found: list[Definition] = []
    pending: list[tuple[ast.AST, str, bool]] = [(tree, "", False)]
    while pending:
        owner, prefix, local = pending.pop()
        for child in _statements(owner):
            if isinstance(child, SCOPES):
                name = prefix + child.name
                found.append(Definition(name, child, local))
                pending.append((child, name + ".", local or isinstance(child, FUNCTIONS)))
            else:
                pending.append((child, prefix, local))
    return sorted(found, key=lambda one: (one.node.lineno, one.node.col_offset))


def walk(*roots: ast.AST) -> Iterator[ast.AST]:
    """All nodes of some trees, in no particular order."""
    pending = list(roots)
    while pending:
        node = pending.pop()
        yield node
        pending += children(node)


def children(node: ast.AST) -> list[ast.AST]:
    """A node's children without its context (load, store), which says nothing that its type does not.

    Three times as fast as `ast.iter_child_nodes`, and most of the audit's time is spent here.
    """
    found: list[ast.AST] = []
    for name in _fields(node):
        value = getattr(node, name, None)
        if isinstance(value, list):
            found += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {ast.Name: (), ast.Constant: ()}


def _fields(node: ast.AST) -> tuple[str, ...]:
    """The fields of a type of node that may hold other nodes."""
    kind = type(node)
    if kind not in _FIELDS:
        _FIELDS[kind] = tuple(name for name in kind._fields if name != "ctx")
    return _FIELDS[kind]


def own_nodes(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of a body without the bodies of the functions in it.

    Decorators and default values are evaluated where the function is defined, so they do belong to it; so do classes.
    """
    pending = list(body)
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, FUNCTIONS):
            pending += [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
        else:
            pending += children(node)


def has_docstring(node: Function | ast.ClassDef | ast.Module) -> bool:
    """Whether the first statement is a text, as the interpreter decides it."""
    return bool(node.body) and is_text(node.body[0])


def is_text(statement: ast.stmt) -> bool:
    """Whether a statement is nothing but a string: a docstring, if it comes first."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def last_name(node: ast.expr) -> str:
    """`c` of `a.b.c`, of `c`, and of a call of either; else the empty string."""
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def is_decorated(function: Function, *names: str) -> bool:
    """Whether one of a function's decorators ends in one of these names."""
    return any(last_name(decorator) in names for decorator in function.decorator_list)


def _statements(owner: ast.AST) -> Iterator[ast.AST]:
    for block in _BLOCKS:
        yield from getattr(owner, block, ())

"""Docstring coverage: which public definitions say what they are for.

Counted are the module itself (unless it is empty), public classes, and public functions and methods. A name
is public when no part of it, nor of the module's path, begins with an underscore. Not counted, because nobody
reads their documentation or it stands elsewhere: test modules, functions local to others, special methods,
overloads, overrides, and the setters and deleters of properties.
"""

import ast

from knowledge_sources.code_audit.definitions import (
    FUNCTIONS,
    Definition,
    definitions,
    has_docstring,
    is_decorated,
)
from knowledge_sources.code_audit.entries import DocCoverage, Undocumented

KEPT = 100
_ELSEWHERE = ("overload", "override", "setter", "deleter")


def coverage(path: str, tree: ast.Module) -> DocCoverage:
    """How many public definitions of a module have a docstring, and which have none."""
    if is_test(path) or not _is_public_path(path) or not tree.body:
        return DocCoverage(path=path, documented=0, total=0, missing=[])
    public = [one for one in definitions(tree) if _is_counted(one)]
    missing = [Undocumented(name=one.name, line=one.node.lineno) for one in public if not has_docstring(one.node)]
    if not has_docstring(tree):
        missing.insert(0, Undocumented(name="<module>", line=1))
    total = len(public) + 1
    return DocCoverage(path=path, documented=total - len(missing), total=total, missing=missing[:KEPT])


def is_test(path: str) -> bool:
    """Whether a path looks like that of a test, by the conventions of the common test runners."""
    *folders, file = path.split("/")
    return (
        file.startswith("test_") or file.endswith("_test.py") or file == "conftest.py"
        or any(folder in ("test", "tests") for folder in folders)
    )  # fmt: skip


def _is_counted(one: Definition) -> bool:
    if one.local or any(part.startswith("_") for part in one.name.split(".")):
        return False
    return not (isinstance(one.node, FUNCTIONS) and is_decorated(one.node, *_ELSEWHERE))


def _is_public_path(path: str) -> bool:
    parts = path.rpartition(".")[0].split("/")
    return not any(part.startswith("_") and not part.startswith("__") for part in parts)

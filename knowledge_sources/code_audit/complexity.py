"""Cyclomatic complexity (T. J. McCabe, "A Complexity Measure", IEEE TSE 2(4), 1976).

The complexity of a function is 1 plus its decisions. Decisions are counted on the syntax tree:

- 1 for each `if`, `elif` and conditional expression, `for`, `while`, `except` and `assert`;
- 1 for each further operand of `and` and `or`;
- 1 for each `for` and each `if` of a comprehension;
- 1 for each `case`, except one that always matches, and 1 for each guard.

`else`, `finally` and `with` decide nothing. A lambda belongs to the function it stands in; a nested function
is measured on its own. Code outside all functions counts as one more function, `<module>`, if it decides
anything.
"""

import ast
from collections.abc import Iterable

from knowledge_sources.code_audit.definitions import FUNCTIONS, definitions, own_nodes
from knowledge_sources.code_audit.entries import Complexity, FunctionComplexity

THRESHOLD = 10  # McCabe's own suggestion for an upper limit
KEPT = 200  # the least complex functions of a huge module are of no interest, and an entry has a limit

_BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.Assert)


def measure(path: str, tree: ast.Module) -> Complexity:
    """The complexity of every function of a module, the most complex first."""
    functions = [
        FunctionComplexity(name=one.name, line=one.node.lineno, complexity=cyclomatic(one.node.body))
        for one in definitions(tree)
        if isinstance(one.node, FUNCTIONS)
    ]
    outside = cyclomatic(tree.body)
    if outside > 1:
        functions.append(FunctionComplexity(name="<module>", line=1, complexity=outside))
    functions.sort(key=lambda one: (-one.complexity, one.line, one.name))
    total = sum(one.complexity for one in functions)
    return Complexity(
        path=path,
        functions=functions[:KEPT],
        count=len(functions),
        above=sum(one.complexity > THRESHOLD for one in functions),
        total=total,
        worst=functions[0].complexity if functions else 0,
        mean=round(total / len(functions), 2) if functions else 0.0,
    )


def cyclomatic(body: Iterable[ast.AST]) -> int:
    """1 plus the decisions of a body, without those of the functions defined in it."""
    return 1 + sum(decisions(node) for node in own_nodes(body))


def decisions(node: ast.AST) -> int:
    """How many decisions one node of a syntax tree adds."""
    if isinstance(node, _BRANCHES):
        return 1
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    if isinstance(node, ast.comprehension):
        return 1 + len(node.ifs)
    if isinstance(node, ast.match_case):
        return (not _always_matches(node.pattern)) + (node.guard is not None)
    return 0


def _always_matches(pattern: ast.pattern) -> bool:
    """Whether a pattern is `_` or a bare name."""
    return isinstance(pattern, ast.MatchAs) and pattern.pattern is None

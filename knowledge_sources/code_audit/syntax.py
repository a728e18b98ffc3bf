"""Whether a module parses: the gate before all further analyses."""

from knowledge_sources.code_audit.definitions import FUNCTIONS, definitions
from knowledge_sources.code_audit.entries import Module, Syntax
from knowledge_sources.code_audit.source_file import NotAnalysable, check_depth, load


def check(root: str, module: Module) -> Syntax:
    """The verdict on a module. A file that cannot be analysed is a finding, not an error."""
    if module.problem is not None:
        return Syntax(path=module.path, sha256=module.sha256, ok=False, error=module.problem)
    try:
        tree = load(root, module.path, module.sha256).tree
        check_depth(tree)
    except NotAnalysable as error:
        return Syntax(path=module.path, sha256=module.sha256, ok=False, error=error.reason, line=error.line)
    found = definitions(tree)
    functions = sum(isinstance(one.node, FUNCTIONS) for one in found)
    return Syntax(path=module.path, sha256=module.sha256, ok=True, functions=functions, classes=len(found) - functions)

"""References to functions: `module:qualname`, so that a controller in another process finds the same one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

from blackboard.errors import InvalidStrategy


def reference_of(function: Callable[..., Any]) -> str:
    """How other processes find a function. Raises InvalidStrategy for one that they cannot find."""
    module, name = str(getattr(function, "__module__", None)), str(getattr(function, "__qualname__", None))
    subject = f"function {module}:{name}"
    if "<" in name:
        problem = "it is a lambda or a function inside a function, which no other process can find"
        raise InvalidStrategy(subject, problem, "Define it with def at the top of a module")
    if _attribute(sys.modules.get(module), name) is not function:
        problem = "its module has nothing, or something else, under this name"
        raise InvalidStrategy(subject, problem, "Define it with def at the top of a module, under one name")
    return f"{_program() or module if module == '__main__' else module}:{name}"


def function_at(reference: str) -> Callable[..., Any]:
    """The function that was referred to so. Raises InvalidStrategy when this process cannot import it."""
    module, _, name = reference.partition(":")
    function = _attribute(_module(module, reference), name)
    if not callable(function):
        problem = f"the module {module} has no function {name}"
        remedy = "Define it there where the controller runs, or hand the board to a strategy that does without it"
        raise InvalidStrategy(f"function {reference}", problem, remedy)
    found: Callable[..., Any] = function
    return found


def _module(name: str, reference: str) -> ModuleType:
    if name in {"__main__", _program()}:
        return sys.modules["__main__"]
    try:
        return import_module(name)
    except (ImportError, ValueError) as error:
        problem = f"the module {name} cannot be imported ({error})"
        remedy = "Start the controller where that module can be imported, and not as part of a script run by its path"
        raise InvalidStrategy(f"function {reference}", problem, remedy) from error


def _attribute(found: Any, path: str) -> Any:
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


def _program() -> str | None:
    """The name under which others import the module that runs as `__main__`, where there is one (`python -m name`)."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name if spec else None

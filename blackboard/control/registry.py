"""The names by which data on a board speaks of strategies and endings."""

from __future__ import annotations

import sys
from typing import Generic, TypeVar

from blackboard.errors import InvalidStrategy

T = TypeVar("T")


class Registry(Generic[T]):
    """Classes by their names, each name for one class.

    A class takes the place of an earlier one from the same place in the same file, as when a module is loaded again.
    """

    def __init__(self, noun: str) -> None:
        self._noun = noun
        self._classes: dict[str, type[T]] = {}

    def add(self, cls: type[T]) -> None:
        """Makes a class known; raises InvalidStrategy when another class has its name."""
        other = self._classes.get(cls.__name__)
        if other is not None and _origin(other) != _origin(cls):
            problem = f"{other.__module__}.{other.__qualname__} has this name already, and data tells them apart by it"
            raise InvalidStrategy(f"{self._noun} {cls.__name__}", problem, "Give one of the two classes another name")
        self._classes[cls.__name__] = cls

    def find(self, name: str) -> type[T]:
        """The class of this name; raises InvalidStrategy when none is known here."""
        if name not in self._classes:
            raise InvalidStrategy(
                f"{self._noun} {name}",
                f"no class of this name is known in this process; known are: {', '.join(sorted(self._classes))}",
                "Import the module that defines it where the controller runs",
            )
        return self._classes[name]


def _origin(cls: type) -> tuple[str, str]:
    """Where a class was defined: a program is the same file whether it runs as `__main__` or is imported."""
    module = sys.modules.get(cls.__module__)
    return (getattr(module, "__file__", None) or cls.__module__, cls.__qualname__)

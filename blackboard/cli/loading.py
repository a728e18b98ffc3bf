"""Finding the application that `module:object` names."""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from blackboard import Blackboard  # loaded by the application itself, and by nothing before it

T = TypeVar("T")

DEFAULT_OBJECT = "bb"


class ApplicationBroken(click.ClickException):
    """The application raised while it was imported."""


def load_application(name: str) -> Blackboard:
    """The blackboard that `module:object` names; `module` alone means `module:bb`. The working directory counts.

    Raises click.UsageError when there is no such module or object, ApplicationBroken when importing it fails, and our own
    DefinitionError when it defines what cannot work.
    """
    attribute = name.partition(":")[2]
    return _blackboard(_module(_module_name(name), name), attribute or DEFAULT_OBJECT)


def load_object(name: str, kind: type[T]) -> T:
    """The object of a kind that `module:object` names. The working directory counts.

    Raises like `load_application`.
    """
    return _object(_module(_module_name(name), name), name.partition(":")[2], kind)


def _module_name(said: str) -> str:
    """A module as Python imports it, also where it was named as a file: `shop/app.py`. Raises click.UsageError."""
    named = said.partition(":")[0].removeprefix("./").removesuffix(".py").replace("/", ".")
    if not all(part.isidentifier() for part in named.split(".")):
        raise click.UsageError(
            f"{said!r} names no module. Name it as Python would import it from here: module:object, for example app:bb."
        )
    return named


def _module(module_name: str, name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise _broken(module_name, error) from error
        raise click.UsageError(
            f"there is no module {error.name!r} in {here} or among the installed packages. "
            f"Name it as Python would import it: module:object, for example app:bb (got {name!r})."
        ) from error
    except Exception as error:
        from blackboard.errors import BlackboardError

        if isinstance(error, BlackboardError):
            raise
        raise _broken(module_name, error) from error


def _broken(module_name: str, error: Exception) -> ApplicationBroken:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "importlib" not in frame.filename and frame.filename != __file__]
    where = f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
    return ApplicationBroken(
        f"importing {module_name} failed: {type(error).__name__}: {error}{where}. Correct it; --debug shows the traceback."
    )


def _blackboard(module: ModuleType, attribute: str) -> Blackboard:
    from blackboard import Blackboard

    return _object(module, attribute, Blackboard)


def _object(module: ModuleType, attribute: str, kind: type[T]) -> T:
    found: object = module
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if isinstance(found, kind):
        return found
    names = [name for name, value in vars(module).items() if isinstance(value, kind)]
    none = f"there is no {kind.__name__} in it"
    there = f"there is: {', '.join(f'{module.__name__}:{name}' for name in names)}" if names else none
    if isinstance(found, type):
        what = "is a class and not an object made of it"
    else:
        what = "is not there" if found is None else f"is a {type(found).__name__}"
    raise click.UsageError(f"{module.__name__}:{attribute} {what}, and should be a {kind.__name__}; {there}.")

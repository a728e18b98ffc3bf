"""`from blackboard import …`: every public name, loaded when it is used."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import blackboard
from blackboard import errors


def test_every_error_is_public() -> None:
    found = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)}
    assert found <= set(blackboard.__all__)


def test_what_checkers_see_is_what_there_is() -> None:
    tree = ast.parse(Path(str(blackboard.__file__)).read_text())
    seen = {alias.asname for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen - {None} == set(blackboard.__all__) - {"__version__"}
    for node in (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)):
        for alias in node.names:
            if alias.asname is not None:
                home = sys.modules.get(str(node.module)) or __import__(str(node.module), fromlist=[alias.name])
                assert getattr(blackboard, alias.asname) is getattr(home, alias.name)


def test_importing_the_package_loads_nothing() -> None:
    code = "import sys; before = set(sys.modules); import blackboard; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded <= {"blackboard", *sys.stdlib_module_names}
    assert "asyncio" not in loaded


def test_no_public_name_is_hidden_by_a_module_of_the_same_name() -> None:
    modules = {path.stem for path in Path(str(blackboard.__file__)).parent.iterdir()}
    assert not modules & set(blackboard.__all__)


def test_a_name_that_is_not_there() -> None:
    assert not hasattr(blackboard, "Nonsense")
    assert set(blackboard.__all__) <= set(dir(blackboard))

"""An embedded store for the verbs, and a way to run them in this process; `processes` has the other one."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from blackboard.cli import cli
from blackboard.store import embedded
from tests.cli.processes import APPLICATION, run

Invoke = Callable[..., Result]


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Give back the library's log as it was: verbs that run in this process send it to their stderr."""
    logger = logging.getLogger("blackboard")
    before = (list(logger.handlers), logger.level, logger.propagate)
    yield
    logger.handlers, logger.level, logger.propagate = before[0], before[1], before[2]


@pytest.fixture(scope="session")
def store_directory() -> Iterator[Path]:
    """Return the directory of an embedded store that runs as long as the session, with the application registered."""
    directory = Path(tempfile.mkdtemp(prefix="bb-", dir="/tmp"))
    try:
        assert run(directory, "worker", APPLICATION, "--burst").returncode == 0
        yield directory
    finally:
        embedded.stop(directory)
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def empty_directory() -> Iterator[Path]:
    """Return a directory in which a test may make a store of its own; it is stopped afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="bb-", dir="/tmp"))
    try:
        yield directory
    finally:
        embedded.stop(directory)
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def board() -> str:
    """Return the id of a board that no other test uses."""
    return f"b-{uuid4().hex[:8]}"


@pytest.fixture
def invoke(store_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run a verb in this process on the session's store; `code` is the exit code that is expected."""
    monkeypatch.setenv("BLACKBOARD_DIR", str(store_directory))
    monkeypatch.setenv("BLACKBOARD_NAMESPACE", "claims")
    monkeypatch.chdir(tmp_path)

    def invoke(*words: str, code: int = 0, stdin: str | None = None) -> Result:
        result = CliRunner().invoke(cli, words, input=stdin)
        assert result.exit_code == code, f"{words}: exit code {result.exit_code}\n{result.output}"
        return result

    return invoke


@pytest.fixture
def post(invoke: Invoke) -> Callable[..., Any]:
    """Post an entry by the application's class."""

    def post(board: str, kind: str, **data: Any) -> Any:
        words = ("--app", APPLICATION, "post", board, kind, json.dumps(data), "-o", "json")
        return json.loads(invoke(*words).stdout)

    return post

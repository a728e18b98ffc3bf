"""What a reader of the documentation has: a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from blackboard.store import embedded


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder to follow a page in; its embedded store is stopped afterwards."""
    path = tmp_path_factory.mktemp("page")
    yield path
    embedded.stop(path / ".blackboard")

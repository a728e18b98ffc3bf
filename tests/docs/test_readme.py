"""Every block of the README runs: the program as a file, the commands in the folder beside it, in their order."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blackboard.store import embedded

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)

# The package is installed already, and no index is asked for it again.
INSTALL = "pip install blackboard-runtime"


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder to follow the README in; its embedded store is stopped afterwards."""
    path = tmp_path_factory.mktemp("readme")
    yield path
    embedded.stop(path / ".blackboard")


def blocks(language: str) -> list[str]:
    """The README's blocks in a language."""
    return [
        found["text"] for found in BLOCK.finditer(README.read_text(encoding="utf-8")) if found["language"] == language
    ]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a reader would, with the programs of this environment."""
    words = shlex.split(command)
    if command == INSTALL:
        words = [sys.executable, "-m", "pip", "install", "--no-index", "--dry-run", "blackboard-runtime"]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.timeout(300)
def test_a_reader_can_follow_the_readme(folder: Path) -> None:
    [program] = blocks("python")
    name = program.partition("\n")[0].removeprefix("# ")
    (folder / name).write_text(program, encoding="utf-8")

    for block in blocks("console"):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, expected = step.partition("\n")
            done = run(command, folder)
            assert done.returncode == 0, f"$ {command}\n{done.stdout}\n{done.stderr}"
            assert expected.strip() in done.stdout, f"$ {command} printed\n{done.stdout}\ninstead of\n{expected}"


def test_every_block_is_one_that_runs() -> None:
    languages = {found["language"] for found in BLOCK.finditer(README.read_text(encoding="utf-8"))}
    assert languages == {"python", "console"}

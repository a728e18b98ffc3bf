"""Pages of the documentation as something to follow: their blocks, in order, in a folder of the reader's own.

A block of Python that begins with a file's name (``# claims.py``) is that file; another one is a fragment, which stands inside
of a program's ``async with bb:``, and lines of it that begin with ``#> `` are what it prints. A console block is commands and
what they print.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)

# The package is installed already, and no index is asked for it again.
INSTALL = "pip install blackboard-runtime"


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a page, the line it begins in, and the headings above it: the section, and the lowest."""

    page: Path
    line: int
    section: str
    heading: str
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"

    @property
    def file(self) -> str | None:
        """The name of the file that it is."""
        found = re.match(r"# (\w+\.py)\n", self.text)
        return found[1] if found else None


def blocks(name: str) -> list[Block]:
    """The blocks of a page, by its path in the project."""
    page = ROOT / name
    text = page.read_text(encoding="utf-8")
    return [_block(page, text, found) for found in BLOCK.finditer(text)]


def _block(page: Path, text: str, found: re.Match[str]) -> Block:
    above = text[: found.start()]
    section, heading = _last(r"^## (.*)$", above), _last(r"^##+ (.*)$", above)
    return Block(page, above.count("\n") + 1, section, heading, found["language"], found["text"])


def _last(pattern: str, text: str) -> str:
    found: list[str] = re.findall(pattern, text, re.MULTILINE)
    return found[-1] if found else ""


# ---------------------------------------------------------------------------- following


def write(block: Block, folder: Path) -> None:
    """Write the file that a block is."""
    assert block.file is not None, f"{block} is no file"
    (folder / block.file).write_text(block.text, encoding="utf-8")


def run_commands(block: Block, folder: Path) -> None:
    """Run the commands of a block as a reader would; each must succeed and print what the page says."""
    for step in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, expected = step.partition("\n")
        done = _run(command, folder)
        assert done.returncode == 0, f"{block}: $ {command}\n{done.stdout}\n{done.stderr}"
        assert expected.strip() in done.stdout, f"{block}: $ {command} printed\n{done.stdout}\ninstead of\n{expected}"


async def run_fragment(block: Block, names: dict[str, Any]) -> None:
    """Run a fragment with these names, and those it makes; it must print what the page says."""
    printed = io.StringIO()
    text = "\n" * block.line + block.text  # errors name the line of the page
    code = compile(text, str(block.page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    with contextlib.redirect_stdout(printed):
        result = eval(code, names)
        if inspect.iscoroutine(result):
            await result
    expected = re.findall(r"^\s*#> (.*)$", block.text, re.MULTILINE)
    assert printed.getvalue().splitlines() == expected, f"{block} printed\n{printed.getvalue()}"


def _run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command with the programs of this environment."""
    words = shlex.split(command)
    if command == INSTALL:
        words = [sys.executable, "-m", "pip", "install", "--no-index", "--dry-run", "blackboard-runtime"]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)

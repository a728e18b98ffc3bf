"""Running verbs as people do: each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
APPLICATION = "tests.cli.claims:bb"


def environment(directory: Path, **more: str) -> dict[str, str]:
    """The environment of a process that uses the store of a directory."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BLACKBOARD_")}
    return {**inherited, "BLACKBOARD_DIR": str(directory), "PYTHONPATH": str(REPOSITORY), **more}


def command(*words: str) -> list[str]:
    """The command line of a process of its own."""
    return [sys.executable, "-m", "blackboard", *words]


def run(directory: Path, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a verb as a process, in the store's directory, and wait for its end."""
    facts: dict[str, Any] = {"cwd": directory, "timeout": 50, "capture_output": True, "text": True}
    return subprocess.run(command(*words), check=False, env=environment(directory), **facts | options)


@contextmanager
def serving(directory: Path, verb: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker or controller process, killed in the end if it still runs."""
    with (directory / f"{verb}.log").open("wb") as log:
        process = subprocess.Popen(
            command(verb, APPLICATION, *words), cwd=directory, env=environment(directory), stderr=log
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

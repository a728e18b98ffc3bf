"""Every block of the README runs: the programs as files, the commands in the folder beside them, in their order."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.page import blocks, run_commands, write


@pytest.mark.timeout(300)
def test_a_reader_can_follow_the_readme(folder: Path) -> None:
    programs = [block for block in blocks("README.md") if block.language == "python"]
    for program in programs:
        write(program, folder)
    for block in blocks("README.md"):
        if block.language == "console":
            run_commands(block, folder)


def test_every_block_is_one_that_runs() -> None:
    assert {block.language for block in blocks("README.md")} == {"python", "console"}

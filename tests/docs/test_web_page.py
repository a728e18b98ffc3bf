"""The page on the web inspector: its program runs, its commands are understood, its table is what there is."""

from __future__ import annotations

import re
import shlex
from typing import Any

import click
from starlette.routing import Route

from blackboard import Blackboard, web
from blackboard.cli import cli
from blackboard.cli.web import PORT
from blackboard.store import survey
from blackboard.web import asgi, reads
from tests.docs.page import ROOT, blocks, run_fragment

PAGE = "docs/web.md"

ALL = blocks(PAGE)
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")


async def test_its_program_runs() -> None:
    [program] = [block for block in ALL if block.language == "python"]
    names: dict[str, Any] = {"__name__": "page"}
    await run_fragment(program, names)
    assert callable(names["app"])


def test_every_command_is_understood() -> None:
    commands = [line for block in ALL if not block.language for line in block.text.splitlines()]
    verbs = [shlex.split(line) for line in commands if line.startswith("blackboard ")]
    assert len(verbs) == 4
    for words in verbs:
        verb = cli.get_command(click.Context(cli), words[1])
        assert verb is not None
        verb.make_context(words[1], words[2:])


def test_the_table_is_what_there_is() -> None:
    routes = {each.path for each in web.inspector(Blackboard("x")).routes if isinstance(each, Route)}
    named = set(re.findall(r"^\| `(/api/\w+)` ", TEXT, re.MULTILINE))
    assert named == {path for path in routes if path.startswith("/api/")}
    documented = re.findall(r"^\| ``(/api/\w+)`` ", web.__doc__ or "", re.MULTILINE)
    assert set(documented) == named


def test_the_numbers_are_those_of_the_code() -> None:
    script = (asgi.STATIC / "board.js").read_text(encoding="utf-8")
    assert reads.MOST_ACTIVATIONS == 200
    assert reads.LONGEST_PAYLOAD == 16 * 1024
    assert reads.PAGE == 50
    assert "MOST_EVENTS = 500" in script
    assert "AGAIN = 2000" in script
    assert survey.LOOKED_AT == 5000
    assert f"127.0.0.1:{PORT}" in TEXT


def test_every_block_is_one_that_is_checked() -> None:
    assert {block.language for block in ALL} == {"python", ""}

"""The overview, the help of every verb, and how fast they come."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from blackboard.cli import cli
from blackboard.cli.overview import FAMILIES, VERBS
from blackboard.cli.verb import Verb

HELP_SECONDS = 0.150
HEAVY = ("redis", "pydantic", "rich", "fakeredis", "knowledge_sources")


def verbs() -> Iterator[tuple[str, Verb]]:
    """Every verb with its words, those of a group too."""
    ctx = click.Context(cli)
    for name in VERBS:
        found = cli.get_command(ctx, name)
        if isinstance(found, click.Group):
            yield from ((f"{name} {each}", verb) for each, verb in found.commands.items() if isinstance(verb, Verb))
        else:
            assert isinstance(found, Verb), name
            yield name, found


EVERY_VERB = list(verbs())


def test_the_overview_lists_every_verb_by_family() -> None:
    text = CliRunner().invoke(cli, ["--help"]).stdout
    for family, members in FAMILIES.items():
        assert f"{family}:" in text
        for verb, (_, summary) in members.items():
            assert any(line.split()[:1] == [verb] and summary in line for line in text.splitlines()), verb


def test_every_verb_says_in_its_own_help_what_the_overview_says() -> None:
    ctx = click.Context(cli)
    for name, (_, summary) in VERBS.items():
        found = cli.get_command(ctx, name)
        assert found is not None
        assert (found.help or "").split("\n")[0] == summary


@pytest.mark.parametrize(("name", "verb"), EVERY_VERB, ids=[name for name, _ in EVERY_VERB])
def test_every_verb_is_documented_with_an_example(name: str, verb: Verb) -> None:
    result = CliRunner().invoke(cli, [*name.split(), "--help"])
    assert result.exit_code == 0
    assert "Example:" in result.stdout
    assert f"blackboard {name}" in verb.example or f" {name}" in verb.example
    for parameter in verb.params:
        assert getattr(parameter, "help", None) or getattr(parameter, "hidden", False), f"{name}: {parameter.name}"


@pytest.mark.parametrize(("name", "verb"), EVERY_VERB, ids=[name for name, _ in EVERY_VERB])
def test_every_example_is_a_command_line_that_is_understood(name: str, verb: Verb) -> None:
    for line in verb.example.splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] != ["blackboard"]:
            continue
        ends = [i for i, word in enumerate(words) if word in {"|", ">"}]
        with cli.make_context("blackboard", words[1 : min(ends, default=len(words))], resilient_parsing=True) as ctx:
            rest = [*ctx._protected_args, *ctx.args]
            assert rest[: len(name.split())] == name.split(), line
            verb.make_context(name, rest[len(name.split()) :], parent=ctx, resilient_parsing=True)


def test_help_loads_neither_redis_nor_pydantic_nor_rich() -> None:
    code = (
        "import json, sys\n"
        "from blackboard.cli import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stderr)}
    assert not loaded & {*HEAVY, "asyncio"}


def test_help_comes_fast() -> None:
    # In processor time, and the best of several: what other processes do meanwhile is not what is measured.
    assert min(_processor_seconds() for _ in range(5)) <= HELP_SECONDS


def _processor_seconds() -> float:
    before = os.times()
    subprocess.run([sys.executable, "-m", "blackboard", "--help"], stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def test_an_unknown_verb_is_answered_with_the_nearest() -> None:
    result = CliRunner().invoke(cli, ["bords"])
    assert result.exit_code == 2
    assert "boards" in result.stderr


def test_version() -> None:
    assert CliRunner().invoke(cli, ["--version"]).stdout.startswith("blackboard 0.")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str) -> None:
    assert "_BLACKBOARD_COMPLETE" in CliRunner().invoke(cli, ["completion", shell]).stdout


def test_completion_offers_verbs() -> None:
    environment = {
        **os.environ,
        "_BLACKBOARD_COMPLETE": "bash_complete",
        "COMP_WORDS": "blackboard do",
        "COMP_CWORD": "1",
    }
    code = "from blackboard.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert "doctor" in done.stdout

"""The Lua: assembled from its parts, named by its content, and carried to the server.

A command under ``lua/commands`` names the parts it needs with ``--- @include "name"``; the parts are under ``lua/lib``. There
are two ways to carry it. A server that keeps functions gets one library with all commands, whose parts are made once
and whose triggers stay decoded between calls; that halves the time of a post. Elsewhere every command is a script of its own,
with its parts in it. Either way the name holds a digest of the content, so that two releases live side by side on one server.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from itertools import pairwise
from pathlib import Path

LUA = Path(__file__).parent / "lua"

_LIBRARY = "LIBRARY"
"""Stands for the library's name while its content is digested."""

_IN_LIBRARY = "local IN_LIBRARY, register = true, redis.register_function\n"  # which is there only while it is loaded
_IN_SCRIPT = "local IN_LIBRARY = false\n"
"""What the parts are told of how they are carried."""

_PRIVATE = "--- @private\n"

_INCLUDE = re.compile(r'^--- @include "(?P<name>[a-z]+)"\n', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """One assembled command: its name, its text and the SHA-1 digest the server knows it by."""

    name: str
    text: str
    digest: str


@dataclass(frozen=True, slots=True)
class Library:
    """All commands as functions of one library: its name on the server, and its text."""

    name: str
    text: str

    def function(self, command: str) -> str:
        """The name of a command's function."""
        return f"{self.name}_{command}"


def command_names() -> list[str]:
    """The names of all commands, sorted."""
    return sorted(path.stem for path in (LUA / "commands").glob("*.lua"))


def assemble(name: str) -> str:
    """The text of a command as a script: its parts, then itself."""
    parts, body = _split(name)
    return f"{_IN_SCRIPT}{''.join(map(_part, parts))}\narguments.begin(KEYS, ARGV)\n{body}"


def script(name: str) -> Script:
    """The assembled command of this name; read from disk once per process."""
    return _scripts()[name]


@cache
def library() -> Library:
    """All commands as one library; read from disk once per process."""
    text = _IN_LIBRARY + "".join(map(_part, _ordered())) + "".join(map(_function, command_names()))
    name = f"bb_{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    return Library(name, f"#!lua name={name}\n{text.replace(_LIBRARY, name)}")


@cache
def _scripts() -> dict[str, Script]:
    texts = {name: assemble(name) for name in command_names()}
    return {
        name: Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())
        for name, text in texts.items()
    }


def _split(command: str) -> tuple[list[str], str]:
    """The parts that a command includes, in order, and its own text."""
    source = (LUA / "commands" / f"{command}.lua").read_text(encoding="utf-8")
    return _INCLUDE.findall(source), _INCLUDE.sub("", source)


def _ordered() -> list[str]:
    """All parts, each behind those that any command includes before it."""
    order: TopologicalSorter[str] = TopologicalSorter()
    for command in command_names():
        includes = _split(command)[0]
        for first, second in pairwise(includes):
            order.add(second, first)
    return list(order.static_order())


def _part(name: str) -> str:
    """A part; what stands behind its private mark is a block, whose names no other part sees (Lua allows for 200 names)."""
    text = (LUA / "lib" / f"{name}.lua").read_text(encoding="utf-8")
    public, mark, private = text.partition(_PRIVATE)
    return f"{public}do\n{private}end\n" if mark else text


def _function(command: str) -> str:
    return (
        f"register('{_LIBRARY}_{command}', function(keys, words)\n"
        f"arguments.begin(keys, words)\n{_split(command)[1]}\nend)\n"
    )


def _write_assembled(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name in command_names():
        (directory / f"{name}.lua").write_text(assemble(name), encoding="utf-8")
    (directory / "library.lua").write_text(library().text.partition("\n")[2], encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write every command, assembled, for a linter to read.")
    parser.add_argument("--assemble", type=Path, required=True, metavar="DIRECTORY")
    _write_assembled(parser.parse_args().assemble)

"""The Lua scripts: assembled from their includes, loaded by content, called by digest.

A command under ``lua/commands`` names the parts it needs with ``--- @include "name"``; each part under ``lua/lib`` is put
in its place once. The digest of the assembled text is the command's version on the wire, so that two releases of this
library live side by side on one server.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LUA = Path(__file__).parent / "lua"
_INCLUDE = re.compile(r'^--- @include "(?P<name>[a-z]+)"\n', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """One assembled command: its name, its text and the SHA-1 digest the server knows it by."""

    name: str
    text: str
    digest: str


def assemble(name: str) -> str:
    """Return the text of a command with every include in its place."""
    source = (LUA / "commands" / f"{name}.lua").read_text(encoding="utf-8")
    return _INCLUDE.sub(
        lambda found: (LUA / "lib" / f"{found['name']}.lua").read_text(encoding="utf-8"), source
    )


@cache
def script(name: str) -> Script:
    """Return the assembled command of this name; read from disk once per process."""
    text = assemble(name)
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def command_names() -> list[str]:
    """Return the names of all commands, sorted."""
    return sorted(path.stem for path in (LUA / "commands").glob("*.lua"))


def _write_assembled(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name in command_names():
        (directory / f"{name}.lua").write_text(assemble(name), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write every command, assembled, for a linter to read.")
    parser.add_argument("--assemble", type=Path, required=True, metavar="DIRECTORY")
    _write_assembled(parser.parse_args().assemble)

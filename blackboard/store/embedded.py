"""The embedded store: a real, durable server of one data directory, shared by every process that names it.

`ensure` joins the server of a directory or starts it, `status` describes it, `stop` and `stop_if_unused` end it.

Two locks of the kernel keep the directory safe. Both end with their holder, so that no crash needs a clean-up:

- `launch.lock` is held by a process while it starts or stops the server: racing processes start one;
- `server.lock` is inherited and held by the server as long as it lives: a second server can never open the same
  append-only file, whatever became of the socket or of a process id on disk.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO
from urllib.parse import quote

from blackboard.errors import StoreBusy, StoreRefused, StoreUnreachable
from blackboard.store.server_process import (
    Answer,
    ErrorReply,
    Fsync,
    ServerFiles,
    ask,
    find_server,
    ping,
    start,
)

if sys.platform != "win32":
    import fcntl

__all__ = ["EmbeddedStatus", "default_directory", "ensure", "status", "stop", "stop_if_unused"]

logger = logging.getLogger(__name__)

# The address of a unix socket holds 104 bytes on macOS and 108 on Linux, one of them the terminating zero.
LONGEST_SOCKET_PATH = 103

# Where sockets go whose own directory is too deep. A fixed place: the system's temporary directory follows an
# environment variable, and two processes with different environments must still find the same socket.
RUNTIME_ROOT = Path("/tmp")  # noqa: S108 - a directory in it is used only when it is ours and closed to others

POLL_SECONDS = 0.001
SLOWEST_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedStatus:
    """What is known of the embedded store of one directory.

    What only a running server can tell is None when it is not running or does not answer yet.
    """

    directory: Path
    socket: Path
    running: bool
    loading: bool = False
    """The server lives and reads its append-only file; commands are refused until it has finished."""
    pid: int | None = None
    name: str | None = None
    """`valkey` or `redis`."""
    version: str | None = None
    uptime: int | None = None
    """Seconds since the server started."""
    memory: int | None = None
    """Bytes of memory that the server has allocated."""
    data_size: int = 0
    """Bytes of the append-only file on disk."""
    clients: int | None = None
    """Connections of others, without the one that asked."""
    persistence: str | None = None
    """`append-only file, fsync everysec`, `append-only file, fsync always`, or `none`."""


class _Place(ServerFiles):
    """The files of one embedded store, all of them a function of its data directory."""

    @classmethod
    def of(cls, directory: Path | str | None) -> _Place:
        if sys.platform == "win32":
            raise StoreRefused(
                "embedded",
                "it does not run on Windows",
                'Name a server with url="redis://…" or BLACKBOARD_URL, or use memory:// in tests',
            )
        real = Path(default_directory() if directory is None else directory).resolve()
        return cls(real, _socket_of(real))

    @property
    def url(self) -> str:
        return "unix://" + quote(os.fspath(self.socket))

    @property
    def launch_lock(self) -> Path:
        return self.directory / "launch.lock"

    @property
    def server_lock(self) -> Path:
        return self.directory / "server.lock"

    @property
    def directories(self) -> tuple[Path, ...]:
        """Every directory whose owner could read the data or pose as the server."""
        return tuple(dict.fromkeys((self.directory, self.socket.parent)))


def _socket_of(directory: Path) -> Path:
    near = directory / "server.sock"
    if len(os.fsencode(near)) <= LONGEST_SOCKET_PATH:
        return near
    name = hashlib.sha256(os.fsencode(directory)).hexdigest()[:24]
    return RUNTIME_ROOT / f"blackboard-{os.geteuid()}" / f"{name}.sock"


def default_directory() -> Path:
    """Return the data directory that is used when none is named: `BLACKBOARD_DIR`, else `./.blackboard`."""
    return Path(os.environ.get("BLACKBOARD_DIR") or ".blackboard")


def ensure(
    directory: Path | str | None = None,
    *,
    binary: str | None = None,
    fsync: Fsync = "everysec",
    timeout: float = 30.0,
) -> str:
    """Return the URL of the running server of `directory`, and start that server first when there is none.

    The server belongs to nobody: it survives the process that started it, and every process that names the same
    directory shares it. `binary` is the server program, by default what `find_server` finds. `fsync="always"` makes
    every reply wait for the disk, also on a server that is running already; joining never makes a server less
    durable. `timeout` bounds, in seconds, the wait for a server that starts or loads its data.

    Raises StoreRefused when the directory cannot be used, no server program is found, or the server will not start;
    StoreBusy when it is still loading after `timeout`; StoreUnreachable when it does not answer by then.
    """
    place = _Place.of(directory)
    for existing in filter(os.path.lexists, place.directories):
        _check_private(existing)
    if ping(place.socket) is not Answer.READY:
        _bring_up(place, binary, fsync, time.monotonic() + timeout)
    if fsync == "always":
        _fsync_always(place)
    return place.url


def status(directory: Path | str | None = None) -> EmbeddedStatus:
    """Describe the embedded store of `directory` without starting it or changing anything."""
    place = _Place.of(directory)
    answer = ping(place.socket)
    outside = EmbeddedStatus(
        directory=place.directory,
        socket=place.socket,
        running=answer is not Answer.ABSENT,
        loading=answer is Answer.LOADING,
        data_size=_size(place.data),
    )
    return _look_inside(place, outside) if answer is Answer.READY else outside


def stop(directory: Path | str | None = None, timeout: float = 10.0) -> bool:
    """Stop the server of `directory`, which writes everything to disk first, and wait until it has ended.

    Returns False when there was nothing to stop. Raises StoreBusy when the server has not ended within `timeout`
    seconds, as it is never killed from here, and StoreRefused when it cannot write its data.
    """
    return _stop(_Place.of(directory), timeout, only_if_unused=False)


def stop_if_unused(directory: Path | str | None = None, timeout: float = 10.0) -> bool:
    """Stop the server of `directory` if no client is connected to it; return whether it was stopped.

    This is for the last one out. A process that joins in the same millisecond may find the server gone and has to
    `ensure` it again; nothing is lost. Raises what `stop` raises.
    """
    return _stop(_Place.of(directory), timeout, only_if_unused=True)


def _bring_up(place: _Place, binary: str | None, fsync: Fsync, deadline: float) -> None:
    """Start the server unless another process does it meanwhile, and wait until it answers."""
    if _make_private(place.directory):
        (place.directory / ".gitignore").write_text("*\n")
    _make_private(place.socket.parent)
    with _launch_lock(place, deadline):
        if ping(place.socket) is Answer.ABSENT:
            _launch(place, binary, fsync, deadline)
        _await_ready(place, deadline)


def _make_private(directory: Path) -> bool:
    """Make `directory` exist, belong to this user and be closed to all others, or refuse it; True if it is new."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir(mode=0o700)
    except OSError as error:
        if not os.path.lexists(directory):
            raise _unusable(directory, error) from error
        _check_private(directory)
        return False
    return True


def _unusable(path: Path, error: OSError) -> StoreRefused:
    return StoreRefused(
        str(path),
        f"it cannot be made or opened ({error.strerror})",
        "Name a directory of your own on a local disk in BLACKBOARD_DIR",
    )


def _check_private(directory: Path) -> None:
    facts = directory.lstat()
    if not stat.S_ISDIR(facts.st_mode):
        raise StoreRefused(str(directory), "it is not a directory", "Name another one in BLACKBOARD_DIR")
    if facts.st_uid != os.geteuid():
        raise StoreRefused(
            str(directory),
            f"the directory belongs to another user (uid {facts.st_uid})",
            "Name a directory of your own in BLACKBOARD_DIR, or run this as its owner",
        )
    if stat.S_IMODE(facts.st_mode) & 0o077:
        _close_to_others(directory)


def _close_to_others(directory: Path) -> None:
    """Tighten a directory that is empty or already ours; one that holds other things is its owner's to decide."""
    names = {entry.name for entry in directory.iterdir()}
    if names and "launch.lock" not in names:
        raise StoreRefused(
            str(directory),
            "the directory is open to other users and holds other files",
            f"Name a directory of its own in BLACKBOARD_DIR, or run: chmod 700 {directory}",
        )
    directory.chmod(0o700)


@contextmanager
def _launch_lock(place: _Place, deadline: float) -> Iterator[None]:
    """Hold the right to start or stop the server."""
    with _open(place.launch_lock) as file:
        while not _try_lock(file):
            if time.monotonic() > deadline:
                raise StoreBusy(str(place.directory), "another process is still starting or stopping it")
            time.sleep(POLL_SECONDS)
        yield


def _open(lock: Path) -> IO[bytes]:
    try:
        return lock.open("ab")
    except OSError as error:
        raise _unusable(lock, error) from error


def _try_lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _server_lives(place: _Place) -> bool:
    """Whether any server holds the data, as the kernel knows it: a process id on disk could belong to a stranger."""
    with _open(place.server_lock) as file:
        return not _try_lock(file)


def _launch(place: _Place, binary: str | None, fsync: Fsync, deadline: float) -> None:
    """Start a server as soon as no other one holds the data, and hand `server.lock` on to it."""
    program = find_server(binary)
    with _open(place.server_lock) as lock:
        while not _try_lock(lock):
            # A server without a socket is ending, or its starter died while it was starting: both soon change.
            if ping(place.socket) is not Answer.ABSENT:
                return
            if time.monotonic() > deadline:
                raise StoreUnreachable(
                    str(place.directory),
                    f"a server holds the data, but does not listen on {place.socket}; end that server "
                    f"(its process id is in {place.pid}) and try again",
                )
            time.sleep(POLL_SECONDS)
        if not start(program, place, fsync=fsync, lock=lock.fileno()):
            raise _would_not_start(place)


def _await_ready(place: _Place, deadline: float) -> None:
    pause = POLL_SECONDS
    while (answer := ping(place.socket)) is not Answer.READY:
        if answer is Answer.ABSENT and not _server_lives(place):
            raise _would_not_start(place)
        if time.monotonic() > deadline:
            raise _not_ready(place, answer)
        if answer is Answer.LOADING and pause < SLOWEST_POLL_SECONDS:
            pause *= 1.5
            if pause >= SLOWEST_POLL_SECONDS:  # by now it takes long enough to be noticed
                logger.info("the embedded store in %s is loading %d bytes", place.directory, _size(place.data))
        time.sleep(pause)


def _would_not_start(place: _Place) -> StoreRefused:
    last_words = place.log.read_text(errors="replace").splitlines()[-4:]
    return StoreRefused(
        str(place.directory),
        f"its server would not start ({' | '.join(last_words)})",
        f"See {place.log}; the server program must be Redis ≥ 7.0 or Valkey ≥ 8",
    )


def _not_ready(place: _Place, answer: Answer) -> StoreBusy | StoreUnreachable:
    if answer is Answer.LOADING:
        return StoreBusy(str(place.directory), "it is still loading its append-only file")
    return StoreUnreachable(
        str(place.directory),
        f"the server runs but is silent; see {place.log}, and if it hangs, end the process named in {place.pid}",
    )


def _fsync_always(place: _Place) -> None:
    try:
        ask(place.socket, "CONFIG", "SET", "appendfsync", "always")
    except (ErrorReply, OSError) as error:
        raise StoreUnreachable(str(place.directory), f"appendfsync could not be set ({error})") from error


def _stop(place: _Place, timeout: float, *, only_if_unused: bool) -> bool:
    deadline = time.monotonic() + timeout
    if not place.launch_lock.exists():
        return False
    with _launch_lock(place, deadline):
        if not _server_lives(place) or (only_if_unused and _is_used(place)):
            return False
        _ask_to_end(place)
        while _server_lives(place):
            if time.monotonic() > deadline:
                problem = f"it has not ended within {timeout:g} s (its process id is in {place.pid})"
                raise StoreBusy(str(place.directory), problem)
            time.sleep(POLL_SECONDS)
    return True


def _ask_to_end(place: _Place) -> None:
    try:
        # Success closes the connection; the only reply to this command is a refusal.
        with suppress(OSError):
            ask(place.socket, "SHUTDOWN")
    except ErrorReply as refusal:
        raise StoreRefused(
            str(place.directory),
            f"it will not stop ({refusal})",
            f"See {place.log}; as a rule the disk is full",
        ) from refusal


def _is_used(place: _Place) -> bool:
    try:
        clients = ask(place.socket, "CLIENT", "LIST")
    except (ErrorReply, OSError):
        return True  # it loads or hangs: no time to decide that nobody needs it
    return len(str(clients).splitlines()) > 1


def _look_inside(place: _Place, outside: EmbeddedStatus) -> EmbeddedStatus:
    try:
        lines = str(ask(place.socket, "INFO")).splitlines()
        fsync = ask(place.socket, "CONFIG", "GET", "appendfsync")[1]
    except (ErrorReply, OSError):
        return outside
    info = dict(line.split(":", 1) for line in lines if ":" in line)
    return replace(
        outside,
        pid=int(info["process_id"]),
        name=info.get("server_name", "redis"),
        version=info.get("valkey_version", info["redis_version"]),
        uptime=int(info["uptime_in_seconds"]),
        memory=int(info["used_memory"]),
        clients=int(info["connected_clients"]) - 1,
        persistence=f"append-only file, fsync {fsync}" if info["aof_enabled"] == "1" else "none",
    )


def _size(directory: Path) -> int:
    with suppress(FileNotFoundError):
        return sum(file.stat().st_size for file in directory.iterdir())
    return 0

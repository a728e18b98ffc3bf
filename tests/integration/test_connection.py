"""Connections: which URLs name a store, which servers are trusted, and what becomes of their failures."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from redis import exceptions

from blackboard import Blackboard
from blackboard.errors import (
    BlackboardError,
    StoreBusy,
    StoreError,
    StoreProtocolError,
    StoreRefused,
    StoreUnreachable,
)
from blackboard.store import embedded
from blackboard.store.address import Deployment, parse_address, without_secrets
from blackboard.store.connection import DEFAULTS, Clients, Settings, connect, wait_until_ready
from blackboard.store.server_check import ServerFacts, check_server
from blackboard.store.server_process import Answer, ask, find_server, ping
from blackboard.store.translation import code_of, translate
from tests.eventually import eventually

Serve = Callable[..., str]

SOON = 0.1


# ---------------------------------------------------------------------------- servers


@pytest.fixture
def directory() -> Iterator[Path]:
    """Yield an empty directory on a path that is short enough for sockets."""
    path = Path(tempfile.mkdtemp(prefix="bb-", dir="/tmp"))
    try:
        yield path
    finally:
        embedded.stop(path / "store")
        shutil.rmtree(path)


@pytest.fixture(params=["valkey", "redis"])
def serve(request: pytest.FixtureRequest, directory: Path) -> Iterator[Serve]:
    """Yield a function that starts a server with the options given and returns its URL, on either kind of server."""
    with servers(program_of(request.param), directory) as start:
        yield start


@pytest.fixture
def serve_one(directory: Path) -> Iterator[Serve]:
    """Yield the same function for one kind of server, where the kind makes no difference."""
    with servers(str(find_server()), directory) as start:
        yield start


def program_of(kind: str) -> str:
    if kind == "valkey":
        return str(find_server())
    program = shutil.which("redis-server")
    if program is None:
        assert not os.environ.get("CI"), "redis-server is missing"
        pytest.skip("redis-server is not installed")
    return program


@contextmanager
def servers(program: str, directory: Path) -> Iterator[Serve]:
    started: list[subprocess.Popen[bytes]] = []

    def start(*options: str, sentinel: Path | None = None) -> str:
        path = directory / f"{len(started)}.sock"
        own = directory / str(len(started))
        own.mkdir()
        rules = [str(sentinel), "--sentinel"] if sentinel else []
        words = [program, *rules, "--unixsocket", str(path), "--port", "0", "--dir", str(own), *options]
        if not sentinel:
            words += ["--save", ""]
        server = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        started.append(server)
        eventually(lambda: ping(path) is Answer.READY, 10, "the server answers")
        return f"unix://{path}"

    try:
        yield start
    finally:
        for server in started:
            server.kill()
            server.wait()


def free_port() -> int:
    """Find a port of the loopback; below the last 10,000, as a cluster listens on port + 10,000 too."""
    while True:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port < 55_535:
            return port


class PretendedServer:
    """A server on a unix socket that answers what it is told to, and counts the commands that it got."""

    def __init__(self, path: Path, answer: Callable[[str], bytes | None]) -> None:
        self.commands: list[str] = []
        self._answer = answer
        self._open: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in (self._listener, *self._open):
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                thread = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection.makefile("rb") as reader:
            while count := reader.readline().lstrip(b"*").strip():
                words = [(reader.readline(), reader.readline().strip())[1].decode() for _ in range(int(count))]
                command = " ".join(words)
                self.commands.append(command)
                reply = b"+OK\r\n" if command.startswith("CLIENT ") else self._answer(command)
                if reply is None:
                    connection.shutdown(socket.SHUT_RDWR)
                    return
                connection.sendall(reply)


def bulk(text: str) -> bytes:
    return f"${len(text)}\r\n{text}\r\n".encode()


@contextmanager
def pretended(path: Path, answer: Callable[[str], bytes | None]) -> Iterator[PretendedServer]:
    server = PretendedServer(path, answer)
    try:
        yield server
    finally:
        server.close()


@asynccontextmanager
async def connected(url: str | None, settings: Settings = DEFAULTS) -> AsyncIterator[Clients]:
    clients = await connect(url, settings)
    try:
        yield clients
    finally:
        await clients.aclose()


async def facts_of(url: str) -> ServerFacts:
    async with connected(url) as clients:
        return await check_server(clients)


# ---------------------------------------------------------------------------- URLs


def test_a_url_of_one_server() -> None:
    address = parse_address("rediss://me:p%40ss@[::1]:7000/3?ssl_ca_certs=/ca.pem&ssl_check_hostname=no")

    assert address.deployment is Deployment.SERVER
    assert address.tls
    assert address.nodes == (("::1", 7000),)
    assert address.options == {
        "username": "me",
        "password": "p@ss",
        "db": 3,
        "ssl_ca_certs": "/ca.pem",
        "ssl_check_hostname": False,
    }
    assert address.shown == "rediss://***@[::1]:7000/3"


def test_a_url_of_a_socket() -> None:
    address = parse_address("unix://:secret@/run/my%20store.sock?db=2")

    assert address.deployment is Deployment.SOCKET
    assert address.path == "/run/my store.sock"
    assert address.options == {"password": "secret", "db": 2}


def test_a_url_of_sentinels() -> None:
    address = parse_address("redis+sentinel://:pw@one,two:7/orders/1?sentinel_password=other")

    assert address.deployment is Deployment.SENTINEL
    assert address.nodes == (("one", 26379), ("two", 7))
    assert address.name == "orders"
    assert address.options == {"password": "pw", "sentinel_password": "other", "db": 1}


def test_a_url_of_a_cluster() -> None:
    address = parse_address("redis+cluster://one:7000,two/0")

    assert address.deployment is Deployment.CLUSTER
    assert address.nodes == (("one", 7000), ("two", 6379))
    assert address.options == {}


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "scheme"),
        ("localhost:6379", "scheme"),
        ("http://localhost", "scheme"),
        ("redis:/localhost", "scheme"),
        ("redis://", "lacks a host"),
        ("redis://:6379", "lacks a host"),
        ("redis://[::1", "cannot be read"),
        ("redis://host:port", "a port that cannot be"),
        ("redis://host:70000", "a port that cannot be"),
        ("redis://host/orders", "number of a database"),
        ("redis://host/-1", "number of a database"),
        ("redis://host?db=x", "sets db to something"),
        ("redis://one,two", "several hosts"),
        ("redis://host#x", "fragment"),
        ("redis://host?protocol=3", "sets 'protocol'"),
        ("redis://host?ssl_cert_reqs=none", "sets 'ssl_cert_reqs'"),
        ("rediss://host?ssl_check_hostname=perhaps", "sets ssl_check_hostname"),
        ("redis+sentinel://host", "name of the service"),
        ("redis+cluster://host/1", "only the database 0"),
        ("unix://run/store.sock", "absolute"),
        ("unix:///", "absolute"),
    ],
)
async def test_a_wrong_url_is_refused_with_examples(url: str, problem: str) -> None:
    with pytest.raises(StoreRefused, match=problem) as caught:
        await connect(url)

    assert "redis://host:6379/0" in caught.value.remedy


@pytest.mark.parametrize(
    "url",
    [
        "redis://me:hush@host:port",
        "redis://me:hu@hush@host:port",
        "redis://me:hush/hush@host",
        "redis://me:hush?hush@host",
        "redis://me:hush#hush@host",
        "redis://host/x?password=hush",
        "http://me:hush@host",
        "unix://me:hush@run/store.sock",
    ],
)
def test_no_message_shows_a_password(url: str) -> None:
    with pytest.raises(StoreRefused) as caught:
        parse_address(url)

    assert "hush" not in str(caught.value)
    assert "hush" not in without_secrets(url)


# ---------------------------------------------------------------------------- stores in memory


async def test_a_named_store_in_memory_is_shared_and_an_unnamed_one_is_not(namespace: str) -> None:
    async with connected(f"memory://{namespace}") as one, connected(f"memory://{namespace}") as same:
        await one.commands.execute_command("SET", "answer", "42")
        assert await same.commands.execute_command("GET", "answer") == b"42"

    async with connected("memory://") as one, connected("memory://") as other:
        await one.commands.execute_command("SET", "answer", "42")
        assert await other.commands.execute_command("GET", "answer") is None


async def test_all_clients_of_a_store_in_memory_see_one_store() -> None:
    async with connected("memory://") as clients:
        with clients.lease_client() as lease:
            lease.execute_command("RPUSH", "bell", "1")
        assert await clients.blocking.execute_command("BLPOP", "bell", "1") == (b"bell", b"1")
        assert await clients.commands.execute_command("EVAL", "return {1, 'a'}", 0) == [1, b"a"]
        assert (await check_server(clients)).name == "fakeredis"


# ---------------------------------------------------------------------------- the embedded store


async def test_without_a_url_the_embedded_store_is_started(directory: Path) -> None:
    async with connected(None, Settings(directory=directory / "store")) as clients:
        await wait_until_ready(clients, SOON)
        facts = await check_server(clients)

    assert clients.embedded
    assert (facts.append_only, facts.fsync, facts.eviction_policy) == (True, "everysec", "noeviction")
    assert facts.warnings == ()


async def test_the_environment_names_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLACKBOARD_URL", "memory://")
    async with connected(None) as clients:
        assert clients.url == "memory://"


async def test_an_embedded_store_that_was_killed_is_started_again_with_its_data(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(None, Settings(directory=directory / "store")) as clients:
        await clients.commands.execute_command("SET", "answer", "42")
        pid = embedded.status(directory / "store").pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: ping(directory / "store" / "server.sock") is Answer.ABSENT, 5, "it is dead")

        with caplog.at_level(logging.INFO, "blackboard"):
            await wait_until_ready(clients, 10)
        assert await clients.commands.execute_command("GET", "answer") == b"42"

    told = [record.message for record in caplog.records if record.name.endswith("connection")]
    assert ["Waiting for up to" in told[0], "answers again" in told[1]] == [True, True]


# ---------------------------------------------------------------------------- clients


async def test_replies_are_flat_lists_of_bytes_and_integers(serve: Serve) -> None:
    async with connected(serve()) as clients:
        reply = await clients.commands.execute_command("EVAL", "return {1, 'a', {'b', 2}, false}", 0)
        with clients.lease_client() as lease:
            same = lease.execute_command("EVAL", "return {1, 'a', {'b', 2}, false}", 0)

    assert reply == same == [1, b"a", [b"b", 2], None]


async def test_a_blocking_command_may_last_longer_than_others(serve_one: Serve) -> None:
    async with connected(serve_one(), Settings(timeout=0.05, block=0.2)) as clients:
        assert await clients.blocking.execute_command("BLPOP", "bell", 0.2) is None
        with pytest.raises(exceptions.TimeoutError):
            await clients.commands.execute_command("BLPOP", "bell", 0.2)


async def test_many_commands_at_once_wait_for_a_connection(serve_one: Serve) -> None:
    async with connected(serve_one(), Settings(connections=2)) as clients:
        calls = [clients.commands.execute_command("INCR", "count") for _ in range(100)]
        assert sorted(await asyncio.gather(*calls)) == list(range(1, 101))


async def test_no_client_ever_repeats_a_command(directory: Path) -> None:
    with pretended(directory / "s", lambda _: None) as server:
        async with connected(f"unix://{directory}/s") as clients:
            with pytest.raises(exceptions.ConnectionError):
                await clients.commands.execute_command("INCR", "a")
            with pytest.raises(exceptions.ConnectionError):
                await clients.blocking.execute_command("INCR", "b")
            with clients.lease_client() as lease, pytest.raises(exceptions.ConnectionError):
                lease.execute_command("INCR", "c")

    assert [command for command in server.commands if command.startswith("INCR")] == [
        "INCR a",
        "INCR b",
        "INCR c",
    ]


async def test_closing_twice_is_safe(serve_one: Serve) -> None:
    clients = await connect(serve_one())
    await clients.commands.execute_command("PING")
    await clients.aclose()
    await clients.aclose()


# ---------------------------------------------------------------------------- which servers are trusted


async def test_what_a_server_says_about_itself(serve: Serve, request: pytest.FixtureRequest) -> None:
    facts = await facts_of(serve("--appendonly", "yes", "--appendfsync", "always"))

    assert facts.name == request.node.callspec.params["serve"]
    assert facts.version
    assert facts.role == "master"
    assert facts.replicas == 0
    assert (facts.append_only, facts.fsync) == (True, "always")
    assert (facts.eviction_policy, facts.max_memory) == ("noeviction", 0)
    assert facts.warnings == ()


async def test_a_server_that_may_evict_keys_is_refused(serve: Serve) -> None:
    url = serve("--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru")
    with pytest.raises(StoreRefused, match="allkeys-lru") as caught:
        await facts_of(url)

    assert "noeviction" in caught.value.remedy


async def test_an_eviction_policy_without_a_limit_is_warned_of(serve: Serve) -> None:
    facts = await facts_of(serve("--maxmemory-policy", "volatile-lru", "--appendonly", "yes"))
    assert ["volatile-lru" in warning for warning in facts.warnings] == [True]


async def test_a_server_without_append_only_file_is_warned_of(serve: Serve) -> None:
    facts = await facts_of(serve())
    assert ["append-only file is off" in warning for warning in facts.warnings] == [True]


async def test_a_server_that_never_syncs_is_warned_of(serve_one: Serve) -> None:
    facts = await facts_of(serve_one("--appendonly", "yes", "--appendfsync", "no"))
    assert ["appendfsync is no" in warning for warning in facts.warnings] == [True]


async def test_a_replica_is_refused(serve: Serve) -> None:
    with pytest.raises(StoreRefused, match="replica"):
        await facts_of(serve("--replicaof", "127.0.0.1 1"))


async def test_a_server_that_says_nothing_about_itself_is_warned_of(serve: Serve) -> None:
    url = serve()
    path = Path(url.removeprefix("unix://"))
    ask(path, "ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", "-info", "-config")

    facts = await facts_of(f"unix://app:pw@{path}")
    assert facts.name == "unknown"
    assert ["INFO is not allowed" in warning for warning in facts.warnings] == [True]


INFO_OF_REDIS_6 = "# Server\r\nredis_version:6.2.14\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\nrole:master\r\n"
INFO_OF_VALKEY_7 = INFO_OF_REDIS_6.replace("6.2.14", "7.2.4") + "server_name:valkey\r\nvalkey_version:7.2.5\r\n"
INFO_OF_ANOTHER = INFO_OF_REDIS_6.replace("6.2.14", "7.4.0") + "server_name:dragon\r\n"


def saying(info: str) -> Callable[[str], bytes]:
    return lambda command: bulk(info) if command == "INFO" else b"-ERR unknown command\r\n"


@pytest.mark.parametrize(
    ("info", "problem"),
    [(INFO_OF_REDIS_6, "redis 6.2.14 is too old"), (INFO_OF_VALKEY_7, "valkey 7.2.5 is too old")],
)
async def test_an_old_server_is_refused(directory: Path, info: str, problem: str) -> None:
    with pretended(directory / "s", saying(info)), pytest.raises(StoreRefused, match=problem):
        await facts_of(f"unix://{directory}/s")


async def test_another_kind_of_server_is_warned_of(directory: Path) -> None:
    with pretended(directory / "s", saying(INFO_OF_ANOTHER)):
        facts = await facts_of(f"unix://{directory}/s")
    assert ["dragon" in warning for warning in facts.warnings] == [True]


async def test_a_cluster_is_used_as_a_cluster(serve: Serve) -> None:
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--cluster-enabled", "yes", "--appendonly", "yes"]
    path = Path(serve(*options).removeprefix("unix://"))
    ask(path, "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
    eventually(lambda: "cluster_state:ok" in ask(path, "CLUSTER", "INFO"), 10, "the cluster serves all slots")

    async with connected(f"redis+cluster://127.0.0.1:{port}") as clients:
        await wait_until_ready(clients, 10)
        facts = await check_server(clients)
        await clients.commands.execute_command("EVAL", "redis.call('SET', KEYS[1], 'x')", 1, "{a}b")
        assert await clients.blocking.execute_command("GET", "{a}b") == b"x"
        with clients.lease_client() as lease:
            assert lease.execute_command("GET", "{a}b") == b"x"
    assert facts.cluster

    with pytest.raises(StoreRefused, match="node of a cluster"):
        await facts_of(f"redis://127.0.0.1:{port}")


async def test_sentinels_lead_to_the_primary(serve: Serve, directory: Path) -> None:
    port, watch = free_port(), free_port()
    serve("--port", str(port), "--bind", "127.0.0.1", "--appendonly", "yes")
    rules = directory / "sentinel.conf"
    rules.write_text(f"sentinel monitor orders 127.0.0.1 {port} 1\n")
    path = Path(serve("--port", str(watch), sentinel=rules).removeprefix("unix://"))
    eventually(lambda: "status=ok" in ask(path, "INFO", "sentinel"), 10, "the sentinel knows the primary")

    async with connected(f"redis+sentinel://127.0.0.1:{watch}/orders") as clients:
        await wait_until_ready(clients, 10)
        await clients.commands.execute_command("SET", "answer", "42")
        assert (await check_server(clients)).role == "master"
        with clients.lease_client() as lease:
            assert lease.execute_command("GET", "answer") == b"42"

    async with connected(f"redis+sentinel://127.0.0.1:{watch}/nobody") as clients:
        with pytest.raises(StoreUnreachable, match="none knows a primary"):
            await wait_until_ready(clients, SOON)


# ---------------------------------------------------------------------------- failures


@pytest.mark.parametrize("user", ["", "default:wrong@"])
async def test_a_wrong_password_is_refused_at_once(serve: Serve, user: str) -> None:
    path = serve("--requirepass", "right").removeprefix("unix://")

    async with connected(f"unix://{user}{path}") as clients:
        with pytest.raises(StoreRefused, match="the user or the password"):
            await wait_until_ready(clients, 60)
    async with connected(f"unix://default:right@{path}") as clients:
        await wait_until_ready(clients, SOON)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("redis://127.0.0.1:1", "nothing listens there"),
        ("unix:///nowhere/store.sock", "no such socket"),
        ("redis://nowhere.invalid", "host name cannot be resolved"),
        ("redis+cluster://127.0.0.1:1", "nothing listens there"),
        ("redis+sentinel://127.0.0.1:1/orders", "no sentinel answers"),
    ],
)
async def test_a_server_that_is_not_there_is_waited_for_with_a_bound(
    url: str, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(url) as clients:
        with pytest.raises(StoreUnreachable, match=problem):
            await wait_until_ready(clients, SOON)
    assert any("Waiting for up to" in record.message for record in caplog.records)


async def test_a_server_that_loads_its_data_is_waited_for(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    replies = iter([b"-LOADING loading the dataset\r\n"] * 3)
    with (
        pretended(directory / "s", lambda _: next(replies, b"+PONG\r\n")),
        caplog.at_level(logging.INFO, "blackboard"),
    ):
        async with connected(f"unix://{directory}/s") as clients:
            await wait_until_ready(clients, 10)

    assert ["it is loading its data" in caplog.messages[0], "answers again" in caplog.messages[1]] == [
        True,
        True,
    ]


async def test_the_wait_for_a_server_that_loads_is_bounded(directory: Path) -> None:
    with pretended(directory / "s", lambda _: b"-LOADING loading the dataset\r\n"):
        async with connected(f"unix://{directory}/s") as clients:
            with pytest.raises(StoreBusy, match="loading"):
                await wait_until_ready(clients, SOON)


async def test_a_server_that_is_silent_is_not_waited_for_endlessly(directory: Path) -> None:
    with pretended(directory / "s", lambda _: b""):
        async with connected(f"unix://{directory}/s", Settings(timeout=0.05)) as clients:
            with pytest.raises(StoreUnreachable, match="no answer came in time"):
                await wait_until_ready(clients, SOON)


async def failure_of(clients: Clients, *command: Any) -> BlackboardError:
    try:
        await clients.commands.execute_command(*command)
    except exceptions.RedisError as error:
        return translate(error, clients.url, str(command[0]))
    pytest.fail("the command did not fail")


async def test_a_long_script_makes_the_server_busy(serve: Serve) -> None:
    url = serve("--busy-reply-threshold", "1")
    async with connected(url) as running, connected(url) as clients:
        script = asyncio.create_task(running.commands.execute_command("EVAL", "while true do end", 0))
        fault: BlackboardError | None = None
        while fault is None:
            with suppress(AssertionError, pytest.fail.Exception):
                fault = await failure_of(clients, "GET", "x")
        await clients.commands.execute_command("SCRIPT", "KILL")
        with pytest.raises(exceptions.ResponseError):
            await script

    assert isinstance(fault, StoreBusy)
    assert "long script" in str(fault)


async def test_a_full_server_refuses(serve: Serve) -> None:
    async with connected(serve("--maxmemory", "1")) as clients:
        fault = await failure_of(clients, "SET", "x", "y")

    assert isinstance(fault, StoreRefused)
    assert "memory is full" in str(fault)


async def test_a_command_that_the_user_may_not_run_is_refused(serve: Serve) -> None:
    path = Path(serve().removeprefix("unix://"))
    ask(path, "ACL", "SETUSER", "app", "on", ">pw", "~{bb*", "+@all")
    async with connected(f"unix://app:pw@{path}") as clients:
        fault = await failure_of(clients, "SET", "elsewhere", "x")

    assert isinstance(fault, StoreRefused)
    assert "ACL SETUSER" in str(fault)


async def test_a_reply_that_makes_no_sense_names_the_command(serve_one: Serve) -> None:
    async with connected(serve_one()) as clients:
        fault = await failure_of(clients, "NONSENSE")

    assert isinstance(fault, StoreProtocolError)
    assert fault.command == "NONSENSE"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (exceptions.ReadOnlyError("You can't write against a read only replica."), StoreBusy),
        (exceptions.ClusterDownError("The cluster is down"), StoreBusy),
        (exceptions.MasterDownError("Link with MASTER is down"), StoreBusy),
        (exceptions.TryAgainError("Multiple keys request during rehashing of slot"), StoreBusy),
        (exceptions.MaxConnectionsError("Too many connections"), StoreBusy),
        (exceptions.ResponseError("NOREPLICAS Not enough good replicas to write."), StoreBusy),
        (exceptions.ResponseError("MISCONF Errors writing to the AOF file"), StoreRefused),
        (exceptions.AuthorizationError("no"), StoreRefused),
        (exceptions.ConnectionError("Connection closed by server."), StoreUnreachable),
        (exceptions.RedisClusterException("Redis Cluster cannot be connected"), StoreUnreachable),
        (TimeoutError(), StoreUnreachable),
        (exceptions.ResponseError("WRONGTYPE Operation against a key"), StoreProtocolError),
        (exceptions.InvalidResponse("Protocol Error"), StoreProtocolError),
    ],
)
def test_every_failure_becomes_one_of_our_errors(error: Exception, expected: type[StoreError]) -> None:
    fault = translate(error, "redis://host", "EVALSHA")

    assert type(fault) is expected
    assert fault.__cause__ is error


def test_our_own_errors_stay_as_they_are() -> None:
    ours = StoreBusy("redis://host")
    assert translate(ours, "redis://host") is ours


def test_the_trouble_of_the_caller_is_not_mistaken_for_that_of_the_store() -> None:
    lost = exceptions.ResponseError("WRONGTYPE Operation against a key")
    lost.__context__ = exceptions.AuthenticationError("of another server")

    assert isinstance(translate(lost, "redis://host"), StoreProtocolError)


def test_the_code_of_an_error_is_its_first_word() -> None:
    assert code_of(exceptions.ResponseError("BUSY Redis is busy")) == "BUSY"
    assert code_of(exceptions.ResponseError("nothing in capitals")) == ""
    assert code_of(exceptions.OutOfMemoryError("command not allowed", status_code="OOM")) == "OOM"
    assert code_of(ValueError("BUSY")) == ""


def test_a_blackboard_that_is_not_open_keeps_its_secrets() -> None:
    with pytest.raises(StoreUnreachable, match="open it first") as refused:
        Blackboard("claims", "redis://ann:hush@nowhere.example/0").store()
    assert "hush" not in str(refused.value)

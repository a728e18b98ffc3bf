"""What every test may ask for: servers of their own, a namespace of their own, and a bound on their time.

A test that runs on every store takes `store_url` and `namespace`:

    async def test_post_and_read(store_url: str, namespace: str) -> None:
        async with Blackboard(namespace, url=store_url) as bb: ...

The servers live as long as the session; a test never flushes them, it stays in its namespace, which is emptied after
it and checked for keys that nobody knows.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from blackboard.store import embedded
from blackboard.store.keys import BOARD_KEYS, OTHER_KEYS, PARTITION_KEYS

IN_CI = bool(os.environ.get("CI"))
SERVER_START_SECONDS = 10.0
SERVER_STOP_SECONDS = 10.0

# No deadline in either: an example may wait for a server on a loaded machine. In CI the examples are always the same,
# so that a red run is the fault of the change it belongs to; at home they differ each time and find new ones.
settings.register_profile("dev", deadline=None, max_examples=50)
settings.register_profile(
    "ci",
    deadline=None,
    max_examples=200,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci" if IN_CI else "dev")


class KeyFound(NamedTuple):
    """A key that a test left in its namespace: its type as TYPE says it, its time to live in milliseconds or None."""

    type: str
    ttl: int | None


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests, and so their store, out of every test."""
    for name in [name for name in os.environ if name.startswith("BLACKBOARD_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def namespace() -> str:
    """Return the name of a blackboard that no other test uses."""
    return f"t{uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """Run an embedded Valkey for the session and yield its URL."""
    directory = _short_directory()
    try:
        yield embedded.ensure(directory)
    finally:
        embedded.stop(directory)
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Run the installed redis-server for the session and yield its URL; without one, skip at home and fail in CI."""
    program = shutil.which("redis-server")
    if program is None:
        _missing("redis-server is not installed (on Debian: apt-get install redis-server)")
    directory = _short_directory()
    server = _start_redis(program, directory)
    try:
        yield _await_redis(server, directory)
    finally:
        _end(server)
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(params=["memory", "valkey", "redis"])
def store_url(request: pytest.FixtureRequest, namespace: str) -> Iterator[str]:
    """Yield the URL of each store in turn: the same test, three times. Afterwards nothing unknown may be left."""
    if request.param == "memory":
        yield f"memory://{namespace}"  # a store of its own: a fault of one test cannot reach the next
        return
    url: str = request.getfixturevalue(f"{request.param}_url")
    yield url
    faults = key_faults(empty_namespace(url, namespace))
    assert not faults, f"left behind in namespace {namespace}:\n" + "\n".join(faults)


def key_faults(left: Mapping[str, KeyFound]) -> list[str]:
    """Compare the keys that a test left with the map of all keys, and describe each fault in a line.

    Every key must be of the map and of the type it says; what belongs to the partition lives on, a doorbell passes, and
    the keys of a board expire all or none.
    """
    faults, expiring = [], defaultdict(set)
    for key, found in left.items():
        board, name = split_key(key)
        if found.type != TYPES.get(name):
            faults.append(f"{key}: type {found.type}, but the map says {TYPES.get(name, 'no such key')}")
        elif board:
            expiring[board].add(found.ttl is not None)
        elif (name == "bell:CREW") != (found.ttl is not None):
            faults.append(f"{key}: it has the time to live {found.ttl}")
    torn = [board for board, answers in expiring.items() if len(answers) > 1]
    return faults + [f"{board}:*: some of the board's keys expire and some do not" for board in torn]


def split_key(key: str) -> tuple[str, str]:
    """Split a key into the board it belongs to, empty for one of the partition, and its name in the map."""
    name = key.partition("}:")[2]
    if name.startswith("b:"):
        board, _, name = key.rpartition(":")
        return board, f"b:BOARD:{name}"
    return "", "bell:CREW" if name.startswith("bell:") else name


_TYPE_NAMES = {"hash": "hash", "sorted": "zset", "list": "list", "string": "string"}
_MAP = PARTITION_KEYS | OTHER_KEYS | {f"b:BOARD:{name}": text for name, text in BOARD_KEYS.items()}
TYPES = {name: _TYPE_NAMES[text.partition(" ")[0].rstrip(":")] for name, text in _MAP.items()}
"""The type of every key of the map, as TYPE says it."""


def empty_namespace(url: str, namespace: str) -> dict[str, KeyFound]:
    """Delete all keys of a namespace and return what they were; also for tests that take a server's own fixture."""
    with Redis.from_url(url, retry=Retry(NoBackoff(), 0), decode_responses=True) as client:
        keys = sorted(client.scan_iter(match=f"{{bb:{namespace}:*", count=1000))
        facts = client.pipeline(transaction=False)
        for key in keys:
            facts.type(key).pttl(key)
        answers = facts.execute()
        if keys:
            client.unlink(*keys)
    return {
        key: KeyFound(kind, ttl if ttl >= 0 else None)
        for key, kind, ttl in zip(keys, answers[::2], answers[1::2], strict=True)
    }


def _short_directory() -> Path:
    """A private directory whose path is short: the path of a unix socket ends at about 104 bytes."""
    return Path(tempfile.mkdtemp(prefix="bb-", dir="/tmp"))


def _missing(what: str) -> NoReturn:
    if IN_CI:
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


def _start_redis(program: str, directory: Path) -> subprocess.Popen[bytes]:
    options = {
        "--port": "0",
        "--unixsocket": str(directory / "redis.sock"),
        "--unixsocketperm": "700",
        "--dir": str(directory),
        "--logfile": str(directory / "redis.log"),
        "--appendonly": "yes",
        "--save": "",
    }
    return subprocess.Popen(
        [program, *(part for option in options.items() for part in option)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _await_redis(server: subprocess.Popen[bytes], directory: Path) -> str:
    url = f"unix://{directory / 'redis.sock'}"
    deadline = time.monotonic() + SERVER_START_SECONDS
    with Redis.from_url(url, retry=Retry(NoBackoff(), 0)) as client:
        while True:
            try:
                client.ping()
            except RedisConnectionError as error:
                if server.poll() is not None or time.monotonic() > deadline:
                    log = directory / "redis.log"
                    said = log.read_text() if log.exists() else "nothing"
                    pytest.fail(f"redis-server did not start ({error}); its log: {said}", pytrace=False)
                time.sleep(0.01)
            else:
                return url


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(SERVER_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()

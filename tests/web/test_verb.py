"""`blackboard web` as people run it."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from blackboard.store import embedded
from tests.cli.processes import APPLICATION, command, environment, run
from tests.eventually import eventually


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """The directory of a store with a board, and the application registered."""
    path = Path(tempfile.mkdtemp(prefix="bb-", dir="/tmp"))
    try:
        done = run(path, "--app", APPLICATION, "post", "claim-42", "claim", '{"amount": 250, "text": "rain"}')
        assert done.returncode == 0, done.stderr
        yield path
    finally:
        embedded.stop(path)
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def serving(directory: Path, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The verb as a process, and the URL that it names."""
    log = directory / "web.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            command("web", "--port", "0", *words), cwd=directory, env=environment(directory), stderr=stderr
        )
    try:

        def named() -> Any:
            assert process.poll() is None, log.read_text()
            return re.search(r"shown at (http://\S+)\. Ctrl-C ends it", log.read_text())

        yield process, eventually(named, 20, "it says where it is")[1]
    finally:
        process.kill()
        process.wait()


def read(url: str) -> Any:
    """The JSON at a URL."""
    with urllib.request.urlopen(url, timeout=20) as reply:
        return json.load(reply)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_end(directory: Path, number: signal.Signals) -> None:
    with serving(directory) as (process, url):
        assert url.startswith("http://127.0.0.1:")
        assert [each["board"] for each in read(f"{url}/api/boards")["boards"]] == ["claim-42"]
        follower = HTTPConnection(url.removeprefix("http://"), timeout=20)
        follower.request("GET", "/api/stream?board=claim-42&since=0")
        assert follower.getresponse().readline().startswith((b":", b"retry"))
        process.send_signal(number)
        assert process.wait(10) == 0
        follower.close()
    assert "Traceback" not in (directory / "web.log").read_text()
    assert len((directory / "web.log").read_text().splitlines()) == 1


def test_an_application_names_store_and_namespace_and_is_not_registered(directory: Path) -> None:
    (directory / "other.py").write_text(
        "from blackboard import Blackboard, Entry\n"
        "bb = Blackboard('claims')\n"
        "class Thing(Entry): x: int\n"
        "@bb.knowledge_source\n"
        "def stranger(thing: Thing) -> None: ...\n"
    )
    with serving(directory, "other:bb") as (_, url):
        assert read(f"{url}/api/boards")["namespace"] == "claims"
    known = json.loads(run(directory, "-n", "claims", "ks", "-o", "json").stdout)
    assert "stranger" not in {each["source"] for each in known}


def test_a_namespace_that_is_not_there_is_not_made(directory: Path) -> None:
    (directory / "nowhere.py").write_text("from blackboard import Blackboard\nbb = Blackboard('nowhere')\n")
    for words in (["nowhere:bb"], ["-n", "nowhere"]):
        done = run(directory, "web", "--port", "0", *words)
        assert (done.returncode, "it has: claims" in done.stderr) == (2, True)


def test_a_port_that_is_taken(directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(directory, "web", "--port", str(port))
    assert done.returncode == 1
    assert f"nothing can listen on port {port} of 127.0.0.1: Address already in use" in done.stderr
    assert "--port" in done.stderr


def test_a_host_that_is_none(directory: Path) -> None:
    done = run(directory, "web", "--port", "0", "--host", "nowhere.invalid")
    assert (done.returncode, "nothing can listen" in done.stderr) == (1, True)


def test_without_a_store(tmp_path: Path) -> None:
    done = run(tmp_path, "web", "--port", "0")
    assert done.returncode == 69
    assert "there is no store" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("missing", ["starlette", "sse_starlette", "uvicorn"])
def test_without_the_extra(tmp_path: Path, missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from blackboard.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "web"],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 1
    assert "pip install 'blackboard-runtime[web]'" in done.stderr
    assert missing in done.stderr
    assert "Traceback" not in done.stderr


def test_other_hosts(directory: Path) -> None:
    with serving(directory, "--host", "0.0.0.0", "--allow-host", "boards.example") as (_, url):
        port = url.rpartition(":")[2]
        for host, status in (("boards.example", 200), ("evil.example", 403)):
            request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Host": host})
            assert status_of(request) == status


def status_of(request: urllib.request.Request) -> int:
    """The status of an answer."""
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_its_help_loads_nothing_of_it() -> None:
    code = (
        "import sys\n"
        "from blackboard.cli import cli\n"
        "try: cli.main(['web', '--help'])\n"
        "except SystemExit: pass\n"
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert not loaded & {"starlette", "uvicorn", "sse_starlette", "redis", "pydantic"}

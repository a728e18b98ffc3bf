"""Pages and files, and who is let in."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from blackboard import Blackboard
from blackboard.web.asgi import STATIC
from blackboard.web.guard import host_name, url_host
from tests.web.browser import Browser
from tests.web.conftest import shown
from tests.web.kinds import Task

FILES = sorted(STATIC.iterdir())


@pytest.mark.parametrize("path", ["/", "/boards/claim-42", "/boards/a%2Fb", "/boards/a/b", "/boards/?board=.."])
async def test_pages(browser: Browser, path: str) -> None:
    reply = await browser.ask(path)
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"<noscript>" in reply.body


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
async def test_files(browser: Browser, file: Path) -> None:
    reply = await browser.ask(f"/static/{file.name}")
    assert (reply.status, reply.body) == (200, await asyncio.to_thread(file.read_bytes))
    kinds = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}
    assert reply.headers["content-type"].partition(";")[0] == kinds[file.suffix]
    assert reply.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["/", "/boards/x", "/static/page.js", "/api/boards", "/api/board?board=x", "/nowhere", "/static/nothing.js"]
)
async def test_every_answer_tells_the_browser_what_it_may_do(browser: Browser, path: str) -> None:
    headers = (await browser.ask(path)).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert not [name for name in headers if name.startswith("access-control-")]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_file_makes_markup_or_scripts_of_values(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|javascript:", text
    )
    if file.suffix == ".html":
        assert not re.search(r"<script(?![^>]* src=\"/static/)|\son\w+=|\sstyle=|<style", text), "nothing inline"
        assert all(url.startswith("/") for url in re.findall(r'(?:src|href)="([^"]*)"', text)), "nothing from elsewhere"


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("file", [file for file in FILES if file.suffix == ".js"], ids=lambda file: file.name)
def test_a_module_is_one(file: Path, tmp_path: Path) -> None:
    copy = shutil.copy(file, tmp_path / f"{file.stem}.mjs")  # by its ending, node knows that it is a module
    done = subprocess.run(["node", "--check", copy], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("file", [file for file in FILES if file.suffix == ".js"], ids=lambda file: file.name)
def test_a_module_finds_what_it_names(file: Path) -> None:
    """What it imports is exported, and what it looks for in its page is there."""
    text = file.read_text(encoding="utf-8")
    for names, module in re.findall(r'import \{([^}]*)\} from "\./(\w+\.js)"', text):
        exported = (STATIC / module).read_text(encoding="utf-8")
        for name in filter(None, map(str.strip, names.split(","))):
            assert re.search(rf"export (async )?(function|const) {re.escape(name)}(?!\w)", exported), name
    pages = [page.read_text(encoding="utf-8") for page in FILES if page.suffix == ".html"]
    served = [page for page in pages if f"/static/{file.name}" in page] or pages
    for name in re.findall(r'\$\("([\w-]+)"\)', text):
        assert all(f'id="{name}"' in page for page in served), name


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/api/nothing",
        "/static/nothing.js",
        "/static/../inspector.py",
        "/static/%2e%2e/inspector.py",
        "/favicon.ico",
    ],
)
async def test_what_is_not_there(browser: Browser, path: str) -> None:
    reply = await browser.ask(path)
    assert reply.status == 404
    assert "Boards are listed at /" in reply.json["message"]


@pytest.mark.parametrize("path", ["/", "/api/boards", "/static/page.js", "/api/stream?board=b"])
async def test_head_has_no_body(bb: Blackboard, browser: Browser, path: str) -> None:
    await bb.board("b").post(Task(id="a"))
    reply = await browser.ask(path, method="HEAD")
    assert (reply.status, reply.body) == (200, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_it_only_reads(browser: Browser, method: str) -> None:
    for path in ("/", "/api/boards", "/nowhere"):
        reply = await browser.ask(path, method=method)
        assert (reply.status, reply.headers["allow"], reply.json["error"]) == (405, "GET, HEAD", "ReadOnly")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "localhost.evil.example", "[evil", "", "127.0.0.1.evil.example"]
)
async def test_a_foreign_host_is_refused(browser: Browser, host: str) -> None:
    for path in ("/", "/api/boards", "/static/page.js", "/api/stream?board=x"):
        reply = await browser.ask(path, headers={"Host": host})
        assert reply.status == 403
        assert "--allow-host" in reply.json["message"]


@pytest.mark.parametrize("host", ["localhost", "LocalHost:1", "127.0.0.1:8420", "[::1]:8420", "192.168.1.7"])
async def test_this_machine_and_addresses_are_meant(browser: Browser, host: str) -> None:
    assert (await browser.ask("/api/boards", headers={"Host": host})).status == 200


async def test_a_name_may_be_allowed(bb: Blackboard) -> None:
    async with shown(bb, ["Boards.example"]) as browser:
        assert (await browser.ask("/", headers={"Host": "boards.EXAMPLE:443"})).status == 200
        assert (await browser.ask("/", headers={"Host": "example"})).status == 403


@pytest.mark.parametrize(
    ("host", "name"), [("a:80", "a"), ("[::1]:80", "::1"), ("[::1]", "::1"), ("a", "a"), ("[", ""), ("", "")]
)
def test_the_name_of_a_host(host: str, name: str) -> None:
    assert host_name(host) == name


def test_an_address_in_a_url() -> None:
    assert (url_host("::1"), url_host("127.0.0.1")) == ("[::1]", "127.0.0.1")

"""Reading files that are not as they should be: each gets a verdict with a reason, none an exception."""

import gc
import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_sources.code_audit.entries import Syntax
from knowledge_sources.code_audit.inventory import survey
from knowledge_sources.code_audit.source_file import (
    MAX_BYTES,
    NotAnalysable,
    SourceChanged,
    decode,
    load,
    parse,
    split,
)
from knowledge_sources.code_audit.syntax import check


def verdict(folder: Path, data: bytes) -> Syntax:
    """The verdict on a file with this content."""
    (folder / "m.py").write_bytes(data)
    _, [module] = survey(str(folder))
    return check(str(folder), module)


def test_a_good_file_is_counted(tmp_path: Path) -> None:
    found = verdict(tmp_path, b"class A:\n    def f(self):\n        async def g(): pass\n")

    assert (found.ok, found.functions, found.classes) == (True, 2, 1)
    assert (found.error, found.line) == (None, None)


@pytest.mark.parametrize(
    ("data", "error", "line"),
    [
        (b"x = 1\ndef f(:\n", "SyntaxError: invalid syntax", 2),
        (b"if x:\npass\n", "IndentationError: expected an indented block after 'if' statement on line 1", 2),
        (b"x = 1\n\0\n", "contains null bytes", 2),
        (b"\n\n\nx = '\xff'\n", "not valid utf-8 text", 4),
        (b"# coding: klingon\n", "unknown encoding: klingon", None),
        (
            b"# coding: rot13\n",
            "'rot13' is not a text encoding; use codecs.decode() to handle arbitrary codecs",
            None,
        ),
        (b"x = " + b"(" * 300 + b")" * 300, "SyntaxError: too many nested parentheses", 1),
        (b"x = " + b"+".join([b"1"] * 5_000), "nested too deeply to analyse", None),
        (b"x = " + b"-" * 100_000 + b"1", "nested too deeply to analyse", None),
    ],
)
def test_a_bad_file_gets_a_reason(tmp_path: Path, data: bytes, error: str, line: int | None) -> None:
    found = verdict(tmp_path, data)

    assert not found.ok
    assert found.error == error
    assert found.line == line


@pytest.mark.parametrize(
    "data",
    [
        b"# -*- coding: latin-1 -*-\nx = '\xe9'\n",
        b"\xef\xbb\xbfx = 1\n",
        b"x = 1\r\ny = 2\r\n",
        b"x = '\\d'\n",
        b"x = 1\x0c\n",
        b"",
        b"x = 0x" + b"f" * 10_000,
    ],
)
def test_an_unusual_but_valid_file_parses(tmp_path: Path, data: bytes) -> None:
    assert verdict(tmp_path, data).ok


def test_a_file_above_the_limit_is_not_read(tmp_path: Path) -> None:
    found = verdict(tmp_path, b"#" * (MAX_BYTES + 1))

    assert (found.ok, found.error) == (False, "2,097,153 bytes, above the limit of 2,097,152")
    assert verdict(tmp_path, b"#" * MAX_BYTES).ok


def test_a_file_that_changed_since_the_inventory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("x = 1\n")
    _, [module] = survey(str(tmp_path))
    (tmp_path / "m.py").write_text("x = 2\n")

    with pytest.raises(SourceChanged, match=r"m\.py changed while it was audited: let the tree rest"):
        check(str(tmp_path), module)


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "broken.py").symlink_to("nowhere")
    (tmp_path / "loop.py").symlink_to("loop.py")
    os.mkfifo(tmp_path / "pipe.py")
    _, modules = survey(str(tmp_path))

    assert {one.path: check(str(tmp_path), one).error for one in modules} == {
        "broken.py": "no such file or directory",
        "loop.py": "too many levels of symbolic links",
        "pipe.py": "not a regular file",
    }


def test_load_finds_the_file_of_a_root_that_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "m.py"
    file.write_text("x = 1\n")

    loaded = load(str(file), "m.py", hashlib.sha256(b"x = 1\n").hexdigest())

    assert loaded.lines == ["x = 1", ""]


def test_threads_may_parse_at_the_same_time() -> None:
    text = "x = [" + "(1, {2: f(3)}), " * 500 + "]\n"

    def yield_to_others(*_: object) -> None:
        time.sleep(0)

    # The collector runs in the middle of a parse; here it always lets another thread go on.
    gc.callbacks.append(yield_to_others)
    try:
        with ThreadPoolExecutor(8) as threads:
            parsed = list(threads.map(parse, [text] * 64))
    finally:
        gc.callbacks.remove(yield_to_others)
    assert len(parsed) == 64


@given(st.binary(max_size=200))
def test_any_bytes_parse_or_have_a_reason(data: bytes) -> None:
    reason = "parses"
    try:
        parse(decode(data))
    except NotAnalysable as error:
        reason = error.reason

    assert reason.strip()
    assert "\n" not in reason


@given(st.text(alphabet="a\r\n\x0c\x1c\u2028", max_size=50))
def test_lines_are_those_of_the_parser(text: str) -> None:
    assert len(split(text)) == text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1

"""Reading one Python file safely: bytes → text → syntax tree, each step with a plain reason when it cannot be
taken."""

import ast
import hashlib
import io
import threading
import tokenize
import warnings
from dataclasses import dataclass
from pathlib import Path

from knowledge_sources.code_audit.definitions import children

MAX_BYTES = 2 * 1024 * 1024
# The parser gives up at a depth that depends on the interpreter and on how deep its caller stands. A limit of our own,
# well below, makes the verdict on a file the same in every thread of every worker.
MAX_DEPTH = 1_500
_FILENAME = "<code-audit>"
# Python 3.11 counts the depth of the tree it builds for all threads together: parsing in two at once fails now and then
# with a SystemError, or finds a flat file too deep. Nothing is lost by taking turns, as parsing holds the GIL anyway.
_PARSER = threading.Lock()


class SourceChanged(Exception):
    """A file is not what the inventory saw: let the tree rest, then audit it again on a new board."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} changed while it was audited: let the tree rest, then audit it again on a new board")
        self.path = path


class NotAnalysable(Exception):
    """A file that cannot be parsed; `reason` is a sentence for the report, `line` where there is one."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


@dataclass(frozen=True)
class SourceFile:
    """A parsed file. `lines` are counted as the parser counts them: `lines[0]` is line 1."""

    path: str
    tree: ast.Module
    lines: list[str]


def base(root: str) -> Path:
    """The directory that paths are relative to: the root, or the directory of a root that is a single file."""
    path = Path(root)
    return path.parent if path.is_file() else path


def digest(data: bytes) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def load(root: str, path: str, sha256: str) -> SourceFile:
    """Read and parse the file that the inventory saw.

    Raises `SourceChanged` when its content is another now, `NotAnalysable` when it does not parse, and `OSError` when
    it cannot be read.
    """
    with (base(root) / path).open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if digest(data) != sha256:
        raise SourceChanged(path)
    text = decode(data)
    return SourceFile(path, parse(text), split(text))


def decode(data: bytes) -> str:
    """The text of a source file, by its byte-order mark or coding line (PEP 263), else UTF-8."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise NotAnalysable(f"not valid {error.encoding} text", line) from error
    except (SyntaxError, LookupError, UnicodeError) as error:
        raise NotAnalysable(_sentence(error)) from error
    if "\0" in text:
        raise NotAnalysable("contains null bytes", text.count("\n", 0, text.index("\0")) + 1)
    return text


def parse(text: str) -> ast.Module:
    """The syntax tree of a text, no deeper than `MAX_DEPTH`, or `NotAnalysable`."""
    try:
        with _PARSER:
            _silence()
            return ast.parse(text, filename=_FILENAME)
    except SyntaxError as error:
        raise NotAnalysable(f"{type(error).__name__}: {error.msg}", error.lineno) from error
    except (RecursionError, MemoryError) as error:
        raise NotAnalysable("nested too deeply to analyse") from error
    except ValueError as error:
        raise NotAnalysable(_sentence(error)) from error


def parse_expression(text: str) -> ast.expr | None:
    """The syntax tree of one expression, such as a quoted type; None when it is none."""
    try:
        with _PARSER:
            _silence()
            return ast.parse(text.strip(), filename=_FILENAME, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def check_depth(tree: ast.Module) -> None:
    """Refuse a syntax tree deeper than `MAX_DEPTH`: the rest of the audit may then rely on it."""
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in children(node)]
        if not level:
            return
    raise NotAnalysable("nested too deeply to analyse")


def split(text: str) -> list[str]:
    """Lines as the parser numbers them: `str.splitlines` also splits at form feeds and more."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _silence() -> None:
    """Keep the parser's warnings about somebody's "\\d" off our stderr, and from being errors under `-W error`.

    The filter names our pseudo file, so it touches no other code. Setting it again only moves it to the front;
    `warnings.catch_warnings` would not be safe in threads.
    """
    for category in (SyntaxWarning, DeprecationWarning):
        warnings.filterwarnings("ignore", category=category, module=_FILENAME)


def _sentence(error: Exception) -> str:
    """The first line of an error's message: some carry the file's name or text in further ones."""
    return str(error).partition("\n")[0] or type(error).__name__

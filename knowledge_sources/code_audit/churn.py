"""How often each file changed, from the repository that the tree lies in.

One `git log` for the whole tree: the latest `MAX_COMMITS` commits that touch it, merges left out, renames not
followed. The log depends on the commit that is checked out alone, so the answer is the same until somebody
commits.
"""

import os
import subprocess
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from knowledge_sources.code_audit.entries import Churn, History

MAX_COMMITS = 10_000
TIMEOUT = 120  # seconds, for a repository on a slow disk
_COMMIT = "\x01"
# Settings of the repository that would run other programs, and output that would depend on the user's taste.
_GIT = (
    "git",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "log.showSignature=false",
    "-c",
    "log.mailmap=false",
    "--no-pager",
)
_LOG = (
    "log", "-z", "--name-only", "--relative", "--no-merges", "--no-renames", "--no-ext-diff", "--no-color",
    f"--max-count={MAX_COMMITS}", f"--format={_COMMIT}%ct %ae", "--", ".",
)  # fmt: skip


@dataclass(frozen=True)
class Commit:
    """One commit: its time in seconds since 1970, its author, and the files it changed."""

    time: int
    author: str
    paths: tuple[str, ...]


def read(root: Path, paths: Iterable[str]) -> tuple[History, list[Churn]]:
    """The churn of those of `paths` that git knows, sorted; and in plain words why there is none, if so."""
    try:
        shallow = _git(root, "rev-parse", "--is-shallow-repository").strip() == "true"
        commits = parse_log(_git(root, *_LOG))
    except FileNotFoundError:
        return _none("git is not installed")
    except subprocess.TimeoutExpired:
        return _none("reading the repository took too long")
    except subprocess.CalledProcessError as error:
        return _none(_refusal(error.stderr))
    found = count(commits, paths)
    if not found:
        return _none("the repository around this tree has no commit of its files")
    return History(available=True, note=_extent(shallow, len(commits)), commits=len(commits)), found


def parse_log(text: str) -> list[Commit]:
    """The commits of a NUL-separated log with names."""
    commits: list[Commit] = []
    for block in text.split(_COMMIT)[1:]:
        head, *paths = block.split("\0")
        time, _, author = head.strip().partition(" ")
        commits.append(Commit(int(time), author, tuple(path.lstrip("\n") for path in paths if path.strip("\n"))))
    return commits


def count(commits: Iterable[Commit], paths: Iterable[str]) -> list[Churn]:
    """How often and by how many people each of `paths` was changed, and when last."""
    by_path: dict[str, list[Commit]] = defaultdict(list)
    for commit in commits:
        for path in set(commit.paths):
            by_path[path].append(commit)
    return [
        Churn(
            path=path,
            commits=len(by_path[path]),
            authors=len({commit.author.lower() for commit in by_path[path]}),
            last_change=_day(max(commit.time for commit in by_path[path])),
        )
        for path in sorted(paths)
        if path in by_path
    ]


def _git(root: Path, *arguments: str) -> str:
    # GIT_DIR and its like would make git answer about another repository: a hook that runs the audit sets them.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1"}
    done = subprocess.run(
        [*_GIT, *arguments], cwd=root, env=environment, capture_output=True, check=True, timeout=TIMEOUT
    )
    return done.stdout.decode("utf-8", "surrogateescape")


def _refusal(stderr: bytes) -> str:
    """Why git did not answer, without the absolute paths of its own messages."""
    if b"not a git repository" in stderr:
        return "the tree lies in no git repository"
    if b"dubious ownership" in stderr:
        return "the repository belongs to another user, and git refuses to read it"
    if b"does not have any commits" in stderr:
        return "the repository has no commits yet"
    return "git could not read the repository"


def _extent(shallow: bool, commits: int) -> str:
    if commits == MAX_COMMITS:
        return f"the latest {MAX_COMMITS:,} commits"
    return "a shallow clone: older commits are not known here" if shallow else "all commits"


def _none(note: str) -> tuple[History, list[Churn]]:
    return History(available=False, note=note), []


def _day(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).date().isoformat()

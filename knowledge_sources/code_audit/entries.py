"""The words of the code audit: every kind of entry that its knowledge sources read and write.

Paths are relative to the audited root, with "/" between their parts, and are the keys of all keyed kinds. No
entry holds a file's source: whoever needs it reads the file again and compares its digest with the one noted
here. Nothing here depends on when or by whom it was written (no clocks, no durations, every list sorted), so
that two runs over the same tree end with the same entries.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, field_validator

from blackboard import Entry


class Record(BaseModel):
    """A part of an entry."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(Record):
    """Something in the tree that could not be taken in as a module."""

    path: str
    reason: str


class Target(Entry):
    """What to audit: posted from outside, it starts everything. `root` is a directory, or a single Python file."""

    root: str

    @field_validator("root")
    @classmethod
    def _absolute(cls, root: str) -> str:
        # Workers run in other directories than the one that posts: a relative path would mean something else there.
        return str(Path(root).expanduser().absolute())


class Tree(Entry):
    """The totals of the tree; posted after the last `Module`, so that whoever sees it knows that all are there."""

    name: str
    modules: int
    lines: int
    bytes: int
    prefix: str  # the packages that the root itself lies in, "/"-separated: "click" for …/site-packages/click
    import_roots: list[str]  # directories from which packages of the tree are imported, relative to the prefix's parent
    problems: list[Problem]
    problems_omitted: int = 0


class Module(Entry, key="path"):
    """One Python file. `problem` says why it cannot be read, if so; its digest is then empty."""

    path: str
    name: str  # dotted, as imported: "click.core"
    package: str  # dotted; of a file outside every package its directory, ending in "/"
    sha256: str
    lines: int
    bytes: int
    problem: str | None = None


class Syntax(Entry, key="path"):
    """Whether a module parses, and the size of its syntax tree. Exactly one for each `Module`."""

    path: str
    sha256: str
    ok: bool
    error: str | None = None
    line: int | None = None
    functions: int = 0
    classes: int = 0


class Census(Entry):
    """How many modules there are and how many of them parsed: the size of every later fan-in."""

    modules: int
    parsed: int


class FunctionComplexity(Record):
    """The cyclomatic complexity of one function; `<module>` is the code outside all functions."""

    name: str
    line: int
    complexity: int


class Complexity(Entry, key="path"):
    """The cyclomatic complexity of a module's functions, the most complex first."""

    path: str
    functions: list[FunctionComplexity]  # at most `complexity.KEPT`
    count: int
    above: int  # how many exceed `complexity.THRESHOLD`
    total: int
    worst: int
    mean: float


class Import(Record):
    """One module of the tree that a module imports: at `start`, at a `call` of a function, or only for `typing`."""

    path: str
    line: int
    when: Literal["start", "call", "typing"]


class Imports(Entry, key="path"):
    """What a module imports, resolved: files of the tree, and the top-level names of everything outside."""

    path: str
    inside: list[Import]
    outside: list[str]


class Cycle(Record):
    """Modules that import each other.

    `example` is a shortest way round: each step is the imported file, and the line of the import in the file of
    the step before. The cut is the import whose removal frees most; `left` is the size of the largest cycle that
    remains then: 0 when none does, that of the whole when no single import holds it together.
    """

    when: Literal["start", "call"]
    modules: list[str]
    example: list[Import]
    cut_path: str
    cut_line: int
    cut_target: str
    left: int


class ImportCycles(Entry):
    """All import cycles of the tree, found once every module's imports are known."""

    edges: int
    cycles: list[Cycle]


class UnusedImport(Record):
    """A name that is imported and never used."""

    name: str
    line: int


class UnusedImports(Entry, key="path"):
    """The imports of a module that nothing uses."""

    path: str
    unused: list[UnusedImport]


class Undocumented(Record):
    """A public definition without a docstring."""

    name: str
    line: int


class DocCoverage(Entry, key="path"):
    """How many of a module's public definitions have a docstring."""

    path: str
    documented: int
    total: int
    missing: list[Undocumented]  # at most `docstrings.KEPT`


class Fingerprint(Record):
    """One function, reduced to a digest that its copies share."""

    name: str
    line: int
    last: int
    lines: int
    digest: str


class Fingerprints(Entry, key="path"):
    """The fingerprints of a module's functions that are long enough to be worth comparing."""

    path: str
    functions: list[Fingerprint]


class Occurrence(Record):
    """Where one copy of a duplicated function stands."""

    path: str
    name: str
    line: int


class DuplicateGroup(Record):
    """Functions that are the same but for the names of their variables."""

    lines: int
    copies: list[Occurrence]


class Duplicates(Entry):
    """All groups of duplicated functions of the tree, those with the most repeated lines first."""

    compared: int
    groups: list[DuplicateGroup]


class History(Entry):
    """Whether the tree has a history, and how much of it was read."""

    available: bool
    note: str
    commits: int = 0


class Churn(Entry, key="path"):
    """How often a module changed. `last_change` is the day of its latest commit, in UTC."""

    path: str
    commits: int
    authors: int
    last_change: str


class Risk(Entry, key="path"):
    """How likely the next fault is to be in this module: it changes often, and it is hard to change."""

    path: str
    score: int  # commits times total complexity
    commits: int
    authors: int
    last_change: str
    complexity: int
    worst: FunctionComplexity | None


class Report(Entry):
    """What the audit found: a text for people, and its numbers for programs."""

    markdown: str
    summary: dict[str, int | float]

"""Everything that an audit wrote on its board, gathered for the report."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

from knowledge_sources.code_audit.docstrings import is_test
from knowledge_sources.code_audit.entries import (
    Complexity,
    DocCoverage,
    Duplicates,
    FunctionComplexity,
    History,
    ImportCycles,
    Imports,
    Module,
    Risk,
    Syntax,
    Tree,
    UnusedImports,
)


@dataclass(frozen=True)
class PackageDocs:
    """Docstring coverage of one package."""

    package: str
    documented: int
    total: int

    @property
    def percent(self) -> float:
        return round(100 * self.documented / self.total, 1) if self.total else 100.0


@dataclass
class Findings:
    """The entries of a board, each list sorted by path; None where a source never came to write its entry."""

    tree: Tree
    modules: list[Module] = field(default_factory=list)
    syntax: list[Syntax] = field(default_factory=list)
    complexity: list[Complexity] = field(default_factory=list)
    imports: list[Imports] = field(default_factory=list)
    unused: list[UnusedImports] = field(default_factory=list)
    docs: list[DocCoverage] = field(default_factory=list)
    risks: list[Risk] = field(default_factory=list)
    cycles: ImportCycles | None = None
    duplicates: Duplicates | None = None
    history: History | None = None

    def __post_init__(self) -> None:
        # The report must not depend on the order in which a store hands entries out.
        for entries in (self.modules, self.syntax, self.complexity, self.imports, self.unused, self.docs):
            entries.sort(key=lambda one: one.path)
        self.risks.sort(key=lambda one: (-one.score, one.path))

    @property
    def failed(self) -> list[Syntax]:
        """The files that could not be analysed."""
        return [one for one in self.syntax if not one.ok]

    @property
    def unanswered(self) -> list[str]:
        """The files that no source gave a verdict on, because the activation that should have died."""
        answered = {one.path for one in self.syntax}
        return [one.path for one in self.modules if one.path not in answered]

    @property
    def functions(self) -> list[tuple[str, FunctionComplexity]]:
        """All measured functions with their paths, the most complex first."""
        every = [(one.path, function) for one in self.complexity for function in one.functions]
        return sorted(every, key=lambda pair: (-pair[1].complexity, pair[0], pair[1].line, pair[1].name))

    @property
    def packages(self) -> list[PackageDocs]:
        """Docstring coverage by package, the most undocumented definitions first."""
        home = {one.path: one.package for one in self.modules}
        sums: dict[str, tuple[int, int]] = {}
        for one in self.docs:
            documented, total = sums.get(home.get(one.path, ""), (0, 0))
            sums[home.get(one.path, "")] = (documented + one.documented, total + one.total)
        found = [PackageDocs(package, *counts) for package, counts in sums.items() if counts[1]]
        return sorted(found, key=lambda one: (one.documented - one.total, one.package))

    @property
    def outside(self) -> tuple[list[str], list[str]]:
        """The top-level names imported from outside the tree: of the standard library, and others."""
        names = sorted({name for one in self.imports for name in one.outside})
        standard = [name for name in names if name in sys.stdlib_module_names]
        return standard, [name for name in names if name not in sys.stdlib_module_names]

    def summary(self) -> dict[str, int | float]:
        """The numbers of the audit."""
        measured = sum(one.count for one in self.complexity)
        total = sum(one.total for one in self.complexity)
        documented = sum(one.documented for one in self.docs)
        public = sum(one.total for one in self.docs)
        cycles = self.cycles.cycles if self.cycles else []
        groups = self.duplicates.groups if self.duplicates else []
        return {
            "modules": self.tree.modules,
            "lines": self.tree.lines,
            "bytes": self.tree.bytes,
            "failed": len(self.failed),
            "problems": len(self.tree.problems) + self.tree.problems_omitted,
            "functions": sum(one.functions for one in self.syntax),
            "classes": sum(one.classes for one in self.syntax),
            "complexity_worst": max((one.worst for one in self.complexity), default=0),
            "complexity_mean": round(total / measured, 2) if measured else 0.0,
            "complexity_above": sum(one.above for one in self.complexity),
            "imports_inside": self.cycles.edges if self.cycles else 0,
            "import_cycles": len([one for one in cycles if one.when == "start"]),
            "import_cycles_lazy": len([one for one in cycles if one.when == "call"]),
            "unused_imports": sum(len(one.unused) for one in self.unused),
            "public": public,
            "documented": documented,
            "documented_percent": round(100 * documented / public, 1) if public else 100.0,
            "duplicate_groups": len(groups),
            "duplicate_lines": sum(repeated_lines(one.lines, len(one.copies)) for one in groups),
            "commits": self.history.commits if self.history else 0,
        }


def repeated_lines(lines: int, copies: int) -> int:
    """The lines that would go if all copies but one did."""
    return lines * (copies - 1)


def own_first(paths: Iterable[str]) -> list[str]:
    """Paths with those of tests last: advice is about the code that is delivered."""
    return sorted(paths, key=lambda path: (is_test(path), path))

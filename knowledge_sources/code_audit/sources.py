"""The knowledge sources of the code audit: which entries each of them waits for, and what it writes.

Every source knows only the entries in its own signature:

    Target ── inventory ──> Module, Tree
    Module ── syntax ──> Syntax
    Syntax ── complexity, imports, unused_imports, docstrings, fingerprints ──> one entry each
    Tree ── churn ──> History, Churn
    Churn and Complexity of the same path ── risk ──> Risk
    every Syntax ── census ──> Census
    every Imports ── import_cycles ──> ImportCycles
    every Fingerprints ── duplicates ──> Duplicates
    nothing left to do ── report ──> Report

They may run in any order, in any number of processes, and more than once after a crash: each is a function of
the entries it is given and of files that must be what the inventory saw, so the entries they leave are always
the same.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from blackboard import Blackboard, Count, Quiescent
from knowledge_sources.code_audit.churn import read as read_churn
from knowledge_sources.code_audit.complexity import measure
from knowledge_sources.code_audit.docstrings import coverage
from knowledge_sources.code_audit.entries import (
    Census,
    Churn,
    Complexity,
    DocCoverage,
    Duplicates,
    Fingerprints,
    History,
    ImportCycles,
    Imports,
    Module,
    Report,
    Risk,
    Syntax,
    Target,
    Tree,
    UnusedImports,
)
from knowledge_sources.code_audit.findings import Findings
from knowledge_sources.code_audit.fingerprints import duplicates as find_duplicates
from knowledge_sources.code_audit.fingerprints import fingerprints as take_fingerprints
from knowledge_sources.code_audit.import_cycles import find as find_cycles
from knowledge_sources.code_audit.imports import collect, resolver
from knowledge_sources.code_audit.inventory import survey
from knowledge_sources.code_audit.report import write
from knowledge_sources.code_audit.risk import rate
from knowledge_sources.code_audit.source_file import base, load
from knowledge_sources.code_audit.syntax import check
from knowledge_sources.code_audit.unused_imports import find as find_unused

BATCH = 100  # entries in one contribution: a large tree must not need a single huge one

T = TypeVar("T")

bb = Blackboard("code-audit")


@bb.knowledge_source
async def inventory(target: Target) -> AsyncIterator[list[Module] | Tree]:
    """Find all Python files of the target; modules in batches, so that work on the first begins at once."""
    tree, modules = await asyncio.to_thread(survey, target.root)
    for batch in batches(modules):
        yield batch
    yield tree  # last: whoever counts modules against its total must find them all


@bb.knowledge_source
def syntax(target: Target, module: Module) -> Syntax:
    """Parse a module. One that does not parse gets its verdict too: it is a finding, not a failure."""
    return check(target.root, module)


@bb.knowledge_source(when=Count(Syntax) == Tree.modules)
def census(tree: Tree, verdicts: list[Syntax]) -> Census:
    """Count the modules that parsed, once all have their verdict: what the later gatherings have to wait for."""
    return Census(modules=tree.modules, parsed=sum(verdict.ok for verdict in verdicts))


@bb.knowledge_source(when=Syntax.ok)
def complexity(target: Target, syntax: Syntax) -> Complexity:
    """Measure the cyclomatic complexity of a module's functions."""
    return measure(syntax.path, load(target.root, syntax.path, syntax.sha256).tree)


@bb.knowledge_source(when=Syntax.ok)
def imports(target: Target, tree: Tree, syntax: Syntax) -> Imports:
    """Resolve a module's imports to files of the tree and to names outside."""
    file = load(target.root, syntax.path, syntax.sha256)
    return collect(syntax.path, file.tree, resolver(base(target.root), tree, syntax.path))


@bb.knowledge_source(when=Count(Imports) == Census.parsed)
def import_cycles(census: Census, imports: list[Imports]) -> ImportCycles:
    """Find the import cycles, once the imports of every module that parsed are known."""
    return find_cycles(imports)


@bb.knowledge_source(when=Syntax.ok)
def unused_imports(target: Target, syntax: Syntax) -> UnusedImports:
    """Find the imports of a module that nothing uses."""
    return find_unused(load(target.root, syntax.path, syntax.sha256))


@bb.knowledge_source(when=Syntax.ok)
def docstrings(target: Target, syntax: Syntax) -> DocCoverage:
    """Count the public definitions of a module that have a docstring."""
    return coverage(syntax.path, load(target.root, syntax.path, syntax.sha256).tree)


@bb.knowledge_source(when=Syntax.ok)
def fingerprints(target: Target, syntax: Syntax) -> Fingerprints:
    """Reduce the functions of a module to digests that copies share."""
    return take_fingerprints(syntax.path, load(target.root, syntax.path, syntax.sha256).tree)


@bb.knowledge_source(when=Count(Fingerprints) == Census.parsed)
def duplicates(census: Census, modules: list[Fingerprints]) -> Duplicates:
    """Find the duplicated functions, once those of every module that parsed are known."""
    return find_duplicates(modules)


@bb.knowledge_source(timeout=300)
async def churn(target: Target, tree: Tree, modules: list[Module] | None) -> AsyncIterator[list[Churn] | History]:
    """Read from the repository, if there is one, how often each module changed: one `git log` for all of them."""
    paths = [module.path for module in modules or ()]
    history, found = await asyncio.to_thread(read_churn, base(target.root), paths)
    for batch in batches(found):
        yield batch
    yield history


@bb.knowledge_source(when=Churn.path == Complexity.path)
def risk(churn: Churn, complexity: Complexity) -> Risk:
    """Rate how likely the next fault is in a module, by how often it changes and how hard that is."""
    return rate(churn, complexity)


@bb.knowledge_source(when=Quiescent())
def report(  # the signature is the wiring: the report looks at everything
    tree: Tree,
    modules: list[Module],
    syntax: list[Syntax],
    complexity: list[Complexity],
    imports: list[Imports],
    unused: list[UnusedImports],
    docs: list[DocCoverage],
    risks: list[Risk],
    cycles: ImportCycles | None,
    duplicates: Duplicates | None,
    history: History | None,
) -> Report:
    """Write the report when no other source has anything left to do, with whatever has been found by then."""
    findings = Findings(
        tree=tree,
        modules=modules,
        syntax=syntax,
        complexity=complexity,
        imports=imports,
        unused=unused,
        docs=docs,
        risks=risks,
        cycles=cycles,
        duplicates=duplicates,
        history=history,
    )
    return write(findings)


def batches(items: Sequence[T]) -> Iterator[list[T]]:
    """Lists of at most `BATCH` items; none for no items."""
    rest = iter(items)
    while batch := list(islice(rest, BATCH)):
        yield batch

"""What to do first: up to five concrete suggestions, computed from the findings, the most pressing first."""

from collections.abc import Iterator

from knowledge_sources.code_audit.complexity import THRESHOLD
from knowledge_sources.code_audit.docstrings import is_test
from knowledge_sources.code_audit.findings import Findings, own_first, repeated_lines
from knowledge_sources.code_audit.markdown import code, plain, quantity

MOST = 5
LEAST = 3
ENOUGH_DOCS = 80.0  # percent


def suggestions(findings: Findings) -> list[str]:
    """Up to five sentences; three at least where there is code, the last of them then being mere refinements."""
    if not findings.complexity and not findings.failed:
        return ["Nothing to do: there is no Python code here. Was this the right directory?"]
    pressing = list(_pressing(findings))[:MOST]
    refinements = list(_refinements(findings, pressing))[: max(0, LEAST - len(pressing))]
    return pressing + refinements or ["Nothing stands out."]


def _pressing(findings: Findings) -> Iterator[str]:
    yield from _parse(findings)
    yield from _cycle(findings)
    yield from _risk(findings)
    yield from _duplicate(findings)
    yield from _unused(findings)
    yield from _docs(findings)


def _parse(findings: Findings) -> Iterator[str]:
    if findings.failed:
        paths = own_first(one.path for one in findings.failed)
        first = next(one for one in findings.failed if one.path == paths[0])
        others = f" (and {quantity(len(paths) - 1, 'other')})" if len(paths) > 1 else ""
        yield f"**Make every file parse**: {place(first.path, first.line)}{others} {plain(first.error or '')}."


def _cycle(findings: Findings) -> Iterator[str]:
    cycles = [one for one in findings.cycles.cycles if one.when == "start"] if findings.cycles else []
    if cycles:
        first, size = cycles[0], len(cycles[0].modules)
        gain = "no cycle is left of it" if not first.left else f"the largest rest has {first.left} modules"
        if first.left == size:
            gain = "one way round is closed, though it takes more than one"
        yield (
            f"**Break the import cycle** of {size} modules at {place(first.cut_path, first.cut_line)}: "
            f"without its import of {code(first.cut_target)}, {gain}."
        )


def _risk(findings: Findings) -> Iterator[str]:
    """The riskiest module's worst function; without a history, simply the worst function."""
    for risk in findings.risks:
        if not is_test(risk.path) and risk.worst and risk.worst.complexity > THRESHOLD:
            where = f"{place(risk.path, risk.worst.line)}, complexity {risk.worst.complexity}"
            changes = f"{quantity(risk.commits, 'commit')} by {quantity(risk.authors, 'author')}"
            yield f"**Split {code(risk.worst.name)}** ({where}): its module has {changes}, and the highest risk."
            return
    yield from _worst(findings, above=THRESHOLD)


def _worst(findings: Findings, above: int) -> Iterator[str]:
    own = [(path, one) for path, one in findings.functions if not is_test(path) and one.complexity > above]
    if own:
        path, worst = own[0]
        yield (
            f"**Split {code(worst.name)}** ({place(path, worst.line)}): with complexity {worst.complexity} it takes as "
            "many tests to try each of its decisions once."
        )


def _duplicate(findings: Findings) -> Iterator[str]:
    groups = findings.duplicates.groups if findings.duplicates else []
    own = [group for group in groups if not all(is_test(copy.path) for copy in group.copies)]
    if own:
        first, second = own[0].copies[0], own[0].copies[1]
        many = f"the {len(own[0].copies)} copies" if len(own[0].copies) > 2 else "the two copies"
        lines = repeated_lines(own[0].lines, len(own[0].copies))
        yield (
            f"**Merge {many} of {code(first.name)}** ({place(first.path, first.line)}, "
            f"{place(second.path, second.line)}{', …' if len(own[0].copies) > 2 else ''}): {lines} repeated lines go."
        )


def _unused(findings: Findings) -> Iterator[str]:
    files = [one for one in findings.unused if one.unused]
    if files:
        total = sum(len(one.unused) for one in files)
        worst = min(files, key=lambda one: (-len(one.unused), one.path))
        most = f", {len(worst.unused)} of them in {code(worst.path)}" if len(files) > 1 else f" in {code(worst.path)}"
        yield f"**Delete {quantity(total, 'unused import')}**{most}: the quickest gain of this list."


def _docs(findings: Findings) -> Iterator[str]:
    for package in findings.packages:
        if package.percent < ENOUGH_DOCS:
            yield (
                f"**Document {code(package.package)}**: {package.total - package.documented} of its {package.total} "
                f"public definitions have no docstring ({package.percent:.0f} % have one)."
            )
            return


def _refinements(findings: Findings, pressing: list[str]) -> Iterator[str]:
    """For a tree in good order: what comes next, of kinds that were not suggested before."""
    if not any(text.startswith("**Split") for text in pressing):
        yield from _worst(findings, above=4)
    lines = [one for one in findings.modules if not is_test(one.path)]
    if len(lines) > 1:
        largest = min(lines, key=lambda one: (-one.lines, one.path))
        share = 100 * largest.lines // max(1, findings.tree.lines)
        yield (
            f"**Look at {code(largest.path)}**: with {largest.lines:,} lines it is the largest module, {share} % of "
            "the tree."
        )
    if not any(text.startswith("**Document") for text in pressing):
        for package in findings.packages:
            if package.percent < 100:
                yield f"**Finish the docstrings of {code(package.package)}**: {package.percent} % are there."
                return


def place(path: str, line: int | None) -> str:
    """`path:line` as editors and terminals understand it."""
    return code(f"{path}:{line}" if line else path)

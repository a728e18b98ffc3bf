"""The report: what the audit found, in Markdown, the most useful first; the same for the same tree, to the
byte."""

from collections.abc import Iterator

from knowledge_sources.code_audit.advice import place, suggestions
from knowledge_sources.code_audit.complexity import THRESHOLD
from knowledge_sources.code_audit.entries import Cycle, DuplicateGroup, Report
from knowledge_sources.code_audit.findings import Findings, repeated_lines
from knowledge_sources.code_audit.fingerprints import MIN_LINES
from knowledge_sources.code_audit.markdown import code, more, plain, quantity, table

ROWS = 10  # of a table; the entries on the board have the rest
FEW = 5
MANY = 20


def write(findings: Findings) -> Report:
    """The report on everything found."""
    numbers = findings.summary()
    sections = (
        _headline(findings, numbers),
        _first(findings),
        _failed(findings),
        _functions(findings, numbers),
        _risks(findings),
        _cycles(findings),
        _duplicates(findings, numbers),
        _unused(findings, numbers),
        _docs(findings, numbers),
    )
    lines = [line for section in map(list, sections) if section for line in (*section, "")]
    return Report(markdown="\n".join(lines).rstrip() + "\n", summary=numbers)


def _headline(findings: Findings, numbers: dict[str, int | float]) -> Iterator[str]:
    tree = findings.tree
    yield f"# Audit of {plain(tree.name)}"
    yield ""
    yield (
        f"{quantity(tree.modules, 'module')}, {quantity(tree.lines, 'line')}, "
        f"{quantity(int(numbers['functions']), 'function')}, {quantity(int(numbers['classes']), 'class', 'classes')}."
    ).capitalize()
    if not tree.modules:
        return
    yield ""
    start, call = int(numbers["import_cycles"]), int(numbers["import_cycles_lazy"])
    rows = [
        ("Files that could not be analysed", f"{numbers['failed']:,}"),
        (f"Functions of complexity above {THRESHOLD}", f"{numbers['complexity_above']:,}"),
        (
            "Complexity of a function, mean and worst",
            f"{numbers['complexity_mean']} / {numbers['complexity_worst']}",
        ),
        ("Imports inside the tree", f"{numbers['imports_inside']:,}"),
        ("Import cycles at start / only through functions", f"{start} / {call}"),
        ("Duplicated functions", quantity(int(numbers["duplicate_groups"]), "group")),
        ("Unused imports", f"{numbers['unused_imports']:,}"),
        ("Public definitions with a docstring", f"{numbers['documented_percent']} %"),
        ("Commits in its history", f"{numbers['commits']:,}" if numbers["commits"] else "-"),
    ]
    yield from table(("Measure", "Value"), rows, right=(1,))
    standard, others = findings.outside
    if standard or others:
        names = ", ".join(map(code, others[:MANY])) + (", …" if len(others) > MANY else "")
        yield ""
        yield (
            f"From outside it imports {quantity(len(standard), 'module')} of the standard library and "
            f"{quantity(len(others), 'other')}{': ' if others else ''}{names}."
        )


def _first(findings: Findings) -> Iterator[str]:
    yield "## What to do first"
    yield ""
    for number, text in enumerate(suggestions(findings), start=1):
        yield f"{number}. {text}"


def _failed(findings: Findings) -> Iterator[str]:
    """What the rest of the report does not cover; no section when it covers everything."""
    rows = [(place(one.path, one.line), plain(one.error or "")) for one in findings.failed]
    rows += [(code(path), "never analysed: the source that should have gave up") for path in findings.unanswered]
    rows += [(code(one.path), plain(one.reason)) for one in findings.tree.problems]
    if rows:
        total = len(rows) + findings.tree.problems_omitted
        yield "## Files that could not be analysed"
        yield ""
        yield from table(("File", "Why"), rows[:ROWS])
        yield from more(total, ROWS, "files")


def _functions(findings: Findings, numbers: dict[str, int | float]) -> Iterator[str]:
    above = int(numbers["complexity_above"])
    functions = [pair for pair in findings.functions if pair[1].complexity > 1]
    if not functions:
        return
    yield "## Most complex functions"
    yield ""
    yield (
        f"Cyclomatic complexity: one more than a function's decisions. {quantity(above, 'function').capitalize()} "
        f"of {sum(one.count for one in findings.complexity):,} exceed{'s' if above == 1 else ''} {THRESHOLD}."
    )
    yield ""
    rows = [(one.complexity, code(one.name), place(path, one.line)) for path, one in functions[:ROWS]]
    yield from table(("Complexity", "Function", "Where"), rows, right=(0,))


def _risks(findings: Findings) -> Iterator[str]:
    yield "## Riskiest modules"
    yield ""
    if not findings.risks:
        note = findings.history.note if findings.history else "the history was not read"
        yield f"Not rated: {plain(note)}. With a git history, this lists what changes often and is hard to change."
        return
    yield (
        "Commits times complexity: code that changes often and is hard to change is where faults are made. "
        f"From {plain(findings.history.note) if findings.history else 'its commits'}."
    )
    yield ""
    rows = [
        (
            f"{one.score:,}",
            code(one.path),
            f"{one.commits:,}",
            f"{one.authors:,}",
            one.last_change,
            f"{one.complexity:,}",
            f"{code(one.worst.name)} ({one.worst.complexity})" if one.worst else "-",
        )
        for one in findings.risks[:ROWS]
    ]
    head = ("Risk", "Module", "Commits", "Authors", "Last change", "Complexity", "Worst function")
    yield from table(head, rows, right=(0, 2, 3, 5))


def _cycles(findings: Findings) -> Iterator[str]:
    yield "## Import cycles"
    yield ""
    if findings.cycles is None:
        yield "Not searched: some module's imports are not known."
        return
    cycles = findings.cycles.cycles
    if not cycles:
        edges = findings.cycles.edges
        yield f"None: the {quantity(edges, 'import')} inside the tree lead in one direction." if edges else "None."
    for cycle in cycles[:FEW]:
        yield from _cycle(cycle)
    yield from more(len(cycles), FEW, "cycles")


def _cycle(cycle: Cycle) -> Iterator[str]:
    way = code(cycle.example[-1].path) + "".join(f" → {code(step.path)}" for step in cycle.example)
    when = "at start" if cycle.when == "start" else "only through imports inside functions"
    names = ", ".join(code(path) for path in cycle.modules[:8]) + (", …" if len(cycle.modules) > 8 else "")
    yield f"- **{len(cycle.modules)} modules, {when}**: {names}"
    yield f"  - shortest way round: {way}"
    if cycle.left == len(cycle.modules):
        yield "  - no single import holds it together"
        return
    rest = f"leaves a cycle of {cycle.left}" if cycle.left else "leaves none"
    yield f"  - best cut: {place(cycle.cut_path, cycle.cut_line)}, the import of {code(cycle.cut_target)}, {rest}"


def _duplicates(findings: Findings, numbers: dict[str, int | float]) -> Iterator[str]:
    yield "## Duplicated functions"
    yield ""
    if findings.duplicates is None:
        yield "Not searched: some module's functions are not known."
        return
    groups = findings.duplicates.groups
    compared = f"{quantity(findings.duplicates.compared, 'function')} of {MIN_LINES} lines or more"
    if not groups:
        yield f"None among {compared}."
        return
    yield (
        f"{quantity(len(groups), 'group').capitalize()} among {compared}: the same but for the names of variables; "
        f"{numbers['duplicate_lines']:,} lines are repeated."
    )
    yield ""
    yield from table(("Lines", "Copies", "Where"), map(_duplicate, groups[:ROWS]), right=(0, 1))
    yield from more(len(groups), ROWS, "groups")


def _duplicate(group: DuplicateGroup) -> tuple[str, str, str]:
    shown = ", ".join(f"{code(one.name)} {place(one.path, one.line)}" for one in group.copies[:3])
    rest = f" and {len(group.copies) - 3} more" if len(group.copies) > 3 else ""
    return f"{repeated_lines(group.lines, 2)}", f"{len(group.copies)}", shown + rest


def _unused(findings: Findings, numbers: dict[str, int | float]) -> Iterator[str]:
    files = sorted((one for one in findings.unused if one.unused), key=lambda one: (-len(one.unused), one.path))
    yield "## Unused imports"
    yield ""
    if not files:
        yield "None."
        return
    yield f"{quantity(int(numbers['unused_imports']), 'name')} in {quantity(len(files), 'file')}."
    yield ""
    for one in files[:ROWS]:
        names = ", ".join(f"{code(name.name)} (line {name.line})" for name in one.unused[:ROWS])
        rest = f" and {len(one.unused) - ROWS} more" if len(one.unused) > ROWS else ""
        yield f"- {code(one.path)}: {names}{rest}"
    yield from more(len(files), ROWS, "files")


def _docs(findings: Findings, numbers: dict[str, int | float]) -> Iterator[str]:
    yield "## Docstring coverage"
    yield ""
    packages = findings.packages
    if not packages:
        yield "No public definitions outside tests."
        return
    yield (
        f"{numbers['documented']:,} of {quantity(int(numbers['public']), 'public definition')} have a docstring; "
        "tests and private names are not counted."
    )
    yield ""
    rows = [(code(one.package), f"{one.documented:,}", f"{one.total:,}", f"{one.percent} %") for one in packages[:ROWS]]
    yield from table(("Package", "Documented", "Public", "Coverage"), rows, right=(1, 2, 3))
    yield from more(len(packages), ROWS, "packages")

"""Writing Markdown that means what it says, whatever characters the names in it have."""

import re
from collections.abc import Iterable, Sequence

_TICKS = re.compile(r"`+")


def code(text: str) -> str:
    """A code span; fenced by more backticks than the text itself has in a row, and safe in a table."""
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", "\\|")


def plain(text: str) -> str:
    """Text for a table's cell or a list: on one line, without accidental markup."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", " ".join(text.split()))


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[int] = ()) -> list[str]:
    """The lines of a table; the columns numbered in `right` are aligned to the right."""
    rule = ["---:" if number in right else "---" for number in range(len(head))]
    return [_row(head), _row(rule), *(_row(row) for row in rows)]


def quantity(number: int, noun: str, plural: str = "") -> str:
    """`1 module`, `1,200 modules`, `no modules`."""
    many = plural or f"{noun}s"
    return f"{number:,} {noun if number == 1 else many}" if number else f"no {many}"


def more(total: int, shown: int, what: str) -> list[str]:
    """A line that says how many were left out, if any were."""
    return ["", f"… and {total - shown:,} more {what}."] if total > shown else []


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"

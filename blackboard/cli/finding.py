"""A finding: what one check of the doctor says."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    check: str
    verdict: Literal["ok", "warn", "fail"]
    finding: str
    remedy: str = ""

    def as_row(self) -> dict[str, Any]:
        """The finding as a row."""
        return asdict(self)

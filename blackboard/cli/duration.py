"""Times on the command line."""

from __future__ import annotations

import re
from typing import Any

import click

UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


class Duration(click.ParamType[Any]):
    """A time in seconds, or with a unit: 30, 30s, 5min."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The time in seconds."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", str(value))
        if found is None or found[2] not in UNITS or not float(found[1]):
            self.fail(f"{value!r} is no time; write it like 30s, 5min or 1h.", param, ctx)
        return float(found[1]) * UNITS[found[2]]

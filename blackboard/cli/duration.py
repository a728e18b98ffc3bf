"""Times on the command line."""

from __future__ import annotations

import re
from typing import Any

import click

from blackboard.measure import CENTURY, is_number

LONGEST_DAYS = 36500.0

UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


class Duration(click.ParamType[Any]):
    """A time in seconds, or with a unit: 30, 30s, 5min."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The time in seconds."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", str(value))
        if found is None or found[2] not in UNITS or not float(found[1]):
            self.fail(f"{value!r} is no time; write it like 30s, 5min or 1h.", param, ctx)
        if (seconds := float(found[1]) * UNITS[found[2]]) > LONGEST_DAYS * UNITS["d"]:
            self.fail(f"{value!r} is more than a century.", param, ctx)
        return seconds


class Span(click.ParamType[Any]):
    """A number of days, or of seconds, that comes to an end; click's own ranges take nan for any number."""

    name = "float"

    def __init__(self, lowest: float, highest: float) -> None:
        self._lowest, self._highest = lowest, highest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        number = click.FLOAT.convert(value, param, ctx)
        if not is_number(number, self._lowest, self._highest):
            self.fail(f"{value!r} is no number from {self._lowest:g} to {self._highest:,.0f}.", param, ctx)
        return float(number)


TIMEOUT = Span(0, CENTURY.total_seconds())
"""The seconds that a verb waits at most, as `--timeout` takes them."""

"""Reading what verbs print."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from tests.cli.conftest import Invoke


def rows(text: str) -> list[dict[str, str]]:
    """The rows of TSV output, by column."""
    return list(csv.DictReader(io.StringIO(text), delimiter="\t"))


def read(invoke: Invoke, *words: str) -> Any:
    """What a verb prints as JSON."""
    return json.loads(invoke(*words, "-o", "json").stdout)

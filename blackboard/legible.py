"""What a release can read of entries that others wrote."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TypeVar

from blackboard.activation import StoredEntry
from blackboard.entry import Entry, Stamp, decode
from blackboard.errors import NewerSchema

E = TypeVar("E", bound=Entry)

logger = logging.getLogger(__name__)


def legible(kind: type[E], stored: Sequence[StoredEntry]) -> list[E]:
    """The entries that this release can read, of those of one kind.

    Of a keyed kind, what only a newer release can read is left out: each sees what it can. A kind without key has one entry,
    and nothing would mean that it is not there: NewerSchema is raised then. Raises InvalidEntry.
    """
    found: list[E] = []
    for each in stored:
        try:
            found.append(decode(kind, each.payload, Stamp(each.address, each.version, each.seq), each.schema))
        except NewerSchema as error:
            if kind.__key__ is None:
                raise
            logger.warning("left out: %s", error)
    return found

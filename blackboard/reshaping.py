"""Reshaping: a worker brings the entries of a board forward that an older release wrote. The chore `@shape/kind`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from blackboard.activation import Claimed, StoredEntry
from blackboard.entry import Entry, Stamp, decode, encode
from blackboard.errors import EntryError
from blackboard.store.partition import Partition

logger = logging.getLogger(__name__)

SHAPE = "@shape"
"""The chores of this name: one for every kind, `@shape/order`."""

SLICE = 200
"""Entries brought forward by one script call."""

LATER = 30_000
"""Milliseconds after which what could not be brought forward is tried again."""

Shaped = tuple[StoredEntry, int, str]


async def bring_forward(kinds: Mapping[str, type[Entry]], claimed: Claimed, partition: Partition) -> None:
    """Bring all entries of the chore's kind forward, in slices; what cannot be is named, and tried again later."""
    claim = claimed.claim
    kind = kinds[claim.source.partition("/")[2]]
    after, problems = "", list[str]()
    while page := await partition.behind(claim.board, kind.__kind__, after, SLICE):
        shaped = _shaped(kind, page, problems)
        if shaped and await partition.reshape(claim, shaped) != "ok":
            return  # the board is closed, or another worker is at it
        after = page[-1].address
    for problem in problems[:3]:
        logger.error("board %s does not settle: %s Tried again in %d s.", claim.board, problem, LATER // 1000)
    await partition.reshape(claim, [], "later" if problems else "done", LATER, "\n".join(problems[:3]))


def _shaped(kind: type[Entry], page: Sequence[StoredEntry], problems: list[str]) -> list[Shaped]:
    """What older entries come to in this release; what goes wrong is added to the problems."""
    shaped: list[Shaped] = []
    for each in page:
        if each.schema >= kind.__version__:
            continue  # it was brought forward meanwhile
        try:
            entry = decode(kind, each.payload, Stamp(each.address, each.version, each.seq), each.schema)
            shaped.append((each, kind.__version__, encode(entry)))
        except EntryError as error:
            problems.append(str(error))
    return shaped

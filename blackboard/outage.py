"""An outage of the store: how those that work on it sit it out, and when they give up."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from blackboard.errors import StoreBusy, StoreError, StoreUnreachable

logger = logging.getLogger(__name__)

LONGEST_OUTAGE = 300.0
"""Seconds without a store after which a worker or a controller gives up."""

LAST_OUTAGE = 3.0
"""The same when it has been told to end, besides what each call waits by itself."""

PAUSE = 1.5
"""Seconds between two tries."""


class Outage:
    """How long the store has been away, for all calls of one loop: they give up together, soon when the loop is to end, and
    at once ``in_a_hurry``.
    """

    def __init__(self, who: str, in_a_hurry: Callable[[], bool], is_ending: Callable[[], bool] = lambda: False) -> None:
        self._who = who
        self._in_a_hurry = in_a_hurry
        self._is_ending = is_ending
        self._since: float | None = None

    def over(self) -> None:
        """The store has answered."""
        self._since = None

    async def sit_out(self, error: StoreError) -> None:
        """Wait a little for a store that is away, or raise its error when that is too long."""
        self._since = self._since or time.monotonic()
        longest = LAST_OUTAGE if self._is_ending() else LONGEST_OUTAGE
        if self._in_a_hurry() or time.monotonic() - self._since > longest:
            raise error
        logger.error("%s The %s goes on trying.", error, self._who)
        await asyncio.sleep(PAUSE)

    async def tell(self, call: Callable[[], Awaitable[str]]) -> None:
        """Tell the store how something ended, also after an outage: every such call is fenced, and may be repeated."""
        try:
            while True:
                try:
                    await call()
                    return
                except (StoreUnreachable, StoreBusy) as error:
                    await self.sit_out(error)
        except StoreError as error:
            logger.error("%s What was not said is found when the lease has run out.", error)  # noqa: TRY400  # no traceback

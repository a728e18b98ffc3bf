"""The doorbell of a crew: a list of at most one token, on which idle workers block.

A token is no work. Whoever loses one, or takes one that was meant for somebody else, costs a little time and nothing more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from blackboard.store.connection import Clients

logger = logging.getLogger(__name__)

LONGEST_RING = 1.5
"""Seconds for which one call blocks, and after which one that failed is made again."""

BELL_SECONDS = 60
"""How long a doorbell that nobody hears goes on ringing."""


class Doorbell:
    """Listens while its worker is idle, and tells it of each token."""

    def __init__(
        self,
        clients: Clients,
        key: str,
        has_room: Callable[[], bool],
        rung: Callable[[], None],
        seconds: float = LONGEST_RING,
    ) -> None:
        self._seconds = seconds
        self._clients = clients
        self._key = key
        self._has_room = has_room
        self._rung = rung
        self._idle = asyncio.Event()
        self._ended = False

    def open(self) -> None:
        """Listen from now on: there is room for work and none is known of."""
        self._idle.set()

    def shut(self) -> None:
        """Begin no more listening; a call that is under way goes on."""
        self._idle.clear()

    def end(self) -> None:
        """Never listen again. (A cancellation alone can get lost in a client that is just being answered.)"""
        self._ended = True

    async def listen(self) -> None:
        """Block on the doorbell whenever it is open, until the end."""
        while not self._ended:
            await self._idle.wait()
            try:
                token = await self._clients.blocking.execute_command("BLPOP", self._key, self._seconds)
                if token is None:
                    continue
                if not self._has_room():  # it rang for somebody with room
                    await self._pass_on()
            except Exception as error:  # noqa: BLE001  # a bell that fails costs time and nothing else
                logger.debug("doorbell: %s", error)
                await asyncio.sleep(LONGEST_RING)
                continue
            self._rung()

    async def _pass_on(self) -> None:
        # In one transaction: cut off between the two, it would leave a bell that rings for ever.
        pipeline: Any = self._clients.commands.pipeline(transaction=True)
        pipeline.rpush(self._key, "1")
        pipeline.expire(self._key, BELL_SECONDS)
        await pipeline.execute()

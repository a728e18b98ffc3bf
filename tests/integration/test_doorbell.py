"""A token that reaches a worker without room goes to the next, and does not ring for ever."""

from __future__ import annotations

import asyncio

from blackboard import Blackboard
from blackboard.doorbell import BELL_SECONDS, Doorbell


async def test_a_token_is_passed_on_by_who_has_no_room(store_url: str, namespace: str) -> None:
    async with Blackboard(namespace, url=store_url) as bb:
        clients, key = bb.store().clients, bb.store().partitions[0].keys.bell("crew")
        asked = asyncio.Event()

        def has_room() -> bool:
            asked.set()
            return False

        bell = Doorbell(clients, key, has_room, lambda: None)
        listening = asyncio.create_task(bell.listen())
        await clients.commands.execute_command("RPUSH", key, "1")
        await clients.commands.execute_command("EXPIRE", key, BELL_SECONDS)
        bell.open()
        async with asyncio.timeout(10):
            await asked.wait()
        bell.shut()
        bell.end()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        # Wherever it was cut off: the bell is silent, or rings and will stop by itself.
        length = await clients.commands.execute_command("LLEN", key)
        lives = await clients.commands.execute_command("TTL", key)
        assert (length, lives) == (0, -2) or (length == 1 and 0 < lives <= BELL_SECONDS)

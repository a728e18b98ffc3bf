"""Calling scripts: by digest, with a reload when the server has forgotten them, repeated while the server is away.

Every script is idempotent (see each command's header), which is why this layer, and no other, may send one again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any

from redis.exceptions import NoScriptError, RedisClusterException, RedisError

from blackboard.errors import StoreBusy, StoreUnreachable
from blackboard.store.connection import Clients
from blackboard.store.scripts import script
from blackboard.store.translation import translate

logger = logging.getLogger(__name__)

Argument = str | bytes | int

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5


class Calls:
    """Runs scripts and plain commands on one store; a lost server is waited for, with a bound and a log line."""

    def __init__(self, clients: Clients, patience: float = 15.0) -> None:
        self.clients = clients
        self.patience = patience

    async def script(self, name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run a command's script. Raises the StoreError that is left when patience runs out."""
        digest = script(name).digest
        try:
            return await self.clients.commands.execute_command("EVALSHA", digest, len(keys), *keys, *arguments)
        except (RedisError, RedisClusterException, OSError) as error:
            return await self._again(error, name, keys, arguments)

    async def command(self, *words: Argument) -> Any:
        """Run one plain command that reads or may safely be repeated."""
        try:
            return await self.clients.commands.execute_command(*words)
        except (RedisError, RedisClusterException, OSError) as error:
            return await self._patiently(error, str(words[0]), lambda: self.clients.commands.execute_command(*words))

    async def _again(self, error: Exception, name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        async def call() -> Any:
            try:
                return await self._evaluate(name, keys, arguments)
            except NoScriptError:
                # The server restarted, failed over or was flushed: it did not run the script.
                await self.clients.commands.execute_command("SCRIPT LOAD", script(name).text)
                return await self._evaluate(name, keys, arguments)

        if isinstance(error, NoScriptError):
            try:
                return await call()
            except (RedisError, RedisClusterException, OSError) as second:
                error = second
        return await self._patiently(error, name, call)

    async def _evaluate(self, name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        words = (script(name).digest, len(keys), *keys, *arguments)
        return await self.clients.commands.execute_command("EVALSHA", *words)

    async def _patiently(self, error: Exception, name: str, call: Any) -> Any:
        """Repeat a call until the server answers again or patience runs out."""
        deadline, pause = time.monotonic() + self.patience, FIRST_PAUSE
        fault = translate(error, self.clients.url, name)
        if isinstance(fault, StoreUnreachable | StoreBusy):
            logger.warning("%s Repeating %s for up to %g s.", fault, name, self.patience)
        while isinstance(fault, StoreUnreachable | StoreBusy) and time.monotonic() < deadline:
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            try:
                await self.clients.revive(max(0.1, deadline - time.monotonic()))
                return await call()
            except (RedisError, RedisClusterException, OSError) as next_error:
                fault = translate(next_error, self.clients.url, name)
        raise fault

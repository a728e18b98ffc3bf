"""Calling commands: by digest, with a reload when the server has forgotten them, repeated while the server is away.

Every script is idempotent (see each command's header), which is why this layer, and no other, may send one again.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from redis.exceptions import NoPermissionError, NoScriptError, RedisClusterException, RedisError, ResponseError

from blackboard.errors import NotDurable, StoreBusy, StoreUnreachable
from blackboard.store.address import Deployment
from blackboard.store.connection import Clients
from blackboard.store.durability import Durability
from blackboard.store.lines import Argument
from blackboard.store.scripts import library, script
from blackboard.store.translation import code_of, translate

logger = logging.getLogger(__name__)

Behind = tuple[str, float]
"""A doorbell, and after how many seconds a call is made at the latest that waits for it."""

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5

MOST_RELOADS = 50
"""How often a command is brought back to a server that forgets it, before its error is passed on."""

SPARE_CALLS = 20
"""Calls that may fail although the library is there: another call may have brought it back in between, again and again."""

PASSING = frozenset({"claim", "declare", "prune", "read", "recall", "register", "rematch", "renew", "say", "snapshot"})
"""Commands that write nothing, or nothing that is not worked out again: nobody waits until that is durable."""

PLAIN = frozenset({"HGET", "HMGET", "HDEL", "HLEN", "LLEN", "LRANGE", "ZCARD", "ZRANGEBYLEX"})
"""Commands of whose replies redis-py makes nothing else than what the server says."""


class Calls:
    """Runs scripts and plain commands on one store; a lost server is waited for, with a bound and a log line.

    A server that keeps functions runs the commands as functions of our library; any other as scripts.
    """

    def __init__(self, clients: Clients, patience: float = 15.0, durability: Durability | None = None) -> None:
        """``durability`` is what is waited for with every call that writes what must not be lost."""
        self.clients = clients
        self.patience = patience
        self._durability = durability
        self._functions = False
        self._loading = asyncio.Lock()
        self._loads = 0  # how often the library was brought back
        self._away: float | None = None  # since when the server has not answered, by the monotonic clock
        self.on_return: Callable[[float], Awaitable[None]] | None = None
        """What is done when a server has been away for so many seconds, before anything else is called."""

    def apart(self) -> Calls:
        """The same calls for somebody who has a patience of its own, and something to do when the server was away."""
        other = copy.copy(self)
        other.on_return = None
        return other

    def suspect(self, since: float) -> None:
        """Somebody else has found the server away since then."""
        self._away = min(since, self._away or since)

    async def prepare(self) -> None:
        """Bring the library to the server, if it keeps functions; in a cluster and in memory, scripts serve."""
        if self.clients.address.deployment in {Deployment.MEMORY, Deployment.CLUSTER}:
            return
        try:
            await self._load_library()
        except NoPermissionError as error:
            logger.warning("this user may not load functions (%s): commands run as scripts, which is slower", error)
            return
        except (RedisError, OSError) as error:
            raise translate(error, self.clients.url, "FUNCTION LOAD") from error
        self._functions = True

    async def script(
        self, name: str, keys: Sequence[str], arguments: Sequence[Argument], behind: Behind | None = None
    ) -> Any:
        """Run a command, at once or ``behind`` a doorbell. Raises the StoreError that is left when patience runs out.

        What must be repeated waits no more.
        """
        try:
            if self._away is not None:
                return await self._called_back(name, keys, arguments)
            if behind is not None:
                return await self.clients.call_behind(*behind, *self._words(name, keys, arguments))
            return await self._call(name, keys, arguments)
        except (RedisError, RedisClusterException, OSError, NotDurable) as error:
            return await self._again(error, name, keys, arguments)

    async def _called_back(self, name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """The first call after a server was given up, if it answers."""
        await self._welcome()
        answer = await self._call(name, keys, arguments)
        self._come_back()
        return answer

    def _call(self, name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Awaitable[Any]:
        words = self._words(name, keys, arguments)
        if self._durability is None or name in PASSING:
            return self.clients.call(*words)
        return self._confirmed(self._durability, words)

    async def _confirmed(self, durability: Durability, words: Sequence[Argument]) -> Any:
        """The answer to a call, when what it wrote is durable. Raises NotDurable."""
        confirmation = durability.words(self.clients.settings.timeout)
        reply, confirmed = await self.clients.call_confirmed(words, confirmation)
        durability.confirm(self.clients.url, confirmed)
        return reply

    def _words(self, name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Argument]:
        word, what = ("FCALL", library().function(name)) if self._functions else ("EVALSHA", script(name).digest)
        return [word, what, len(keys), *keys, *arguments]

    async def _has_library(self) -> bool:
        return bool(await self.clients.execute("FUNCTION LIST", "LIBRARYNAME", library().name))

    async def _load_library(self) -> None:
        if not await self._has_library():
            # Another process may be faster: its name says what is in it, so that replacing it by itself is harmless.
            await self.clients.execute("FUNCTION LOAD", "REPLACE", library().text)

    async def command(self, *words: Argument) -> Any:
        """Run one plain command that reads or may safely be repeated."""
        call = self.clients.call if words[0] in PLAIN else self.clients.execute
        try:
            return await call(*words)
        except (RedisError, RedisClusterException, OSError) as error:
            return await self._patiently(error, str(words[0]), lambda: call(*words))

    async def once(self, name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run a command without waiting for a server that is away; one that has forgotten our commands is told again."""
        spare, loads = SPARE_CALLS, self._loads
        for _ in range(MOST_RELOADS):
            try:
                return await self._call(name, keys, arguments)
            except ResponseError as refused:
                spare -= not await self._reload(refused, name, loads)
                loads = self._loads
                if spare < 0:
                    raise
        return await self._call(name, keys, arguments)

    async def _again(self, error: Exception, name: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        def call() -> Awaitable[Any]:
            return self.once(name, keys, arguments)

        if isinstance(error, ResponseError):
            try:
                if await self._reload(error, name, self._loads) or self._may_be_lost(error):
                    return await call()
            except (RedisError, RedisClusterException, OSError, NotDurable) as second:
                error = second
        return await self._patiently(error, name, call)

    def _may_be_lost(self, error: ResponseError) -> bool:
        """Whether an error may mean that the server had lost our library: no class or code of its own tells it."""
        return self._functions and code_of(error) == "ERR"

    async def _reload(self, error: ResponseError, name: str, loads: int) -> bool:
        """Bring back what the server has lost (it was flushed, or failed over), if it has: then it did not run the command.

        One call brings the library back for all that are under way: it takes the server longer than many calls. ``loads`` is
        how often that was done when the call was made.
        """
        if isinstance(error, NoScriptError):
            await self.clients.execute("SCRIPT LOAD", script(name).text)
            return True
        if not self._may_be_lost(error):
            return False
        async with self._loading:
            if self._loads > loads:
                return True
            if await self._has_library():
                return False
            await self._load_library()
            self._loads += 1
            return True

    async def _patiently(self, error: Exception, name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """Repeat a call until the server answers again or patience runs out, which may become less meanwhile."""
        began, pause = time.monotonic(), FIRST_PAUSE
        fault = translate(error, self.clients.url, name)
        if isinstance(fault, StoreUnreachable | StoreBusy):
            logger.warning("%s Repeating %s for up to %g s.", fault, name, self.patience)
            self._away = self._away or began
        while (
            isinstance(fault, StoreUnreachable | StoreBusy) and (left := began + self.patience - time.monotonic()) > 0
        ):
            await asyncio.sleep(min(pause, left))
            pause = min(pause * 2, LONGEST_PAUSE)
            try:
                await self.clients.revive(max(0.1, left))
                await self._welcome()
                answer = await call()
            except (RedisError, RedisClusterException, OSError, StoreUnreachable, StoreBusy) as next_error:
                fault = translate(next_error, self.clients.url, name)
            else:
                self._come_back()
                return answer
        raise fault

    async def _welcome(self) -> None:
        if self._away is not None and self.on_return is not None:
            await self.on_return(time.monotonic() - self._away)

    def _come_back(self) -> None:
        if self._away is not None:
            logger.warning("the store at %s answers again", self.clients.url)
        self._away = None

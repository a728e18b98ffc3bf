"""Renewing leases from a thread and a connection of its own, so that no agent can starve it.

All leases of a worker go in one call. What turns out to be lost is reported to the worker, which lets go of it.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from redis.exceptions import NoScriptError

from blackboard.activation import Claim
from blackboard.pulse import STALLED, Pulse
from blackboard.store.connection import Clients, SyncClient
from blackboard.store.partition import Partition
from blackboard.store.scripts import script
from blackboard.store.translation import translate

logger = logging.getLogger(__name__)


TOLD_AGAIN = 15.0
"""Seconds after which it is said again that leases cannot be renewed."""


@dataclass(slots=True)
class _Held:
    lease: float
    renewed: float


class LeaseKeeper:
    """A thread that renews what a worker holds, three times in every lease, and signs that the worker lives."""

    def __init__(
        self,
        clients: Clients,
        partition: Partition,
        owner: str,
        lease: float,
        lost: Callable[[Claim], None],
        pulse: Pulse | None = None,
    ) -> None:
        self._pulse = pulse
        self.late: float | None = None
        """Since when leases could not be renewed, by the monotonic clock."""
        self._stalled = 0.0  # seconds for which the event loop has not gone on
        self._clients = clients
        self._partition = partition
        self._owner = owner
        self._lease = self._shortest = lease
        self._lost = lost
        self._held: dict[Claim, _Held] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._keep, name=f"blackboard-leases-{owner}", daemon=True)
        self._facts: dict[str, Any] = {}

    def start(self, facts: Mapping[str, Any]) -> None:
        """Start renewing, and signing with these facts and those of this process, as `blackboard workers` shows them."""
        where = {"host": socket.gethostname(), "pid": os.getpid()}
        self._facts = {**where, **facts, "started": round(time.time() * 1000), "lease": self._lease}
        self._thread.start()

    def end(self) -> None:
        """Renew nothing any more; what is still held runs out by itself."""
        self._stopped = True
        self._wake.set()

    def stop(self) -> None:
        """The same, and wait for the thread to end."""
        self.end()
        self._thread.join(timeout=self._lease)

    def hold(self, claim: Claim, lease: float, *, brief: bool = False) -> None:
        """Renew this claim from now on; ``lease`` in seconds. A brief one holds half as long at first, and is renewed soon."""
        with self._lock:
            self._held[claim] = _Held(lease, time.monotonic() - (lease if brief else 0.0))
        if lease < self._shortest:
            self._shortest = lease
            self._wake.set()

    def held(self) -> dict[Claim, int]:
        """What is renewed, and for how many ms each time."""
        with self._lock:
            return {claim: round(held.lease * 1000) for claim, held in self._held.items()}

    def drop(self, claim: Claim) -> None:
        """Renew it no more."""
        with self._lock:
            self._held.pop(claim, None)

    def _keep(self) -> None:
        client: SyncClient | None = None
        signed = told = 0.0
        while not self._stopped:
            try:
                client = client or self._clients.lease_client(self._lease / 4)
                self._renew(client)
                self.late = None
                if time.monotonic() - signed >= self._lease / 3:
                    signed = time.monotonic()
                    self._sign(client)
            except Exception as error:  # noqa: BLE001  # whatever it is, what runs here depends on it
                self.late = self.late or time.monotonic()
                if time.monotonic() - told >= TOLD_AGAIN:
                    told = time.monotonic()
                    logger.warning("leases not renewed: %s", translate(error, self._clients.url, "renew"))
            self._watch_pulse()
            # Often enough for a lease that is brief at first: an agent may keep this thread from running for a while.
            self._wake.wait(self._shortest / 12)
            self._wake.clear()
        if client is not None:
            client.close()

    def _watch_pulse(self) -> None:
        """Say so when the event loop does not go on: nobody else in this process can."""
        if self._pulse is None:
            return
        stalled, self._stalled = self._stalled, self._pulse.feel()
        if stalled < STALLED <= self._stalled:
            with self._lock:
                names = ", ".join(claim.full_name for claim in self._held) or "nothing of ours"
            logger.warning(
                "the event loop has not gone on for %.0f s, and with it all that this worker has. Under way: %s. What blocks it "
                "belongs into a plain function, which runs in a thread.",
                self._stalled,
                names,
            )

    def _renew(self, client: SyncClient) -> None:
        now = time.monotonic()
        with self._lock:
            # What has just been claimed has its lease still before it; only what stays is worth a call.
            old = {claim: held for claim, held in self._held.items() if now - held.renewed >= held.lease / 4}
        if not old:
            return
        leases = {claim: round(held.lease * 1000) for claim, held in old.items()}
        lost = {field.decode() for field in _evaluate(client, "renew", *self._partition.renewal(self._owner, leases))}
        for claim, held in old.items():
            held.renewed = now
            if f"{claim.board}\x1e{claim.identity}" in lost:
                self.drop(claim)
                self._lost(claim)

    def _sign(self, client: Any) -> None:
        now = {"seen": round(time.time() * 1000), "running": len(self._held), "stalled": round(self._stalled, 1)}
        facts = json.dumps(self._facts | now)
        client.execute_command("HSET", self._partition.keys.workers, self._owner, facts)


def _evaluate(client: Any, name: str, keys: list[str], words: list[Any]) -> Any:
    call = ("EVALSHA", script(name).digest, len(keys), *keys, *words)
    try:
        return client.execute_command(*call)
    except NoScriptError:
        client.execute_command("SCRIPT LOAD", script(name).text)
        return client.execute_command(*call)

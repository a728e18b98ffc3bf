"""Every key in the store: its name, its type and when it expires. No other module builds one.

All keys of a partition share one hash tag, so that a script may touch any of them in a cluster.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property

PARTITION_KEYS = {
    "sources": "hash: source → card (JSON)",
    "triggers": "hash: kind, @source, ?quiescent, ?beginning → triggers (JSON list); #source → its kinds; "
    "%kind → newest schema version of a trigger; ?revision, ?stamp, ?matched, ?retention",
    "activations": "hash: board RS identity → activation that is open, running or dead",
    "ready": "sorted set by text: source US priority US rating US age US activation; of a fair source =board US before "
    "the rating",
    "due": "sorted set: activation → when its delay or backoff ends, ms",
    "leases": "sorted set: activation → when its lease runs out, ms",
    "dead": "sorted set by text: activation",
    "boards": "sorted set: board → when it was created, ms",
    "claims": "hash: worker instance/lane → its last claim (request, activations)",
    "crews": "hash: source → |crew|crew|, the groups of workers that run it, ! before it when it is paused; "
    "!source → since when, by whom, why",
    "acts": "list: the latest acts on sources: what US source US time US author US reason",
    "slots": "sorted set by text: x US source US value US activation, what runs under a limit of its source; r, what was "
    "called up; l, what waits for its turn, as in ready",
    "gauges": "hash: r US source → what its rate has spent, at, per; b US source → failures, open until, since, times, probe; "
    "f US source → the board that had the last turn",
    "asked": "sorted set: activation that waits for a person (or whose outcome is unknown) → since when, ms",
    "schemas": "hash: kind/version → its key and JSON schema, and the digests of earlier ones (JSON)",
    "clocks": "sorted set: board → when to look at it, ms: its deadline, long disuse, the end of its retention",
}
"""What every script gets first, in this order. They live as long as the namespace."""

BOARD_KEYS = {
    "meta": "hash: state → status seq busy closing floor rev count idle mode+gate epoch unattended "
    "opened deadline behind; "
    "k:kind → its last event; cleared → revision; strategy, memo, seen, standing → its control; "
    "guard → the guard that paused it, raised → its own limits, n:source → activations, b:source → raised budget; "
    "saga → state event savepoint paused; mark:name → event of a savepoint; "
    "overdue → what its deadline does, idle → ms of disuse after which it is closed; load → an import under way",
    "entries": "hash: address → version seq depth schema payload",
    "memory": "sorted set by text: alpha US token US key, the entries that pass a pattern; ?old or ?new US kind US address, the "
    "entries of another schema version than its newest trigger",
    "agenda": "sorted set by text: identity of an open activation",
    "log": "list: events; event n is element n - 1",
    "fired": "hash: identity → what it fired on last",
    "ops": "sorted set by text: operation US answer, the latest from outside",
    "records": "hash: what activations have recorded of themselves: their steps, their progress",
}
"""What a script gets for every board it writes, in this order. All expire together, a retention after the board's close."""

OTHER_KEYS = {
    "workers": "hash: worker instance → what it is (JSON, with the time of its last sign of life)",
    "bell:CREW": "list of at most one token, one minute: wakes one idle worker of the crew",
}
"""Keys of a partition that scripts do not take as declared keys: plain commands, and advisory doorbells."""

REGISTRY = "blackboard:namespaces"
"""Hash: namespace → its facts (JSON), the only key outside of partitions."""


@dataclass(frozen=True)
class Keys:
    """The key names of one partition of a namespace."""

    namespace: str
    partition: int = 0

    @cached_property
    def tag(self) -> str:
        """What every key of the partition starts with."""
        return f"{{bb:{self.namespace}:{self.partition}}}:"

    @cached_property
    def declared(self) -> tuple[str, ...]:
        """The keys of the partition that every script gets."""
        return tuple(self.tag + name for name in PARTITION_KEYS)

    def __getattr__(self, name: str) -> str:
        if name in PARTITION_KEYS or name in OTHER_KEYS:
            return self.tag + name
        raise AttributeError(name)

    def board(self, board: str) -> list[str]:
        """The keys of a board that a script which writes it gets."""
        stem = f"{self.tag}b:{board}:"
        return [stem + name for name in BOARD_KEYS]

    def of_board(self, board: str, name: str) -> str:
        """One key of a board."""
        return f"{self.tag}b:{board}:{name}"

    def bell(self, crew: str) -> str:
        """The doorbell of a crew."""
        return f"{self.tag}bell:{crew}"

    def channel(self, board: str, topic: str) -> str:
        """The channel on which a board's new events of a topic are announced (advisory; no data)."""
        return f"{self.tag}b:{board}:log{topic}"

    @property
    def presence(self) -> str:
        """The channel that everybody keeps who watches any board; nothing is said on it."""
        return f"{self.tag}watch"


def partition_of(board: str, partitions: int) -> int:
    """Which partition a board lives in."""
    return zlib.crc32(board.encode()) % partitions if partitions > 1 else 0

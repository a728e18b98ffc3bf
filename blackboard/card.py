"""Cards: a source, and the kinds that it reads and writes, as data that other processes read."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from blackboard.approval import Approve
from blackboard.entry import Entry
from blackboard.limit import Breaker, Rate
from blackboard.policies import Policies
from blackboard.retry import Backoff
from blackboard.trigger import Json


@dataclass(frozen=True, slots=True)
class KindCard:
    """A kind as a source knows it: its name, its key field (`*` when the store gives keys), its schema version."""

    kind: str
    key: str | None
    version: int

    @classmethod
    def of(cls, kind: type[Entry]) -> Self:
        """The card of a class."""
        key = kind.__key__
        return cls(kind.__kind__, key if key is None or isinstance(key, str) else "*", kind.__version__)


@dataclass(frozen=True, slots=True)
class SourceCard:
    """A source as data: what the store registers, other processes compare, and people read.

    `when` has the clauses as text, `per` the field whose values count apart under its limit, `trigger` the whole trigger as the
    store reads it, policies included.
    """

    name: str
    module: str
    style: str
    doc: str = ""
    reads: tuple[KindCard, ...] = ()
    writes: tuple[KindCard, ...] = ()
    when: tuple[str, ...] = ()
    precondition: str | None = None
    rating: str | None = None
    bid: str | None = None
    per: str | None = None
    reconcile: str | None = None
    compensation: str | None = None
    policies: Policies = field(default_factory=Policies)
    trigger: Json = field(default_factory=dict)

    def to_json(self) -> str:
        """The card as JSON, equal text for equal cards."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The card that was written so, by this release or another: what this one does not know is left out."""
        data = _known(cls, json.loads(text))
        policies = _known(Policies, data.get("policies", {}))
        backoff = Backoff(**_known(Backoff, policies.pop("backoff", {})))
        for name, limit in (("rate", Rate), ("breaker", Breaker)):
            known = policies.get(name)
            policies[name] = limit(**_known(limit, known)) if isinstance(known, Mapping) else None
        if asked := policies.get("approval"):
            policies["approval"] = Approve(**_known(Approve, asked))
        for name in ("reads", "writes"):
            data[name] = tuple(KindCard(**_known(KindCard, kind)) for kind in data.get(name, ()))
        data["when"] = tuple(data.get("when", ()))
        data["policies"] = Policies(backoff=backoff, **policies)
        return cls(**data)


def _known(cls: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    names = {attribute.name for attribute in fields(cls)}
    return {name: value for name, value in data.items() if name in names}

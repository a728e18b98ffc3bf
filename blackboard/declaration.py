"""Declarations: the kinds that a program knows, against those that the store knows of earlier programs.

Whatever was declared once may lie on some board for years. So a program that could not read it is refused before it registers
anything, with the kind and the field; it is let in with a new version of the kind and an upcaster.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blackboard.entry import Entry
from blackboard.errors import IncompatibleSchema
from blackboard.schema import Json, Obstacle, digest, obstacles, schema_of
from blackboard.store.partition import Partition

MOST_TRIES = 100
"""How often a declaration is made again since another program was first."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A version of a kind as the store knows it: its schema, and the digests of earlier ones of the same version."""

    schema: Json
    earlier: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> Declared:
        """What was written so."""
        data = json.loads(text)
        return cls(data["schema"], tuple(data.get("earlier", ())))

    def to_json(self) -> str:
        """As the store keeps it."""
        data: dict[str, Any] = {"schema": self.schema, "earlier": list(self.earlier)}
        return json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True)

    def knows(self, schema: Json) -> bool:
        """Whether this is its schema now, or was before it grew."""
        return digest(schema) in {digest(self.schema), *self.earlier}

    def grown(self, schema: Json) -> Declared:
        """The same version after a compatible change."""
        return Declared(schema, (*self.earlier, digest(self.schema)))


Versions = Mapping[int, Declared]
"""The versions of one kind that the store knows."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a kind's declaration comes to: a verdict in a word, the stored version that it is about, and what is in the way.

    ``known``: the store knows it so. ``new``: the store does not know the kind. ``grown``: the same version, and all old data
    fits. ``next``: a new version that reads all earlier ones. ``older``: the store knows a newer version. ``refused``.
    """

    kind: type[Entry]
    verdict: str
    stored: int = 0
    obstacle: Obstacle | None = None
    remedy: str = ""


def versions_of(texts: Mapping[str, str]) -> dict[str, dict[int, Declared]]:
    """All that is declared, by kind and version."""
    found: dict[str, dict[int, Declared]] = {}
    for name, text in sorted(texts.items()):
        kind, _, version = name.rpartition("/")
        found.setdefault(kind, {})[int(version)] = Declared.of(text)
    return found


def judge(kind: type[Entry], known: Versions) -> Finding:
    """What a kind's declaration comes to, given the versions that the store knows of it."""
    version, schema = kind.__version__, schema_of(kind)
    same = version in known and known[version].knows(schema)
    if version in known and not same:
        found = obstacles(kind.__kind__, known[version].schema, schema)
        if found:
            remedy = (
                f"Give it a new version and an upcaster: class {kind.__name__}(Entry, version={version + 1}) and "
                f"@{kind.__name__}.upcast({version})"
            )
            return Finding(kind, "refused", version, found[0], remedy)
    for stored in sorted(each for each in known if each < version):
        if (refusal := _unreadable(kind, stored, known[stored].schema, schema)) is not None:
            return refusal
    newest = max(known, default=0)
    if newest > version:
        return Finding(kind, "older", newest)
    if version in known:
        return Finding(kind, "known" if same else "grown", version)
    return Finding(kind, "next" if known else "new", newest)


def _unreadable(kind: type[Entry], stored: int, old: Json, new: Json) -> Finding | None:
    """Why data of an older version could not be read: a step is missing on the way, or there is no way and it does not fit."""
    steps = range(stored, kind.__version__)
    missing = [step for step in steps if step not in kind.__upcasters__]
    if not missing:
        return None
    remedy = f"Bring it forward: @{kind.__name__}.upcast({missing[0]})"
    if len(missing) < len(steps):
        obstacle = Obstacle(kind.__kind__, f"has no upcaster from version {missing[0]} to {missing[0] + 1}")
        return Finding(kind, "refused", stored, obstacle, remedy)
    found = obstacles(kind.__kind__, old, new)
    return Finding(kind, "refused", stored, found[0], remedy) if found else None


async def declare(partition: Partition, kinds: Iterable[type[Entry]]) -> None:
    """Note the kinds of a program in the store; nothing is noted unless all of them can read what was there before.

    Raises IncompatibleSchema, which names the kind, the versions and the field.
    """
    wanted = list({kind.__kind__: kind for kind in kinds if kind.__kind__}.values())
    for _ in range(MOST_TRIES):
        texts = await partition.schemas()
        known = versions_of(texts)
        findings = [judge(kind, known.get(kind.__kind__, {})) for kind in wanted]
        for finding in findings:
            _refuse(finding)
        notes = [note for each in findings for note in _note(each, texts, known.get(each.kind.__kind__, {}))]
        if not notes or await partition.declare(notes) is None:
            return


def _refuse(finding: Finding) -> None:
    if finding.verdict == "refused" and finding.obstacle is not None:
        raise IncompatibleSchema(
            f"kind {finding.kind.__kind__}",
            finding.obstacle.problem,
            finding.remedy,
            finding.obstacle.field,
            finding.stored,
            finding.kind.__version__,
        )


def _note(finding: Finding, texts: Mapping[str, str], known: Versions) -> Sequence[tuple[str, str, str]]:
    """What is to be written: what is new, and what has grown."""
    version = finding.kind.__version__
    name, schema = f"{finding.kind.__kind__}/{version}", schema_of(finding.kind)
    if version not in known:
        return [(name, "", Declared(schema).to_json())]
    if known[version].knows(schema):
        return []
    return [(name, texts[name], known[version].grown(schema).to_json())]

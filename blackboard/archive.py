"""Archives: a board as lines of JSON, and what must hold of such lines before a board is made of them. Pure.

The first line is the header, the last one says how many there were; between them, in this order, a line for each entry, for
each firing, record and activation, and for each event of the log. What only the store reads is kept in its own words, so that
nothing is lost or rounded on the way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from blackboard.errors import BrokenArchive
from blackboard.event import Event
from blackboard.gap import doubled, missing
from blackboard.ids import is_kind_name

FORMAT = 1
"""The version of this format: the header says it, and any other is refused."""

US, RS = "\x1f", "\x1e"

NUMBERS = ("seq", "floor", "epoch", "unattended", "opened", "deadline", "behind", "created")
STATUSES, MODES, GATES = ("open", "closed", "aborted"), ("choreography", "orchestration"), ("-", "p", "s")

ACTIVATION_WORDS = 5
"""The words of an activation: its facts, what it is bound to, its token, its note, its problem."""

Line = dict[str, Any]


@dataclass(slots=True)
class Archive:
    """A board as it was at its last event, but for the log: names and texts as the store has them."""

    board: str
    namespace: str
    status: str
    seq: int
    mode: str = "choreography"
    gate: str = "-"
    floor: int = 0
    epoch: int = 0
    unattended: int = 0
    opened: int = 0
    deadline: int = 0
    behind: int = 0
    created: int = 0
    facts: dict[str, str] = field(default_factory=dict)
    entries: list[tuple[str, str]] = field(default_factory=list)
    fired: list[tuple[str, str]] = field(default_factory=list)
    records: list[tuple[str, str]] = field(default_factory=list)
    activations: list[tuple[str, str]] = field(default_factory=list)
    chores: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    closing: dict[str, str] | None = None
    """By whom, why and with which result the board was closed, of one that was archived when it was."""


# ---------------------------------------------------------------------------- writing


def header(archive: Archive, exported: int) -> Line:
    """The first line."""
    line = {"archive": "blackboard", "format": FORMAT, "exported": exported}
    line |= {name: getattr(archive, name) for name in ("board", "namespace", "status", "mode", "gate", *NUMBERS)}
    line |= {"facts": dict(sorted(archive.facts.items())), "chores": sorted(archive.chores)}
    return line | ({"closing": archive.closing} if archive.closing else {})


def body(archive: Archive) -> Iterator[Line]:
    """The lines between the header and the log."""
    for address, text in sorted(archive.entries):
        version, seq, depth, schema, payload = text.split(" ", 4)
        numbers = {"version": int(version), "seq": int(seq), "depth": int(depth), "schema": int(schema)}
        yield {"entry": address, **numbers, **_payload(payload)}
    for identity, text in sorted(archive.fired):
        yield {"fired": identity.split(RS), "is": text}
    for name, text in sorted(archive.records):
        yield {"record": name.split(RS), "is": text}
    for identity, text in sorted(archive.activations):
        yield {"activation": identity.split(RS), "is": text.split(US, ACTIVATION_WORDS - 1)}


def event_line(event: Event, text: str) -> Line:
    """The line of an event: what it is, for readers, and its words, for the store."""
    return {"event": event.seq, "type": event.type.value, "time": event.milliseconds, "is": text.split(US)}


def end(lines: int) -> Line:
    """The last line, behind so many."""
    return {"end": lines}


def to_text(line: Line) -> str:
    """A line as JSON."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def _payload(payload: str) -> Line:
    """An entry's JSON: as such where that loses nothing, else as text."""
    data = json.loads(payload)
    same = json.dumps(data, ensure_ascii=False, separators=(",", ":")) == payload
    return {"data": data} if same else {"payload": payload}


# ---------------------------------------------------------------------------- reading


def parse(lines: Iterable[Line | str | bytes]) -> Archive:
    """The archive that these lines are. Raises BrokenArchive, with the line, for anything that is not whole."""
    found: Archive | None = None
    ended, number = False, 0
    for number, each in enumerate(lines, 1):
        line = _line(each, number)
        with _blaming(number):
            if ended:
                raise ValueError("it comes behind the end")
            if found is None:
                found = _header(line)
            elif "end" in line:
                _require(line["end"] == number - 1, _miscounted(found, line["end"], number - 1))
                ended = True
            else:
                _take(found, line)
    if found is None or not ended:
        lacks = f": {_missing(found)}" if found else ""
        raise BrokenArchive(number + 1, f"the archive ends here, before its last line{lacks}")
    if len({address for address, _ in found.entries}) < len(found.entries):
        raise BrokenArchive(number, f"two entries have one address: {_doubled(found)}")
    if len(found.events) != found.seq:
        problem = f"the board had {found.seq} events, and {len(found.events)} are here: {_missing(found)}"
        raise BrokenArchive(number, problem)
    return found


def _miscounted(found: Archive, told: int, here: int) -> str:
    """That there are too few lines, or too many, and which."""
    return f"the archive had {told} lines before its end, not {here}: {_doubled(found) or _missing(found)}"


def _doubled(found: Archive) -> str:
    rows = {"entry": found.entries, "firing": found.fired, "record": found.records, "activation": found.activations}
    return doubled((sort, name) for sort, lines in rows.items() for name, _ in lines)


def _missing(found: Archive) -> str:
    named = ([name for name, _ in rows] for rows in (found.entries, found.fired, found.activations))
    return missing(found.seq, found.events, *named)


class _blaming:  # noqa: N801  # reads as a word of the sentence it stands in
    """Says in which line it was that something did not fit."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, KeyError):
            raise BrokenArchive(self._number, f"it has no {error.args[0]!r}") from None
        if isinstance(error, (ValueError, TypeError, AttributeError)):
            raise BrokenArchive(self._number, str(error)) from None


def _line(line: Line | str | bytes, number: int) -> Line:
    if not isinstance(line, dict):
        try:
            line = json.loads(line)
        except (TypeError, ValueError, RecursionError) as error:
            raise BrokenArchive(number, f"it is no JSON ({error})") from None
    if not isinstance(line, dict):
        raise BrokenArchive(number, "it is no JSON object")
    return line


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise ValueError(problem)


def _header(line: Line) -> Archive:
    _require(line.get("archive") == "blackboard", "it is not the header of a board's archive")
    _require(line.get("format") == FORMAT, f"its format is {line.get('format')!r}, and this release reads {FORMAT}")
    numbers = {name: _number(line, name) for name in NUMBERS}
    for name, known in (("status", STATUSES), ("mode", MODES), ("gate", GATES)):
        _require(line[name] in known, f"its {name} is {line[name]!r}, none of {', '.join(known)}")
    facts = {_word(name): _text(value) for name, value in _object(line, "facts").items()}
    chores = [_word(each) for each in line["chores"]]
    _require(numbers["seq"] > 0, "a board has at least one event")
    closing = None if "closing" not in line else {k: _text(v) for k, v in _object(line, "closing").items()}
    _require(
        closing is None or set(closing) == {"by", "reason", "result"}, "its closing says other things than it should"
    )
    found = Archive(_word(line["board"]), _word(line["namespace"]), line["status"], numbers["seq"])
    found.mode, found.gate, found.facts, found.chores, found.closing = (
        line["mode"],
        line["gate"],
        facts,
        chores,
        closing,
    )
    for name, number in numbers.items():
        setattr(found, name, number)
    return found


def _take(archive: Archive, line: Line) -> None:
    """Takes a line behind the header. Raises ValueError or KeyError for one that cannot be."""
    if "entry" in line:
        archive.entries.append(_entry(line))
        _require(not archive.events, "an entry stands behind the log")
    elif "event" in line:
        following = len(archive.events) + 1
        _require(line["event"] == following, f"event {line['event']} is not the next one: that is event {following}")
        archive.events.append(_event(line))
    elif "activation" in line:
        archive.activations.append((_joined(line["activation"]), _activation(line)))
    elif "fired" in line:
        archive.fired.append((_joined(line["fired"]), _fired(line["is"])))
    elif "record" in line:
        archive.records.append((_joined(line["record"]), _text(line["is"])))
    else:
        raise ValueError("it is none of entry, fired, record, activation, event and end")


def _entry(line: Line) -> tuple[str, str]:
    address = _word(line["entry"])
    _require(is_kind_name(address.partition("/")[0]), f"{address!r} is no address of an entry")
    version, seq, depth, schema = (_number(line, name) for name in ("version", "seq", "depth", "schema"))
    _require(version > 0 and schema > 0, "versions count from 1")
    if "payload" in line:
        payload = _text(line["payload"])
        _require(isinstance(json.loads(payload), dict), "its payload is no JSON object")
        _require(payload.isprintable() or US not in payload, "its payload holds what separates fields")
    else:
        payload = json.dumps(_object(line, "data"), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return address, f"{version} {seq} {depth} {schema} {payload}"


def _event(line: Line) -> str:
    letter, at, *_ = words = [_text(word) for word in line["is"]]
    _require(
        len(letter) == 1 and at.isdigit() and not any(US in word for word in words), "its words are not an event's"
    )
    return US.join(words)


def _activation(line: Line) -> str:
    words = [_text(word) for word in line["is"]]
    _require(
        len(words) == ACTIVATION_WORDS and not any(US in word for word in words), "its words are not an activation's"
    )
    facts = json.loads(words[0])
    _require(
        isinstance(facts, list) and len(facts) > 20 and isinstance(facts[0], str), "its facts are not an activation's"
    )
    return US.join(words)


def _fired(text: Any) -> str:
    mark, own, _token = _text(text).split(" ", 2)
    _require(mark.isdigit() and bool(own), "it does not say what fired")
    return _text(text)


def _number(line: Line, name: str) -> int:
    value = line[name]
    _require(type(value) is int and 0 <= value < 1 << 53, f"its {name} is {value!r} and no number that could be")
    number: int = value
    return number


def _object(line: Line, name: str) -> Mapping[str, Any]:
    value = line[name]
    _require(isinstance(value, dict), f"its {name} is no object")
    found: Mapping[str, Any] = value
    return found


def _joined(words: Any) -> str:
    _require(isinstance(words, list) and bool(words) and bool(words[0]), "it does not say whose it is")
    return RS.join(_word(word) for word in words)


def _word(value: Any) -> str:
    text = _text(value)
    _require(US not in text and RS not in text, f"{text!r} holds what separates fields")
    return text


def _text(value: Any) -> str:
    _require(isinstance(value, str), f"{value!r} is no text")
    text: str = value
    text.encode()  # half a character cannot be stored
    return text

"""Handing control to a peer: what an agent returns to say who is next."""

from __future__ import annotations

from dataclasses import dataclass

from blackboard.errors import InvalidSource
from blackboard.ids import is_source_name

LONGEST_NOTE = 2000


@dataclass(frozen=True)
class Handoff:
    """Passes control to a peer, with the entries that the giver is bound to, in either mode.

    An agent returns it, alone or in a list with entries; its return annotation must say so. The peer ``to`` (a source's name)
    is activated whatever its ``when=`` says, unless an entry is gone that it needs; it reads ``note`` as
    ``Context.note``. Raises InvalidSource for a name that no source can have, and for a note of more than 2,000 characters.
    """

    to: str
    note: str = ""

    def __post_init__(self) -> None:
        if not is_source_name(self.to):
            raise InvalidSource(f"Handoff({self.to!r})", "no source can have this name", "Give it the name of a source")
        if not isinstance(self.note, str):
            raise InvalidSource(f"Handoff({self.to!r})", f"its note {self.note!r} is no text", "Give it words")
        if len(self.note) > LONGEST_NOTE:
            problem = f"its note has {len(self.note)} characters, and the limit is {LONGEST_NOTE}"
            raise InvalidSource(f"Handoff({self.to!r})", problem, "Post an entry, and hand over with a short note")

"""What a board keeps between two decisions: the strategy's state, and how often each source has ended there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from pydantic_core import from_json

from blackboard.news import News

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)

LARGEST: Final = 1_048_576
"""Bytes that the memory of control on one board may take."""


@dataclass(frozen=True, slots=True)
class Memo:
    """The memory of control on one board; empty before the first decision of an epoch."""

    state: Any = None
    history: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The memo that was written so; None when there is none yet."""
        if not text:
            return None
        data = from_json(text)
        return cls(data["state"], data["history"])

    def text(self) -> str:
        """As it is kept. Raises TypeError or ValueError when the state is no JSON value, or a very large one."""
        data = {"state": self.state, "history": dict(self.history)}
        text = _ENCODER.encode(data)
        if (size := len(text.encode())) > LARGEST:  # it is written anew with each decision
            raise ValueError(
                f"its state has {size} bytes of JSON, and the limit is {LARGEST}: keep what grows on the board"
            )
        return text

    def after(self, news: News) -> Self:
        """With what has ended since."""
        history = dict(self.history)
        for event in news.ended():
            source = str(event.source)
            history[source] = history.get(source, 0) + 1
        return type(self)(self.state, history)

    def remembering(self, state: Any) -> Self:
        """With another state."""
        return type(self)(state, self.history)

"""Approvals: a question to a person is an entry on the board, and so is the answer.

Since it is an entry, sources can be triggered by it, programs can wait for it, and two people who answer at once are told apart
by its version.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from blackboard.entry import Entry
from blackboard.errors import InvalidChoice, InvalidStep
from blackboard.measure import is_duration

YES_OR_NO = ("approve", "reject")

LONGEST_QUESTION = 2000
"""Characters."""

LONGEST_WAIT = 10 * 366 * 86400.0
"""Seconds after which a question can expire: ten years, as for a sleep."""

ApprovalState = Literal["open", "answered", "expired", "withdrawn"]


class Approval(Entry, key="id", kind="approval"):
    """A question that an activation has put to a person, and what became of it.

    ``value`` is what is proposed, ``answer`` what the person made of it, ``to`` says whom it concerns; both are free. Times are
    the store's, in milliseconds.
    """

    id: str
    state: ApprovalState = "open"
    activation: str
    source: str
    question: str
    choices: list[str]
    value: Any = None
    to: str = ""
    asked: int = 0
    expires: int | None = None
    choice: str | None = None
    answer: Any = None
    by: str | None = None
    why: str = ""

    def is_approved(self) -> bool:
        """Whether the first of its choices was made: the one that approves."""
        return self.choice == self.choices[0]

    def rejecting(self) -> str:
        """The choice that rejects: `reject`, else the second of two. Raises InvalidChoice when there is no such one."""
        if "reject" in self.choices:
            return "reject"
        if len(self.choices) == 2:
            return self.choices[1]
        raise InvalidChoice(self.id, "reject", tuple(self.choices))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person has answered: the choice, the value as it was proposed or as it was edited, who, and why."""

    choice: str
    value: Any = None
    by: str = ""
    why: str = ""
    approved: bool = True

    @classmethod
    def of(cls, approval: Approval) -> Answer:
        """The answer that an approval holds."""
        value = approval.value if approval.answer is None else approval.answer
        return cls(approval.choice or "", value, approval.by or "", approval.why, approval.is_approved())


@dataclass(frozen=True, slots=True)
class Approve:
    """What is asked before a source's action runs: ``approval=Approve("Pay it out?", to="claims desk", expires=3600)``.

    The first of the ``choices`` approves. After ``expires`` seconds the ``default`` is taken; without one the activation
    dies. Raises InvalidStep for what cannot be asked.
    """

    question: str = ""
    choices: Sequence[str] = YES_OR_NO
    to: str = ""
    expires: float | timedelta | None = None
    default: str | None = None

    def __post_init__(self) -> None:
        given: Any = self.choices  # whatever a program may say
        if isinstance(given, Iterable) and not isinstance(given, str):
            object.__setattr__(self, "choices", tuple(given))
        for holds, problem, remedy in self._rules():
            if not holds:
                raise InvalidStep(f"approval {self.question!r}", problem, remedy)

    def _rules(self) -> tuple[tuple[bool, str, str], ...]:
        given: Any = self.choices
        known = given if isinstance(given, tuple) else ()
        texts = set(map(type, known)) <= {str} and all(map(str.strip, known))
        distinct = texts and len(set(known)) == len(known) > 0
        return (
            (
                all(issubclass(type(each), str) for each in (self.question, self.to)),
                f"question={self.question!r} and to={self.to!r} are not both texts",
                'Ask in words: ctx.approval("Pay it out?", to="claims desk")',
            ),
            (
                len(str(self.question)) <= LONGEST_QUESTION,
                f"it has more than {LONGEST_QUESTION} characters",
                "Put the matter into value=, and ask a short question",
            ),
            (distinct, f"choices={self.choices!r} are not different words", 'Name them: ("approve", "reject")'),
            (
                self.default is None or (texts and self.default in known),
                f"default={self.default!r} is none of its choices",
                f"Use one of: {', '.join(known)}" if texts else "Use one of its choices",
            ),
            (
                self.expires is None or is_duration(self.expires, longest=LONGEST_WAIT),
                f"expires={self.expires!r} is no time from a millisecond to ten years",
                "Give it seconds or a timedelta, or None for a question that never expires",
            ),
        )

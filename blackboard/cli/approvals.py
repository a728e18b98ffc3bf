"""approvals, approve, reject, answer, edit."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from blackboard.cli.events import must_exist
from blackboard.cli.options import Options
from blackboard.cli.output import Column, lasting, print_one, print_rows, shorten, shown
from blackboard.cli.session import board_of, connected, run
from blackboard.cli.verb import verb

if TYPE_CHECKING:
    from blackboard.approval import Approval  # loaded when a verb runs

F = TypeVar("F", bound=Callable[..., Any])

APPROVALS = (
    Column("board"),
    Column("approval"),
    Column("question", table=lambda value: shorten(shown(value), 60)),
    Column("choices"),
    Column("value", table=lambda value: shorten(shown(value), 60)),
    Column("to"),
    Column("asked"),
    Column("expires", table=lambda value: "" if value is None else f"in {_left(value)}", right=True),
)


def _left(moment: datetime) -> str:
    return lasting((moment - datetime.now(UTC)).total_seconds())


def answer_options(function: F) -> F:
    """Add who answers, and why."""
    why = click.option("--why", default="", metavar="TEXT", help="Why; the agent is told, and it stands in the entry.")
    by = click.option("--by", metavar="NAME", help="Who answers. [default: the name of the user]")
    return why(by(function))


def approval_arguments(function: F) -> F:
    """Add which approval is meant."""
    approval = click.argument("approval", help="Its id, such as pay#3.2, or the activation that asks, such as pay#3.")
    return click.argument("board", help="The id of a board.")(approval(function))


# ---------------------------------------------------------------------------- approvals


@verb(example="blackboard approvals\nblackboard approvals claim-42 -o json | jq -r '.[].question'")
@click.argument("board", required=False, help="The id of a board; all of them when left out.")
def approvals(options: Options, board: str | None) -> None:
    """List what activations wait for people to answer.

    The one asked first first. They are entries of the kind approval: blackboard get BOARD approval/ID shows all of one.
    """
    print_rows(options, run(_approvals(options, board), options), APPROVALS, "Nobody waits for an answer.")


async def _approvals(options: Options, board: str | None) -> list[dict[str, Any]]:
    from blackboard.facts.entries import approval_row

    async with connected(options) as bb:
        if board is None:
            return [approval_row(where, approval) for where, approval in await bb.approvals()]
        on = board_of(bb, board)
        await must_exist(on)
        return [approval_row(board, approval) for approval in await on.approvals()]


# ---------------------------------------------------------------------------- answering


@verb(example='blackboard approve claim-42 pay#3.2 --why "checked by hand"\nblackboard approve claim-42 pay#3 --by ann')
@approval_arguments
@answer_options
def approve(options: Options, board: str, approval: str, why: str, by: str | None) -> None:
    """Approve what an activation asks.

    Makes the first of its choices, with the value as it is proposed; blackboard edit changes that. Exit code 4 when there is no
    such approval, 5 when somebody else was first.
    """
    _answer(options, board, approval, "approve", why, by)


@verb(example='blackboard reject claim-42 pay#3.2 --why "fraud"')
@approval_arguments
@answer_options
def reject(options: Options, board: str, approval: str, why: str, by: str | None) -> None:
    """Reject what an activation asks.

    Chooses reject, or the second of two choices; where there are others, use blackboard answer. Exit code 4 when there is no such
    approval, 5 when somebody else was first.
    """
    _answer(options, board, approval, "reject", why, by)


@verb(example="blackboard answer claim-42 ship#9.1 by_air\nblackboard answer claim-42 ship#9.1 by_air --value 12.5")
@approval_arguments
@click.argument("choice", help="One of its choices.")
@click.option("--value", metavar="JSON", help="What takes the place of the value that is proposed.")
@answer_options
def answer(
    options: Options, board: str, approval: str, choice: str, value: str | None, why: str, by: str | None
) -> None:
    """Answer what an activation asks, with one of its choices.

    Exit code 2 when it does not offer the choice, 4 when there is no such approval, 5 when somebody else was first.
    """
    _answer(options, board, approval, "answer", why, by, choice, None if value is None else _json(value))


@verb(example='blackboard edit claim-42 pay#3.2 \'{"amount": 5}\' --why "the excess is two"')
@approval_arguments
@click.argument("value", metavar="JSON", help="What takes the place of the value that is proposed.")
@answer_options
def edit(options: Options, board: str, approval: str, value: str, why: str, by: str | None) -> None:
    """Approve what an activation asks, with another value than proposed.

    Exit code 4 when there is no such approval, 5 when somebody else was first.
    """
    _answer(options, board, approval, "edit", why, by, _json(value))


def _answer(options: Options, board: str, approval: str, act: str, why: str, by: str | None, *said: Any) -> None:
    found = run(_answered(options, board, approval, act, why, by or getpass.getuser(), said), options)
    row = {"board": board, "approval": found.id, "activation": found.activation, "choice": found.choice}
    print_one(options, row | {"value": found.value if found.answer is None else found.answer, "by": found.by})


async def _answered(
    options: Options, board: str, approval: str, act: str, why: str, by: str, said: tuple[Any, ...]
) -> Approval:
    async with connected(options) as bb:
        on = board_of(bb, board)
        await must_exist(on)
        found: Approval = await getattr(on, act)(approval, *said, why=why, by=by)
        return found


def _json(text: str) -> Any:
    """What a user gives as JSON. Raises click.UsageError."""
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise click.UsageError(
            f"{shorten(text, 60)} is no JSON: {error}. A text stands in quotes of its own: '\"…\"'."
        ) from None

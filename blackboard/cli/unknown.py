"""unknown, resolve."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Any, Literal, cast

import click

from blackboard.cli.acts import why_option
from blackboard.cli.events import must_exist
from blackboard.cli.failures import NO
from blackboard.cli.options import Options
from blackboard.cli.output import Column, print_one, print_rows, say, shorten, shown, summary
from blackboard.cli.session import board_of, connected, run
from blackboard.cli.verb import verb
from blackboard.cli.writing import JsonData, card_of, new_write, say_unchecked

if TYPE_CHECKING:
    from blackboard.application import Blackboard  # loaded when a verb runs
    from blackboard.board import Board

UNKNOWN = (
    Column("board"),
    Column("activation"),
    Column("idempotency_key"),
    Column("addresses", table=lambda value: shorten(shown(value), 60)),
    Column("started"),
    Column("problem", table=lambda value: shorten(shown(summary(value)), 100)),
)

Verdict = Literal["done", "again", "dead"]


@verb(example="blackboard unknown\nblackboard unknown claim-42 -o json | jq -r '.[].idempotency_key'")
@click.argument("board", required=False, help="The id of a board; all of them when left out.")
def unknown(options: Options, board: str | None) -> None:
    """List the activations whose outcome nobody knows.

    Each was cut short while it acted outside the board. Look there for its idempotency key, then say what became of it:
    blackboard resolve.
    """
    print_rows(options, run(_unknown(options, board), options), UNKNOWN, "No outcome is unknown.")


async def _unknown(options: Options, board: str | None) -> list[dict[str, Any]]:
    from blackboard.clock import to_datetime

    async with connected(options) as bb:
        if board is not None:
            await must_exist(board_of(bb, board))
            found = await board_of(bb, board).unknown()
        else:
            found = [each for partition in bb.store().partitions for each in await partition.unknown()]
        return [
            {
                "board": each.board,
                "activation": each.name,
                "idempotency_key": each.idempotency_key(bb.name),
                "addresses": list(each.addresses),
                "started": to_datetime(each.started),
                "attempts": each.attempts,
                "crashes": each.crashes,
                "problem": each.problem,
            }
            for each in found
        ]


@verb(
    example='blackboard resolve claim-42 pay#17 again --why "the provider never saw it"\n'
    'blackboard resolve claim-42 17 done --post receipt \'{"id": "r-1"}\' --why "it is in the statement"'
)
@click.argument("board", help="The id of a board.")
@click.argument("activation", help="Its name, such as pay#17, or its number.")
@click.argument(
    "verdict",
    type=click.Choice(["done", "again", "dead"]),
    help="It had its effect, it had none and may run again, or it is given up.",
)
@click.option(
    "--post",
    "posts",
    type=(str, JsonData()),
    multiple=True,
    metavar="KIND JSON|@FILE|-",
    help="With done: an entry that its source would have posted; repeatable.",
)
@why_option
def resolve(
    options: Options, board: str, activation: str, verdict: str, posts: tuple[tuple[str, Any], ...], why: str
) -> int:
    """Say what became of an activation whose outcome is unknown.

    done: its action had its effect, and the entries are its contribution; they must be of kinds that its source may write, and
    with --app they are checked by the application's classes. again: it had none, and runs again; when its trigger no longer
    holds it leaves instead, exit code 3. dead: it is given up, and kept with the dead. Exit code 3 also when its outcome is
    not unknown.
    """
    if posts and verdict != "done":
        raise click.UsageError(f"--post goes with done, not with {verdict}.")
    if not all(isinstance(data, dict) for _, data in posts):
        raise click.UsageError("an entry is a JSON object, such as '{\"amount\": 250}'.")
    row, missing = run(_resolve(options, board, activation, cast("Verdict", verdict), posts, why), options)
    print_one(options, row)
    if missing:
        known = ", ".join(missing)
        way = f"blackboard post {quote(board)} {missing[0]} JSON"
        say(
            options,
            f"Nothing was posted for it, which may write {known}; who waits for that waits on. To post it now: {way}",
        )
    if posts:
        say_unchecked(options)
    if row["outcome"] == "obviated":
        say(options, "It does not run again: what triggered it has changed since.")
        return NO
    return 0


async def _resolve(
    options: Options, board: str, activation: str, verdict: Verdict, posts: tuple[tuple[str, Any], ...], why: str
) -> tuple[dict[str, Any], list[str]]:
    """What became of it; and what its source may write, of which nothing was given though it is done."""
    async with connected(options) as bb:
        on = board_of(bb, board)
        await must_exist(on)
        missing = await _unwritten(bb, on, activation) if verdict == "done" and not posts else []
        by = _by_class if options.app else _by_card
        stayed = await by(bb, on, activation, verdict, posts, why)
        return {"board": board, "activation": activation, "outcome": verdict if stayed else "obviated"}, missing


async def _unwritten(bb: Blackboard, on: Board, activation: str) -> list[str]:
    """The kinds that the source of an activation may write."""
    from blackboard.retreat import is_meant

    cards = await bb.store().partition(on.id).cards()
    meant = [each.agent for each in await on.unknown() if is_meant(each, activation)]
    return [kind["kind"] for source in meant for kind in cards.get(source, {}).get("writes", ())]


async def _by_class(
    bb: Blackboard, on: Board, activation: str, verdict: Verdict, posts: tuple[tuple[str, Any], ...], why: str
) -> bool:
    from blackboard.cli.output import to_json
    from blackboard.entry import decode

    entries = [decode(bb.kind(kind), to_json(data)) for kind, data in posts]
    return await on.resolve(activation, verdict, *entries, why=why)


async def _by_card(
    bb: Blackboard, on: Board, activation: str, verdict: Verdict, posts: tuple[tuple[str, Any], ...], why: str
) -> bool:
    from blackboard.ids import operation_id

    unique = operation_id()
    writes = [new_write(await card_of(bb, kind), data, f"{unique}.{i}") for i, (kind, data) in enumerate(posts)]
    return await on.resolve_stored(activation, verdict, writes, why)

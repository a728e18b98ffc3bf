"""boards, show, close."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict
from datetime import datetime, timedelta
from shlex import quote
from typing import TYPE_CHECKING, Any, Literal

import click

from blackboard.cli.duration import LONGEST_DAYS, Span
from blackboard.cli.failures import NO
from blackboard.cli.options import Options
from blackboard.cli.output import (
    Column,
    ago,
    format_of,
    iso,
    print_one,
    print_rows,
    print_tsv,
    say,
    shorten,
    shown,
    summary,
    to_json,
)
from blackboard.cli.session import board_of, connected, run
from blackboard.cli.verb import verb
from blackboard.cli.writing import JsonData

if TYPE_CHECKING:
    from blackboard.application import Blackboard  # loaded when a verb runs; the help of all verbs does not need it
    from blackboard.board import Board

LATEST = 8
"""Events that `show` tells."""

MOST_SHOWN = 20
"""Activations that `show` lists on a terminal."""

BOARDS = (
    Column("board"),
    Column("status"),
    Column("events", right=True),
    Column("entries", right=True),
    Column("open", right=True),
    Column("held", right=True),
    Column("running", right=True),
    Column("dead", right=True),
    Column("mode"),
    Column("paused"),
    Column("created"),
)


@verb(
    example="blackboard boards --limit 10\nblackboard boards -o jsonl | jq -r .board\nblackboard boards --prune --idle 30"
)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
@click.option("--prune", is_flag=True, help="First forget those whose retention has passed.")
@click.option(
    "--idle",
    type=Span(0, LONGEST_DAYS),
    metavar="DAYS",
    help="With --prune: close those at rest that nobody used for so long.",
)
def boards(options: Options, limit: int, prune: bool, idle: float | None) -> None:
    """List the boards.

    The newest first, with their events, entries, open, held and running activations, those whose attempts are spent, and
    how each is steered. Workers forget expired boards by themselves, and close boards out of use where the application says so
    (idle_retention); --prune does it now.
    """
    if idle is not None and not prune:
        raise click.UsageError("--idle closes boards, and goes with --prune.")
    if prune:
        from blackboard.cli.pruning import prune_boards

        forgotten, closed = run(prune_boards(options, idle), options)
        say(options, f"Forgotten: {forgotten}; closed: {closed}.")
    rows = run(_boards(options, limit), options)
    print_rows(options, rows, BOARDS, "No boards yet. The first post makes one: blackboard post BOARD KIND JSON")


async def _boards(options: Options, limit: int) -> list[dict[str, Any]]:
    from blackboard.facts.boards import board_row, held
    from blackboard.store.survey import latest_boards

    async with connected(options) as bb:
        found = await latest_boards(bb.store().partitions, limit)
        return [board_row(each) | {"held": await held(bb, each.facts)} for each in found]


# ---------------------------------------------------------------------------- show


@verb(example="blackboard show claim-42\nblackboard show claim-42 -o json | jq .agenda")
@click.argument("board", help="The id of a board.")
def show(options: Options, board: str) -> None:
    """Show a board: control, entries, agenda, what died, latest events."""
    found = run(_show(options, board), options)
    match format_of(options):
        case "json" | "jsonl":
            print_one(options, found)
        case "tsv":
            print_tsv([("section", "name", "value"), *_lines(found)])
        case "table":
            _print_sections(found)


async def _show(options: Options, board: str) -> dict[str, Any]:
    from blackboard.cli.behind import behind_rows
    from blackboard.clock import to_datetime
    from blackboard.errors import BoardNotFound
    from blackboard.facts.activations import dead_rows, open_rows
    from blackboard.facts.control import control_row
    from blackboard.store.survey import kinds_of

    async with connected(options) as bb:
        on, partition = board_of(bb, board), bb.store().partition(board)
        facts = await partition.facts(board)
        if facts is None:
            raise BoardNotFound(board)
        return {
            "board": board,
            "namespace": bb.name,
            "status": facts.status,
            "settled": facts.settled,
            "events": facts.seq,
            "deadline": to_datetime(facts.deadline) if facts.deadline else None,
            "result": await on.result() if facts.status == "closed" else None,
            "control": await control_row(bb, on),
            "undoing": await _undoing(on),
            "entries": await kinds_of(partition, board),
            "behind": await behind_rows(bb, facts),
            "agenda": await open_rows(bb, facts),
            "dead": await dead_rows(bb, facts),
            "latest": await _latest(bb, board, facts.seq),
        }


async def _undoing(on: Board) -> dict[str, Any] | None:
    """How far the board is undone; None when that was never asked for."""
    saga = await on.saga()
    return None if saga.state == "none" else asdict(saga)


async def _latest(bb: Blackboard, board: str, seq: int) -> list[dict[str, Any]]:
    from blackboard.facts.story import as_row

    return [as_row(event) async for event in board_of(bb, board).events(since=max(0, seq - LATEST))]


def _lines(found: dict[str, Any]) -> list[tuple[str, str, Any]]:
    lines = [("board", name, found[name]) for name in ("board", "namespace", "status", "settled", "events")]
    lines += [("board", name, found[name]) for name in ("deadline", "result") if found[name] is not None]
    control = found["control"]
    lines += [
        ("control", name, control[name]) for name in ("mode", "epoch", "paused", "guard", "strategy", "says", "held")
    ]
    lines += [("undoing", name, value) for name, value in (found["undoing"] or {}).items()]
    lines += [("entries", kind, count) for kind, count in found["entries"].items()]
    lines += [("behind", each["kind"], each["waits_for"]) for each in found["behind"]]
    lines += [("agenda", each["activation"], each["state"]) for each in found["agenda"]]
    lines += [("dead", each["activation"], summary(each["problem"])) for each in found["dead"]]
    return lines + [("event", str(each["seq"]), each["what"]) for each in found["latest"]]


def _print_sections(found: dict[str, Any]) -> None:
    width = shutil.get_terminal_size().columns
    state = f"{found['status']}, {'settled' if found['settled'] else 'at work'}"
    click.echo(f"{click.style(found['board'], bold=True)}  {state}, {found['events']} events  ({found['namespace']})")
    _section("Control", [*_control_lines(found["control"]), *_deadline_lines(found["deadline"])], "")
    if found["result"] is not None:
        _section("Result", [shorten(to_json(found["result"]), width)], "")
    if found["undoing"]:
        _section("Undoing", _undoing_lines(found["board"], found["undoing"]), "")
    _section("Entries", [f"{count:>6}  {kind}" for kind, count in found["entries"].items()], "none")
    if found["behind"]:
        lines = [f"{each['entries']:>6}  {each['kind']}  {each['waits_for']}" for each in found["behind"]]
        _section("Of another schema version", lines, "")  # whole: what is to be done stands at their end
    _section("Agenda", [_agenda_line(each) for each in found["agenda"]], "nothing open")
    dead = [f"{each['activation']}  {ago(each.get('died'))}  {summary(each['problem'])}" for each in found["dead"]]
    if dead:
        _section("Dead", [shorten(line, width) for line in dead], "")
        if found["status"] == "open":
            click.echo(f"  to try one again: blackboard retry {quote(found['board'])} {found['dead'][0]['activation']}")
    _section(
        "Latest events", [f"{each['seq']:>6}  {ago(each['time']):>10}  {each['what']}" for each in found["latest"]], ""
    )


def _control_lines(control: dict[str, Any]) -> list[str]:
    """How the board is steered, by whom it is paused, and whether somebody decides for it."""
    by = f", by {control['by']} {ago(control['since'])}" if control["by"] else ""
    lines = [f"{control['mode']}, epoch {control['epoch']}{by}{_because(control['why'])}"]
    if control["mode"] == "orchestration":
        lines.append(shorten(shown(f"{control['strategy'] or 'a strategy'}: {control['says']}"), 120))
        lines.append(f"held: {control['held']}; controllers alive: {control['controllers'] or 'none'}")
    if control["paused"]:
        lines.append(
            f"paused by {control['paused_by']} {ago(control['paused_since'])}{_because(control['paused_why'], 400)}"
        )
    if control["go_on"]:
        lines.append(f"to let it go on: {control['go_on']}")
    return lines


def _because(why: str | None, width: int = 80) -> str:
    return f": {shorten(shown(why), width)}" if why else ""


def _deadline_lines(deadline: datetime | None) -> list[str]:
    return [f"nothing starts after {iso(deadline)}"] if deadline else []


def _undoing_lines(board: str, undoing: dict[str, Any]) -> list[str]:
    """What is undone and why, how far that is, and what a person can do where it is stuck."""
    goal = f"back to savepoint {undoing['savepoint']}" if undoing["savepoint"] else "as a whole"
    lines = [f"{undoing['state']}, {goal}, by {undoing['by']}{_because(undoing['reason'])}"]
    named = ("undone", "running", "pending", "dead", "skipped")
    lines += [f"{name}: {shorten(shown(undoing[name]), 120)}" for name in named if undoing[name]]
    if undoing["awaited"]:
        lines.append(f"nothing is undone before these have ended: {shorten(shown(undoing['awaited']), 120)}")
    if undoing["unknown"]:
        words = f"{quote(board)} {undoing['unknown'][0]}"
        lines.append(f"what became of {shorten(shown(undoing['unknown']), 60)} a person has to find out, and say:")
        lines.append(f"blackboard resolve {words} done|again|dead")
    if undoing["state"] == "stuck":
        words = f"{quote(board)} {undoing['dead'][0] if undoing['dead'] else 'ACTIVATION'}"
        lines.append(f"try what is dead again: blackboard retry {words}; or do without it: blackboard skip {words}")
    return lines


def _agenda_line(each: dict[str, Any]) -> str:
    bound = shorten(shown(each["addresses"]), 60)
    problem = f" ({shorten(summary(each['problem']), 60)})" if each["problem"] else ""
    doing = each["waits_for"] if each["state"] == "running" else f"{each['state']}, waits for {each['waits_for']}"
    return f"{each['activation']}  {doing}  {bound}{problem}"


def _section(title: str, lines: list[str], nothing: str) -> None:
    click.echo(f"\n{click.style(title, bold=True)}")
    for line in lines[:MOST_SHOWN] or [nothing]:
        click.echo(f"  {line}")
    if len(lines) > MOST_SHOWN:
        click.echo(f"  … and {len(lines) - MOST_SHOWN} more; -o json has all")


# ---------------------------------------------------------------------------- close


@verb(
    example='blackboard close claim-42 --reason "withdrawn" --yes\n'
    "blackboard close claim-42 --result '{\"approved\": true}' --yes"
)
@click.argument("board", help="The id of a board.")
@click.option("--why", "--reason", "reason", default="", help="Why; it stands in the board's last event.")
@click.option("--result", type=JsonData(), metavar="JSON|@FILE|-", help="What came of it; it stands there too.")
@click.option(
    "--keep",
    type=Span(0, LONGEST_DAYS),
    metavar="DAYS",
    help="Days that it can still be read. [default: the application's, or 7]",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def close(options: Options, board: str, reason: str, result: Any, keep: float | None, yes: bool) -> int:
    """Close a board for good.

    It takes no more writes, its agenda is dropped, and its keys expire. With --app, it is archived first if the application
    keeps archives. Exit code 3 when it was closed before.
    """
    if not yes and not sys.stdin.isatty():
        raise click.UsageError("closing is final, and nobody can be asked here; say --yes.")
    if not yes and not click.confirm(f"Close {board} for good?", err=True):
        return NO
    if not run(_close(options, board, reason, result, keep), options):
        say(options, f"{board} was closed before.")
        return NO
    say(options, f"{board} is closed.")
    return 0


async def _close(options: Options, board: str, reason: str, result: Any, keep: float | None) -> bool:
    async with connected(options) as bb:
        retention: timedelta | Literal["default"] = "default" if keep is None else timedelta(days=keep, milliseconds=1)
        return await board_of(bb, board).close(reason, result=result, retention=retention)

"""check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from blackboard.cli.failures import NO
from blackboard.cli.options import Options
from blackboard.cli.output import format_of, print_one, print_tsv, say
from blackboard.cli.session import application
from blackboard.cli.verb import verb

if TYPE_CHECKING:
    from blackboard.wiring import Wiring  # loaded when a verb runs


@verb(
    example="blackboard check app:bb\nblackboard check app:bb --input claim\nblackboard check app:bb -o json | jq .cycles"
)
@click.argument(
    "application_name", metavar="[MODULE:OBJECT]", required=False, help="The application; without :object it is :bb."
)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="KIND",
    help="A kind that is posted from outside; repeatable. [default: all that no source writes]",
)
def check(options: Options, application_name: str | None, inputs: tuple[str, ...]) -> int:
    """Draw how kinds and sources hang together.

    Before anything runs, it shows the cycles and what bounds each, the kinds that come from outside, those that no source reads,
    and what cannot work: a trigger that can never hold, a source that nothing can trigger, a peer that cannot take over. Needs
    no store. Exit code 3 when something cannot work.
    """
    options.app = application_name or options.app
    if options.app is None:
        raise click.UsageError("say which application: blackboard check module:object, or BLACKBOARD_APP.")
    options.enter()
    found = application(options).check(*inputs)
    match format_of(options):
        case "json" | "jsonl":
            print_one(options, found.as_data())
        case "tsv":
            print_tsv([("section", "name", "value"), *_lines(found)])
        case "table":
            click.echo(str(found))
    if not found.works:
        say(options, f"{found.name} cannot work as it is: {sum(each.fatal for each in found.doubts)} findings.")
        return NO
    return 0


def _lines(found: Wiring) -> list[tuple[str, str, Any]]:
    lines: list[tuple[str, str, Any]] = []
    for each in found.wires:
        lines += [("reads", each.source, kind) for kind in each.reads]
        lines += [("when", each.source, clause) for clause in each.when]
        lines += [("writes", each.source, kind) for kind in each.writes]
        lines += [("hands to", each.source, peer) for peer in each.hands_to]
    lines += [("input", kind, "") for kind in found.inputs]
    lines += [("result", kind, "") for kind in found.results]
    lines += [("cycle", str(cycle), cycle.bound) for cycle in found.cycles]
    return lines + [("cannot work" if each.fatal else "look", each.subject, each.problem) for each in found.doubts]

"""breaker; and the limits of sources in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from blackboard.cli.failures import NO, NOT_FOUND
from blackboard.cli.options import Options
from blackboard.cli.output import Column, print_rows, say
from blackboard.cli.session import connected, run
from blackboard.cli.verb import verb
from blackboard.facts.words import ahead

if TYPE_CHECKING:
    from blackboard.application import Blackboard  # loaded when a verb runs
    from blackboard.limit import Gauge

BREAKERS = (
    Column("source"),
    Column("breaker"),
    Column("failures", right=True),
    Column("opened"),
    Column("probe_at", table=lambda value: "" if value is None else ahead(value)),
    Column("changed"),
)


@verb(
    example='blackboard breaker\nblackboard breaker check_history\nblackboard breaker check_history --reset --why "it is back"'
)
@click.argument("source", required=False, help="The name of a source; all that have a breaker when left out.")
@click.option("--reset", is_flag=True, help="Close it: its failures are forgotten, and it is tried again at once.")
@click.option("--why", default="", metavar="TEXT", help="Why; it is kept with the act.")
def breaker(options: Options, source: str | None, reset: bool, why: str) -> int:
    """Show the breakers of sources, or close one.

    A source whose breaker is open is not run until a probe succeeds. With --reset the exit code is 3 when the breaker
    was closed and no failure counted. Exit code 4 for a source that is not registered or has no breaker.
    """
    if reset and source is None:
        raise click.UsageError("say whose breaker to close: blackboard breaker SOURCE --reset")
    rows = run(_breaker(options, source, why if reset else None), options)
    print_rows(options, rows, BREAKERS if reset else BREAKERS[:-1], "No source has a breaker.")
    if reset and not rows[0]["changed"]:
        say(options, "It was closed, and no failure counted.")
        return NO
    return 0


async def _breaker(options: Options, source: str | None, why: str | None) -> list[dict[str, Any]]:
    from blackboard.errors import UnknownSource

    async with connected(options) as bb:
        gauges = {name: gauge for name, gauge in (await bb.gauges()).items() if gauge.breaker}
        if source is not None and source not in gauges:
            known = {name for partition in bb.store().partitions for name in await partition.source_names()}
            if source in known:
                raise _WithoutBreaker(source, sorted(gauges))
            raise UnknownSource(source, tuple(sorted(known)))
        changed = await _close(bb, source, why) if source is not None and why is not None else None
        after = await bb.gauges()
        names = sorted(gauges) if source is None else [source]
        return [_row(name, after[name]) | ({} if changed is None else {"changed": changed}) for name in names]


class _WithoutBreaker(click.ClickException):
    """A source that has none."""

    exit_code = NOT_FOUND

    def __init__(self, source: str, others: list[str]) -> None:
        having = ", ".join(others) or "no source"
        super().__init__(
            f"source {source} has no breaker; {having} has one. Give it one: @bb.knowledge_source(breaker=5)"
        )


async def _close(bb: Blackboard, source: str, why: str) -> bool:
    """Close a breaker, as the command line's act, and say whether that changed anything."""
    from blackboard.cli.session import AUTHOR

    answers = [await partition.reset(source, AUTHOR, why) for partition in bb.store().partitions]
    return "ok" in answers


def _row(source: str, gauge: Gauge) -> dict[str, Any]:
    from blackboard.clock import to_datetime

    return {
        "source": source,
        "breaker": gauge.breaker.value if gauge.breaker else None,
        "failures": gauge.failures,
        "opened": to_datetime(gauge.opened) if gauge.opened else None,
        "probe_at": to_datetime(gauge.probe_at) if gauge.probe_at else None,
    }


# ---------------------------------------------------------------------------- in words

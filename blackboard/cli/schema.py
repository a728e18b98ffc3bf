"""schema list, schema check, schema diff."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from blackboard.cli.failures import NO
from blackboard.cli.options import Options
from blackboard.cli.output import Column, print_rows, say, shorten, shown
from blackboard.cli.session import application, check_store, connected, run
from blackboard.cli.verb import verb

if TYPE_CHECKING:
    from blackboard.declaration import Declared  # loaded when a verb runs
    from blackboard.entry import Entry

APPLICATION = "The application, as Python would import it; module alone means module:bb."

VERDICTS = {
    "known": "as the store knows it",
    "new": "new to the store",
    "grown": "changed, and reads all that is stored",
    "next": "a new version, that reads all earlier ones",
    "older": "older than the store knows: its sources are left to newer workers",
    "refused": "refused",
}


@click.group()
def schema() -> None:
    """Show kinds, and whether a program can read what is stored.

    A store remembers every version of a kind that a program has ever declared. A program that could not read one of them is
    refused when it starts; schema check says so before.
    """


KINDS = (
    Column("kind"),
    Column("version", right=True),
    Column("newest"),
    Column("key"),
    Column("fields", table=lambda value: shorten(shown(", ".join(value)), 100)),
)


@verb(name="list", example="blackboard schema list\nblackboard schema list -o json | jq '.[].fields'")
def list_(options: Options) -> None:
    """List the kinds that the store knows, with all their versions."""
    rows = run(_list(options), options)
    print_rows(options, rows, KINDS, "No kinds yet. Programs declare theirs when they start.")


async def _list(options: Options) -> list[dict[str, Any]]:
    from blackboard.declaration import versions_of
    from blackboard.schema import fields_of

    async with connected(options) as bb:
        known = versions_of(await bb.store().partitions[0].schemas())
    return [
        {
            "kind": kind,
            "version": version,
            "newest": version == max(versions),
            "key": declared.schema["key"],
            "fields": fields_of(declared.schema),
        }
        for kind, versions in sorted(known.items())
        for version, declared in sorted(versions.items())
    ]


VERDICT = (
    Column("kind"),
    Column("version", right=True),
    Column("stored", right=True),
    Column("verdict", table=lambda value: VERDICTS[value]),
    Column("problem"),
)


@verb(example="blackboard schema check app:bb")
@click.argument("target", metavar="MODULE:OBJECT", help=APPLICATION)
def check(options: Options, target: str) -> int:
    """Say whether an application can read all that is stored.

    Nothing is registered. Exit code 3 when it would be refused at its start.
    """
    rows = run(_check(options, target), options)
    print_rows(options, rows, VERDICT, "The application knows no kinds.")
    refused = [row for row in rows if row["verdict"] == "refused"]
    for row in refused:
        say(options, f"{row['problem']}. {row['remedy']}.")
    return NO if refused else 0


async def _check(options: Options, app: str) -> list[dict[str, Any]]:
    from blackboard.declaration import judge

    kinds, known = await _both(options, app)
    found = [judge(kind, known.get(name, {})) for name, kind in sorted(kinds.items())]
    return [
        {
            "kind": each.kind.__kind__,
            "version": each.kind.__version__,
            "stored": each.stored or None,
            "verdict": each.verdict,
            "problem": str(each.obstacle) if each.obstacle else None,
            "remedy": each.remedy,
        }
        for each in found
    ]


CHANGES = (
    Column("kind"),
    Column("stored", right=True),
    Column("version", right=True),
    Column("field"),
    Column("change"),
)


@verb(example="blackboard schema diff app:bb\nblackboard schema diff app:bb order")
@click.argument("target", metavar="MODULE:OBJECT", help=APPLICATION)
@click.argument("kind", required=False, help="Only this kind.")
def diff(options: Options, target: str, kind: str | None) -> int:
    """Show what an application's kinds have changed since the store has known them.

    Against the newest version that is stored, harmful changes and others. Exit code 3 when nothing has changed.
    """
    rows = run(_diff(options, target, kind), options)
    print_rows(options, rows, CHANGES, "Nothing has changed.")
    return 0 if rows else NO


async def _diff(options: Options, app: str, only: str | None) -> list[dict[str, Any]]:
    from blackboard.errors import UnknownKind
    from blackboard.schema import differences, schema_of

    kinds, known = await _both(options, app)
    if only is not None and only not in kinds:
        raise UnknownKind(only, tuple(sorted(kinds)))
    rows = []
    for name in [only] if only else sorted(kinds):
        versions = known.get(name, {})
        if not versions:
            continue
        newest = max(versions)
        rows += [
            {
                "kind": name,
                "stored": newest,
                "version": kinds[name].__version__,
                "field": each.field,
                "change": each.problem,
            }
            for each in differences(name, versions[newest].schema, schema_of(kinds[name]))
        ]
    return rows


async def _both(options: Options, app: str) -> tuple[dict[str, type[Entry]], dict[str, dict[int, Declared]]]:
    """The kinds of the application, and those that its store knows. It is not connected itself: it would register."""
    from blackboard.application import Blackboard
    from blackboard.declaration import versions_of

    options.enter()
    options.app = app
    bb = application(options)
    await check_store(bb.url, create=False)
    async with Blackboard(bb.name, bb.url) as plain:
        return bb.kinds, versions_of(await plain.store().partitions[0].schemas())


for _command in (list_, check, diff):
    schema.add_command(_command)

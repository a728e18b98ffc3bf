"""What the doctor looks at. Each check says what it found and, unless all is well, what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator

from blackboard.cli.checks.finding import Finding
from blackboard.cli.checks.installation import installation_findings
from blackboard.cli.checks.namespace import namespace_findings
from blackboard.cli.checks.server import server_findings
from blackboard.cli.options import Options
from blackboard.cli.session import PATIENCE, NoStore, connect
from blackboard.errors import StoreError, StoreRefused
from blackboard.store.connection import wait_until_ready


async def examine(options: Options) -> list[Finding]:
    """All findings: this installation, the store, and what is in it."""
    return [*installation_findings(), *[found async for found in _store(options)]]


async def _store(options: Options) -> AsyncIterator[Finding]:
    try:
        clients = await connect(options.url)
    except NoStore as error:
        yield Finding("store", "warn", error.message, "blackboard store start, or name another one with --url or --dir")
        return
    except StoreError as error:
        yield _refused(error)
        return
    try:
        await wait_until_ready(clients, PATIENCE)
        async for finding in server_findings(clients):
            yield finding
        async for finding in namespace_findings(options, clients):
            yield finding
    except StoreError as error:
        yield _refused(error)
    finally:
        await clients.aclose()


def _refused(error: StoreError) -> Finding:
    if isinstance(error, StoreRefused):
        return Finding("store", "fail", f"{error.url}: {error.problem}", error.remedy)
    return Finding("store", "fail", str(error), "Start the server, or correct --url or BLACKBOARD_URL")

"""Fixtures of the tests of the scripts: the same tests in memory and on Redis as scripts, on Valkey as functions."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from blackboard.store.connection import connect
from tests.lua.bench import Bench


@pytest.fixture
async def bench(request: pytest.FixtureRequest, store_url: str, namespace: str) -> AsyncIterator[Bench]:
    clients = await connect(store_url)
    opened = Bench(clients, namespace)
    if request.node.callspec.params.get("store_url") == "valkey":
        await opened.store.calls.prepare()
    yield opened
    await clients.aclose()

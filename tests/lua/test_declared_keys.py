"""Scripts write declared keys only, in functions and in scripts alike: undeclared ones break half-way.

The server itself is asked: a user that may write the declared keys and read the rest of the tag, and nothing else,
lives a whole board's life. Doorbells and announcements are advisory: that they are refused must disturb nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.exceptions import NoPermissionError, ResponseError

from blackboard.store.connection import Clients, connect
from blackboard.store.keys import Keys
from tests.lua.bench import Bench
from tests.lua.life import COMMANDS, live

USER = "declared"


class Watching(Bench):
    """Notes which commands ran."""

    def watch(self) -> set[str]:
        seen: set[str] = set()
        run = self.store.calls.script

        async def noted(name: str, *words: object) -> object:
            seen.add(name)
            return await run(name, *words)  # type: ignore[arg-type]

        self.store.calls.script = noted  # type: ignore[method-assign,assignment]
        return seen


@pytest.fixture
async def restricted(request: pytest.FixtureRequest, namespace: str) -> AsyncIterator[Clients]:
    url = request.getfixturevalue(request.param)
    master = await connect(url)
    keys = Keys(namespace)
    declared = [*keys.declared, *keys.board("x"), *keys.board("y")]
    rules = ["reset", "on", ">secret", "+@all", f"%R~{keys.tag}*", *(f"~{key}" for key in declared)]
    await master.commands.execute_command("ACL SETUSER", USER, *rules)
    clients = await connect(f"{url}?username={USER}&password=secret")
    yield clients
    await clients.aclose()
    await master.commands.execute_command("DEL", *declared)
    await master.commands.execute_command("ACL DELUSER", USER)
    await master.aclose()


@pytest.mark.parametrize("restricted", ["valkey_url", "redis_url"], indirect=True)
@pytest.mark.parametrize("functions", [True, False], ids=["functions", "scripts"])
async def test_a_life_within_the_declared_keys(restricted: Clients, namespace: str, functions: bool) -> None:
    bench = Watching(restricted, namespace)
    if functions:
        await bench.store.calls.prepare()
    seen = bench.watch()
    await live(bench)
    assert seen == COMMANDS, "the life runs every command, or it proves too little"


@pytest.mark.parametrize("restricted", ["valkey_url", "redis_url"], indirect=True)
async def test_the_rules_do_refuse(restricted: Clients, namespace: str) -> None:
    """The server holds that user to them, inside of scripts too: else the test above would prove nothing."""
    undeclared = f"{Keys(namespace).tag}other"
    assert await restricted.commands.execute_command("GET", undeclared) is None
    with pytest.raises(NoPermissionError):
        await restricted.commands.execute_command("SET", undeclared, "1")
    text = f"return redis.call('SET', '{undeclared}', '1')"
    with pytest.raises(ResponseError, match=r"ermission|access"):
        await restricted.commands.execute_command("EVAL", text, 0)

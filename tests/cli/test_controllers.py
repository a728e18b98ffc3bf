"""Controllers as processes: they decide, end when told, and are seen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from blackboard import Controller
from blackboard.cli.controller import Chair
from tests.cli.conftest import Invoke
from tests.cli.processes import APPLICATION, run, serving
from tests.cli.reading import read
from tests.eventually import eventually

Post = Callable[..., Any]


def test_a_controller_decides_until_it_is_told_to_stop(
    invoke: Invoke, post: Post, board: str, store_directory: Path
) -> None:
    invoke("mode", board, "orchestration", "tests.cli.claims:careful")
    with serving(store_directory, "controller") as process, serving(store_directory, "worker"):
        post(board, "claim", amount=250, text="rain")
        invoke("wait", board, "decision", "--timeout", "15")
        roles = {each["pid"]: each["role"] for each in read(invoke, "workers") if each["alive"]}
        assert roles[process.pid] == "controller"
        assert set(roles.values()) == {"worker", "controller"}
        assert read(invoke, "mode", board)["controllers"] == 1
        assert next(each for each in read(invoke, "doctor") if each["check"] == "control")["verdict"] == "ok"
        assert "Sequential" in {each.get("reason") for each in read(invoke, "tail", board)}
        process.terminate()
        assert process.wait(10) == 0
    said = (store_directory / "controller.log").read_text()
    assert "decides for the orchestrated boards of claims" in said
    assert "draining" in said
    assert "decisions (claims)" in said
    invoke("close", board, "--yes")


def test_controllers_are_kept_alive_and_end_together(invoke: Invoke, store_directory: Path) -> None:
    def alive() -> int:
        return sum(each["role"] == "controller" and each["alive"] for each in read(invoke, "workers"))

    with serving(store_directory, "controller", "-p", "2", "--lease", "1") as supervisor:
        eventually(lambda: alive() == 2, 15, "two controllers")
        supervisor.terminate()
        assert supervisor.wait(10) == 0
    assert alive() == 0


async def test_an_aborted_controller_ends_at_once() -> None:
    class Stuck:
        """A controller whose strategy thinks for ever."""

        id = "stuck"
        decisions = 0

        async def run(self, ready: asyncio.Event) -> None:
            ready.set()
            await asyncio.Event().wait()

    chair, ready = Chair("claims", cast("Controller", Stuck())), asyncio.Event()
    chair.abort()  # before it has begun, there is nothing to end
    deciding = asyncio.create_task(chair.run(ready))
    await ready.wait()
    chair.abort()
    with pytest.raises(asyncio.CancelledError):
        await deciding


def test_the_check_of_a_controller_needs_no_store(tmp_path: Path) -> None:
    done = run(tmp_path, "controller", APPLICATION, "--check", "-o", "json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert (found["application"], found["strategy"]) == ("claims", None)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "wrong.py").write_text(
        "from blackboard import Blackboard\nfrom blackboard.control import Swarm\n"
        "bb = Blackboard('x', strategy=Swarm('nobody'))"
    )
    assert "nobody" in (wrong := run(tmp_path, "controller", "wrong", "--check")).stderr
    assert wrong.returncode == 4
    assert run(tmp_path, "controller").returncode == 2

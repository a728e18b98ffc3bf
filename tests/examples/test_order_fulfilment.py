"""The order-fulfilment example: one result however it is run, by agents that know of no mode."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blackboard.store import embedded
from examples import order_fulfilment
from examples.order_fulfilment import bb, fail, fulfil
from tests.conftest import empty_namespace, key_faults

ROOT = Path(__file__).parents[2]

MODE = re.compile(
    r"mode|orchestrat|choreograph|control|strategy|grant|held|epoch|switch|pause|sequen|graph", re.IGNORECASE
)
"""What an agent would say that knew how its board is steered."""


@pytest.fixture
def example(store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The example's blackboard, on each store in turn."""
    monkeypatch.setattr(bb, "url", store_url)
    yield
    if not store_url.startswith("memory:"):
        assert not key_faults(empty_namespace(store_url, bb.name))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose embedded store is stopped afterwards."""
    yield tmp_path
    embedded.stop(tmp_path / ".blackboard")


@pytest.mark.usefixtures("example")
async def test_the_final_entries_are_the_same_in_all_modes(capsys: pytest.CaptureFixture[str]) -> None:
    choreographed, *others = (await fulfil("order")).values()
    assert len(others) == 3
    assert all(other == choreographed for other in others)
    assert sorted(choreographed) == [
        "check/amount",
        "check/customer",
        "notice/shipment",
        "order",
        "payment",
        "reservation",
        "shipment",
    ]
    assert capsys.readouterr().out.count("posts shipment") == 4


@pytest.mark.usefixtures("example")
async def test_what_nobody_ships_is_undone_in_both_modes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The payment is paid back once, and the goods go back once, also outside of the board; the ends are the same."""
    bank, shelf = order_fulfilment.Book(), order_fulfilment.Book()
    monkeypatch.setattr(order_fulfilment, "bank", bank)
    monkeypatch.setattr(order_fulfilment, "shelf", shelf)
    choreographed, orchestrated = (await fail("order")).values()
    assert choreographed == orchestrated
    assert sorted(choreographed) == [
        *("check/amount", "check/customer", "order", "payment", "refund", "reservation", "restocking"),
    ]
    assert sorted(bank.bookings.values()) == [-49.9, -49.9, 49.9, 49.9]
    assert sorted(shelf.bookings.values()) == [-1, -1, 1, 1]
    told = capsys.readouterr().out
    assert told.count("aborts                       nobody ships 1 anvil") == 2
    assert len(re.findall(r"undo:take_payment#\d+ +posts refund", told)) == 2


@pytest.mark.usefixtures("example")
async def test_the_switch_lands_in_the_middle(capsys: pytest.CaptureFixture[str]) -> None:
    await fulfil("order")
    *_, switched = capsys.readouterr().out.split("\norder-")
    told = [switched.index(f" {what}") for what in ("payment", "orchestration", "shipment", "choreography", "notice")]
    assert told == sorted(told)
    by_strategy = {line.split("#")[0].split()[-1] for line in switched.splitlines() if "granted by Sequential" in line}
    assert by_strategy == {"reserve_stock", "ship"}


def test_the_agents_know_of_no_mode() -> None:
    assert len(bb.sources) == 7
    for source in bb.sources.values():
        assert not MODE.search(inspect.getsource(source.function)), f"{source.name} knows how its board is steered"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("command", [["-m", "examples.order_fulfilment"], [f"{order_fulfilment.__file__}"]])
@pytest.mark.parametrize("store", [[], ["--url", "memory://orders"]], ids=["embedded", "memory"])
def test_it_runs_from_the_command_line(command: list[str], store: list[str], folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, *command, *store],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "All 4 runs ended with the same 7 entries" in done.stdout
    assert "What nobody ships was undone: refund, restocking." in done.stdout
    assert (folder / ".blackboard").exists() == (not store)

"""A system that makes progress is never stopped, however long it takes and however its entries alternate; one that does not, is.

Systems are drawn as the states that their board goes through: any function from state to state is one. Where no state comes
again, the system converges at the end of its path; where one does, it goes round for ever.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import chain, islice, repeat
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blackboard.limits import Limits, Tripped
from blackboard.store.connection import connect
from blackboard.store.partition import Write
from tests.lua.bench import Bench, write

STEP = {"s": "step", "p": [{"k": "turn", "u": 1, "m": "e"}], "re": 1}
DRAWN = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])

State = tuple[int, ...]


@pytest.fixture
async def strict(valkey_url: str, namespace: str) -> AsyncIterator[Bench]:
    """A bench on which two returns to a state are no progress."""
    clients = await connect(valkey_url)
    bench = Bench(clients, namespace, Limits(alternations=2))
    await bench.store.calls.prepare()
    await bench.register(STEP)
    yield bench
    keys = [key async for key in clients.commands.scan_iter(match=f"{bench.keys.tag}*")]
    await clients.commands.delete(*keys)
    await clients.aclose()


async def go_through(bench: Bench, states: Iterator[State]) -> Tripped | None:
    """One activation for each state, each caused by the one before, until the states or a guard end it."""
    bench.number += 1
    board = f"b{bench.number}"
    await bench.post(board, *_as_entries(next(states)))
    for turn, state in enumerate(states):
        claimed = await bench.claim(1)
        if not claimed:
            break
        await bench.commit(claimed[0].claim, *_as_entries(state, turn % 2))
    found = await bench.store.tripped(board)
    assert (found is not None) == (await bench.store.facts(board)).paused  # type: ignore[union-attr]
    await bench.store.close(board, "@test", "", 1, bench.now)
    return found


def _as_entries(state: State, turn: int = 1) -> list[Write]:
    """The state as entries, one a place, and whose turn it is, which keeps the steps going."""
    return [*(write(f"place/{place}", value) for place, value in enumerate(state)), write("turn", turn)]


def wander(random: Random, width: int, values: int, length: int) -> list[State]:
    """States of which none is like another: some places change at each step."""
    state, seen = (0,) * width, {(0,) * width}
    path = [state]
    for _ in range(20 * length):
        if len(path) == length:
            break
        changed = list(state)
        for place in random.sample(range(width), random.randint(1, width)):
            changed[place] = random.randrange(values)
        if tuple(changed) not in seen:
            state = tuple(changed)
            seen.add(state)
            path.append(state)
    return path


@DRAWN
@given(seed=st.integers(0, 2**32), width=st.integers(7, 12), values=st.integers(2, 4))
async def test_a_system_that_converges_is_never_stopped(strict: Bench, seed: int, width: int, values: int) -> None:
    path = wander(Random(seed), width, values, length=160)
    assert await go_through(strict, iter(path)) is None


@DRAWN
@given(seed=st.integers(0, 2**32), width=st.integers(1, 6), length=st.integers(1, 6))
async def test_a_system_that_goes_round_is_stopped(strict: Bench, seed: int, width: int, length: int) -> None:
    """Whatever came before, and however many steps the round has. (Whose turn it is doubles a round of odd length.)"""
    random = Random(seed)
    before, around = wander(random, width, 3, 20), wander(random, width, 3, length)
    found = await go_through(strict, islice(chain(before, chain.from_iterable(repeat(around))), 400))
    assert found is not None
    assert (found.guard, found.chain) == ("alternations", "step → turn → step")


def collatz(number: int) -> Iterator[State]:
    """Half of an even number, three times an odd one and one: nobody knows why it always ends."""
    yield (number,)
    while number != 1:
        number = number // 2 if number % 2 == 0 else 3 * number + 1
        yield (number,)


@DRAWN
@given(number=st.integers(1, 3000))
async def test_what_ends_for_reasons_unknown_is_never_stopped(strict: Bench, number: int) -> None:
    assert await go_through(strict, collatz(number)) is None


@DRAWN
@given(start=st.lists(st.integers(0, 40), min_size=1, max_size=4))
async def test_what_contracts_is_never_stopped(strict: Bench, start: list[int]) -> None:
    """Each step takes one from the highest, until all are zero; a flag of each says whether it was even."""

    def contracting() -> Iterator[State]:
        state = list(start)
        while any(state):
            yield (*state, *(value % 2 for value in state))
            state[state.index(max(state))] -= 1
        yield (*state, *(0 for _ in state))

    assert await go_through(strict, contracting()) is None


async def test_progress_that_comes_seldom_is_progress(strict: Bench) -> None:
    """A hundred turns of two flags for each step ahead: between two steps the board is often where it was, but not too often."""
    patient = strict.within(Limits(alternations=60))

    def seldom() -> Iterator[State]:
        for ahead in range(3):
            for flag in range(100):
                yield (ahead, flag % 2)

    assert await go_through(patient, seldom()) is None

"""A failing case comes out small, and its list of operations means the same when it is replayed."""

from __future__ import annotations

from tests.model.driver import Case
from tests.model.shrink import shrunk


async def test_only_what_matters_is_left() -> None:
    async def fails(case: Case) -> bool:
        return {7, 70} <= set(case.operations) and 3 in case.sources

    small = await shrunk(Case(1, tuple(range(100))), fails)

    assert small.operations == (7, 70)
    assert small.sources == (3,)


def test_a_case_has_the_same_sources_every_time() -> None:
    assert Case(5, ()).triggers() == Case(5, ()).triggers()

"""`commit`: fenced, once, whole; conflicts run again; one call carries many."""

from __future__ import annotations

import pytest

from blackboard.errors import BoardClosed, LeaseLost, Overloaded, StaleSnapshot
from blackboard.limits import Limits
from blackboard.store.partition import Applied, Commit
from tests.lua.bench import Bench, each, gone, names, write

ONE = each("one", "a")


@pytest.fixture
async def running(bench: Bench) -> Bench:
    """A board with one entry and a source that waits for it."""
    await bench.register(ONE)
    await bench.post("b", write("a/1"))
    return bench


async def test_a_second_commit_answers_done_and_writes_nothing(running: Bench) -> None:
    claimed = await running.claim_one()
    first = await running.commit(claimed.claim, write("c/1"))
    before = await running.dump()

    assert isinstance(first, Applied)
    assert await running.commit(claimed.claim, write("c/1", 5)) is None
    assert await running.dump() == before


@pytest.mark.parametrize(
    "wrong",
    [{"number": 99}, {"epoch": 2}, {"epoch": 0}, {"owner": "w2"}],
    ids=lambda wrong: str(*wrong.items()),
)
async def test_only_the_holder_commits(running: Bench, wrong: dict[str, object]) -> None:
    claimed = await running.claim_one()
    before = await running.dump()
    stranger = claimed.claim._replace(**wrong)  # type: ignore[arg-type]

    assert isinstance(await running.commit(stranger, write("c/1")), LeaseLost)
    assert await running.fail(stranger) == "lost"
    assert await running.release(stranger) == "lost"
    assert await running.dump() == before


async def test_a_late_commit_is_lost(running: Bench) -> None:
    """The lease ran out and another worker has the activation: the first one changes nothing."""
    late = await running.claim_one()
    running.now += 5000
    current = await running.claim_one(owner="w2")
    before = await running.dump()

    assert isinstance(await running.commit(late.claim, write("c/1")), LeaseLost)
    assert await running.dump() == before
    assert isinstance(await running.commit(current.claim, write("c/1")), Applied)


async def test_a_commit_to_a_closed_board(running: Bench) -> None:
    claimed = await running.claim_one()
    await running.store.close("b", "@test", "end", 0, running.now)
    before = await running.dump()

    assert isinstance(await running.commit(claimed.claim, write("c/1")), BoardClosed)
    assert await running.dump() == before


async def test_the_first_committer_wins_and_the_loser_runs_again(running: Bench) -> None:
    claimed = await running.claim_one()
    await running.post("b", write("c/1", "theirs"))

    refused = await running.commit(claimed.claim, write("d/1"), write("c/1", "mine"))

    assert isinstance(refused, StaleSnapshot)
    assert refused.addresses == ("c/1",)
    assert await running.store.entry("b", "d/1") is None
    again = await running.claim_one()
    assert again.attempts == 0
    assert isinstance(await running.commit(again.claim, write("c/1", "mine")), Applied)


async def test_what_was_read_is_revised_at_its_version_only(running: Bench) -> None:
    claimed = await running.claim_one()
    await running.post("b", write("a/1", 2))
    assert isinstance(await running.commit(claimed.claim, write("a/1", 3, expected=1)), StaleSnapshot)


async def test_serializable_checks_what_was_read(running: Bench) -> None:
    claimed = await running.claim_one()
    await running.post("b", write("x/1"))
    assert isinstance(await running.commit(claimed.claim, reads=[("x/1", 0)]), StaleSnapshot)
    again = await running.claim_one()
    await running.post("b", write("x/2"))
    assert isinstance(await running.commit(again.claim, kinds=["x"]), StaleSnapshot)
    last = await running.claim_one()
    assert isinstance(await running.commit(last.claim, reads=[("x/1", 1)], kinds=["x"]), Applied)


async def test_parts_of_one_run_do_not_conflict_with_each_other(running: Bench) -> None:
    """A generator that reports its progress revises the entry that it posted; and what it read, it may revise."""
    claimed = await running.claim_one()
    for part in (1, 2, 3):
        kept = {"reads": [("a/1", 1)], "kinds": ["c", "a"]}
        assert isinstance(await running.commit(claimed.claim, write("c/1", part), part=part, **kept), Applied)
    assert isinstance(await running.commit(claimed.claim, write("a/1", 2), part=4, reads=[("a/1", 1)]), Applied)
    assert isinstance(await running.commit(claimed.claim, write("c/1", 9), reads=[("a/1", 1)]), Applied)
    assert await running.states("b") == {}


async def test_a_part_is_done_once(running: Bench) -> None:
    claimed = await running.claim_one()
    await running.commit(claimed.claim, write("c/1", 1), part=1)
    before = await running.dump()
    assert await running.commit(claimed.claim, write("c/1", 1), part=1) is None
    assert await running.dump() == before


async def test_a_refused_commit_beyond_the_limits_keeps_its_lease(running: Bench) -> None:
    claimed = await running.claim_one()
    before = await running.dump()
    limited = running.within(Limits(writes=1))
    assert isinstance(await limited.commit(claimed.claim, write("c/1"), write("c/2")), Overloaded)
    assert await running.dump() == before
    assert await running.fail(claimed.claim, "dead") == "ok"


async def test_one_call_commits_on_many_boards_and_claims_what_it_made_ready(bench: Bench) -> None:
    await bench.register(ONE, each("two", "c"))
    for board in ("b1", "b2", "b3"):
        await bench.post(board, write("a/1"))
    held = await bench.claim(3)
    stale = held[1].claim._replace(epoch=7)
    commits = [Commit(claim, [write("c/1")]) for claim in (held[0].claim, stale, held[2].claim)]

    results, handed = await bench.store.commit(commits, bench.request(5), bench.now)

    assert [type(result) for result in results] == [Applied, LeaseLost, Applied]
    assert names(handed.claimed) == ["two", "two"]
    assert sorted(each_claim.claim.board for each_claim in handed.claimed) == ["b1", "b3"]


async def test_own_writes_do_not_trigger_again_unless_reentrant(bench: Bench) -> None:
    await bench.register(each("plain", "a"), each("again", "c", re=1))
    await bench.post("b", write("a/1"), write("c/1"))
    for claimed in await bench.claim(2):
        await bench.commit(claimed.claim, write(f"{claimed.bindings[0][0].address}", 2))
    assert await bench.states("b") == {"again c/1": "ready"}


async def test_news_that_is_taken_back_before_it_ran_is_no_news(bench: Bench) -> None:
    """The conflict set holds what has not fired; without the new finding, this one has."""
    await bench.register({"s": "sum", "p": [{"k": "a", "m": "g", "a": "a", "n": 1}]})
    await bench.post("b", write("a/1"))
    await bench.commit((await bench.claim_one()).claim)
    await bench.post("b", write("a/2"))
    assert await bench.states("b") == {"sum": "ready"}

    await bench.post("b", gone("a/2"))

    assert await bench.states("b") == {}

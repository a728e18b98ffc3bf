"""Undoing: what a saga drops, waits for, opens and ends; every act of it is fenced, and may be sent twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from blackboard.activation import Claimed
from blackboard.errors import BoardAborted, LeaseLost
from blackboard.record import Record
from blackboard.store.partition import Applied
from tests.lua.bench import LEASE, Bench, each, gone, names, write
from tests.lua.life import approval

UNDO = "undo:one @undo/{}"


@pytest.fixture
async def board(bench: Bench) -> Bench:
    """Board `b` with one activation that has fired (number 3), one that runs, and one that is delayed."""
    await bench.register(each("one", "a"), each("late", "a", af=5000), each("next", "c"), each("dear", "d", ft=1))
    await bench.post("b", write("a/1"))
    await bench.commit((await bench.claim_one()).claim)
    return bench


async def running(bench: Bench) -> Claimed:
    """One more of them, claimed."""
    await bench.post("b", write("a/2"))
    return await bench.claim_one()


async def number(bench: Bench, address: str = "a/1") -> int:
    """The number of the activation of `one` with this entry."""
    events = await bench.store.events("b", 0, 1000)
    return next(e.seq for e in events if e.type == "triggered" and e.source == "one" and e.addresses == (address,))


async def undoing(bench: Bench) -> Claimed:
    """The compensation of the activation that has fired, claimed; what is over is the chore that opened it."""
    await bench.abort("b")
    await bench.undo_once("go", ("one", await number(bench)))
    return await bench.claim_one()


async def status(bench: Bench) -> str:
    facts = await bench.store.facts("b")
    assert facts is not None
    return facts.status


# ---------------------------------------------------------------------------- beginning


async def test_what_is_open_leaves_and_what_runs_stays(board: Bench) -> None:
    claimed = await running(board)
    assert await board.states("b") == {"late a/1": "delayed", "late a/2": "delayed", "one a/2": "running"}
    answer, began = await board.abort("b")
    assert (answer, await status(board)) == ("ok", "undoing")
    assert await board.states("b") == {"one a/2": "running"}
    assert (await board.store.events("b", began - 1, 1))[0].type == "aborted"
    with pytest.raises(BoardAborted):
        await board.post("b", write("a/3"))
    assert isinstance(await board.commit(claimed.claim, write("c/1")), Applied)
    assert await board.states("b") == {}
    assert await board.command("ZCARD", board.keys.due) == 0


async def test_to_begin_is_done_once(board: Bench) -> None:
    first = await board.abort("b", operation="op")
    before = await board.dump()
    assert await board.abort("b", operation="op") == first
    assert await board.dump() == before
    assert await board.abort("b") == ("done", first[1])
    assert await board.dump() == before


async def test_to_begin_needs_a_board_that_is_open(board: Bench) -> None:
    assert await board.abort("nowhere") == ("absent", 0)
    assert await board.savepoint("nowhere") == ("absent", 0)
    await board.post("c", write("z"))
    await board.store.close("c", "@test", "", 0, board.now)
    assert await board.abort("c") == ("closed", 0)
    assert await board.abort("c", 1) == ("closed", 0)
    await board.abort("b")
    assert await board.abort("b", 1) == ("undoing", 0)
    assert await board.savepoint("b") == ("undoing", 0)


@pytest.mark.parametrize("reason", ["attempts spent", "crash limit"])
async def test_the_death_of_what_is_fatal_begins_one(board: Bench, reason: str) -> None:
    await board.post("b", write("d/1"))
    claimed = await board.claim_one()
    assert await board.store.fail(claimed.claim, "dead", 0, reason, "boom\nand more", board.now) == "ok"
    [event] = [e for e in await board.store.events("b", 0, 1000) if e.type == "aborted"]
    assert event.reason == f"dear#{claimed.claim.number} died: boom"
    assert await status(board) == "undoing"


async def test_an_agent_that_gives_up_begins_one(board: Bench) -> None:
    claimed = await running(board)
    assert await board.store.fail(claimed.claim, "dead", 0, "aborted", "no stock", board.now) == "ok"
    [event] = [e for e in await board.store.events("b", 0, 1000) if e.type == "aborted"]
    assert (event.by, event.reason) == (claimed.claim.name, "no stock")


async def test_any_other_death_and_any_retry_does_not(board: Bench) -> None:
    claimed = await running(board)
    await board.post("b", write("d/1"))
    dear = await board.claim_one()
    assert await board.fail(dear.claim, "retry") == "ok"
    assert await board.fail(claimed.claim, "dead") == "ok"
    assert await status(board) == "open"


# ---------------------------------------------------------------------------- what runs meanwhile


async def test_what_runs_is_applied_and_opens_nothing(board: Bench) -> None:
    claimed = await running(board)
    await board.abort("b")
    assert isinstance(await board.commit(claimed.claim, write("c/1"), part=1), Applied)
    assert isinstance(await board.commit(claimed.claim, gone("a/2")), Applied)
    assert [entry.address for entry in await board.store.entries("b")] == ["a/1", "c/1"]
    assert [entry.address for entry in await board.store.entries("b", "c")] == ["c/1"]
    assert await board.states("b") == {}


@pytest.mark.parametrize("end", ["retry", "give back", "wait", "conflict", "hand over"])
async def test_what_runs_does_not_run_again(board: Bench, end: str) -> None:
    claimed = await running(board)
    await board.abort("b")
    match end:
        case "retry":
            assert await board.fail(claimed.claim) == "ok"
        case "give back":
            assert await board.release(claimed.claim) == "ok"
        case "wait":
            assert await board.release(claimed.claim, "wait") == "ok"
        case "conflict":
            assert isinstance(await board.commit(claimed.claim, write("a/1", 5, expected=7)), Exception)
        case _:
            assert isinstance(await board.commit(claimed.claim, handoffs=[("late", "now")]), Applied)
    assert await board.states("b") == {}
    assert names(await board.claim(5)) == ["@saga"]


async def test_what_runs_and_loses_its_worker_does_not_run_again(board: Bench) -> None:
    await running(board)
    await board.abort("b")
    await board.undo_once("wait")
    board.now += LEASE
    (claimed,) = await board.claim(5)
    assert (claimed.claim.source, claimed.verdict) == ("one", "revisit")
    assert await board.release(claimed.claim) == "ok"
    assert await board.states("b") == {}
    assert names(await board.claim(5)) == ["@saga"]


async def test_what_ends_brings_the_chore_back(board: Bench) -> None:
    """Until then the board waits, and is not at rest; the chore is there once, however much ends."""
    first = await running(board)
    await board.post("b", write("a/3"))
    other = await board.claim_one()
    await board.abort("b")
    await board.undo_once("wait")
    facts = await board.store.facts("b")
    assert facts is not None
    assert not facts.settled
    assert await board.claim(5) == []
    await board.commit(first.claim)
    await board.fail(other.claim, "dead")
    assert names(await board.claim(5)) == ["@saga"]


# ---------------------------------------------------------------------------- the chore


async def test_a_plan_opens_compensations_once(board: Bench) -> None:
    await board.abort("b")
    undone = await number(board)
    await board.undo_once("go", ("one", undone))
    assert await board.states("b") == {UNDO.format(undone): "ready"}
    claimed = await board.claim_one()
    assert (claimed.claim.source, claimed.claim.undoes, claimed.bindings) == ("~one", f"one#{undone}", ())
    assert claimed.claim.name == f"undo:one#{claimed.claim.number}"
    await board.commit(claimed.claim)
    before = await board.kinds_of_events("b")
    await board.undo_once("go", ("one", undone))
    assert await board.kinds_of_events("b") == before


@pytest.mark.parametrize("fence", [{"owner": "w2"}, {"epoch": 9}, {"number": 1}, {"identity": "one\x1ea/1"}])
async def test_a_plan_is_its_claimers_own(board: Bench, fence: dict[str, Any]) -> None:
    await board.abort("b")
    chore = await board.chore()
    before = await board.dump()
    other = replace(chore, claim=chore.claim._replace(**fence))
    assert await board.undo(other, "done") == "lost"
    assert await board.dump() == before


async def test_a_plan_is_followed_once(board: Bench) -> None:
    await board.abort("b")
    chore = await board.chore()
    assert await board.undo(chore, "go", ("one", await number(board))) == "ok"
    before = await board.dump()
    assert await board.undo(chore, "done") == "lost"
    assert await board.dump() == before


async def test_the_end_is_believed_only_while_nothing_has_ended(board: Bench) -> None:
    """What ended after its log was read may have left something to undo."""
    first = await running(board)
    await board.post("b", write("a/3"))
    ending = [first, await board.claim_one()]
    await board.abort("b")
    for verdict, claimed in zip(("done", "stuck"), ending, strict=True):
        chore = await board.chore()
        await board.commit(claimed.claim)
        assert await board.undo(chore, verdict) == "again"
        assert await status(board) == "undoing"
    await board.undo_once("done")


async def test_a_plan_is_for_its_epoch(board: Bench) -> None:
    """Whether one is undone after the other depends on the mode."""
    _, mark = await board.savepoint("b")
    await board.post("b", write("a/4"))
    await board.commit((await board.claim_one()).claim)
    await board.abort("b", mark)
    chore = await board.chore()
    facts = await board.store.facts("b")
    assert facts is not None
    await board.orchestrate("b")
    assert await board.undo(chore, "go", ("one", await number(board, "a/4")), epoch=facts.epoch) == "again"
    assert not any(name.startswith("undo:") for name in await board.states("b"))
    await board.undo_once("go", ("one", await number(board, "a/4")))


async def test_the_claims_of_a_chore_are_told_apart(board: Bench) -> None:
    """Between two of them nothing need have happened that has a number."""
    _, mark = await board.savepoint("b")
    claimed = await running(board)
    await board.abort("b", mark)
    late = await board.chore()
    assert await board.undo(late, "wait") == "ok"
    await board.release(claimed.claim)  # it is held, which is no event
    now = await board.chore()
    assert now.claim != late.claim
    assert await board.undo(late, "wait") == "lost"
    assert await board.undo(now, "done") == "ok"


async def test_a_chore_whose_worker_died_goes_to_another(board: Bench) -> None:
    await board.abort("b")
    first = await board.chore()
    board.now += LEASE
    second = await board.chore(owner="w2")
    assert await board.undo(first, "done") == "lost"
    assert await board.undo(second, "done") == "ok"
    assert await status(board) == "aborted"


async def test_any_worker_does_it_also_one_without_a_source(board: Bench) -> None:
    await board.abort("b")
    assert await board.claim(5, crew="@control") == []
    assert names(await board.claim(5, crew="idle")) == ["@saga"]


# ---------------------------------------------------------------------------- compensations


async def test_a_compensation_has_workers_lease_and_crash_limit_of_its_source(board: Bench) -> None:
    await board.register(each("one", "a", ls=200, cr=1))
    claimed = await undoing(board)
    (_, ends) = await board.command("ZRANGE", board.keys.leases, 0, -1, "WITHSCORES")
    assert int(float(ends)) == board.now + 200
    for verdict in ("", "poison"):
        board.now += 200
        claimed = await board.claim_one(owner="w2")
        assert (claimed.claim.source, claimed.verdict) == ("~one", verdict)
    assert await board.store.fail(claimed.claim, "dead", 0, "crash limit", "died", board.now) == "ok"
    assert [dead.source for dead in await board.store.dead("b")] == ["undo:one"]


async def test_nobody_else_gets_it(board: Bench) -> None:
    await board.abort("b")
    await board.undo_once("go", ("one", await number(board)))
    assert await board.claim(5, crew="others") == []
    await board.suspend("one")
    assert await board.claim(5) == []
    await board.suspend("one", on=False)
    assert names(await board.claim(5)) == ["~one"]


async def test_only_its_holder_commits_it(board: Bench) -> None:
    claimed = await undoing(board)
    late = claimed.claim
    assert isinstance(await board.commit(late._replace(owner="w2"), write("c/1")), LeaseLost)
    board.now += LEASE
    again = await board.claim_one(owner="w2")
    assert isinstance(await board.commit(late, write("c/1")), LeaseLost)
    assert isinstance(await board.commit(again.claim, write("c/1")), Applied)
    assert await board.commit(again.claim, write("c/1")) is None
    assert await board.kinds_of_events("b") == [
        *("created", "posted", "triggered", "triggered", "fired", "aborted", "triggered", "fired", "posted"),
    ]
    assert (await board.store.events("b", 8, 1))[0].by == again.claim.name


async def test_one_that_fails_is_tried_again(board: Bench) -> None:
    claimed = await undoing(board)
    assert await board.fail(claimed.claim, "retry", 10) == "ok"
    assert list((await board.states("b")).values()) == ["retrying"]
    board.now += 10
    again = {each_claim.claim.source: each_claim for each_claim in await board.claim(5)}
    assert (again["~one"].claim.number, again["~one"].attempts) == (claimed.claim.number, 1)


async def test_one_that_dies_is_revived_or_skipped(board: Bench) -> None:
    claimed = await undoing(board)
    await board.fail(claimed.claim, "dead")
    await board.undo_once("stuck")
    assert await status(board) == "stuck"
    facts = await board.store.facts("b")
    assert facts is not None
    assert facts.settled
    assert await board.store.revive("b", claimed.claim.identity, "@test", board.now) == "ok"
    assert await status(board) == "undoing"
    again = {each_claim.claim.source: each_claim for each_claim in await board.claim(5)}
    assert set(again) == {"@saga", "~one"}
    assert await board.undo(again["@saga"], "wait") == "ok"
    assert await board.skip("b", UNDO.format(await number(board))) == "running"
    await board.fail(again["~one"].claim, "dead")
    await board.undo_once("stuck")
    assert await board.skip("b", UNDO.format(await number(board))) == "ok"
    assert await board.store.skip("b", "@test", claimed.claim.identity, claimed.claim.number, "", board.now) == "absent"
    await board.undo_once("done")
    assert await status(board) == "aborted"
    assert (await board.kinds_of_events("b"))[-4:] == ["died", "undone", "skipped", "undone"]


async def test_on_a_stuck_board_what_is_asked_in_vain_can_be_withdrawn(board: Bench) -> None:
    claimed = await undoing(board)
    await board.store.record(claimed.claim, Record(1, "approval", "approval", "", "", "{}"), now=board.now)
    await board.fail(claimed.claim, "dead")
    chores = {each_claim.claim.source: each_claim for each_claim in await board.claim(5)}
    assert set(chores) == {"@people", "@saga"}
    assert await board.undo(chores["@saga"], "stuck") == "ok"
    await board.store.withdraw(chores["@people"].claim, [], board.now)
    assert await board.undo(await board.chore(), "stuck") == "ok"
    facts = await board.store.facts("b")
    assert facts is not None
    assert (facts.status, facts.settled) == ("stuck", True)


async def test_nothing_is_over_before_what_is_asked_in_vain_is_withdrawn(board: Bench) -> None:
    claimed = await running(board)
    await board.store.record(claimed.claim, Record(1, "approval", "approval", "", "", "{}"), now=board.now)
    await board.store.park(claimed.claim, "a", 0, "Well?", now=board.now)
    await board.abort("b")
    chores = {each_claim.claim.source: each_claim for each_claim in await board.claim(5)}
    assert set(chores) == {"@people", "@saga"}
    assert await board.undo(chores["@saga"], "done") == "ok"
    assert await status(board) == "undoing"
    await board.store.withdraw(chores["@people"].claim, [], board.now)
    await board.undo_once("done")
    assert await status(board) == "aborted"


async def test_only_compensations_are_skipped_and_only_meanwhile(board: Bench) -> None:
    claimed = await running(board)
    found = await board.activation("b", "one a/2")
    assert await board.store.skip("b", "@test", found.identity, found.number, "", board.now) == "over"
    await board.abort("b")
    assert await board.store.skip("b", "@test", found.identity, found.number, "", board.now) == "absent"
    assert isinstance(await board.commit(claimed.claim), Applied)


async def test_the_dead_of_before_are_not_revived(board: Bench) -> None:
    claimed = await running(board)
    await board.fail(claimed.claim, "dead")
    await board.abort("b")
    assert await board.store.revive("b", claimed.claim.identity, "@test", board.now) == "closed"


# ---------------------------------------------------------------------------- the end


async def test_the_end_leaves_nothing_behind(board: Bench) -> None:
    claimed = await running(board)
    await board.fail(claimed.claim, "dead")
    undo = await undoing(board)
    await board.commit(undo.claim, write("c/1"))
    await board.undo_once("done", retention=5000)
    assert await status(board) == "aborted"
    for key in (board.keys.activations, board.keys.ready, board.keys.due, board.keys.leases, board.keys.dead):
        assert await board.command("EXISTS", key) == 0
    lives = [await board.command("PTTL", key) for key in board.keys.board("b")]
    assert all(life > 0 or life == -2 for life in lives)
    assert (await board.store.events("b", 0, 1000))[-1].outcome == "aborted"
    looked_at = await board.command("ZRANGE", board.keys.clocks, 0, -1, "WITHSCORES")
    assert [each.decode() for each in looked_at] == ["b", str(board.now + 5000)], (
        "a claim forgets it when it has expired"
    )


async def test_what_comes_late_is_refused(board: Bench) -> None:
    claimed = await running(board)
    board.now += LEASE
    again = await board.claim_one(owner="w2")
    await board.commit(again.claim)
    await board.abort("b")
    await board.undo_once("done")
    assert isinstance(await board.commit(claimed.claim), BoardAborted)
    assert await board.fail(claimed.claim) == "closed"
    assert (await board.abort("b"))[0] == "done"
    assert await board.store.close("b", "@test", "", 0, board.now) == ("done", 0)


# ---------------------------------------------------------------------------- back to a savepoint


async def test_a_savepoint_is_made_once(board: Bench) -> None:
    first = await board.savepoint("b", "here", operation="op")
    assert await board.savepoint("b", "there", operation="op") == first
    assert (await board.store.marked("b", "here"), await board.store.marked("b", "there")) == (first[1], 0)


async def test_compensations_run_on_a_board_that_is_held(board: Bench) -> None:
    """Whatever is done to it meanwhile; everything else is held, and nothing of it can be granted."""
    _, mark = await board.savepoint("b")
    await board.post("b", write("a/4"), write("a/5"))
    await board.commit((await board.claim_one()).claim)
    await board.abort("b", mark)
    await board.undo_once("go", ("one", await number(board, "a/4")))
    undo = UNDO.format(await number(board, "a/4"))
    assert {k: v for k, v in (await board.states("b")).items() if v != "delayed"} == {"one a/5": "held", undo: "ready"}
    await board.orchestrate("b")
    await board.choreograph("b")
    assert (await board.states("b"))[undo] == "ready"
    assert (await board.grant("b", "one a/5")).answer == "saga"
    assert (await board.resume("b")).answer == "saga"
    assert await board.veto("b", undo) == "absent"
    claimed = {each_claim.claim.source: each_claim for each_claim in await board.claim(5)}
    assert set(claimed) == {"~one"}
    await board.commit(claimed["~one"].claim, write("c/1"))
    assert (await board.states("b"))["next c/1"] == "held"
    await board.undo_once("done")
    assert set((await board.states("b")).values()) == {"delayed", "ready"}
    facts = await board.store.facts("b")
    assert facts is not None
    assert (facts.status, facts.paused) == ("open", False)
    assert await board.command("HEXISTS", board.keys.activations, board.field("b", "@saga")) == 0


async def test_what_ran_before_a_savepoint_is_waited_for_whatever_becomes_of_it(board: Bench) -> None:
    _, mark = await board.savepoint("b")
    await running(board)
    await board.abort("b", mark)
    await board.undo_once("wait")
    board.now += LEASE
    (claimed,) = await board.claim(5)
    assert claimed.verdict == "revisit"
    await board.release(claimed.claim)
    assert (await board.states("b"))["one a/2"] == "held"
    await board.undo_once("done")
    assert (await board.states("b"))["one a/2"] == "ready"


async def test_a_second_savepoint_waits_and_the_whole_board_does_not(board: Bench) -> None:
    _, mark = await board.savepoint("b")
    answer, began = await board.abort("b", mark)
    assert (answer, await board.abort("b", mark)) == ("ok", ("saga", began))
    assert (await board.abort("b"))[0] == "ok"
    assert await status(board) == "undoing"
    await board.undo_once("done")
    assert await status(board) == "aborted"


async def test_quiescence_comes_after_it(board: Bench) -> None:
    """A report that was open is none while something is undone, and comes at the end."""
    revision, _ = await board.register({"s": "report", "q": 1})
    _, mark = await board.savepoint("b")
    await board.abort("b", mark)
    await board.rematch("b", revision)
    assert not any(name.startswith("report") for name in await board.states("b"))
    board.now += 5000
    await board.undo_once("done")
    late = {each_claim.claim.source: each_claim for each_claim in await board.claim(5)}["late"]
    await board.commit(late.claim)
    assert any(name.startswith("report") for name in await board.states("b"))


# ---------------------------------------------------------------------------- people


async def aborted_asking(board: Bench) -> tuple[str, dict[str, Claimed]]:
    """A board on which something asks is aborted: its name, and the chores that are left, claimed."""
    claimed = await running(board)
    asked = Record(1, "approval", "approval", "a", "b", '{"id":"i"}')
    await board.store.record(claimed.claim, asked, writes=[approval(claimed.claim.name)], now=board.now)
    assert (await board.store.park(claimed.claim, "a", 0, "pay?", now=board.now))[0] == "ok"
    await board.abort("b")
    chores = {each.claim.source: each for each in await board.claim(2)}
    assert set(chores) == {"@saga", "@people"}
    return claimed.claim.name, chores


async def test_what_was_asked_is_withdrawn_before_a_board_is_over(board: Bench) -> None:
    """Whoever is first: a board that is over takes no more writes."""
    name, chores = await aborted_asking(board)
    assert await board.undo(chores["@saga"], "done") == "ok"
    assert await status(board) == "undoing"
    withdrawn = approval(name, "withdrawn", 1)
    assert (await board.store.withdraw(chores["@people"].claim, [withdrawn], board.now)).versions == (2,)
    await board.undo_once("done")
    assert await status(board) == "aborted"


async def test_what_was_asked_is_withdrawn_while_a_board_is_stuck(board: Bench) -> None:
    name, chores = await aborted_asking(board)
    assert await board.undo(chores["@saga"], "stuck") == "ok"
    assert await status(board) == "stuck"
    withdrawn = approval(name, "withdrawn", 1)
    assert (await board.store.withdraw(chores["@people"].claim, [withdrawn], board.now)).versions == (2,)


async def test_a_board_does_not_end_with_events_that_its_archive_does_not_have(board: Bench) -> None:
    claimed = await undoing(board)
    await board.commit(claimed.claim, write("c/1"))
    chore = await board.chore()
    facts = await board.store.facts("b")
    assert facts is not None
    assert await board.undo(chore, "done", known=facts.seq - 1) == "again"
    assert await status(board) == "undoing"
    assert await board.undo(await board.chore(), "done", known=facts.seq) == "ok"
    assert await status(board) == "aborted"

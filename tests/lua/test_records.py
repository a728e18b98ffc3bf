"""`record`, `recall`, `say`, `park`, `withdraw`: what activations keep of themselves, fenced and once."""

from __future__ import annotations

import pytest

from blackboard.activation import Claim, Claimed
from blackboard.errors import BoardClosed, EntryExists, LeaseLost, Overloaded, VersionConflict
from blackboard.limits import Limits
from blackboard.record import Progress, Record
from blackboard.store.partition import Applied
from tests.lua.bench import LEASE, Bench, each, gone, write
from tests.lua.life import approval


def step(place: int, result: str = "1", **facts: str) -> Record:
    return Record(
        place, **{"kind": "step", "name": f"s{place}", "arguments": "a", "binding": "b", **facts}, result=result
    )


async def running(bench: Bench, **trigger: object) -> Claimed:
    await bench.register(each("one", "a", **trigger))
    await bench.post("b", write("a/1"))
    return await bench.claim_one()


async def kept(bench: Bench) -> dict[str, str]:
    """What lies in the records of the board."""
    found = await bench.command("HGETALL", bench.keys.of_board("b", "records"))
    return {name.decode().replace("\x1e", "/"): text.decode().replace("\x1f", "|") for name, text in found.items()}


async def sleeps(bench: Bench, claim: Claim, until: int, state: str = "s", **other: object) -> str:
    return (await bench.store.park(claim, state, until, "nap", now=bench.now, **other))[0]  # type: ignore[arg-type]


# ---------------------------------------------------------------------------- records


async def test_a_record_is_kept_once(bench: Bench) -> None:
    claimed = await running(bench)
    first = await bench.store.record(claimed.claim, step(1), now=bench.now)
    before = await bench.dump()
    assert await bench.store.record(claimed.claim, step(1), now=bench.now) == first
    assert await bench.dump() == before
    assert await kept(bench) == {f"one/{claimed.claim.number}/1": "step|s1|a|b|1"}
    assert (await bench.kinds_of_events("b"))[-1] == "stepped"
    (activation,) = await bench.store.agenda("b")
    assert activation.kept == 1


async def test_the_end_of_a_delay_is_told_again_as_it_was(bench: Bench) -> None:
    claimed = await running(bench)
    nap = step(1, "", kind="sleep")
    assert (await bench.store.record(claimed.claim, nap, delay=50, now=bench.now)).wake == bench.now + 50
    woken = bench.now + 50
    bench.now += 7
    assert (await bench.store.record(claimed.claim, nap, delay=50, now=bench.now)).wake == woken
    assert await bench.store.recall(claimed.claim, 2, bench.now) == (bench.now, [step(1, str(woken), kind="sleep")])


async def test_only_who_holds_the_activation_records(bench: Bench) -> None:
    claimed = await running(bench)
    bench.now += LEASE
    again = await bench.claim_one()
    with pytest.raises(LeaseLost):
        await bench.store.record(claimed.claim, step(1), now=bench.now)
    assert await bench.store.say(claimed.claim, "1", "", ["x"], bench.now) == "lost"
    assert await sleeps(bench, claimed.claim, bench.now + 9) == "lost"
    assert await kept(bench) == {}
    assert isinstance(await bench.commit(again.claim), Applied)
    with pytest.raises(LeaseLost):
        await bench.store.record(again.claim, step(1), now=bench.now)
    assert await sleeps(bench, again.claim, bench.now + 9) == "done"


async def test_a_closed_board_keeps_nothing(bench: Bench) -> None:
    claimed = await running(bench)
    await bench.store.record(claimed.claim, step(1), now=bench.now)
    await bench.store.close("b", "@test", "", 0, bench.now)
    with pytest.raises(BoardClosed):
        await bench.store.record(claimed.claim, step(2), now=bench.now)
    assert await kept(bench) == {}


async def test_bounds(bench: Bench) -> None:
    claimed = await running(bench)
    small = bench.within(Limits(entry_bytes=10, records=3))
    before = await bench.dump()
    with pytest.raises(Overloaded, match="entry_bytes would be 11 and may be 10"):
        await small.store.record(claimed.claim, step(1, "x" * 11), now=bench.now)
    with pytest.raises(Overloaded, match="records would be 4 and may be 3"):
        await small.store.record(claimed.claim, step(4), now=bench.now)
    assert await bench.dump() == before


async def test_what_is_written_with_a_record_is_written_once_and_never_without_it(bench: Bench) -> None:
    claimed = await running(bench)
    asked = step(1, '{"id":"i"}', kind="approval")
    first = await bench.store.record(claimed.claim, asked, writes=[approval("one#3")], now=bench.now)
    assert first.versions == (1,)
    before = await bench.dump()
    assert await bench.store.record(claimed.claim, asked, writes=[approval("one#3")], now=bench.now) == first
    with pytest.raises(EntryExists):
        await bench.store.record(claimed.claim, step(2), writes=[approval("other#3")], now=bench.now)
    with pytest.raises(VersionConflict):
        await bench.store.record(claimed.claim, step(2), writes=[approval("one#3", "expired", 7)], now=bench.now)
    assert await bench.dump() == before


async def test_records_are_dropped_from_a_place_on(bench: Bench) -> None:
    claimed = await running(bench)
    for place in (1, 2, 4):
        await bench.store.record(claimed.claim, step(place), now=bench.now)
    for _ in range(2):
        await bench.store.record(claimed.claim, None, drop=2, now=bench.now)
        assert list(await kept(bench)) == [f"one/{claimed.claim.number}/1"]
    assert (await bench.store.agenda("b"))[0].kept == 1


@pytest.mark.parametrize("end", ["commit", "obviated", "closed", "dead", "retry", "news of the dead", "afresh"])
async def test_how_long_records_are_kept(bench: Bench, end: str) -> None:
    """Until the activation leaves: also in death, since a retry goes on where it was."""
    claim = (await running(bench)).claim
    await bench.store.say(claim, "1", '{"fraction":0.5}', [], bench.now)
    await bench.store.record(claim, step(1), now=bench.now)
    match end:
        case "commit":
            await bench.commit(claim)
        case "obviated":
            await bench.fail(claim)
            await bench.post("b", gone("a/1"))
        case "closed":
            await bench.store.close("b", "@test", "", 0, bench.now)
        case "dead" | "news of the dead" | "afresh":
            await bench.fail(claim, "dead")
        case "retry":
            await bench.fail(claim)
    if end == "news of the dead":
        await bench.post("b", write("a/1", 2))
    if end == "afresh":
        await bench.store.revive("b", claim.identity, "@test", bench.now, fresh=True)
    assert len(await kept(bench)) == (2 if end in {"dead", "retry"} else 0)


async def test_a_failure_may_drop_what_a_retry_shall_do_anew(bench: Bench) -> None:
    claim = (await running(bench)).claim
    for place in (1, 2):
        await bench.store.record(claim, step(place), now=bench.now)
    assert await bench.store.fail(claim, "dead", 0, "", "rejected", bench.now, drop=2) == "ok"
    assert list(await kept(bench)) == [f"one/{claim.number}/1"]


async def test_who_gets_on_is_no_poison(bench: Bench) -> None:
    """Crashes are counted since the last step that was recorded."""
    claimed = await running(bench, cr=1)
    for place in range(1, 5):
        await bench.store.record(claimed.claim, step(place), now=bench.now)
        bench.now += LEASE
        claimed = await bench.claim_one()
        assert (claimed.verdict, claimed.crashes, claimed.places) == ("", 1, place + 1)
    bench.now += LEASE
    assert (await bench.claim_one()).verdict == "poison"


# ---------------------------------------------------------------------------- parking


async def test_what_sleeps_frees_its_slot_and_wakes_in_time(bench: Bench) -> None:
    claimed = await running(bench)
    await bench.store.record(claimed.claim, step(1, "", kind="sleep"), delay=100, now=bench.now)
    assert await sleeps(bench, claimed.claim, bench.now + 100) == "ok"
    before = await bench.dump()
    assert await sleeps(bench, claimed.claim, bench.now + 100) == "lost"
    assert await bench.dump() == before
    assert (await bench.states("b"), await bench.claim()) == ({"one a/1": "sleeping"}, [])
    assert not (await bench.store.facts("b")).settled  # type: ignore[union-attr]
    handed = await bench.handed()
    assert (handed.claimed, handed.next_due) == ([], 100)
    bench.now += 100
    again = await bench.claim_one()
    assert (again.attempts, again.crashes, again.places) == (0, 0, 2)
    assert isinstance(await bench.commit(again.claim), Applied)


@pytest.mark.parametrize("news", ["due", "answered"])
async def test_it_is_not_parked_when_there_is_news(bench: Bench, news: str) -> None:
    """The answer came between its last look and now: nobody would wake it."""
    claimed = await running(bench)
    await bench.post("b", approval(claimed.claim.name))
    due = bench.now if news == "due" else 0
    if news == "answered":
        await bench.post("b", approval(claimed.claim.name, "answered", 1))
    before = await bench.dump()
    assert await sleeps(bench, claimed.claim, due, "a", awaited={"approval/i": 1}) == "news"
    assert await bench.dump() == before


@pytest.mark.parametrize("due", [0, 5000])
async def test_who_asks_keeps_the_board_busy_only_as_long_as_it_says(bench: Bench, due: int) -> None:
    claimed = await running(bench)
    await bench.post("b", approval(claimed.claim.name))
    until = bench.now + due if due else 0
    assert await sleeps(bench, claimed.claim, until, "a", awaited={"approval/i": 1}) == "ok"
    assert await bench.states("b") == {"one a/1": "awaiting approval"}
    assert (await bench.store.facts("b")).settled is (due == 0)  # type: ignore[union-attr]
    assert await bench.store.asked() == ["b"]
    await bench.post("b", approval(claimed.claim.name, "answered", 1))
    assert await bench.states("b") == {"one a/1": "ready"}
    assert await bench.store.asked() == []
    assert not (await bench.store.facts("b")).settled  # type: ignore[union-attr]
    await bench.commit((await bench.claim_one()).claim)
    assert (await bench.store.facts("b")).settled  # type: ignore[union-attr]
    for key in (bench.keys.due, bench.keys.asked, bench.keys.leases, bench.keys.activations):
        assert not await bench.command("EXISTS", key), key


async def test_time_wakes_who_asks_as_well(bench: Bench) -> None:
    claimed = await running(bench)
    await sleeps(bench, claimed.claim, bench.now + 50, "a")
    bench.now += 50
    await bench.claim_one()
    assert await bench.store.asked() == []


@pytest.mark.parametrize("answer", ["answered", "expired", "withdrawn", "gone"])
async def test_whatever_becomes_of_an_approval_wakes_it_and_no_other(bench: Bench, answer: str) -> None:
    claimed = await running(bench)
    await bench.post("b", write("a/2"), approval(claimed.claim.name))
    other = await bench.claim_one()
    for each_claim in (claimed.claim, other.claim):
        await sleeps(bench, each_claim, 0, "a")
    await bench.post("b", gone("approval/i") if answer == "gone" else approval(claimed.claim.name, answer, 1))
    assert await bench.states("b") == {"one a/1": "ready", "one a/2": "awaiting approval"}


@pytest.mark.parametrize("strange", ['{"state":"answered"}', '{"activation":5}', '{"activation":"one#99"}', "[1]"])
async def test_an_entry_that_is_no_approval_wakes_nobody(bench: Bench, strange: str) -> None:
    claimed = await running(bench)
    await sleeps(bench, claimed.claim, 0, "a")
    odd = approval("")
    odd.payload = strange
    await bench.post("b", odd)
    assert await bench.states("b") == {"one a/1": "awaiting approval"}


async def test_what_has_begun_is_not_obviated(bench: Bench) -> None:
    """Neither while it is parked, nor when it has woken and waits for its turn; unless an entry is gone."""
    claimed = await running(bench, w=[["==", ["n", 1], ["v", 0]]], c=[{"k": "z", "u": 1}])
    await sleeps(bench, claimed.claim, bench.now + 10)
    await bench.post("b", write("z"))
    assert await bench.states("b") == {"one a/1": "sleeping"}
    await bench.pause("b")
    bench.now += 10
    assert await bench.claim() == []
    assert await bench.states("b") == {"one a/1": "held"}
    await bench.post("b", write("z", 2))
    assert await bench.states("b") == {"one a/1": "held"}
    await bench.resume("b")
    again = await bench.claim_one()
    await bench.fail(again.claim)
    assert await bench.states("b") == {}, "it ended, and its trigger no longer holds"


@pytest.mark.parametrize("when", ["asleep", "awake"])
async def test_without_its_entry_it_leaves(bench: Bench, when: str) -> None:
    claimed = await running(bench)
    await bench.store.record(claimed.claim, step(1), now=bench.now)
    await sleeps(bench, claimed.claim, bench.now + 10)
    if when == "awake":
        bench.now += 10
        await bench.pause("b")
        await bench.claim()
    await bench.post("b", gone("a/1"))
    assert (await bench.states("b"), await kept(bench)) == ({}, {})


async def test_what_asks_before_it_begins_is_open_like_any_other(bench: Bench) -> None:
    claimed = await running(bench)
    await sleeps(bench, claimed.claim, 0, "a", begun=False)
    await bench.post("b", write("a/1", 2))
    assert await bench.states("b") == {"one a/1": "ready"}, "it asks again, about what is there now"
    await sleeps(bench, (await bench.claim_one()).claim, 0, "a", begun=False)
    await bench.post("b", gone("a/1"))
    assert await bench.states("b") == {}


async def test_a_grant_outlives_a_sleep_and_not_its_epoch(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.post("b", write("a/1"))
    await bench.orchestrate("b")
    await bench.grant("b", "one a/1")
    for woken in (True, False):
        claimed = await bench.claim_one()
        await sleeps(bench, claimed.claim, bench.now + 10)
        if not woken:
            await bench.orchestrate("b", "Other")
        bench.now += 10
    assert await bench.claim() == []
    assert await bench.states("b") == {"one a/1": "held"}
    assert (await bench.grant("b", "one a/1")).answer == "ok"
    assert await bench.claim_one()


async def test_a_switch_leaves_what_sleeps_alone(bench: Bench) -> None:
    claimed = await running(bench)
    await sleeps(bench, claimed.claim, bench.now + 10)
    assert (await bench.orchestrate("b")).moved == 0
    assert (await bench.choreograph("b")).moved == 0
    bench.now += 10
    await bench.orchestrate("b")
    await bench.claim()
    assert await bench.states("b") == {"one a/1": "held"}
    assert (await bench.choreograph("b")).moved == 1
    assert await bench.claim_one()


async def test_a_step_is_no_news_to_controllers(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.post("b", write("a/1"))
    await bench.orchestrate("b")
    await bench.decide_once("one a/1")
    claimed = await bench.claim_one()
    await bench.store.record(claimed.claim, step(1), now=bench.now)
    await bench.store.say(claimed.claim, "1", "", ["x"], bench.now)
    assert await bench.claim_control() == []
    await sleeps(bench, claimed.claim, bench.now + 10)
    assert len(await bench.claim_control()) == 1


# ---------------------------------------------------------------------------- speaking, withdrawing


async def test_what_is_said_is_said_once(bench: Bench) -> None:
    claimed = await running(bench)
    assert await bench.store.say(claimed.claim, "1.1", '{"fraction":0.5}', ["a", "b"], bench.now) == "ok"
    before = await bench.dump()
    assert await bench.store.say(claimed.claim, "1.1", '{"fraction":0.5}', ["a", "b"], bench.now) == "ok"
    assert await bench.dump() == before
    assert (await bench.kinds_of_events("b"))[-2:] == ["said", "said"]
    assert await bench.store.say(claimed.claim, "1.2", "", ["c"], bench.now) == "ok"
    agenda = await bench.store.agenda("b")
    assert await bench.store.progress("b", agenda) == {claimed.claim.name: Progress(0.5)}
    assert agenda[0].kept == 0


async def asking_and_vetoed(bench: Bench) -> Claimed:
    """The chore that is left when something that asks is forbidden."""
    claimed = await running(bench)
    asked = step(1, '{"id":"i"}', kind="approval")
    await bench.store.record(claimed.claim, asked, writes=[approval(claimed.claim.name)], now=bench.now)
    await sleeps(bench, claimed.claim, 0, "a")
    assert await bench.veto("b", "one a/1") == "ok"
    assert not (await bench.store.facts("b")).settled  # type: ignore[union-attr]
    return await bench.claim_one()


async def test_what_nobody_waits_for_is_withdrawn_once(bench: Bench) -> None:
    chore = await asking_and_vetoed(bench)
    assert chore.claim.source == "@people"
    withdrawn = [approval("one#3", "withdrawn", 1)]
    assert (await bench.store.withdraw(chore.claim, withdrawn, bench.now)).versions == (2,)
    assert (await bench.store.facts("b")).settled  # type: ignore[union-attr]
    with pytest.raises(LeaseLost):
        await bench.store.withdraw(chore.claim, withdrawn, bench.now)
    assert await bench.claim() == []


async def test_a_withdrawal_that_comes_too_late_is_done_again(bench: Bench) -> None:
    chore = await asking_and_vetoed(bench)
    await bench.post("b", approval("one#3", "answered", 1))
    with pytest.raises(VersionConflict):
        await bench.store.withdraw(chore.claim, [approval("one#3", "withdrawn", 1)], bench.now)
    assert await bench.release(chore.claim) == "ok"
    assert await bench.store.withdraw((await bench.claim_one()).claim, [], bench.now)
    assert (await bench.store.facts("b")).settled  # type: ignore[union-attr]

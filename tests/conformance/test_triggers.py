"""What opens an activation and what takes it away again: joins, gathers, counts, absences, delays, refiring."""

import asyncio
from collections import defaultdict

import pytest

from blackboard import Absent, Blackboard, Context, Count, Quiescent, any_of
from tests.conformance.kinds import Claim, Counter, Decision, Done, Finding, Job, Note, Order, Payment, Plan
from tests.conformance.logbook import events_of, fired, types_of

# ---------------------------------------------------------------------------- patterns


async def test_a_pattern_fires_for_each_entry_that_passes_its_tests(bb: Blackboard) -> None:
    @bb.knowledge_source(when=Finding.risk > 0.5)
    async def look(finding: Finding) -> Done:
        return Done(name=finding.source)

    async with bb:
        board = bb.board("b")
        await board.post(*(Finding(source=str(i), risk=i / 10) for i in range(10)))
        await board.run_until_settled(timeout=10)
        assert [done.name for done in await board.read(Done)] == ["6", "7", "8", "9"]


async def test_a_join_fires_for_each_combination_that_fits(bb: Blackboard) -> None:
    @bb.knowledge_source(when=[Payment.order == Order.number, Order.customer != "eve"])
    async def settle(order: Order, payment: Payment) -> Done:
        return Done(name=f"{order.number}-{payment.id}")

    async with bb:
        board = bb.board("b")
        await board.post(
            Payment(id="early", order=2), Order(number=1), Order(number=2), Order(number=3, customer="eve")
        )
        await board.post(
            Payment(id="a", order=1), Payment(id="b", order=1), Payment(id="c", order=3), Payment(id="d", order=9)
        )
        await board.run_until_settled(timeout=10)
        assert [done.name for done in await board.read(Done)] == ["1-a", "1-b", "2-early"]
        assert len(await events_of(board, "triggered")) == 3


async def test_a_gather_takes_all_at_once_and_grows_while_it_is_open(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def collect(jobs: list[Job]) -> Note:
        return Note(text=" ".join(job.name for job in jobs))

    async with bb:
        board = bb.board("b")
        await board.post(Job(name="b"))
        await board.post(Job(name="a"))
        await board.run_until_settled(timeout=10)
        await board.retract("job/a")  # a removal alone is no news
        await board.run_until_settled(timeout=10)
        await board.post(Job(name="c"))
        await board.run_until_settled(timeout=10)
        assert [note.text for note in await board.read(Note)] == ["a b", "b c"]


async def test_context_is_given_when_there_and_never_waited_for(bb: Blackboard) -> None:
    seen = []

    @bb.knowledge_source
    async def look(job: Job, claim: Claim | None, findings: list[Finding] | None) -> None:
        seen.append((job.name, claim and claim.amount, [finding.source for finding in findings or []]))

    async with bb:
        board = bb.board("b")
        await board.post(Job(name="alone"))
        await board.run_until_settled(timeout=10)
        await board.post(Claim(amount=1), Finding(source="x", risk=0))  # it does not trigger either
        await board.run_until_settled(timeout=10)
        await board.post(Job(name="later"))
        await board.run_until_settled(timeout=10)
    assert seen == [("alone", None, []), ("later", 1, ["x"])]


async def test_any_of_needs_one_of_its_clauses(bb: Blackboard) -> None:
    @bb.knowledge_source(when=any_of(Claim.amount > 100, Count(Job) >= 2))
    async def decide(claim: Claim) -> Decision:
        return Decision(approved=True)

    async with bb:
        small, large, busy = (bb.board(name) for name in ("small", "large", "busy"))
        await small.post(Claim(amount=1), Job(name="a"))
        await large.post(Claim(amount=101))
        await busy.post(Claim(amount=1), Job(name="a"), Job(name="b"))
        for board in (small, large, busy):
            await board.run_until_settled(timeout=10)
        found = [await board.read(Decision) for board in (small, large, busy)]
        assert [decision is not None for decision in found] == [False, True, True]


# ---------------------------------------------------------------------------- counts and absences


async def test_a_fan_in_waits_for_as_many_as_the_plan_says(bb: Blackboard) -> None:
    @bb.knowledge_source(when=Count(Finding) == Plan.total)
    async def decide(plan: Plan, findings: list[Finding]) -> Decision:
        return Decision(approved=len(findings) == plan.total)

    async with bb:
        board = bb.board("b")
        await board.post(Plan(total=3), Finding(source="a", risk=0))
        await board.post(Finding(source="b", risk=0))
        assert await board.agenda() == []
        await board.post(Finding(source="c", risk=0))
        assert [activation.name for activation in await board.agenda()] == ["decide#6"]
        await board.run_until_settled(timeout=10)
        assert (await board.read(Decision)).approved


async def test_what_no_longer_holds_leaves_the_agenda(bb: Blackboard) -> None:
    @bb.knowledge_source(when=[Absent(Decision), Claim.amount > 10])
    async def decide(claim: Claim) -> Decision:
        return Decision(approved=True)

    async with bb:
        by_absence, by_test, by_removal = (bb.board(name) for name in ("absence", "test", "removal"))
        for board in (by_absence, by_test, by_removal):
            await board.post(Claim(amount=11))
            assert len(await board.agenda()) == 1
        await by_absence.post(Decision(approved=False))
        await by_test.revise(Claim(amount=1), version="any")
        await by_removal.retract(Claim)
        for board in (by_absence, by_test, by_removal):
            assert await board.agenda() == []
            assert (await types_of(board))[-1] == "obviated"
            await board.run_until_settled(timeout=10)
            assert await fired(board) == []


async def test_an_absence_may_speak_of_what_is_bound(bb: Blackboard) -> None:
    @bb.knowledge_source(when=Absent(Payment, Payment.order == Order.number))
    async def remind(order: Order) -> Done:
        return Done(name=str(order.number))

    async with bb:
        board = bb.board("b")
        await board.post(Payment(id="a", order=2), *(Order(number=number) for number in (1, 2, 3)))
        await board.post(Payment(id="b", order=3))
        await board.run_until_settled(timeout=10)
        assert [done.name for done in await board.read(Done)] == ["1"]


# ---------------------------------------------------------------------------- quiescence and delays


async def test_quiescent_sources_come_after_everything_else(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def work(job: Job) -> list[Job | Done]:
        more = [Job(name=job.name + "x")] if len(job.name) < 4 else []
        return [*more, Done(name=job.name)]

    @bb.knowledge_source(when=Quiescent())
    async def report(done: list[Done]) -> Note:
        return Note(text=str(len(done)))

    async with bb:
        board = bb.board("b")
        await board.post(Job(name="a"), Job(name="b"))
        await board.run_until_settled(timeout=10)
        assert [note.text for note in await board.read(Note)] == ["8"]
        assert (await fired(board))[-1] == "report"
        await board.post(Job(name="cccc"))
        await board.run_until_settled(timeout=10)
        assert [note.text for note in await board.read(Note)] == ["8", "9"]


async def test_a_delay_runs_from_when_the_trigger_first_held(bb: Blackboard) -> None:
    @bb.knowledge_source(when=Absent(Decision), after=0.05)
    async def remind(claim: Claim) -> Note:
        return Note(text=str(claim.amount))

    async with bb:
        board, answered = bb.board("b"), bb.board("answered")
        await board.post(Claim(amount=1))
        await answered.post(Claim(amount=1))
        [delayed] = await board.agenda()
        assert delayed.state == "delayed"
        await board.revise(Claim(amount=2), version="any")
        assert (await board.agenda())[0].due == delayed.due
        await answered.post(Decision(approved=True))
        await board.run_until_settled(timeout=10)
        await answered.run_until_settled(timeout=10)
        assert [note.text for note in await board.read(Note)] == ["2.0"]
        [fire] = await events_of(board, "fired")
        assert fire.started is not None
        assert fire.started >= delayed.due
        assert await fired(answered) == []


# ---------------------------------------------------------------------------- once, and again


async def test_refire_says_what_is_news(bb: Blackboard) -> None:
    seen: dict[str, list[str]] = defaultdict(list)

    @bb.knowledge_source
    async def version(finding: Finding) -> None:
        seen["version"].append(f"{finding.source}{finding.risk:.0f}")

    @bb.knowledge_source(refire="entry")
    async def entry(finding: Finding) -> None:
        seen["entry"].append(f"{finding.source}{finding.risk:.0f}")

    @bb.knowledge_source(refire="once")
    async def once(finding: Finding) -> None:
        seen["once"].append(f"{finding.source}{finding.risk:.0f}")

    async with bb:
        board = bb.board("b")
        for source, risk in (("a", 1), ("a", 2), ("b", 1), ("a", 2)):
            await board.revise(Finding(source=source, risk=risk), version="any")
            await board.run_until_settled(timeout=10)
    assert seen == {"version": ["a1", "a2", "b1"], "entry": ["a1", "b1"], "once": ["a1"]}


async def test_own_writes_are_no_news_unless_a_source_asks_for_them(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def modest(counter: Counter) -> Counter:
        return Counter(value=counter.value + 1)

    @bb.knowledge_source(reentrant=True, when=Plan.total < 5)
    async def eager(plan: Plan) -> Plan:
        return Plan(total=plan.total + 1)

    async with bb:
        board = bb.board("b")
        await board.post(Counter(value=0), Plan(total=0))
        await board.run_until_settled(timeout=10)
        assert await board.read(Counter) == Counter(value=1)
        assert await board.read(Plan) == Plan(total=5)


async def test_two_that_answer_each_other_stop_at_a_fixed_point(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def ping(counter: Counter) -> Plan:
        return Plan(total=min(counter.value + 1, 6))

    @bb.knowledge_source
    async def pong(plan: Plan) -> Counter:
        return Counter(value=plan.total)

    async with bb:
        board = bb.board("b")
        await board.post(Counter(value=0))
        await board.run_until_settled(timeout=10)
        assert (await board.read(Counter)).value == 6
        assert len(await fired(board)) == 13


async def test_an_open_activation_always_sees_the_newest_version(bb: Blackboard) -> None:
    """However often an entry changes before its agent comes to run, it runs once, on what is there then."""
    seen = []

    @bb.knowledge_source
    async def look(counter: Counter, context: Context) -> None:
        seen.append((counter.value, context.number))

    async with bb:
        board = bb.board("b")
        for value in range(5):
            await board.revise(Counter(value=value), version="any")
        assert len(await board.agenda()) == 1
        await board.run_until_settled(timeout=10)
    assert seen == [(4, 3)]


async def test_what_changes_while_its_agent_runs_is_seen_afterwards(bb: Blackboard) -> None:
    seen, running, go_on = [], asyncio.Event(), asyncio.Event()

    @bb.knowledge_source
    async def look(counter: Counter) -> None:
        running.set()
        seen.append(counter.value)
        await go_on.wait()

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Counter(value=1))
        await asyncio.wait_for(running.wait(), 10)
        await board.revise(Counter(value=2), version="any")
        await board.revise(Counter(value=3), version="any")
        go_on.set()
        await board.settled(timeout=10)
    assert seen == [1, 3]


# ---------------------------------------------------------------------------- preconditions


async def test_a_precondition_that_declines_is_asked_again_when_something_changes(bb: Blackboard) -> None:
    asked = []

    def affordable(order: Order, counter: Counter | None) -> bool:
        asked.append(counter and counter.value)
        return counter is not None and counter.value >= 10

    @bb.knowledge_source(precondition=affordable)
    async def buy(order: Order) -> Done:
        return Done(name=str(order.number))

    async with bb:
        board = bb.board("b")
        await board.post(Order(number=1))
        await board.run_until_settled(timeout=10)  # one that waits for its precondition does not keep a board busy
        [waiting] = await board.agenda()
        assert waiting.state == "waiting"
        await board.post(Note(text="nothing to do with it"))
        await board.run_until_settled(timeout=10)
        await board.post(Counter(value=5))
        await board.run_until_settled(timeout=10)
        await board.revise(Counter(value=10), version="any")
        await board.run_until_settled(timeout=10)
        assert [done.name for done in await board.read(Done)] == ["1"]
        assert asked == [None, 5, 10]
        assert [event.reason for event in await events_of(board, "declined")] == ["affordable", "affordable"]
        assert await events_of(board, "failed") == []


async def test_a_precondition_may_be_asynchronous_and_look_at_lists(bb: Blackboard) -> None:
    async def enough(findings: list[Finding]) -> bool:
        return len(findings) >= 2

    @bb.knowledge_source(precondition=enough)
    async def decide(claim: Claim) -> Decision:
        return Decision(approved=True)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1))
        for source in "ab":
            await board.settled(timeout=10)
            assert await board.read(Decision) is None
            await board.post(Finding(source=source, risk=0))
        assert (await board.wait_for(Decision, timeout=10)).approved


async def test_a_precondition_that_raises_is_a_failure(bb: Blackboard) -> None:
    def broken(claim: Claim) -> bool:
        raise ZeroDivisionError

    @bb.knowledge_source(precondition=broken, retries=0)
    async def decide(claim: Claim) -> Decision:
        return Decision(approved=True)

    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.run_until_settled(timeout=10)
        [dead] = await board.dead()
        assert "ZeroDivisionError" in dead.problem


# ---------------------------------------------------------------------------- sources that come late


async def test_a_source_that_comes_late_finds_what_is_there(store_url: str, namespace: str) -> None:
    async with Blackboard(namespace, url=store_url) as early:
        for name in ("open", "closed"):
            await early.board(name).post(Claim(amount=500), *(Finding(source=str(i), risk=i / 10) for i in range(10)))
        await early.board("closed").close()

    late = Blackboard(namespace, url=store_url)

    @late.knowledge_source(when=[Finding.risk > 0.65, Count(Finding) == 10])
    async def look(claim: Claim, finding: Finding) -> Done:
        return Done(name=finding.source)

    async with late:
        board = late.board("open")
        await board.run_until_settled(timeout=10)
        assert [done.name for done in await board.read(Done)] == ["7", "8", "9"]
        assert await late.board("closed").read(Done) == []


async def test_a_source_that_has_changed_is_matched_again(store_url: str, namespace: str) -> None:
    old, new = Blackboard(namespace, url=store_url), Blackboard(namespace, url=store_url)

    @old.knowledge_source(name="look", when=Finding.risk > 0.5)
    async def strict(finding: Finding) -> Done:
        return Done(name=finding.source, by="strict")

    @new.knowledge_source(name="look", when=Finding.risk > 0.1)
    async def loose(finding: Finding) -> Done:
        return Done(name=finding.source, by="loose")

    async with old:
        board = old.board("b")
        await board.post(Finding(source="low", risk=0.2), Finding(source="high", risk=0.9))
        await board.run_until_settled(timeout=10)
    async with new:
        board = new.board("b")
        await board.run_until_settled(timeout=10)
        assert {done.name: done.by for done in await board.read(Done)} == {"low": "loose", "high": "strict"}


@pytest.mark.parametrize("size", [1, 501, 1200])
async def test_late_sources_are_matched_in_slices(store_url: str, namespace: str, size: int) -> None:
    async with Blackboard(namespace, url=store_url) as early:
        await early.board("b").post(*(Job(name=f"{i:04}") for i in range(size)))
    late = Blackboard(namespace, url=store_url)

    @late.knowledge_source
    async def collect(jobs: list[Job]) -> Plan:
        return Plan(total=len(jobs))

    async with late:
        board = late.board("b")
        await board.run_until_settled(timeout=20)
        assert await board.read(Plan) == Plan(total=size)

"""Standing grants in stories made by lot: whatever happens on a board, it comes to what a strategy that is asked would do.

The same story is told twice. In one telling the sequence says beforehand what it would grant next, in the other it never
does. Both draw by the same lot, so that the same happens as long as all is the same.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from blackboard import helm
from blackboard.activation import Activation, Claimed
from blackboard.control import Sequential, View
from blackboard.control.memo import Memo
from blackboard.control.strategy import State
from blackboard.control.view import in_rank_order
from blackboard.errors import Conflict, Refusal
from blackboard.news import News
from blackboard.store.connection import connect
from blackboard.store.control import Decision
from blackboard.store.partition import SNAPSHOT, Commit, Write
from tests.lua.bench import CONTROL, Bench, each, gone, write

BOARDS = ("b", "c")
KINDS = {"one": "a", "two": "b", "three": "c", "four": "d"}
STEPS = ("one", "two", "three", "two", "one", "four")

OFTEN = [*["work"] * 8, "start", "wait"] * 8
NOW_AND_THEN = [*["lead_anew"] * 8, *["resume"] * 5, *["post"] * 3, *["decide_late"] * 2]
RARELY = [
    *("commit_all", "commit_part", "commit_again", "hand_over", "fail", "give_back", "say", "park", "grant", "veto"),
    *("revive", "pause", "step", "deadline", "go_back", "die_in_control", "decide_again"),
]
ACTIONS = [*OFTEN, *NOW_AND_THEN, *RARELY]
LENGTH = 60


class AskedAlways(Sequential):
    """A sequence that says nothing of what it would grant next."""

    @property
    def label(self) -> str:
        return "Sequential"

    def foreseen(self, state: State) -> Sequence[str]:
        return ()


class Telling:
    """One telling of a story, on boards of its own."""

    def __init__(self, bench: Bench, strategy: Sequential, seed: int) -> None:
        self.bench, self.strategy, self.lot = bench, strategy, random.Random(seed)
        self.running: list[Claimed] = []
        self.committed: list[list[Commit]] = []
        self.decided: list[list[Decision]] = []
        self.fresh = 0

    async def begin(self) -> None:
        two = self.lot.choice([{}, {"bd": 100}, {"af": 50}, {"cn": 1}, {"pr": 5}])
        three = self.lot.choice([{}, {"q": 1}])
        await self.bench.register(
            each("one", "a"),
            each("two", "b", **two),
            each("three", "c", **three),
            each("four", "d"),
            each("other", "x"),
        )
        for board in BOARDS:
            await self.bench.orchestrate(board)
            await self.bench.post(board, write("a/0"))

    async def go_on(self) -> str:
        """Something happens. Returns what."""
        what = self.lot.choice(ACTIONS)
        try:
            await getattr(self, what)()
        except (Conflict, Refusal) as error:
            return f"{what}: {type(error).__name__}"
        return what

    # ------------------------------------------------------------------ control

    async def lead(self) -> None:
        """A controller answers until it is not asked any more."""
        for _ in range(20):
            if not await self._answer(await self.bench.claim_control()):
                return
        raise AssertionError("control is asked without an end")

    async def _answer(self, handed: Sequence[Claimed], *, late: bool = False) -> bool:
        decisions = [await self._decision(claimed) for claimed in handed if claimed.shown and not claimed.verdict]
        if late:
            await self.work()
        if decisions:
            await self.bench.store.decide(decisions, self.bench.request(0), self.bench.now)
            self.decided.append(decisions)
        for claimed in handed:
            if claimed.verdict or not claimed.shown:
                await self._settle(claimed)
        return bool(handed)

    async def _decision(self, claimed: Claimed) -> Decision:
        """As a controller of the runtime decides."""
        shown, board = claimed.shown, claimed.claim.board
        assert shown is not None
        memo = Memo.parse(shown.memo)
        if memo is None and shown.seen > helm.BIRTH:
            memo = Memo(None, await self.bench.store.history(board))
        else:
            memo = (memo or Memo()).after(shown.news)
        view = View(board, claimed.snapshot, shown.epoch, shown.agenda, shown.news, {}, {}, memo.history)
        return helm.decide(claimed, shown, self.strategy, view, memo).decision

    async def _settle(self, claimed: Claimed) -> None:
        """What is not to be run."""
        bench, claim = self.bench, claimed.claim
        if claim.source == CONTROL and claimed.verdict == "unattended":
            await bench.choreograph(claim.board)
        elif claim.source == CONTROL:
            await bench.pause(claim.board)
        elif claim.source == "@clock":
            await bench.store.tick(claim, bench.now)
        elif claim.source == "@saga":
            runs = "running" in (await bench.states(claim.board)).values()
            await bench.undo(claimed, "wait" if runs else "done")
        elif claimed.verdict == "poison":
            await bench.fail(claim, "dead")
        elif claimed.verdict == "bid":
            await bench.store.release(claim, "bid", "3", bench.now)
        else:
            await bench.release(claim)

    async def assert_control_sleeps_rightly(self) -> None:
        """Where nobody is roused, the strategy would grant nothing if it were asked."""
        store = self.bench.store
        for board in BOARDS:
            facts = await store.facts(board)
            assert facts is not None
            if facts.mode != "o" or facts.gate == "p" or 0 < facts.deadline <= self.bench.now:
                continue
            _, text, seen = await store.strategy(board)
            memo, news = Memo.parse(text), News.of(await store.events(board, seen, 10_000))
            assert memo is not None
            memo = memo.after(news)
            agenda = in_rank_order(await store.agenda(board))
            view = View(board, facts.seq, facts.epoch, agenda, news, {}, {}, memo.history)
            grants, _ = self.strategy.decide(view, memo.state, self.bench.now)
            assert not grants, f"nobody is asked about board {board}, where {grants[0].name} is held"

    # ------------------------------------------------------------------ drawing by lot

    def _board(self) -> str:
        return self.lot.choice(BOARDS)

    def _running(self) -> Claimed | None:
        return self.running.pop(self.lot.randrange(len(self.running))) if self.running else None

    def _anything(self, least: int = 0) -> list[Write]:
        kinds, count = self.lot.choice(["a", "b", "c", "d", "bd", "abcd", "xyz"]), self.lot.choice([least, 1, 1, 1, 2])
        addresses = sorted({f"{self.lot.choice(kinds)}/{self.lot.randrange(4)}" for _ in range(count)})
        return [gone(at) if self.lot.random() < 0.08 else write(at, self.lot.randrange(9)) for at in addresses]

    def _what_comes_next(self, claimed: Claimed) -> list[Write]:
        """What brings one of the steps about that come behind this one."""
        steps, source = self.strategy.steps, claimed.claim.source
        following = [then for step, then in pairwise(steps) if step == source]
        self.fresh += 1
        return [write(f"{KINDS[str(self.lot.choice(following))]}/n{self.fresh}")] if following else []

    def _commit(self, claimed: Claimed, **other: Any) -> Commit:
        chosen = self._what_comes_next(claimed) if self.lot.random() < 0.85 else self._anything()
        return Commit(
            claimed.claim, [Write(each.address, SNAPSHOT, each.schema, each.payload) for each in chosen], **other
        )

    async def _send(self, *commits: Commit) -> None:
        self.committed.append(list(commits))
        await self.bench.store.commit(commits, self.bench.request(0), self.bench.now)

    # ------------------------------------------------------------------ what workers do

    async def start(self) -> None:
        for claimed in await self.bench.claim(self.lot.choice([1, 1, 3]), lease=self.lot.choice([500, 60_000])):
            if claimed.verdict or claimed.claim.source.startswith("@"):
                await self._settle(claimed)
            else:
                await self._assert_was_granted(claimed)
                self.running.append(claimed)

    async def _assert_was_granted(self, claimed: Claimed) -> None:
        facts = await self.bench.store.facts(claimed.claim.board)
        agenda = {found.identity: found for found in await self.bench.store.agenda(claimed.claim.board)}
        assert facts is not None
        if facts.mode == "o" or facts.gate != "-":
            assert agenda[claimed.claim.identity].granted == facts.epoch

    async def work(self) -> None:
        """What runs commits; where nothing runs, a worker comes; where there is nothing for it, a board is led anew."""
        if claimed := self._running():
            await self._send(self._commit(claimed))
            return
        await self.start()
        if not self.running and self.lot.random() < 0.3:
            await self.lead_anew()

    async def commit_all(self) -> None:
        commits = []
        while claimed := self._running():
            commits.append(self._commit(claimed))
        await self._send(*commits)

    async def commit_part(self) -> None:
        if claimed := self._running():
            part, ends = self._commit(claimed, part=self.lot.randrange(1, 4)), self.lot.random() < 0.5
            if not ends:
                self.running.append(claimed)
            await self._send(part, *([Commit(claimed.claim, [])] if ends else []))

    async def commit_again(self) -> None:
        if self.committed:
            await self._send(*self.lot.choice(self.committed))

    async def hand_over(self) -> None:
        if claimed := self._running():
            await self._send(self._commit(claimed, handoffs=[(self.lot.choice(["one", "two", "three"]), "yours")]))

    async def fail(self) -> None:
        if claimed := self._running():
            await self.bench.fail(claimed.claim, self.lot.choice(["retry", "retry", "dead"]))

    async def give_back(self) -> None:
        if claimed := self._running():
            await self.bench.release(claimed.claim, self.lot.choice(["ready", "wait"]))

    async def say(self) -> None:
        if self.running:
            await self.bench.store.say(self.running[-1].claim, f"{self.lot.random()}", "", ["hello"], self.bench.now)

    async def park(self) -> None:
        if claimed := self._running():
            due, state = self.bench.now + 300, self.lot.choice("sa")
            await self.bench.store.park(claimed.claim, state, due, "why", now=self.bench.now)

    # ------------------------------------------------------------------ what others do

    async def wait(self) -> None:
        self.bench.now += self.lot.choice([1, 10, 10, 100, 600, 600, 9_000, 11_000])

    async def post(self) -> None:
        await self.bench.post(self._board(), *self._anything(1))

    async def pause(self) -> None:
        await self.bench.pause(self._board())

    async def resume(self) -> None:
        await self.bench.resume(self._board())

    async def step(self) -> None:
        await self.bench.resume(self._board(), step=True)

    async def lead_anew(self) -> None:
        board = self._board()
        if self.lot.random() < 0.3:
            await self.bench.choreograph(board)
        await self.bench.orchestrate(board, unattended=self.lot.choice([0, 5_000]))
        self.fresh += 1
        await self.bench.post(board, write(f"a/n{self.fresh}"))

    async def _held(self) -> Activation | None:
        found = [each for each in await self.bench.store.agenda(self._board()) if each.state.value == "held"]
        return self.lot.choice(found) if found else None

    async def grant(self) -> None:
        if one := await self._held():
            await self.bench.store.grant(one.board, "@test", one.identity, one.number, "please", None, self.bench.now)

    async def veto(self) -> None:
        if one := await self._held():
            await self.bench.store.veto(one.board, "@test", one.identity, one.number, "never", self.bench.now)

    async def revive(self) -> None:
        for one in (await self.bench.store.dead(self._board()))[:1]:
            await self.bench.store.revive(one.board, one.identity, "@test", self.bench.now)

    async def deadline(self) -> None:
        after = self.lot.choice([500, 20_000])
        await self.bench.store.deadline(self._board(), "@test", 0, after, "pause", "", self.bench.now)

    async def go_back(self) -> None:
        board = self._board()
        _, savepoint = await self.bench.savepoint(board)
        await self.bench.post(board, *self._anything(1))
        if savepoint:
            await self.bench.abort(board, savepoint)

    async def die_in_control(self) -> None:
        """A controller claims a board of which something has happened, and is heard of no more."""
        await self.post()
        await self.bench.claim_control(lease=500, owner="c0")
        self.bench.now += 501

    async def decide_late(self) -> None:
        """Something happens while a controller decides."""
        await self.post()
        await self._answer(await self.bench.claim_control(lease=60_000), late=True)

    async def decide_again(self) -> None:
        if self.decided:
            answers, _ = await self.bench.store.decide(self.decided[-1], self.bench.request(0), self.bench.now)
            assert "ok" not in {answer for answer, _ in answers}

    # ------------------------------------------------------------------ what it comes to

    async def outcome(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for board in BOARDS:
            store = self.bench.store
            found[f"{board}: log"] = list(map(repr, await store.events(board, 0, 10_000)))
            found[f"{board}: agenda"] = await store.agenda(board)
            found[f"{board}: dead"] = await store.dead(board)
            found[f"{board}: memo"] = await store.strategy(board)
            found[f"{board}: facts"] = await store.facts(board)
        dump, keys = await self.bench.dump(), self.bench.keys
        return found | {"ready": dump.get(keys.ready), "due": dump.get(keys.due), "leases": dump.get(keys.leases)}

    async def forget(self) -> None:
        """Leave nothing behind."""
        await self.bench.command("DEL", *await self.bench.dump())


def sequence(kind: type[Sequential], seed: int) -> Sequential:
    return kind(*(random.Random(seed).sample(STEPS, 4) if seed % 3 else STEPS))


@pytest.mark.parametrize("seed", [29, 30, 35])
async def test_it_comes_to_what_a_strategy_that_is_asked_would_do(store_url: str, namespace: str, seed: int) -> None:
    """A controller is at hand behind whatever happens."""
    clients = await connect(store_url)
    kinds = {namespace: Sequential, f"{namespace}-asked": AskedAlways}
    tellings = [Telling(Bench(clients, name), sequence(kind, seed), seed) for name, kind in kinds.items()]
    story: list[str] = []
    try:
        for telling in tellings:
            await telling.begin()
        for _ in range(LENGTH):
            for telling in tellings:
                await telling.lead()
            ours, theirs = [await telling.outcome() for telling in tellings]
            assert ours == theirs, story
            await tellings[0].assert_control_sleeps_rightly()
            story.append(await tellings[0].go_on())
            assert await tellings[1].go_on() == story[-1]
    finally:
        await tellings[1].forget()
        await clients.aclose()
    decided, asked = (len(telling.decided) for telling in tellings)
    assert decided < asked, "no standing grant came to be: the story says nothing"


@pytest.mark.parametrize("seed", [29, 30, 35])
async def test_wherever_control_sleeps_nothing_is_left_to_grant(store_url: str, namespace: str, seed: int) -> None:
    """A controller comes now and then, so that what was said beforehand meets whatever has happened meanwhile."""
    clients = await connect(store_url)
    telling, chance = Telling(Bench(clients, namespace), sequence(Sequential, seed), seed), random.Random(~seed)
    try:
        await telling.begin()
        for _ in range(2 * LENGTH):
            if chance.random() < 0.5:
                await telling.lead()
                await telling.assert_control_sleeps_rightly()
            await telling.go_on()
    finally:
        await clients.aclose()

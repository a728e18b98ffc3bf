"""Runs one case: random sources, random operations, and after every operation a comparison of store and model.

An operation is a number: the seed of the random choices it makes in whatever state it meets. A list of them stays
meaningful when some are left out, which is what shrinking needs, and is printed as a list of numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from blackboard.activation import Claim, Claimed
from blackboard.errors import BlackboardError
from blackboard.limits import Limits
from blackboard.store import codec, partition
from blackboard.store.calls import Calls
from blackboard.store.keys import Keys
from tests.model import audit, generator
from tests.model.board import ANYTHING, NEW, SNAPSHOT, Board, Commit, Write
from tests.model.model import Partition as Model
from tests.model.model import Request
from tests.model.semantics import Trigger
from tests.model.translation import (
    answer_of,
    claim_of,
    handed_of,
    holder_of,
    refusal_of,
    to_store,
    told,
    without_slots,
)

CREW, HALF_CREW = "all", "half"
OWNERS = ("w1", "w2", "w3")
LEASE = 1000


@dataclass(frozen=True, slots=True)
class Case:
    """What a failure is replayed from: the seed of the sources, which of them to keep, and the operations."""

    seed: int
    operations: tuple[int, ...]
    sources: tuple[int, ...] = tuple(range(6))

    def triggers(self) -> list[Trigger]:
        """The sources; every second seed has few, so that what they do is seen alone."""
        random = Random(self.seed)
        count = random.choice((1, 2, 3, 4, 5, 6))
        found = [generator.trigger(random, f"s{i}") for i in range(count)]
        return [trigger for i, trigger in enumerate(found) if i in self.sources]


class Disagreement(AssertionError):
    """Store and model differ."""


@dataclass(slots=True)
class Run:
    """A case under way."""

    case: Case
    calls: Calls
    namespace: str
    counts: Counter[str] = field(default_factory=Counter)
    trace: list[str] = field(default_factory=list)
    now: int = 1_000_000
    requests: int = 0
    held: list[Claimed] = field(default_factory=list)
    last_request: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    cursors: dict[str, tuple[int, str]] = field(default_factory=dict)
    posted: list[tuple[Board, str, list[Write]]] = field(default_factory=list)
    keys: Keys = field(init=False)
    store: partition.Partition = field(init=False)
    model: Model = field(init=False)
    logs: dict[str, audit.Log] = field(default_factory=dict)
    late: list[Trigger] = field(default_factory=list)
    others: dict[str, Trigger] = field(default_factory=dict)
    isolation: dict[Any, tuple[list[tuple[str, int]], list[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = Keys(self.namespace)
        self.store = partition.Partition(self.calls, self.keys, Limits())
        random = Random(self.case.seed + 1)
        boards = [f"b{i}" for i in range(random.choice((1, 1, 2)))]
        self.model = Model({name: Board(name) for name in boards})
        self.logs = {name: audit.Log() for name in boards}

    # ------------------------------------------------------------------ the life of a case

    async def run(self) -> None:
        """Run the whole case; raises Disagreement at the first difference."""
        triggers, random = self.case.triggers(), Random(self.case.seed + 2)
        late = random.choice((0, 0, 1, 2))
        self.late = triggers[len(triggers) - late :] if late else []
        await self._register(triggers[: len(triggers) - late])
        for operation in self.case.operations:
            await self.step(operation)

    async def step(self, operation: int) -> None:
        """Run one operation, then compare everything."""
        random = Random(operation)
        names, weights = zip(*WEIGHTS.items(), strict=True)
        name = random.choices(names, weights)[0]
        self.now += random.choice((0, 0, 1, 1, 5, 20, 150)) if random.random() < 0.97 else 2000
        said = await getattr(self, f"_{name}")(random)
        self.counts[name if said else "nothing"] += 1
        if said:
            self.trace.append(f"{operation} at {self.now}: {name} {said}")
            await self._compare()

    async def clear(self) -> None:
        """Delete every key of the case."""
        keys = [*self.keys.declared, self.keys.bell(CREW), self.keys.bell(HALF_CREW)]
        for board in self.model.boards:
            keys += self.keys.board(board)
        await self.calls.clients.commands.execute_command("DEL", *keys)

    def _expect(self, what: str, model: Any, store: Any) -> None:
        if model != store:
            raise Disagreement(f"{what}:\n  model {model}\n  store {store}")

    # ------------------------------------------------------------------ operations from outside

    async def _post(self, random: Random) -> str:
        board = self._board(random)
        if board.status == "closed" and random.random() < 0.9:
            return ""
        if self.posted and random.random() < 0.05:
            board, operation, writes = random.choice(self.posted)
        else:
            operation = f"op{len(self.trace):06d}"
            writes = [self._write(random, board) for _ in range(random.choice((1, 1, 1, 2, 3, 4)))]
        expected = self.model.post(board, operation, writes, self.now)
        if expected[0] == "ok":
            self.posted.append((board, operation, writes))
        try:
            applied = await self.store.post(board.id, operation, "@test", [to_store(w) for w in writes], self.now)
            answer: tuple[Any, ...] = ("ok", applied.seq, *applied.versions)
        except BlackboardError as error:
            answer = refusal_of(error)
            expected = expected[: len(answer)]
        self._expect("answer", expected, answer)
        return f"{board.id} {operation} {[told(w) for w in writes]} -> {answer}"

    async def _close(self, random: Random) -> str:
        board = self._board(random)
        if random.random() < 0.7 or len(self.trace) < 40:
            return ""
        answer = await self.store.close(board.id, "@test", "end", 0, self.now)
        self._expect("answer", board.close(), answer)
        return f"{board.id} -> {answer}"

    async def _revive(self, random: Random) -> str:
        board = self._board(random)
        identities = [*board.dead] or ([*board.open][:1] if random.random() < 0.1 else [])
        if not identities:
            return ""
        identity = random.choice(identities)
        answer = await self.store.revive(board.id, codec.identity(*identity), "@test", self.now)
        self._expect("answer", board.revive(identity, self.now), answer)
        return f"{board.id} {identity} -> {answer}"

    # ------------------------------------------------------------------ sources

    async def _register(self, triggers: Sequence[Trigger]) -> None:
        cards = [generator.card(trigger) for trigger in triggers]
        half = [trigger for i, trigger in enumerate(triggers) if i % 2 == 0]
        self._expect("register", self.model.register(CREW, triggers), await self.store.register(CREW, cards))
        halves = await self.store.register(HALF_CREW, [generator.card(trigger) for trigger in half])
        self._expect("register", self.model.register(HALF_CREW, half), halves)

    async def _late(self, random: Random) -> str:
        if not self.late:
            return ""
        trigger = self.late.pop()
        await self._register([trigger])
        return f"{trigger['s']} registered"

    async def _change(self, random: Random) -> str:
        """A deployment: a source is registered with another trigger, and every board is matched again."""
        if not self.model.triggers or random.random() < 0.5:
            return ""
        name = random.choice([*self.model.triggers])
        now = self.model.triggers[name][1]
        self.others.setdefault(name, generator.trigger(random, name))
        await self._register([self.others[name]])
        self.others[name] = now
        for board in self.model.boards.values():
            if board.status is not None:
                await self._rematch_whole(board)
        return f"{name}: {self.model.triggers[name][1]}"

    async def _rematch_whole(self, board: Board) -> None:
        revision, cursor, answer = self.model.revision, "0", "more"
        while answer == "more":
            answer, cursor = await self.store.rematch(board.id, revision, cursor, 1, self.now)
        if board.status == "open" and board.revision < revision:
            self.model.rematch(board, revision, self.now)

    async def _rematch(self, random: Random) -> str:
        board = self._board(random)
        if board.status is None or (board.revision == self.model.revision and random.random() < 0.8):
            return ""
        revision, cursor = self.cursors.get(board.id, (self.model.revision, "0"))
        answer, value = await self.store.rematch(board.id, revision, cursor, 1, self.now)
        if answer == "more":
            self.cursors[board.id] = (revision, value)
            return f"{board.id} to {revision} at {cursor} -> {answer} {value}"
        self.cursors.pop(board.id, None)
        done = board.status != "open" or board.revision >= revision
        self._expect("answer", "done" if done else "ok", answer)
        if not done:
            self.model.rematch(board, revision, self.now)
        return f"{board.id} to {revision} at {cursor} -> {answer} {value}"

    # ------------------------------------------------------------------ workers

    async def _claim(self, random: Random) -> str:
        request, words = self._request(random)
        handed = await self.store.claim(words, self.now)
        return f"{words} -> {self._take(request, handed)}"

    async def _commit(self, random: Random) -> str:
        wanted = random.choice((1, 1, 1, 2, 3))
        picked = [c for c in (self._pick(random) for _ in range(wanted)) if c and not c.verdict]
        claimed = picked if random.random() < 0.1 else list({c.claim: c for c in picked}.values())
        if not claimed:
            return ""
        commits = [self._contribution(random, each) for each in claimed]
        request, words = self._request(random)
        stored = [self._stored_commit(commit) for commit in commits]
        results, handed = await self.store.commit(stored, words, self.now)
        for commit, result in zip(commits, results, strict=True):
            expected = self.model.boards[commit.board].commit(commit, self.now)
            self.counts[f"commit {expected[0]}"] += 1
            answer = answer_of(result)
            # The stub turns every kind of conflict into one error, which names the address.
            if answer[0] == "stale":
                expected = ("stale", expected[1])
            self._expect(f"answer to {commit}", expected, answer)
            if answer[0] == "ok":
                self._forget_retracted(claim_of(commit), commit)
        shown = [
            (c.board, *c.identity, c.token, c.part, [told(w) for w in c.writes], c.reads, c.kinds) for c in commits
        ]
        answers = [answer_of(result) for result in results]
        return f"{shown} -> {answers}; {words} -> {self._take(request, handed) if words.wanted else ''}"

    async def _fail(self, random: Random) -> str:
        claimed = self._pick(random)
        if claimed is None:
            return ""
        dead = claimed.verdict == "poison" or random.random() < 0.3
        if claimed.verdict == "revisit":
            return await self._give_back(claimed, "ready")
        verdict, delay = ("dead", 0) if dead else ("retry", random.choice((0, 1, 100)))
        answer = await self.store.fail(claimed.claim, verdict, delay, "error", "boom", self.now)
        board, identity, token = holder_of(claimed.claim)
        expected = self.model.boards[board].fail(identity, token, verdict, delay, self.now)
        self.counts[f"fail {verdict} {expected}"] += 1
        self._expect("answer", expected, answer)
        return f"{claimed.claim} {verdict} {delay} -> {answer}"

    async def _release(self, random: Random) -> str:
        claimed = self._pick(random)
        if claimed is None or claimed.verdict == "poison":
            return ""
        trigger = self.model.triggers[claimed.claim.source][1]
        waits = "wk" in trigger and not claimed.verdict and random.random() < 0.7
        return await self._give_back(claimed, "wait" if waits else "ready")

    async def _give_back(self, claimed: Claimed, verdict: str) -> str:
        answer = await self.store.release(claimed.claim, verdict, "no", self.now)
        board, identity, token = holder_of(claimed.claim)
        declined = await self._declined(board)
        expected = self.model.boards[board].release(identity, token, verdict, self.now, declined)
        self.counts[f"release {verdict} {expected}"] += 1
        self._expect("answer", expected, answer)
        return f"{claimed.claim} {verdict} -> {answer}"

    async def _declined(self, board: str) -> bool:
        """Whether the store wrote that an activation waits for its precondition, as the first new event."""
        new = await self.store.events(board, self.logs[board].seq, 1)
        return bool(new) and new[0].type.value == "declined"

    # ------------------------------------------------------------------ choices

    def _board(self, random: Random) -> Board:
        return random.choice(list(self.model.boards.values()))

    def _write(self, random: Random, board: Board, address: str | None = None) -> Write:
        address = address or generator.address(random)
        entry = board.entries.get(address)
        chance = random.random()
        payload = None if chance < 0.2 else generator.payload(random)
        if entry and 0.2 < chance < 0.27:
            payload = entry.payload
        version = entry.version if entry else random.choice((NEW, NEW, NEW, 1))
        return Write(
            address,
            random.choice((version, version, version, version, ANYTHING, ANYTHING, ANYTHING, NEW, 2)),
            payload,
        )

    def _request(self, random: Random) -> tuple[Request, partition.ClaimRequest]:
        owner = random.choice(OWNERS)
        if owner in self.last_request and random.random() < 0.06:
            self.counts["repeated claim"] += 1
            number, wanted, crew = self.last_request[owner]
        else:
            self.requests += 1
            number, wanted = self.requests, random.choice((1, 1, 2, 3))
            crew = random.choice((CREW, CREW, HALF_CREW))
            self.last_request[owner] = number, wanted, crew
        cursor = random.choice(("", "", "s1", "s3", "zz"))
        request = Request(owner, number, wanted, LEASE, crew)
        return request, partition.ClaimRequest(wanted, owner, number, LEASE, crew, cursor)

    def _take(self, request: Request, handed: partition.Handed) -> list[str]:
        """Compare what a claim brought with what it must bring, and keep it."""
        got = [handed_of(each) for each in handed.claimed]
        self._learn(handed.claimed)
        expected = self.model.claim(request, self.now, got)
        for have, want in zip(got, expected, strict=False):
            slots = () if want.verdict else want.slots
            self._expect(
                "claimed",
                (without_slots(want), slots),
                (without_slots(have), () if want.verdict else have.slots),
            )
        self._expect("claimed", len(expected), len(got))
        for each in got:
            self.counts[f"claimed {each.verdict or 'to run'}"] += 1
        self.held = [*handed.claimed, *self.held][:12]
        return [
            f"{c.claim.board} {c.claim.name} {c.claim.epoch} {c.verdict} {h.slots}"
            for c, h in zip(handed.claimed, got, strict=True)
        ]

    def _learn(self, claimed: Sequence[Claimed]) -> None:
        """An activation that was opened and claimed in one call has told its number only here."""
        for each in claimed:
            board, identity, token = holder_of(each.claim)
            activation = self.model.boards[board].open.get(identity)
            if activation and not activation.number:
                activation.number = token[0]

    def _pick(self, random: Random) -> Claimed | None:
        """A claim: mostly one that is held, now and then one that was lost."""
        live = [c for c in self.held if not isinstance(self._holder(c), str)]
        if live and random.random() < 0.95:
            return random.choice(live)
        return random.choice(self.held) if self.held and random.random() < 0.1 else None

    def _holder(self, claimed: Claimed) -> Any:
        board, identity, token = holder_of(claimed.claim)
        return self.model.boards[board].holder(identity, token)

    def _contribution(self, random: Random, claimed: Claimed) -> Commit:
        board, identity, token = holder_of(claimed.claim)
        holder = self._holder(claimed)
        part = (
            0
            if random.random() < 0.75
            else (0 if isinstance(holder, str) else holder.part) + random.choice((0, 1, 1, 1))
        )
        bound = {e.address: e.version for slot in claimed.bindings for e in slot}
        writes = []
        for _ in range(random.choice((0, 1, 1, 2, 3))):
            address = random.choice([*bound]) if bound and random.random() < 0.4 else generator.address(random)
            write = self._write(random, self.model.boards[board], address)
            read = bound.get(address) if random.random() < 0.3 else None
            writes.append(Write(address, read or SNAPSHOT, write.payload))
        reads, kinds = self._isolation(random, claimed, bound)
        return Commit(board, identity, token, writes, part, reads, kinds)

    def _isolation(
        self, random: Random, claimed: Claimed, bound: dict[str, int]
    ) -> tuple[list[tuple[str, int]], list[str]]:
        """What a serializable run has read: the same with every part of it, but for what it wrote itself."""
        if claimed.claim not in self.isolation:
            serializable = random.random() < 0.25
            kinds = [kind for kind in generator.KINDS if serializable and random.random() < 0.3]
            self.isolation[claimed.claim] = (list(bound.items()) if serializable else [], kinds)
        return self.isolation[claimed.claim]

    def _forget_retracted(self, claim: Claim, commit: Commit) -> None:
        """A run that retracted what it had read asks no longer whether it has changed."""
        gone = {write.address for write in commit.writes if write.payload is None}
        reads, kinds = self.isolation[claim]
        self.isolation[claim] = (
            [(address, version) for address, version in reads if address not in gone],
            kinds,
        )

    def _stored_commit(self, commit: Commit) -> partition.Commit:
        return partition.Commit(
            claim_of(commit), [to_store(w) for w in commit.writes], commit.part, commit.reads, commit.kinds
        )

    # ------------------------------------------------------------------ comparison

    async def _compare(self) -> None:
        """Everything the store holds must be what the model says."""
        seen = await audit.look(self.calls.clients.commands, self.keys, self.logs)
        for board in self.model.boards.values():
            audit.compare_board(board, seen.boards[board.id], self.logs[board.id], self._expect)
        audit.check_indexes(self.model, seen, self._expect)


WEIGHTS = {
    "post": 30,
    "claim": 15,
    "commit": 28,
    "fail": 9,
    "release": 6,
    "revive": 3,
    "late": 2,
    "rematch": 3,
    "change": 1,
    "close": 1,
}

"""The agenda is the conflict set: the engine against a brute-force model, over random sources and operations.

After every operation everything the store holds of a partition is read back and compared: entries and versions, open
and dead activations with their states, what claims hand out and in which order, the counters, the log (replayed, it
must give the same entries and the same agenda), and every index.

The driver is our own and not hypothesis' state machine, for three reasons. It needs a million operations in half an
hour, and a state machine's choices cost more than the operations. Its operations are plain seeds, interpreted in
whatever state they meet, so that any subset of a failing list can still be run: delta debugging over a list of numbers
shrinks as well as bundles do. And a failure is replayed from one line, `Case(seed=…, operations=(…), sources=(…))`, on
any store: paste it into `REPLAYED`.

`MODEL_OPERATIONS` says how many operations run on Valkey (`make model`: a million), `MODEL_SEED` with which seed they
begin; without it the cases are always the same.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import AsyncIterator
from random import Random

import pytest

from blackboard.store.calls import Calls
from blackboard.store.connection import connect
from tests.model.driver import WEIGHTS, Case, Disagreement, Run
from tests.model.shrink import shrunk

OPERATIONS = int(os.environ.get("MODEL_OPERATIONS", "20000"))
ON_OTHER_STORES = min(1500, OPERATIONS)
PARTS = 4
LENGTH = 100
FIRST_SEED = int(os.environ.get("MODEL_SEED", "0"))

pytestmark = pytest.mark.model


class Player:
    """Plays cases on one store until so many operations have run; a case that fails is made small and told."""

    def __init__(self, calls: Calls, namespace: str) -> None:
        self.calls = calls
        self.namespace = namespace
        self.counts: Counter[str] = Counter()
        self.played = 0

    async def play(self, operations: int, first_seed: int) -> None:
        seed = first_seed
        while self.operations < operations:
            random = Random(seed)
            case = Case(seed, tuple(random.getrandbits(32) for _ in range(LENGTH)))
            run, problem = await self.run(case)
            self.counts += run.counts
            if problem:
                pytest.fail(await self.story(case, problem), pytrace=False)
            seed += 1

    @property
    def operations(self) -> int:
        return sum(self.counts[name] for name in WEIGHTS)

    async def run(self, case: Case) -> tuple[Run, Exception | None]:
        self.played += 1
        run = Run(case, self.calls, f"{self.namespace}x{self.played}")
        try:
            await run.run()
        except Exception as problem:  # noqa: BLE001 - whatever it is, the case is shrunk and the problem is told
            return run, problem
        finally:
            await run.clear()
        return run, None

    async def story(self, case: Case, problem: Exception) -> str:
        """The smallest case with the same problem, what it did, and how it ended."""
        kind = _kind(problem)

        async def fails(smaller: Case) -> bool:
            found = (await self.run(smaller))[1]
            return found is not None and _kind(found) == kind

        small = await shrunk(case, fails)
        run, last = await self.run(small)
        sources = [json.dumps(trigger, ensure_ascii=False) for trigger in small.triggers()]
        return "\n".join((f"{small!r}", *sources, *run.trace, f"{last!r}".replace("\\n", "\n")))


def _kind(problem: Exception) -> str:
    """Failures of one kind: one class, and for a disagreement one subject."""
    subject = str(problem).split(":", 1)[0] if isinstance(problem, Disagreement) else ""
    return type(problem).__name__ + subject


@pytest.fixture
async def calls(valkey_url: str) -> AsyncIterator[Calls]:
    """The embedded Valkey, which keeps functions."""
    clients = await connect(valkey_url)
    calls = Calls(clients)
    await calls.prepare()
    yield calls
    await clients.aclose()


@pytest.mark.timeout(0 if OPERATIONS > 50_000 else 120)
@pytest.mark.parametrize("part", range(PARTS))
async def test_engine_agrees_with_model(calls: Calls, namespace: str, part: int) -> None:
    """On the embedded Valkey, the long run; in parts, so that several processes can share it."""
    player = Player(calls, namespace)
    await player.play(OPERATIONS // PARTS, FIRST_SEED + part * 1_000_000)
    if OPERATIONS >= 20_000:
        seldom = [name for name in COVERED if not player.counts[name]]
        assert not seldom, f"these never happened: {seldom}; the run proves less than it says"


COVERED = (
    *(name for name in WEIGHTS if name != "nothing"),
    "claimed to run", "claimed poison", "claimed revisit", "repeated claim",
    "commit ok", "commit done", "commit lost", "commit version", "commit read",
    "fail retry ok", "fail retry lost", "fail dead ok", "release ready ok", "release wait ok",
)  # fmt: skip
"""What a run of useful length must have met in every part."""


class TestOtherStores:
    """The same commands as scripts, the same answers: a shorter run in memory and on Debian's Redis."""

    @pytest.fixture(params=["memory", "redis"])
    async def calls(self, request: pytest.FixtureRequest, namespace: str) -> AsyncIterator[Calls]:
        memory = request.param == "memory"
        clients = await connect(f"memory://{namespace}" if memory else request.getfixturevalue("redis_url"))
        yield Calls(clients)
        await clients.aclose()

    @pytest.mark.timeout(120)
    async def test_engine_agrees_with_model(self, calls: Calls, namespace: str) -> None:
        await Player(calls, namespace).play(ON_OTHER_STORES, FIRST_SEED + 500_000_000)


REPLAYED = (
    # A source that had fired became one that fires once, while it was open again.
    Case(100583, (3218178985, 857430696, 2077232363, 1141857176, 3720872801, 2543907440)),
    # A source that fired once per board came back without the pattern it was bound by.
    Case(200314, (1917180374, 1538789149, 3769209529, 3447788952, 1255732871, 340845495, 1338777607, 679482683)),
    # A precondition that is gone held an activation back.
    Case(
        201871,
        (
            *(3877104301, 4009483650, 2594463115, 3111142708, 3506739877, 4036136536, 2994689472, 588297697),
            *(2842159656, 3747500625),
        ),
    ),
)
"""Cases that failed once. Once the generator changes they are cases like any others."""


@pytest.mark.parametrize("case", REPLAYED, ids=lambda case: str(case.seed))
async def test_what_failed_once(calls: Calls, namespace: str, case: Case) -> None:
    _, problem = await Player(calls, namespace).run(case)
    if problem:
        raise problem

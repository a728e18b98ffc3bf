"""A rolling update under load: three releases with three shapes of the same kinds, one process at a time, and one dies."""

import asyncio
import signal
from collections import Counter
from random import Random

import pytest

from blackboard import Board, EventType
from tests.chaos.conftest import Child, Hire
from tests.chaos.releases import CHEAP, ORDERS, Amount, Invoice1, Invoice3, Order1, Order3, Report3, build
from tests.eventually import async_eventually

pytestmark = pytest.mark.chaos

BOARDS, WORKERS = 20, 2


class Load:
    """Programs of all releases so far that go on posting orders, each in its own shape, until told to stop."""

    def __init__(self, random: Random) -> None:
        self.posted: dict[str, dict[int, int]] = {f"shop {i}": {} for i in range(BOARDS)}
        self.clients: dict[int, dict[str, Board]] = {}
        self._random = random
        self._numbers = iter(range(1_000_000))
        self._stopped = False

    async def post(self) -> None:
        """Post one order after another on any of the boards."""
        while not self._stopped:
            release, board = self._random.choice([*self.clients]), self._random.choice([*self.posted])
            number, euros = next(self._numbers), self._random.randrange(2 * CHEAP)
            await self.clients[release][board].post(ORDERS[release](number, euros))
            self.posted[board][number] = euros

    async def some(self, more: int) -> None:
        """Wait until so many more orders have been posted."""
        wanted = self.count + more

        async def enough() -> bool:
            return self.count >= wanted

        await async_eventually(enough, 30, f"{more} more orders are posted")

    @property
    def count(self) -> int:
        return sum(map(len, self.posted.values()))

    def stop(self) -> None:
        self._stopped = True


async def roll(hire: Hire, old: list[Child], release: int, load: Load, *, kill: bool) -> list[Child]:
    """Replace workers one by one, while orders come in; with `kill`, the first of the new ones dies at its work."""
    new: list[Child] = []
    for i, leaving in enumerate(old):
        dying = kill and i == 0
        worker = await hire(release=release, lease=0.5, cut="billing" if dying else "", after=5)
        if dying:
            assert await worker.ends() == -signal.SIGKILL
            worker = await hire(release=release, lease=0.5)
        await worker.says("working")
        new.append(worker)
        leaving.signal(signal.SIGTERM)
        await load.some(60)
        assert await leaving.ends() == 0
    return new


@pytest.mark.timeout(180)
async def test_three_releases_roll_over_each_other(namespace: str, valkey_url: str, hire: Hire) -> None:
    load = Load(Random(7))
    first, second, third = (build(namespace, valkey_url, release=release) for release in (1, 2, 3))
    async with first:
        workers = [await hire(release=1, lease=0.5) for _ in range(WORKERS)]
        load.clients[1] = {name: first.board(name) for name in load.posted}
        posting = asyncio.create_task(load.post())
        await load.some(60)
        for release, application in ((2, second), (3, third)):
            workers = await roll(hire, workers, release, load, kill=True)
            await application.__aenter__()
            load.clients[release] = {name: application.board(name) for name in load.posted}
            await load.some(60)
        load.stop()
        await posting
        boards = [third.board(name) for name in load.posted]
        await asyncio.gather(*(board.settled(timeout=60) for board in boards))

        for board in boards:
            await judge(board, load.posted[board.id])
            # The oldest program still reads what it can, and is not misled by the rest.
            here = first.board(board.id)
            assert await here.read(Order1) == await here.read(Invoice1) == []
        await second.__aexit__()
        await third.__aexit__()


async def judge(board: Board, orders: dict[int, int]) -> None:
    """Nothing is unreadable, nothing is lost, and nothing was done twice."""
    dear = {number: euros for number, euros in orders.items() if euros > CHEAP}
    assert {each.number: each.amount for each in await board.read(Order3)} == {
        number: Amount(cents=euros * 100) for number, euros in orders.items()
    }
    assert {each.number: each.amount for each in await board.read(Invoice3)} == {
        number: Amount(cents=euros * 100) for number, euros in dear.items()
    }
    if dear:
        assert await board.read(Report3) == Report3(numbers=sorted(dear), total=Amount(cents=100 * sum(dear.values())))
    assert (await board.agenda(), await board.dead(), (await board.status()).behind) == ([], [], 0)
    billed: Counter[str] = Counter()
    async for event in board.events():
        assert event.type not in {EventType.DIED, EventType.FAILED}, str(event)
        if event.type is EventType.FIRED and event.source == "bill":
            billed[event.addresses[0]] += 1
    assert billed == Counter(f"order/{number}" for number in dear)

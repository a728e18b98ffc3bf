"""The blackboards that are measured: a chain of five sources, and a fan of twenty that is gathered by one."""

from __future__ import annotations

import time

from blackboard import Blackboard, Count, Entry
from blackboard.control import Sequential, State

FAN = 20

CHAIN = Sequential("first", "second", "third", "fourth", "fifth")


class AskedEachTime(Sequential):
    """The same, but it says nothing of what comes next, and so is asked behind every step."""

    def foreseen(self, state: State) -> tuple[str, ...]:
        return ()


ASKED = AskedEachTime("first", "second", "third", "fourth", "fifth")


class Start(Entry):
    n: int


class Second(Entry):
    n: int


class Third(Entry):
    n: int


class Fourth(Entry):
    n: int


class Fifth(Entry):
    n: int


class End(Entry):
    n: int


class Clocked(Entry):
    at: float


class Task(Entry, key="number"):
    number: int


class Result(Entry, key="number"):
    number: int


class Sum(Entry):
    total: int


def chain(name: str, url: str) -> Blackboard:
    """Five sources, each waking the next: start → second → third → fourth → fifth → end."""
    bb = Blackboard(name, url)

    @bb.knowledge_source
    async def first(entry: Start) -> Second:
        return Second(n=entry.n + 1)

    @bb.knowledge_source
    async def second(entry: Second) -> Third:
        return Third(n=entry.n + 1)

    @bb.knowledge_source
    async def third(entry: Third) -> Fourth:
        return Fourth(n=entry.n + 1)

    @bb.knowledge_source
    async def fourth(entry: Fourth) -> Fifth:
        return Fifth(n=entry.n + 1)

    @bb.knowledge_source
    async def fifth(entry: Fifth) -> End:
        return End(n=entry.n + 1)

    return bb


def clocked_chain(name: str, url: str) -> Blackboard:
    """The chain, and beside it a source that only says when it began to act."""
    bb = chain(name, url)

    @bb.knowledge_source(priority=1)
    async def clock(entry: Start) -> Clocked:
        return Clocked(at=time.monotonic())

    return bb


def computing_chain(name: str, url: str) -> Blackboard:
    """Two sources that compute for a millisecond each, as agents do that are worth a process of their own."""
    bb = Blackboard(name, url)

    @bb.knowledge_source
    async def first(entry: Start) -> Second:
        return Second(n=_compute(entry.n))

    @bb.knowledge_source
    async def second(entry: Second) -> Third:
        return Third(n=_compute(entry.n))

    return bb


def _compute(n: int) -> int:
    until = time.thread_time() + 0.001
    while time.thread_time() < until:
        n += 1
    return n


def fan(name: str, url: str) -> Blackboard:
    """One source splits, one works on each of twenty tasks, one adds up what all of them found."""
    bb = Blackboard(name, url)

    @bb.knowledge_source
    async def split(entry: Start) -> list[Task]:
        return [Task(number=number) for number in range(FAN)]

    @bb.knowledge_source
    async def work(task: Task) -> Result:
        return Result(number=task.number)

    @bb.knowledge_source(when=Count(Result) == FAN)
    async def add(results: list[Result]) -> Sum:
        return Sum(total=sum(result.number for result in results))

    return bb


def grown(name: str, url: str, sources: int) -> Blackboard:
    """A source that answers each task, among others that wait for kinds of their own."""
    bb = Blackboard(name, url)

    @bb.knowledge_source
    async def work(task: Task) -> Result:
        return Result(number=task.number)

    for number in range(sources - 1):
        kind = type(f"Other{number}", (Entry,), {"__annotations__": {"n": int}, "__module__": __name__})

        async def other(entry: Entry) -> None: ...

        other.__annotations__ = {"entry": kind, "return": None}
        bb.knowledge_source(name=f"other{number}")(other)
    return bb

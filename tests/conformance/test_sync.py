"""The synchronous façade: the same objects without ``await``."""

import threading

import pytest

from blackboard import Blackboard, EntryExists, Event, InvalidSource, StoreError, TimedOut
from tests.conformance.kinds import Claim, Counter, Decision, Finding, Job


def test_every_verb_is_there(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def decide(claim: Claim) -> Decision:
        return Decision(approved=claim.amount < 100)

    with bb.sync() as blackboard:
        board = blackboard.board("b")
        assert board.id == "b"
        with blackboard.workers(concurrency=2):
            board.post(Claim(amount=1), Counter(value=1))
            assert board.wait_for(Decision, timeout=10).approved
            board.settled(timeout=10)
        counter = board.read(Counter)
        counter.value = 2
        board.revise(counter)
        board.contribute(post=[Job(name="a")], retract=[Claim])
        assert [entry.address for entry in board.entries()] == ["counter", "decision", "job/a"]
        assert [event.seq for event in board.events()] == list(range(1, 10))
        assert board.run_until_settled(timeout=10) == 9
        assert board.agenda() == board.dead() == []
        assert blackboard.boards() == ["b"]
        assert board.unknown() == []
        assert board.deadline(60) is not None
        lines = list(board.export())
        assert board.close(result={"agreed": True})
        assert board.status().status == "closed"
        assert board.result(timeout=10) == {"agreed": True}
        assert blackboard.import_board(lines, "again").read(Counter) == counter


def test_errors_are_the_same(bb: Blackboard) -> None:
    with bb.sync() as blackboard:
        board = blackboard.board("b")
        board.post(Counter(value=1))
        with pytest.raises(EntryExists):
            board.post(Counter(value=2))
        with pytest.raises(TimedOut):
            board.wait_for(Decision, timeout=0.01)
        with pytest.raises(TimedOut):
            board.wait_for(Decision, timeout=0)
        with pytest.raises(InvalidSource, match="timeout: nan is no time to wait"):
            board.wait_for(Decision, timeout=float("nan"))


def test_an_iteration_may_be_left_early(bb: Blackboard) -> None:
    with bb.sync() as blackboard:
        board = blackboard.board("b")
        board.post(Counter(value=1))
        for event in board.events(follow=True):
            assert isinstance(event, Event)
            break
        board.post(Finding(source="a", risk=0))


def test_threads_may_share_it(bb: Blackboard) -> None:
    with bb.sync() as blackboard:
        board = blackboard.board("b")
        threads = [threading.Thread(target=board.post, args=(Job(name=str(i)),)) for i in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(board.read(Job)) == 10


def test_it_leaves_no_thread_behind(namespace: str) -> None:
    def loops() -> int:
        return sum(thread.name == "blackboard-sync" for thread in threading.enumerate())

    before = loops()
    with Blackboard(namespace, url="memory://").sync() as blackboard:
        assert loops() == before + 1
        blackboard.board("b").post(Counter(value=1))
    with pytest.raises(StoreError), Blackboard(namespace, url="nonsense://").sync():
        pass
    assert loops() == before

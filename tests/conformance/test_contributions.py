"""Writing on a board: contributions are atomic, conflicts and refusals reach the caller, and nothing is half done."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from blackboard import (
    UNIQUE,
    Blackboard,
    Board,
    BoardNotFound,
    Entry,
    EntryExists,
    EntryNotFound,
    EntryTooLarge,
    InvalidBoardId,
    InvalidEntry,
    InvalidKey,
    InvalidKind,
    Limits,
    Overloaded,
    ReservedName,
    UnreadEntry,
    VersionConflict,
)
from tests.conformance.kinds import Claim, Counter, Finding, Job, Note
from tests.conformance.logbook import events_of, last, types_of

# ---------------------------------------------------------------------------- all of it, or nothing


async def test_one_contribution_posts_revises_and_retracts_at_once(bb: Blackboard) -> None:
    async with bb:
        board = bb.board("b")
        await board.post(Counter(value=1), Job(name="old"))
        counter = await board.read(Counter)
        counter.value = 2

        receipt = await board.contribute(post=[Job(name="new")], revise=[counter], retract=["job/old"])

        assert [(stamp.address, stamp.version) for stamp in receipt.stamps] == [
            ("job/new", 1),
            ("counter", 2),
            ("job/old", 0),
        ]
        assert receipt.seq == await last(board) == 6
        assert [entry.address for entry in await board.entries()] == ["counter", "job/new"]


async def post_over(board: Board) -> None:
    await board.post(Job(name="x"), Counter(value=99))


async def revise_old(board: Board) -> None:
    await board.contribute(post=[Job(name="x")], revise=[Counter(value=5)], version=7)


async def revise_missing(board: Board) -> None:
    await board.contribute(post=[Job(name="x")], revise=[Claim(amount=1)], version=1)


async def revise_unread(board: Board) -> None:
    await board.contribute(post=[Job(name="x")], revise=[Counter(value=5)])


async def retract_old(board: Board) -> None:
    counter = await board.read(Counter)
    await board.revise(Counter(value=3), version="any")
    seen = await last(board)
    try:
        await board.contribute(post=[Job(name="x")], retract=[counter])
    finally:
        assert await last(board) == seen
        await board.revise(Counter(value=1), version="any")


async def write_twice(board: Board) -> None:
    await board.post(Job(name="x"), Job(name="x"))


async def post_empty_key(board: Board) -> None:
    await board.post(Claim(amount=1), Job(name=""))


REFUSED: list[tuple[Callable[[Board], Awaitable[None]], type[Exception]]] = [
    (post_over, EntryExists),
    (revise_old, VersionConflict),
    (revise_missing, EntryNotFound),
    (revise_unread, UnreadEntry),
    (retract_old, VersionConflict),
    (write_twice, InvalidEntry),
    (post_empty_key, InvalidKey),
]


@pytest.mark.parametrize(("write", "error"), REFUSED, ids=[write.__name__ for write, _ in REFUSED])
async def test_a_refused_contribution_writes_nothing(
    bb: Blackboard, write: Callable[[Board], Awaitable[None]], error: type[Exception]
) -> None:
    async with bb:
        board = bb.board("b")
        await board.post(Counter(value=1))

        with pytest.raises(error):
            await write(board)

        assert [(entry.address, entry.payload) for entry in await board.entries()] == [("counter", b'{"value":1}')]


async def test_a_refused_first_post_makes_no_board(bb: Blackboard) -> None:
    async with bb:
        board = bb.board("b")
        with pytest.raises(EntryNotFound):
            await board.revise(Counter(value=1), version=1)
        with pytest.raises(BoardNotFound):
            await board.status()
        assert await bb.boards() == []


async def test_the_errors_carry_the_facts_and_the_remedy(bb: Blackboard) -> None:
    async with bb:
        board = bb.board("b")
        await board.post(Counter(value=1))
        with pytest.raises(EntryExists, match=r"counter is taken.*version 1.*read it and revise"):
            await board.post(Counter(value=2))
        with pytest.raises(UnreadEntry, match=r"counter was made here.*revise\(entry, version=…\)"):
            await board.revise(Counter(value=2))
        with pytest.raises(EntryNotFound, match=r"board b has no entry at claim"):
            await board.revise(Claim(amount=1), version=1)


# ---------------------------------------------------------------------------- versions


async def test_any_version_may_be_overwritten_on_request(bb: Blackboard) -> None:
    async with bb:
        board = bb.board("b")
        await board.revise(Counter(value=1), version="any")
        await board.revise(Counter(value=2), version="any")
        assert await types_of(board) == ["created", "posted", "revised"]
        assert (await board.read(Counter)).stamp.version == 2


async def test_what_was_just_written_can_be_revised_without_reading_it(bb: Blackboard) -> None:
    async with bb:
        board = bb.board("b")
        counter = Counter(value=1)
        await board.post(counter)
        for value in (2, 3):
            counter.value = value
            await board.revise(counter)
        assert (await board.read(Counter)).stamp.version == 3


async def test_a_version_is_never_used_twice(bb: Blackboard) -> None:
    """What was read before a retraction never fits what was posted after it."""
    async with bb:
        board = bb.board("b")
        await board.post(Counter(value=1))
        old = await board.read(Counter)
        await board.retract(Counter)
        await board.post(Counter(value=1))
        assert (await board.read(Counter)).stamp.version == 2
        old.value = 9
        with pytest.raises(VersionConflict):
            await board.revise(old)


async def test_a_write_that_changes_nothing_is_no_event(bb: Blackboard) -> None:
    async with bb:
        board = bb.board("b")
        await board.post(Counter(value=1), Job(name="a"))
        seen = await last(board)

        same = await board.read(Counter)
        assert (await board.post(Counter(value=1), Job(name="a"))).stamps[0].version == 1
        assert (await board.revise(same)).stamps[0].version == 1
        await board.revise(Counter(value=1), version="any")
        await board.retract("job/never", Claim)

        assert await last(board) == seen


async def test_of_ten_that_revise_one_version_one_wins(bb: Blackboard) -> None:
    async with bb:
        board = bb.board("b")
        await board.post(Counter(value=0))
        read = [await board.read(Counter) for _ in range(10)]
        for value, counter in enumerate(read, 1):
            counter.value = value

        outcomes = await asyncio.gather(*map(board.revise, read), return_exceptions=True)

        assert sum(isinstance(outcome, VersionConflict) for outcome in outcomes) == 9
        assert await types_of(board) == ["created", "posted", "revised"]


# ---------------------------------------------------------------------------- names and keys


async def test_keys_of_many_kinds_make_addresses(bb: Blackboard) -> None:
    keys = ["a", "ä/ö b", "日本", "x" * 512, "[", "]", "*", "{}", "%s", "\\", '"', "b:c:d", "�", "😀", "~"]
    async with bb:
        board = bb.board("board with {braces}: * ä")
        await board.post(*(Job(name=key) for key in keys))
        found = await board.read(Job)
        assert {job.name for job in found} == set(keys)
        assert [job.stamp.address for job in found] == sorted(f"job/{key}" for key in keys)
        await board.retract(*(f"job/{key}" for key in keys))
        assert await board.read(Job) == []


@pytest.mark.parametrize("key", ["", "a\nb", "a\x1fb", "a\x1eb", "\x00", "\x7f", "\x85", "x" * 513, "ä" * 257])
async def test_a_key_that_could_be_misread_is_refused(bb: Blackboard, key: str) -> None:
    async with bb:
        board = bb.board("b")
        with pytest.raises(InvalidKey, match="cannot have the key"):
            await board.post(Job(name="fine"), Job(name=key))
        assert await bb.boards() == []


@pytest.mark.parametrize("name", ["", "a\nb", "\x1e", "x" * 201])
def test_a_board_id_that_could_be_misread_is_refused(name: str) -> None:
    with pytest.raises(InvalidBoardId):
        Blackboard("b").board(name)


@pytest.mark.filterwarnings("ignore:Field name")
def test_a_field_may_not_hide_what_an_entry_needs() -> None:
    with pytest.raises(ReservedName, match=r"stamp.*Rename"):

        class Letter(Entry):
            stamp: str  # type: ignore[assignment]  # what this is about

    with pytest.raises(InvalidKind):

        class Parcel(Entry, key="weight"):
            size: int


async def test_payloads_come_back_to_the_byte(bb: Blackboard) -> None:
    texts = ["", " ", "\x00\x1e\x1f\n", "😀 日本 ä", '"\\', "x" * 100_000, "null", "9" * 400, "</script>", "\u2028"]
    async with bb:
        board = bb.board("b")
        await board.post(*(Finding(source=str(i), risk=i / 3) for i in range(len(texts))))
        await board.post(*(Note(text=text) for text in texts))
        assert [note.text for note in await board.read(Note)] == texts
        assert [finding.risk for finding in await board.read(Finding)] == [i / 3 for i in range(len(texts))]


async def test_a_kind_without_keys_of_its_own_gets_a_new_one_each_time(bb: Blackboard) -> None:
    assert Note.__key__ is UNIQUE
    async with bb:
        board = bb.board("b")
        await board.post(Note(text="same"), Note(text="same"))
        await board.post(Note(text="same"))
        notes = await board.read(Note)
        assert len({note.stamp.address for note in notes}) == 3
        notes[0].text = "changed"
        await board.revise(notes[0])
        assert len(await board.read(Note)) == 3
        await board.retract(notes[0])
        assert len(await board.read(Note)) == 2


# ---------------------------------------------------------------------------- limits


async def overload(namespace: str, url: str, limits: Limits, *entries: Entry) -> Any:
    """Post on a board that has two entries, and return the error; nothing else may have happened."""
    async with Blackboard(namespace, url=url, limits=limits) as bb:
        board = bb.board("b")
        await board.post(Job(name="a"), Job(name="b"))
        with pytest.raises((Overloaded, EntryTooLarge)) as refused:
            await board.post(*entries)
        assert await last(board) == 3
        return refused.value


@pytest.mark.parametrize(
    ("limits", "entries", "limit", "value"),
    [
        (Limits(entries=3), [Job(name="c"), Job(name="d")], "entries", 4),
        (Limits(writes=2), [Job(name="c"), Job(name="d"), Job(name="e")], "writes", 3),
    ],
)
async def test_beyond_a_limit_nothing_is_written(
    store_url: str, namespace: str, limits: Limits, entries: list[Entry], limit: str, value: int
) -> None:
    error = await overload(namespace, store_url, limits, *entries)
    assert isinstance(error, Overloaded)
    assert (error.limit, error.value, error.maximum) == (limit, value, getattr(limits, limit))
    assert f"raise Limits({limit}=" in str(error)


async def test_an_entry_that_is_too_large_is_refused_by_its_size(store_url: str, namespace: str) -> None:
    error = await overload(namespace, store_url, Limits(entry_bytes=100), Job(name="c"), Note(text="x" * 100))
    assert isinstance(error, EntryTooLarge)
    assert (error.size, error.limit) == (111, 100)


async def test_a_board_with_too_much_open_work_takes_no_more(store_url: str, namespace: str) -> None:
    bb = Blackboard(namespace, url=store_url, limits=Limits(open_activations=2))

    @bb.knowledge_source
    async def work(job: Job) -> None:
        return None

    async with bb:
        board = bb.board("b")
        await board.post(*(Job(name=str(i)) for i in range(5)))  # one contribution may go beyond it
        with pytest.raises(Overloaded, match="open_activations"):
            await board.post(Job(name="one more"))
        await board.run_until_settled(timeout=10)
        await board.post(Job(name="one more"))


# ---------------------------------------------------------------------------- who did it


async def test_events_name_their_author(store_url: str, namespace: str) -> None:
    bb = Blackboard(namespace, url=store_url, author="importer")

    @bb.knowledge_source
    async def note(claim: Claim, board: Board) -> Note:
        await board.post(Job(name="on the way"))
        return Note(text="at the end")

    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.run_until_settled(timeout=10)
        authors = {event.kind: event.by for event in await events_of(board, "posted")}
    assert authors == {"claim": "@importer", "job": "note#3", "note": "note#3"}

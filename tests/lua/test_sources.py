"""`register` and `rematch`: boards meet sources that come later, or come back changed."""

from __future__ import annotations

from tests.lua.bench import CREW, Bench, each, gone, write


def joined(source: str, index: list[str] | str) -> dict[str, object]:
    """A source that joins two kinds by a field."""
    return {
        "s": source,
        "p": [{"k": "a", "m": "e", "a": "~a", "ix": index}, {"k": "b", "m": "e", "a": "~b", "ix": index}],
        "j": [[1, index, 2, index]],
    }


async def test_registering_what_is_registered_changes_nothing(bench: Bench) -> None:
    assert await bench.register(each("one", "a"), each("two", "b")) == (1, ["one", "two"])
    before = await bench.dump()
    assert await bench.register(each("one", "a"), each("two", "b")) == (1, [])
    assert await bench.dump() == before


async def test_a_changed_source_counts_the_revision_up(bench: Bench) -> None:
    await bench.register(each("one", "a"), each("two", "a"))
    assert await bench.register(each("one", "b")) == (2, ["one"])
    await bench.post("x", write("a/1"), write("b/1"))
    assert await bench.states("x") == {"one b/1": "ready", "two a/1": "ready"}


async def test_a_late_source_meets_what_is_there_after_its_rematch(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.post("x", write("a/1"), write("b/1"))
    revision, _ = await bench.register(each("late", "a", "b"))
    await bench.post("x", write("a/2"))
    assert not [name for name in await bench.states("x") if name.startswith("late")]

    await bench.rematch("x", revision)

    assert sorted(await bench.states("x")) == ["late a/1 b/1", "late a/2 b/1", "one a/1", "one a/2"]
    before = await bench.dump()
    assert await bench.store.rematch("x", revision, "0", 10, bench.now) == ("done", str(revision))
    assert await bench.store.rematch("nowhere", revision, "0", 10, bench.now) == ("done", "0")
    assert await bench.dump() == before


async def test_commits_between_the_slices_of_a_rematch(bench: Bench) -> None:
    """Entries come, change and go while the memories of the late source are filled."""
    pad = "…" * 50
    await bench.post("x", *(write(f"a/{n:03d}", pad) for n in range(300)))
    revision, _ = await bench.register(each("late", "a"))
    answer, cursor, turn = "more", "0", 0
    while answer == "more":
        answer, cursor = await bench.store.rematch("x", revision, cursor, 20, bench.now)
        turn += 1
        if answer == "more" and turn < 10 and not bench.clients.memory:
            await bench.post("x", gone(f"a/{turn:03d}"), write(f"a/{turn + 100:03d}", turn), write(f"a/n{turn}"))
    entries = {entry.address for entry in await bench.store.entries("x", "a")}
    assert {f"late {address}" for address in entries} == set(await bench.states("x"))


async def test_a_trigger_that_comes_back_finds_its_memory_true(bench: Bench) -> None:
    """A deployment and its rollback: nothing kept the old memory up to date in between."""
    await bench.register(joined("one", "x"))
    await bench.post("x", write("a/1", 1), write("b/1", 1), write("a/2", 2), write("b/2", 2))
    revision, _ = await bench.register(each("one", "z"))
    await bench.rematch("x", revision)
    await bench.post("x", gone("a/1"), write("a/2", 3), write("b/3", 3))
    revision, _ = await bench.register(joined("one", "x"))
    await bench.rematch("x", revision)
    assert await bench.states("x") == {"one a/2 b/3": "ready"}


async def test_sources_that_share_a_memory_by_a_nested_field(bench: Bench) -> None:
    """Two sources join by the same nested field: one memory, kept once."""
    await bench.register(joined("one", ["x", "y"]), joined("two", ["x", "y"]))
    await bench.post("x", write("a/1", {"y": 1}))
    await bench.post("x", write("b/1", {"y": 1}))
    assert await bench.states("x") == {"one a/1 b/1": "ready", "two a/1 b/1": "ready"}


async def test_a_changed_trigger_takes_what_it_no_longer_wants_off_the_agenda(bench: Bench) -> None:
    """Also bindings of another shape, as an earlier signature made them."""
    await bench.register(each("one", "a", "b"))
    await bench.post("x", write("a/1"), write("b/1"), write("b/2"))
    revision, _ = await bench.register(each("one", "a", pr=7))
    await bench.rematch("x", revision)
    assert await bench.states("x") == {"one a/1": "ready"}
    revision, _ = await bench.register(each("one", "a", rf="o"))
    await bench.rematch("x", revision)
    assert await bench.states("x") == {"one a/1": "ready"}
    assert len(await bench.claim(9)) == 1


async def test_a_changed_priority_counts_for_what_is_open(bench: Bench) -> None:
    await bench.register(each("one", "a"), each("two", "a", pr=1))
    await bench.post("x", write("a/1"))
    revision, _ = await bench.register(each("one", "a", pr=2))
    await bench.rematch("x", revision)
    assert (await bench.claim_one()).claim.source == "one"


async def test_crews_are_remembered(bench: Bench) -> None:
    await bench.register(each("one", "a"))
    await bench.register(each("one", "a"), crew="others")
    await bench.register(each("one", "a"))
    assert await bench.command("HGET", bench.keys.crews, "one") == f"|{CREW}|others|".encode()

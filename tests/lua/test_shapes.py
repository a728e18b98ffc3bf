"""Entries of several schema versions on one board: what may be judged, what must wait, and who has which source."""

from __future__ import annotations

import json
from typing import Any

import pytest

from blackboard.errors import NewerSchema
from blackboard.store.partition import ANYTHING, Applied, Write
from tests.lua.bench import Bench, each, gone, names

NEW_CREW = "new"


def entry(address: str, schema: int, expected: int = ANYTHING, **fields: Any) -> Write:
    """A post in a schema version."""
    return Write(address, expected, schema, json.dumps(fields, separators=(",", ":")))


def source_card(trigger: dict[str, Any], **kinds: int) -> tuple[str, str, str, list[str]]:
    """A source whose card says which versions of its kinds it knows."""
    listed = sorted({part["k"] for part in (*trigger.get("p", ()), *trigger.get("c", ()))})
    reads = [{"kind": kind, "version": version} for kind, version in kinds.items()]
    text = json.dumps(trigger, separators=(",", ":"))
    return trigger["s"], json.dumps({"reads": reads, "writes": []}), text, listed


def pattern(version: int, field: str, mode: str = "e") -> dict[str, Any]:
    """A pattern over `a` that tests a field: it can be told of its own version only."""
    found: dict[str, Any] = {"k": "a", "m": mode, "t": [[">", field, 0]], "a": f"~{field}{version}"}
    return found | ({"v": str(version)} if version > 1 else {})


OLD = {"s": "one", "p": [pattern(1, "x")]}
NEW = {"s": "one", "p": [pattern(2, "y")]}
ABSENT = {"s": "none", "p": [{"k": "b", "m": "e", "a": "b"}], "w": [["==", ["n", 1], ["v", 0]]]}
OLD_ABSENT = ABSENT | {"c": [{"k": "a", "t": [[">", "x", 0]], "a": "~c1"}]}
NEW_ABSENT = ABSENT | {"c": [{"k": "a", "t": [[">", "y", 0]], "a": "~c2", "v": "2"}]}


async def register(
    bench: Bench, *cards: tuple[str, str, str, list[str]], crew: str = NEW_CREW, boards: str = "x"
) -> int:
    revision, _ = await bench.store.register(crew, cards)
    for board in boards:
        await bench.rematch(board, revision)
    return revision


async def upcast(bench: Bench, board: str = "x", schema: int = 2, crew: str = NEW_CREW) -> None:
    """Do the chore: `x` becomes `y`."""
    for claimed in await bench.claim(1, crew=crew):
        assert claimed.claim.source == "@shape/a"
        entries = await bench.store.behind(board, "a", "", 100)
        shaped = [(e, schema, json.dumps({"y": json.loads(e.payload)["x"]})) for e in entries]
        assert await bench.store.reshape(claimed.claim, shaped, "done", now=bench.now) == "ok"


async def marks(bench: Bench, board: str = "x") -> int:
    facts = await bench.store.facts(board)
    assert facts is not None
    return facts.behind


async def memory(bench: Bench) -> list[str]:
    rows = await bench.command("ZRANGE", bench.keys.of_board("x", "memory"), 0, -1)
    return [row.decode().replace("\x1f", " ") for row in rows]


async def test_an_old_entry_is_not_matched_by_the_fields_of_a_new_one(bench: Bench) -> None:
    await register(bench, source_card(NEW, a=2))
    await bench.post("x", entry("a/1", 1, x=1, y=1))
    assert (await bench.states("x"), await marks(bench)) == ({}, 1)
    assert await memory(bench) == ["?old a a/1", "a  1"], "the memory of those that pass does not hold it"
    await upcast(bench)
    assert await memory(bench) == ["a  1", "~y2  1"]
    assert (await bench.states("x"), await marks(bench)) == ({"one a/1": "ready"}, 0)
    assert (await bench.store.entry("x", "a/1")).schema == 2  # type: ignore[union-attr]


async def test_what_is_brought_forward_keeps_its_version_and_is_no_news(bench: Bench) -> None:
    await bench.register(OLD)
    await bench.post("x", entry("a/1", 1, x=1))
    await bench.commit((await bench.claim_one()).claim)
    before = await bench.store.entry("x", "a/1")
    await register(bench, source_card(NEW, a=2))
    await upcast(bench)
    after = await bench.store.entry("x", "a/1")
    assert before is not None
    assert after is not None
    assert (after.version, after.seq, after.schema) == (before.version, before.seq, 2)
    assert await bench.states("x") == {}
    assert "reshaped" in await bench.kinds_of_events("x")


async def test_absence_is_not_told_while_an_entry_cannot_be_read(bench: Bench) -> None:
    """The one that is there may be the one that must not be."""
    await register(bench, source_card(NEW_ABSENT, a=2, b=1))
    await bench.post("x", entry("a/1", 1, x=1))
    await bench.post("x", entry("b/1", 1))
    assert await bench.states("x") == {}
    await upcast(bench)
    assert await bench.states("x") == {}
    await bench.post("x", gone("a/1"))
    assert await bench.states("x") == {"none b/1": "ready"}


async def test_absence_is_told_when_what_could_not_be_read_is_gone(bench: Bench) -> None:
    await register(bench, source_card(NEW_ABSENT, a=2, b=1))
    await bench.post("x", entry("a/1", 1, x=1), entry("b/1", 1))
    await bench.post("x", gone("a/1"))
    assert (await bench.states("x"), await marks(bench)) == ({"none b/1": "ready"}, 0)
    facts = await bench.store.facts("x")
    assert facts is not None
    assert facts.busy == 1, "nobody is asked to bring forward what is not there"


async def test_what_is_open_is_neither_lost_nor_handed_out_until_it_can_be_told(bench: Bench) -> None:
    await bench.register(OLD)
    await bench.post("x", entry("a/1", 1, x=1))
    number = (await bench.activation("x", "one a/1")).number
    revision, _ = await bench.store.register(NEW_CREW, [source_card(NEW, a=2)])
    assert names(await bench.claim(9, crew=NEW_CREW)) == [], "not before its board was matched again"
    await bench.rematch("x", revision)
    (chore,) = await bench.claim(9, crew=NEW_CREW)
    assert chore.claim.source == "@shape/a"
    assert await bench.release(chore.claim) == "ok"
    await upcast(bench)
    (claimed,) = await bench.claim(9, crew=NEW_CREW)
    assert (claimed.claim.source, claimed.claim.number) == ("one", number)
    assert claimed.bindings[0][0].schema == 2


async def test_what_no_longer_fits_after_it_was_brought_forward_leaves(bench: Bench) -> None:
    await bench.register(OLD)
    await bench.post("x", entry("a/1", 1, x=1))
    await register(bench, source_card(NEW, a=2))
    (chore,) = await bench.claim(9, crew=NEW_CREW)
    entries = await bench.store.behind("x", "a", "", 9)
    assert await bench.store.reshape(chore.claim, [(entries[0], 2, '{"y":0}')], "done", now=bench.now) == "ok"
    assert await bench.states("x") == {}


async def test_what_is_open_for_an_entry_that_goes_before_it_was_brought_forward_leaves(bench: Bench) -> None:
    await bench.register(OLD)
    await bench.post("x", entry("a/1", 1, x=1))
    await register(bench, source_card(NEW, a=2))
    await bench.post("x", gone("a/1"))
    assert (await bench.states("x"), await marks(bench)) == ({}, 0)
    assert await bench.claim(9, crew=NEW_CREW) == []


async def test_an_absence_that_was_open_is_held_while_an_old_release_posts(bench: Bench) -> None:
    await register(bench, source_card(NEW_ABSENT, a=2, b=1))
    await bench.post("x", entry("b/1", 1))
    await bench.post("x", entry("a/1", 1, x=1))
    (chore,) = await bench.claim(9, crew=NEW_CREW)
    assert chore.claim.source == "@shape/a"
    assert await bench.states("x") == {"none b/1": "held"}
    entries = await bench.store.behind("x", "a", "", 9)
    assert await bench.store.reshape(chore.claim, [(entries[0], 2, '{"y":0}')], "done", now=bench.now) == "ok"
    assert await bench.states("x") == {"none b/1": "ready"}, "it does not count after all"


async def test_what_is_held_until_it_can_be_told_is_not_granted_again_and_again(bench: Bench) -> None:
    """A controller has nothing to decide: it was granted, and starts when its entries have been brought forward."""
    await register(bench, source_card(NEW_ABSENT, a=2, b=1))
    await bench.post("x", entry("b/1", 1))
    await bench.orchestrate("x")
    await bench.post("x", entry("a/1", 1, x=1))
    await bench.decide_once("none b/1")
    (chore,) = await bench.claim(9, crew=NEW_CREW)
    assert await bench.states("x") == {"none b/1": "held"}
    assert await bench.claim_control() == []
    entries = await bench.store.behind("x", "a", "", 9)
    assert await bench.store.reshape(chore.claim, [(entries[0], 2, '{"y":0}')], "done", now=bench.now) == "ok"
    assert await bench.states("x") == {"none b/1": "ready"}


async def test_where_only_existence_matters_nothing_waits(bench: Bench) -> None:
    blind = {"s": "one", "p": [{"k": "a", "m": "e", "a": "a", "v": "2", "b": 1}]}
    fan_in = {"s": "two", "c": [{"k": "a", "a": "a", "v": "2"}], "w": [[">=", ["n", 1], ["v", 2]]]}
    gather = {"s": "all", "p": [{"k": "a", "m": "g", "a": "a", "v": "2", "b": 1, "n": 1}]}
    await register(bench, *(source_card(trigger, a=2) for trigger in (blind, fan_in, gather)))
    await bench.post("x", entry("a/1", 1, x=1), entry("a/2", 2, y=1))
    assert await bench.states("x") == {"one a/1": "ready", "one a/2": "ready", "two": "ready", "all": "ready"}
    chore, *claimed = await bench.claim(9, crew=NEW_CREW)
    assert sorted(names(claimed)) == ["all", "one", "one", "two"]
    for each_claim in claimed:
        assert isinstance(await bench.commit(each_claim.claim), Applied)
    entries = await bench.store.behind("x", "a", "", 9)
    assert await bench.store.reshape(chore.claim, [(entries[0], 2, '{"y":0}')], "done", now=bench.now) == "ok"
    assert await bench.states("x") == {}, "it is no news"


async def test_an_older_release_does_not_take_a_source_back(bench: Bench) -> None:
    await register(bench, source_card(OLD, a=1), crew="old")
    await register(bench, source_card(NEW, a=2))
    assert await bench.command("HGET", bench.keys.crews, "one") == b"|new|"
    assert await bench.store.register("old", [source_card(OLD, a=1)]) == (2, [])
    assert await bench.command("HGET", bench.keys.crews, "one") == b"|new|"
    await bench.post("x", entry("a/1", 2, y=1))
    assert (await bench.claim(9, crew="old"), names(await bench.claim(9, crew=NEW_CREW))) == ([], ["one"])


async def test_a_program_without_workers_takes_a_source_from_older_ones_too(bench: Bench) -> None:
    await register(bench, source_card(OLD, a=1), crew="old")
    await register(bench, source_card(NEW, a=2), crew="")
    assert await bench.command("HGET", bench.keys.crews, "one") == b"|"
    await register(bench, source_card(NEW, a=2), crew=NEW_CREW)
    assert await bench.command("HGET", bench.keys.crews, "one") == b"|new|"


async def test_a_source_that_writes_a_newer_version_leaves_older_workers(bench: Bench) -> None:
    """Its trigger is the same."""
    await register(bench, source_card(each("one", "b"), b=1, a=1), crew="old")
    await register(bench, source_card(each("one", "b"), b=1, a=2))
    await bench.store.register("old", [source_card(each("one", "b"), b=1, a=1)])
    assert await bench.command("HGET", bench.keys.crews, "one") == b"|new|"


async def test_a_source_that_only_the_older_release_has_says_nothing_of_what_it_cannot_read(bench: Bench) -> None:
    other = OLD_ABSENT | {"s": "other"}
    await register(bench, source_card(other, a=1, b=1), source_card(each("third", "b"), b=1), crew="old")
    await register(bench, source_card(NEW, a=2))
    await bench.post("x", entry("a/1", 2, y=1), entry("b/1", 1))
    assert await bench.states("x") == {"one a/1": "ready", "third b/1": "ready"}
    assert names(await bench.claim(9, crew="old")) == ["third"]
    await register(bench, source_card(NEW_ABSENT | {"s": "other"}, a=2, b=1))
    await bench.post("x", gone("a/1"))
    assert "other b/1" in await bench.states("x")


async def test_entries_that_are_ahead_of_all_sources_wait_for_a_newer_release(bench: Bench) -> None:
    await register(bench, source_card(OLD, a=1), source_card(OLD_ABSENT, a=1, b=1), crew="old")
    await bench.post("x", entry("a/1", 2, x=0, y=1), entry("b/1", 1))
    assert (await bench.states("x"), await marks(bench)) == ({}, 1)
    await register(bench, source_card(NEW, a=2), source_card(NEW_ABSENT, a=2, b=1))
    assert (await bench.states("x"), await marks(bench)) == ({"one a/1": "ready"}, 0)


async def test_a_newer_entry_is_not_overwritten_by_an_older_shape(bench: Bench) -> None:
    await register(bench, source_card(NEW, a=2))
    await bench.post("x", entry("a/1", 2, y=1))
    for expected in (ANYTHING, 1, -2):
        with pytest.raises(NewerSchema) as refusal:
            await bench.post("x", entry("a/1", 1, expected, x=1))
        assert (refusal.value.address, refusal.value.known, refusal.value.found) == ("a/1", 1, 2)


async def test_a_commit_in_an_older_shape_is_refused_and_left_to_others(bench: Bench) -> None:
    await register(bench, source_card(each("one", "b"), b=1, a=1), crew="old")
    await bench.post("x", entry("b/1", 1))
    (claimed,) = await bench.claim(1, crew="old")
    await register(bench, source_card(each("one", "b"), b=1, a=2), source_card(NEW | {"s": "two"}, a=2))
    await bench.post("x", entry("a/1", 2, y=0))
    assert isinstance(await bench.commit(claimed.claim, entry("a/1", 1, x=1)), NewerSchema)
    assert await bench.store.release(claimed.claim, "newer", "old", bench.now) == "ok"
    assert await bench.claim(1, crew="old") == []
    (again,) = await bench.claim(1, crew=NEW_CREW)
    assert isinstance(await bench.commit(again.claim, entry("a/1", 2, y=3)), Applied)


async def test_what_no_worker_can_write_yet_waits_without_spinning(bench: Bench) -> None:
    """A program wrote a newer shape before any worker of its release has started."""
    await register(bench, source_card(each("one", "b"), b=1, a=1), crew="old")
    await bench.post("x", entry("b/1", 1), entry("a/1", 2, y=1))
    (claimed,) = await bench.claim(1, crew="old")
    assert isinstance(await bench.commit(claimed.claim, entry("a/1", 1, x=1)), NewerSchema)
    assert await bench.store.release(claimed.claim, "newer", "old", bench.now) == "ok"
    assert await bench.states("x") == {"one b/1": "waiting"}
    assert await bench.claim(1, crew="old") == []
    await register(bench, source_card(each("one", "b"), b=1, a=2))
    assert names(await bench.claim(1, crew=NEW_CREW)) == ["one"]


async def test_the_same_data_in_a_newer_shape_is_no_revision(bench: Bench) -> None:
    await register(bench, source_card(NEW, a=2))
    await bench.post("x", entry("a/1", 1, y=1))
    applied = await bench.post("x", entry("a/1", 2, -2, y=1))
    assert applied.versions == (1,)
    assert (await bench.states("x"), await marks(bench)) == ({"one a/1": "ready"}, 0)
    assert await bench.claim(9, crew=NEW_CREW) != []


async def test_a_chore_is_fenced_and_what_has_changed_meanwhile_is_left(bench: Bench) -> None:
    await register(bench, source_card(NEW, a=2))
    await bench.post("x", entry("a/1", 1, x=1), entry("a/2", 1, x=2))
    (chore,) = await bench.claim(9, crew=NEW_CREW)
    before = await bench.store.behind("x", "a", "", 9)
    await bench.post("x", entry("a/1", 2, y=7))
    shaped = [(each_entry, 2, '{"y":5}') for each_entry in before]
    assert await bench.store.reshape(chore.claim, shaped, "done", now=bench.now) == "ok"
    assert (await bench.store.entry("x", "a/1")).payload == b'{"y":7}'  # type: ignore[union-attr]
    assert (await bench.store.entry("x", "a/2")).payload == b'{"y":5}'  # type: ignore[union-attr]
    assert await bench.store.reshape(chore.claim, shaped, "done", now=bench.now) in {"done", "lost"}


async def test_what_cannot_be_brought_forward_is_tried_again_later(bench: Bench) -> None:
    await register(bench, source_card(NEW, a=2))
    await bench.post("x", entry("a/1", 1, z=1))
    (chore,) = await bench.claim(9, crew=NEW_CREW)
    assert await bench.store.reshape(chore.claim, [], "later", 500, "KeyError: x", bench.now) == "ok"
    assert await bench.claim(9, crew=NEW_CREW) == []
    bench.now += 500
    assert names(await bench.claim(9, crew=NEW_CREW)) == ["@shape/a"]


async def test_a_closed_board_keeps_no_chore(bench: Bench) -> None:
    await register(bench, source_card(NEW, a=2))
    await bench.post("x", entry("a/1", 1, x=1))
    assert await bench.store.close("x", "@test", "end", 0, bench.now) == ("ok", 0)
    assert await bench.claim(9, crew=NEW_CREW) == []
    assert await bench.command("HLEN", bench.keys.activations) == 0


async def test_a_chore_that_its_worker_dies_with_is_done_by_another(bench: Bench) -> None:
    await register(bench, source_card(NEW, a=2))
    await bench.post("x", entry("a/1", 1, x=1))
    for _ in range(6):
        claimed = await bench.claim(1, crew=NEW_CREW)
        for each_claim in claimed:
            if each_claim.verdict:  # found dead too often: it goes back all the same
                await bench.fail(each_claim.claim, "dead")
        bench.now += 5000
    await upcast(bench)
    assert await bench.states("x") == {"one a/1": "ready"}


async def test_only_workers_that_have_the_upcasters_get_the_chore(bench: Bench) -> None:
    await register(bench, source_card(OLD, a=1), source_card(each("other", "b"), b=1), crew="old")
    await register(bench, source_card(NEW, a=2))
    await bench.bell("old")
    await bench.bell(NEW_CREW)
    await bench.post("x", entry("a/1", 1, x=1))
    assert (await bench.bell("old"), await bench.bell(NEW_CREW)) == (0, 1)
    assert await bench.claim(9, crew="old") == []

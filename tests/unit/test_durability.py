"""Durability as data: what its names mean, what a store must be to give it, and when it is reached."""

from __future__ import annotations

from typing import Any

import pytest

from blackboard import Blackboard, InvalidSource, NotDurable
from blackboard.store.address import Deployment
from blackboard.store.durability import Durability
from blackboard.store.server_check import ServerFacts

DISK, REPLICA, REPLICAS = Durability(), Durability(1), Durability(12)


@pytest.mark.parametrize(
    ("level", "meant"),
    [
        ("memory", None),
        ("fsync", DISK),
        ("replicated", REPLICA),
        ("replicated:1", REPLICA),
        ("replicated:12", REPLICAS),
    ],
)
def test_levels_have_names(level: str, meant: Durability | None) -> None:
    assert Durability.parse(level) == meant


@pytest.mark.parametrize(
    "level",
    ["", "disk", "replicated:0", "replicated:-1", "replicated:100", "replicated:x", "fsync:1", "Fsync", None, 1],
)
def test_what_is_no_level_is_refused_at_once(level: Any) -> None:
    with pytest.raises(InvalidSource, match=r"durability=.* cannot work. Give it one of: memory, fsync, replicated"):
        Blackboard("b", durability=level)


def facts(**other: Any) -> ServerFacts:
    given = {"name": "valkey", "version": "9.1.2", "append_only": True, "fsync": "everysec", "replicas": 1, **other}
    return ServerFacts(**given)


@pytest.mark.parametrize(
    ("durability", "server", "problem"),
    [
        (DISK, facts(), None),
        (DISK, facts(append_only=False), "no append-only file"),
        (DISK, facts(append_only=None), None),
        (DISK, facts(name="redis", version="7.0.15"), "redis 7.0.15 cannot say when"),
        (DISK, facts(name="redis", version="7.0.15", fsync="always"), None),
        (DISK, facts(name="redis", version="7.2.0"), None),
        (DISK, facts(name="redis", version="10.0"), None),
        (DISK, facts(name="another", version=None), None),
        (REPLICA, facts(), None),
        (REPLICA, facts(append_only=False), None),
        (REPLICA, facts(replicas=0), "it has 0 replicas, and 1 shall have every write"),
        (REPLICAS, facts(replicas=11), "it has 11 replicas, and 12 shall"),
        (REPLICA, facts(replicas=None), None),
    ],
)
def test_a_store_must_be_able_to_give_it(durability: Durability, server: ServerFacts, problem: str | None) -> None:
    found = durability.objection(Deployment.SERVER, server)
    assert (found is None) if problem is None else (found is not None and problem in found[0] and found[1])


@pytest.mark.parametrize("deployment", [Deployment.CLUSTER, Deployment.SENTINEL])
def test_where_there_are_several_servers_nobody_can_be_asked(deployment: Deployment) -> None:
    found = DISK.objection(deployment, facts())
    assert found is not None
    assert "several" in found[0]


def test_a_server_that_writes_before_it_answers_needs_no_asking() -> None:
    assert not DISK.awaits(facts(fsync="always"))
    assert DISK.awaits(facts(fsync="everysec"))
    assert DISK.awaits(facts(fsync=None))
    assert REPLICA.awaits(facts(fsync="always"))


def test_waiting_takes_less_than_the_reply_may() -> None:
    assert DISK.words(5.0) == ("WAITAOF", 1, 0, 4000)
    assert REPLICAS.words(1.0) == ("WAIT", 12, 800)
    assert REPLICA.words(0.0001) == ("WAIT", 1, 1), "0 would be for ever"


def test_it_is_reached_when_enough_have_confirmed() -> None:
    DISK.confirm("url", [1, 0])
    REPLICAS.confirm("url", 12)
    with pytest.raises(NotDurable, match=r"not as durable yet .*: its append-only file has not reached the disk"):
        DISK.confirm("url", [0, 3])
    with pytest.raises(NotDurable, match="11 of 12 replicas have it"):
        REPLICAS.confirm("url", 11)

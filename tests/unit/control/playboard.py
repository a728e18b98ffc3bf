"""A board to play with: an agenda, workers and a log without any store, on which a strategy is followed step by step.

Whoever plays says what happens when a source fires. The rest is chance, by a seed: which activation starts or ends next, whether
it dies, and how much happens before the strategy is asked again. Every time it is asked, strategy and state go through JSON,
it is asked twice to see that it decides the same, and its grants must be held.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from blackboard.activation import Activation, ActivationState, StoredEntry
from blackboard.control import State, Strategy, View, from_data, to_data
from blackboard.entry import Entry, address_of, encode
from blackboard.event import Event, EventType
from blackboard.news import ENDINGS, News

EPOCH = 3
STEPS = 2000

Act = Callable[["Playboard", Activation], object]


@dataclass
class Moment:
    """One decision: what the strategy saw, what it granted, and where it said to stand."""

    view: View
    grants: tuple[Activation, ...]
    said: str


@dataclass
class Playboard:
    """A board under control, with everything that happened on it."""

    seed: int = 0
    acts: Mapping[str, Act] = field(default_factory=dict)
    mortal: Collection[str] = ()
    """Sources whose activations die, now and then."""
    doomed: Collection[str] = ()
    """Sources whose activations die, always."""
    now: int = 1000
    agenda: dict[int, Activation] = field(default_factory=dict)
    log: list[Event] = field(default_factory=list)
    entries: dict[str, StoredEntry] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    """Which event wrote the entry at each address."""
    state: State = None
    seen: int = 0
    moments: list[Moment] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)

    # ------------------------------------------------------------------ what happens

    def trigger(
        self, source: str, *addresses: str, state: ActivationState = ActivationState.HELD, **facts: Any
    ) -> Activation:
        """An activation comes on the agenda."""
        number = self._event(EventType.TRIGGERED, source=source, addresses=addresses).seq
        self._log_number(number)
        plain = {"priority": 0, "rating": 0.0, "cause": number, "since": self.now, "handed": 0} | facts
        self.agenda[number] = Activation(
            board="play",
            source=source,
            addresses=addresses,
            state=state,
            number=number,
            depth=0,
            due=0,
            attempts=0,
            crashes=0,
            epoch=0,
            owner=None,
            started=0,
            problem="",
            identity=f"{source}\x1e{number:09}",
            **plain,
        )
        return self.agenda[number]

    def post(self, entry: Entry, by: str = "@program") -> int:
        """An entry is written; its number of the event."""
        address = address_of(entry, str(len(self.log)))
        before = self.entries.get(address)
        payload = encode(entry).encode()
        if before and before.payload == payload:
            return before.seq
        type_ = EventType.REVISED if before else EventType.POSTED
        seq = self._event(type_, by=by, address=address, payload=payload).seq
        self.written[address] = seq
        self.entries[address] = StoredEntry(address, before.version + 1 if before else 1, 1, payload, seq)
        return seq

    def end(self, number: int, how: EventType = EventType.FIRED) -> None:
        """An activation leaves the agenda."""
        activation = self.agenda.pop(number)
        self._event(how, source=activation.source, number=number, addresses=activation.addresses, reason="it broke")
        if how is EventType.FIRED and activation.source in self.acts:
            self.acts[activation.source](self, activation)

    def move(self, number: int, state: ActivationState) -> None:
        """An activation goes to another state."""
        self.agenda[number] = replace(self.agenda[number], state=state)

    # ------------------------------------------------------------------ the strategy

    def view(self, strategy: Strategy) -> View:
        """What the strategy sees."""
        wanted = {stored for stored in self.entries.values() if stored.kind in strategy.kinds}
        entries = {
            kind: tuple(sorted((e for e in wanted if e.kind == kind), key=lambda e: e.address))
            for kind in strategy.kinds
        }
        ended = Counter(event.source or "" for event in self.log if event.type in ENDINGS)
        return View(
            board="play",
            seq=len(self.log),
            epoch=EPOCH,
            agenda=tuple(sorted(self.agenda.values(), key=lambda each: each.rank)),
            news=News.of(self.log[self.seen :]),
            entries=entries,
            written=dict(self.written) if strategy.recency else {},
            history=dict(ended),
        )

    def ask(self, strategy: Strategy) -> tuple[Activation, ...]:
        """The strategy decides, and what it grants may run."""
        strategy = from_data(json.loads(json.dumps(to_data(strategy))))
        view, before = self.view(strategy), json.dumps(self.state)
        grants, state = strategy.decide(view, json.loads(before), self.now)
        again = strategy.decide(view, json.loads(before), self.now)
        assert (tuple(grants), state) == (tuple(again[0]), again[1]), (
            "the same view, state and time give the same decision"
        )
        assert all(grant in view.held for grant in grants), "only what is held is granted"
        assert len({grant.number for grant in grants}) == len(grants), "nothing is granted twice"
        self.state = json.loads(json.dumps(state))
        self.moments.append(Moment(view, tuple(grants), strategy.describe(view, self.state, self.now)))
        posts = strategy.posts(view, self.state, self.now)
        self.seen = len(self.log)
        for grant in grants:
            self.agenda[grant.number] = replace(grant, state=ActivationState.READY, granted=EPOCH)
        for post in posts:
            self.post(post, by="@control")
        return tuple(grants)

    def finished(self, strategy: Strategy) -> bool:
        """Whether the strategy says that it is finished."""
        return strategy.finished(self.view(strategy), self.state, self.now)

    # ------------------------------------------------------------------ play

    def work(self) -> bool:
        """Some worker starts or ends something; whether there was anything to do."""
        ready = [each for each in self.agenda.values() if each.state is ActivationState.READY]
        running = [each for each in self.agenda.values() if each.state is ActivationState.RUNNING]
        if not ready and not running:
            return False
        activation = self.chance.choice(ready + running)
        self.now += 1
        if activation in ready:
            self.move(activation.number, ActivationState.RUNNING)
        else:
            unlucky = activation.source in self.mortal and self.chance.random() < 0.4
            dies = unlucky or activation.source in self.doomed
            self.end(activation.number, EventType.DIED if dies else EventType.FIRED)
        return True

    def play(self, strategy: Strategy) -> list[str]:
        """Asks and works until nothing happens any more, however often it is asked; the sources in the order of their grants."""
        quiet = 0
        for _ in range(STEPS):
            before = len(self.log)
            happened = [bool(self.ask(strategy)), *(self.work() for _ in range(self.chance.randint(1, 3)))]
            quiet = 0 if any(happened) or len(self.log) > before else quiet + 1
            if quiet == 3:
                return self.granted
        raise AssertionError("the strategy spins")

    @property
    def granted(self) -> list[str]:
        """The sources of what was granted, in that order."""
        return [grant.source for moment in self.moments for grant in moment.grants]

    @property
    def last(self) -> str:
        """Where the strategy said to stand."""
        return self.moments[-1].said

    def grants(self) -> list[tuple[int, Activation]]:
        """What was granted, each with the number of the last event before."""
        return [(moment.view.seq, grant) for moment in self.moments for grant in moment.grants]

    def ended(self, *sources: str) -> list[int]:
        """The events by which activations of these sources ended."""
        return [event.seq for event in self.log if event.type in ENDINGS and event.source in sources]

    def _event(self, type_: EventType, **facts: Any) -> Event:
        event = Event("play", len(self.log) + 1, type_, self.now, **facts)
        self.log.append(event)
        return event

    def _log_number(self, number: int) -> None:
        self.log[number - 1] = replace(self.log[number - 1], number=number)


def triggering(*sources: str) -> Act:
    """What a source does that triggers these when it fires."""

    def act(board: Playboard, activation: Activation) -> None:
        for source in sources:
            board.trigger(source)

    return act

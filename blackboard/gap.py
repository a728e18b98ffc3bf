"""What an archive lacks or has twice, as its own log tells it: who mends one must know which line. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

US, RS = "\x1f", "\x1e"

MOST_NAMED = 3
"""Lines that are named; there may be more."""

UNTOLD = "which one is missing, the log does not tell"

_PUT, _TAKEN = frozenset("PRN"), "X"
_OPENED, _LEFT, _OVER = frozenset("TH"), frozenset("FOK"), frozenset("CAJ")


def missing(
    seq: int,
    events: Sequence[str],
    entries: Iterable[str],
    fired: Iterable[str],
    activations: Iterable[str],
) -> str:
    """Which lines are missing of a board with ``seq`` events: the last events, else what the log says was there.

    The others are the addresses of its entries, and the identities of its firings and activations.
    """
    if len(events) < seq:
        first = len(events) + 1
        return f"event {first} is missing" if first == seq else f"the events {first} to {seq} are missing"
    there, firings, opened = _told(events)
    named = [f"the entry {each}" for each in sorted(there - set(entries))]
    named += [f"the firing of {_said(each)}" for each in sorted(firings - set(fired))]
    named += [f"the activation of {_said(each)}" for each in sorted(opened - set(activations))]
    more = ", …" if named[MOST_NAMED:] else ""
    return f"by its log, missing is {', '.join(named[:MOST_NAMED])}{more}" if named else UNTOLD


def doubled(names: Iterable[tuple[str, str]]) -> str:
    """Which line stands there twice, of these (its sort, its name); empty when none does."""
    twice = next((each for each, count in Counter(names).items() if count > 1), None)
    return f"twice there is the {twice[0]} of {_said(twice[1])}" if twice else ""


def _told(events: Iterable[str]) -> tuple[set[str], set[str], set[str]]:
    """What the log says there is at its end: addresses, and identities that have fired, or are open or dead."""
    there, firings, opened = set[str](), set[str](), set[str]()
    for text in events:
        letter, _, *words = text.split(US)
        who = words[1] if len(words) > 1 else ""
        if letter in _PUT:
            there.add(who)
        elif letter == _TAKEN:
            there.discard(who)
        elif letter in _OPENED:
            opened.add(who)
        elif letter in _LEFT:
            opened.discard(who)
        elif letter in _OVER:
            opened.clear()
        if letter == "F":
            firings.add(who)
    return there, firings, opened


def _said(identity: str) -> str:
    """An identity as people read it: the source and its addresses."""
    source, *addresses = identity.split(RS)
    bound = ", ".join(filter(None, addresses))
    return f"{source} with {bound}" if bound else source

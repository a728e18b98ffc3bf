"""The limits of sources in words: what they are, and who waits for them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from blackboard.facts.words import lasting

if TYPE_CHECKING:
    from blackboard.card import SourceCard  # takes long to load, and the caller has done so
    from blackboard.limit import Gauge


def limits_of(card: SourceCard) -> list[str]:
    """The limits of a source, one a text."""
    policies = card.policies
    apart = f" per {card.per}" if card.per else ""
    found = [f"{policies.concurrency} at once{apart}"] if policies.concurrency else []
    found += [str(policies.rate)] if policies.rate else []
    found += [f"breaker {policies.breaker}"] if policies.breaker else []
    return found + (["boards take turns"] if policies.fair else [])


def state_of(gauge: Gauge | None) -> str | None:
    """What the breaker of a source lets through; nothing for one that has none."""
    if gauge is None or gauge.breaker is None:
        return None
    if not gauge.opened:
        return f"closed, failures in a row: {gauge.failures}" if gauge.failures else "closed"
    now = time.time() * 1000
    since = f"since {lasting((now - gauge.opened) / 1000)}, failures in a row: {gauge.failures}"
    wait = gauge.probe_at - now
    return f"open {since}; a probe in {lasting(wait / 1000)}" if wait > 0 else f"half-open {since}"


def waits_for_limit(source: str, gauge: Gauge | None, card: Mapping[str, Any], now: int) -> str | None:
    """Which limit of its source a ready activation waits for; None when they let it start."""
    if gauge is None:
        return None
    limit, per = card.get("policies", {}).get("concurrency"), card.get("per")
    if gauge.opened and gauge.probe_at > now:
        return f"the breaker of {source}, a probe in {lasting((gauge.probe_at - now) / 1000)}"
    if gauge.opened:
        return f"the breaker of {source}, which lets one probe through at a time"
    if limit and not per and (gauge.running or 0) >= limit:
        return f"a place: {gauge.running} of {limit} run"
    if gauge.next_start is not None and gauge.next_start > now:
        return f"the rate of {source}, {lasting((gauge.next_start - now) / 1000)}"
    return None


def waits_for_value(token: str, card: Mapping[str, Any]) -> str:
    """For what an activation waits whose value has no place free."""
    limit, per = card.get("policies", {}).get("concurrency"), card.get("per") or "value"
    return f"a place: {limit} at once for {per} {value_of(token)}"


def value_of(token: str) -> str:
    """The value that a limit goes by, as the store writes it."""
    letter, rest = token[:1], token[1:]
    return {"s": f'"{rest}"', "n": rest, "b": "true" if rest == "1" else "false"}.get(letter, "that is none")

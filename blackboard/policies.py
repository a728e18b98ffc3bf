"""Policies: how the activations of a source are run, retried and limited."""

from dataclasses import dataclass, field
from typing import Literal

from blackboard.approval import Approve
from blackboard.limit import Breaker, Rate, compile_limits
from blackboard.retry import Backoff
from blackboard.trigger import Json

Isolation = Literal["snapshot", "serializable"]
Effects = Literal["board", "external"]


@dataclass(frozen=True, slots=True)
class Policies:
    """How a source's activations are run. Durations are seconds.

    `retries` counts the runs after a first one that raised; `crashes` the deaths of its worker that an activation
    survives: at one more it is held to be poison. `lease` is the blackboard's when None. `budget` bounds the activations
    of the source on one board; beyond it the board is paused. When an activation of a `fatal` source dies, everything
    that was committed on its board is undone. `concurrency` is how many run at once over all workers, altogether or for
    each value of a field that the trigger names; of a `fair` source boards take turns. With `effects="external"` an
    activation that was cut short is not run again blindly: nobody knows what it has done outside the board.
    """

    priority: int = 0
    retries: int = 2
    backoff: Backoff = field(default_factory=Backoff)
    timeout: float | None = None
    crashes: int = 3
    lease: float | None = None
    isolation: Isolation = "snapshot"
    effects: Effects = "board"
    budget: int | None = None
    fatal: bool = False
    concurrency: int | None = None
    rate: Rate | None = None
    breaker: Breaker | None = None
    fair: bool = False
    approval: Approve | None = None

    def compile(self) -> Json:
        """The policies that the store itself applies."""
        compiled: Json = {"pr": self.priority, "ser": int(self.isolation == "serializable")}
        compiled |= {"ls": round(self.lease * 1000)} if self.lease else {}
        compiled |= {"ex": int(self.effects == "external"), "ft": int(self.fatal), "bg": self.budget}
        compiled |= compile_limits(self.concurrency, self.rate, self.breaker, self.fair)
        given = {name: value for name, value in compiled.items() if value}
        return given | {"ret": self.retries, "cr": self.crashes}

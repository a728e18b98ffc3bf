"""How long to wait before an activation that failed runs again. Pure: chance comes in as an argument."""

import math
from dataclasses import dataclass

from blackboard.errors import InvalidSource


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that grow: `initial` seconds, times `factor` after each failure, never above `maximum`.

    `jitter` is the share of the wait left to chance, from 0 (none) to 1 (anything between nothing and the whole
    wait). Full jitter spreads retries best when many sources fail together (Brooker, "Exponential Backoff And
    Jitter", 2015), and is the default.

    Raises InvalidSource when a number makes no sense.
    """

    initial: float = 1.0
    factor: float = 2.0
    maximum: float = 300.0
    jitter: float = 1.0

    def __post_init__(self) -> None:
        self._require("initial", self.initial, 0 <= self.initial < math.inf, "seconds from 0 up")
        self._require("factor", self.factor, 1 <= self.factor < math.inf, "a number from 1 up")
        self._require("maximum", self.maximum, self.initial <= self.maximum < math.inf, "at least `initial`")
        self._require("jitter", self.jitter, 0 <= self.jitter <= 1, "a share from 0 to 1")

    @staticmethod
    def _require(name: str, value: float, holds: bool, wanted: str) -> None:
        if not holds:
            raise InvalidSource("Backoff", f"{name} is {value}", f"Give `{name}` {wanted}")

    def ceiling(self, attempt: int) -> float:
        """The longest wait in seconds after the given number of failures (1, 2, 3, …)."""
        try:
            grown = self.initial * self.factor ** (attempt - 1)
        except OverflowError:
            return self.maximum if self.initial else 0.0
        return min(grown, self.maximum)

    def delay(self, attempt: int, chance: float) -> float:
        """The wait in seconds after the given number of failures; `chance` is a random number from 0 to 1."""
        return self.ceiling(attempt) * (1 - self.jitter * chance)

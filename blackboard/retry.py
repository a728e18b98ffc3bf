"""How long to wait before an activation that failed runs again. Pure: chance comes in as an argument."""

from dataclasses import dataclass

from blackboard.errors import InvalidSource
from blackboard.measure import is_number

MOST = 1e300
"""Beyond it, the next wait would be without end."""


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
        self._require("initial", self.initial, is_number(self.initial, 0, MOST), "seconds from 0 up")
        self._require("factor", self.factor, is_number(self.factor, 1, MOST), "a number from 1 up")
        self._require("maximum", self.maximum, is_number(self.maximum, self.initial, MOST), "at least `initial`")
        self._require("jitter", self.jitter, is_number(self.jitter, 0, 1), "a share from 0 to 1")

    @staticmethod
    def _require(name: str, value: object, holds: bool, wanted: str) -> None:
        if not holds:
            raise InvalidSource("Backoff", f"{name} is {value!r}", f"Give `{name}` {wanted}")

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

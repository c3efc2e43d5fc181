"""When a context, a browser or a driver has done enough and is renewed."""

from dataclasses import dataclass

__all__ = ["Latency", "Limits"]

# Below this a browser is quick enough, however quick it was at first.
SLOW_SECONDS_MIN = 0.25
BASELINE_PROBES = 5
WEIGHT = 0.3


@dataclass(frozen=True, slots=True)
class Limits:
    """What one context, browser or driver may reach before it is renewed; None: this is no reason."""

    pages: float | None = None
    age: float | None = None
    memory: float | None = None

    def spread(self, jitter: float, roll: float) -> "Limits":
        """The same, up to `jitter` more or less, so that not all of them come due at once; `roll` is a number in [0, 1)."""
        factor = 1 + jitter * (2 * roll - 1)
        pages, age, memory = (None if each is None else each * factor for each in (self.pages, self.age, self.memory))
        return Limits(pages, age, memory)

    def reached(self, *, pages: int = 0, age: float = 0.0, memory: float | None = None) -> str | None:
        """Why it is due: `pages`, `age` or `memory`; None: it is not."""
        if self.pages is not None and pages >= self.pages:
            return "pages"
        if self.age is not None and age >= self.age:
            return "age"
        if self.memory is not None and memory is not None and memory >= self.memory:
            return "memory"
        return None


class Latency:
    """How quickly a browser answers, against how quickly it did at first."""

    def __init__(self, slow_factor: float) -> None:
        self._factor = slow_factor
        self._first: list[float] = []
        self._mean = 0.0

    def add(self, seconds: float) -> None:
        if len(self._first) < BASELINE_PROBES:
            self._first.append(seconds)
            self._mean = sorted(self._first)[len(self._first) // 2]
        else:
            self._mean += WEIGHT * (seconds - self._mean)

    @property
    def is_slow(self) -> bool:
        if len(self._first) < BASELINE_PROBES or self._mean < SLOW_SECONDS_MIN:
            return False
        return self._mean > self._factor * sorted(self._first)[BASELINE_PROBES // 2]

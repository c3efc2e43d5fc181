"""The last failures of a trouble: what most of them are, and whether waiting may help."""

from collections import Counter, deque
from collections.abc import Iterable

from outlast.failure.model import FailureClass

__all__ = ["OUTAGES", "Recent"]

RECENT_MAX = 50

OUTAGES = frozenset(
    each.value
    for each in (
        FailureClass.NETWORK,
        FailureClass.TIMEOUT,
        FailureClass.SERVER_ERROR,
        FailureClass.THROTTLED,
        FailureClass.PROXY,
        FailureClass.STORE_UNAVAILABLE,
    )
)
"""The classes of failure that pass by themselves and where waiting harms nobody."""


class Recent:
    """The classes and signatures of the last `RECENT_MAX` failures since the trouble began."""

    __slots__ = ("_failures",)

    def __init__(self) -> None:
        self._failures: deque[tuple[str, str]] = deque(maxlen=RECENT_MAX)

    def add(self, failure_class: str, signature: str) -> None:
        self._failures.append((failure_class, signature))

    def keep_only(self, failure_class: str, signature: str) -> None:
        """Forget those of another class or signature, and count one of these; an empty signature stands for any."""
        kept = [each for each in self._failures if each[0] == failure_class and signature in {"", each[1]}]
        self._failures.clear()
        self._failures.extend([*kept, (failure_class, signature)])

    def clear(self) -> None:
        self._failures.clear()

    @property
    def dominant_class(self) -> str | None:
        """The class of most of them."""
        return _most(failure_class for failure_class, _ in self._failures)

    @property
    def dominant_signature(self) -> str | None:
        """The signature of most of them."""
        return _most(signature for _, signature in self._failures)

    @property
    def is_outage(self) -> bool:
        """Whether more than half of them are of classes that pass by themselves."""
        outages = sum(failure_class in OUTAGES for failure_class, _ in self._failures)
        return 2 * outages > len(self._failures)


def _most(names: Iterable[str]) -> str | None:
    counted = Counter(filter(None, names)).most_common(1)
    return counted[0][0] if counted else None

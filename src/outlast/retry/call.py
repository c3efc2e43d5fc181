"""One call of an operation: what it runs under, where, and the story of its attempts so far."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from outlast.retry.decide import Exhausted
from outlast.retry.endings import Attempt
from outlast.retry.host import Host
from outlast.retry.policy import RetryPolicy

__all__ = ["Call", "CircuitOpenError", "TurnedAwayError"]


@dataclass(slots=True)
class Call:
    """`probe`: whether the attempt that runs holds the lease of its host's breaker. `turn`: that of the remedies when it began."""

    policy: RetryPolicy
    work: Callable[[], Any]
    started: float
    host: Host | None = None
    probe: bool = False
    turn: int = 0
    history: list[Attempt] = field(default_factory=list)

    @property
    def host_name(self) -> str | None:
        return None if self.host is None else self.host.name

    @property
    def place(self) -> str:
        """The host, as those name it who must have a name: empty without one."""
        return "" if self.host is None else self.host.name

    @property
    def last_delay(self) -> float | None:
        return self.history[-1].delay if self.history else None


class TurnedAwayError(Exception):
    """The host may not be asked for another `retry_after` seconds. It leaves the engine only as the cause of what ends a call."""

    def __init__(self, host: Host, verdict: Exhausted) -> None:
        wait = verdict.retry_after or 0.0
        last = f"; its last error was {host.last_error}" if host.last_error else ""
        super().__init__(f"{host.name} may not be asked for another {wait:.3g} s{last}")
        self.verdict = verdict
        # Read by whoever classifies it, in a call around this one say.
        self.retry_after = wait


class CircuitOpenError(TurnedAwayError, ConnectionError):
    """It has failed too often; so this is an error of its connection."""

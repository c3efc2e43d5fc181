"""May a failed attempt be followed by another one? Most of what is asked of a host must succeed, or nothing is asked twice.

Every failed attempt costs a token, every success gives half a token back, and above half of the tokens a retry is allowed. So up
to a third of all attempts may fail without a retry being refused, and in an outage retries end after `tokens / 2` failures:
what is sent then is at most what was asked for, whatever the policies say. (The scheme of gRFC A6 with numbers for scraping:
those of remote procedure calls refuse retries that would have worked.)
"""

__all__ = ["TOKENS", "Budget"]

TOKENS = 100
COST = 1.0
REFUND = 0.5


class Budget:
    """The retry tokens of one host; full at first. Charge it when a retry is scheduled, not when it is sent: what waits has been spent."""

    __slots__ = ("_floor", "size", "tokens")

    def __init__(self, tokens: float = TOKENS) -> None:
        assert tokens > 0, f"{tokens} tokens allow nothing, ever"
        self.tokens: float = tokens
        self.size: float = tokens
        self._floor = tokens / 2

    @property
    def allows(self) -> bool:
        """Whether a retry may be scheduled."""
        return self.tokens > self._floor

    def failed(self) -> None:
        self.tokens = max(0.0, self.tokens - COST)

    def succeeded(self) -> None:
        if self.tokens < self.size:
            self.tokens += REFUND
            if self.tokens > self.size:  # noqa: PLR1730 - `min` costs more than all the rest
                self.tokens = self.size

"""The ways to spread a delay; `retry.backoff` says what each of them does."""

from enum import StrEnum

__all__ = ["Jitter"]


class Jitter(StrEnum):
    FULL = "full"
    EQUAL = "equal"
    DECORRELATED = "decorrelated"
    NONE = "none"

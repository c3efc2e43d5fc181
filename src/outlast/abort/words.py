"""The words of an abort policy: how it judges, what it does."""

from enum import StrEnum

__all__ = ["Action", "Kind"]


class Kind(StrEnum):
    """How it is found out that going on is pointless.

    Two-stage: a sequential test suspects, probes prove. Windowed: so many of the last operations. Strict: the sequential test alone.
    Never: not at all.
    """

    TWO_STAGE = "two_stage"
    WINDOWED = "windowed"
    STRICT = "strict"
    NEVER = "never"


class Action(StrEnum):
    """What is done when a job is aborted."""

    SAVE_STATE = "save_state"
    NOTIFY = "notify"
    CLEANUP = "cleanup"
    SHUTDOWN = "shutdown"
    LOG_EVENT = "log_event"

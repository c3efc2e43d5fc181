"""Every exception of the package, one tree: `ResilienceException`, an error per concern, the published names.

The docstring of a class is its default message. `error_code` is its name in UPPER_SNAKE.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from outlast.correlation import correlation_id

__all__ = [
    "AbortConfigurationError",
    "AbortError",
    "AbortExecutionError",
    "AbortPolicyNotFoundError",
    "BadStatusError",
    "BlockedPageError",
    "BrowserCrashedError",
    "BrowserError",
    "BrowserTimeoutError",
    "BrowserUnavailableError",
    "CheckpointCorruptionError",
    "CheckpointCreationError",
    "CheckpointError",
    "CheckpointNotFoundError",
    "CheckpointValidationError",
    "ConfigurationError",
    "CrashLoopError",
    "JobError",
    "JobLockedError",
    "JobNotFoundError",
    "KeyMissingError",
    "LedgerCorruptionError",
    "LedgerError",
    "LedgerUnavailableError",
    "MaxRetriesExceededError",
    "OutputError",
    "PermanentFailureError",
    "ResilienceException",
    "ResourceCleanupError",
    "ResourceError",
    "ResourceMonitoringError",
    "ResourceThresholdExceededError",
    "ResourceThresholdNotFoundError",
    "RetryConfigurationError",
    "RetryError",
    "RetryPolicyNotFoundError",
    "SealError",
    "StaleLeaseError",
    "TargetError",
    "UnwantedResultError",
    "ValidationError",
]

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class ResilienceException(Exception):  # noqa: N818 - the published name
    """Something in the resilience layer went wrong."""

    error_code: ClassVar[str] = "RESILIENCE_EXCEPTION"

    def __init__(
        self,
        message: str | None = None,
        *,
        context: Mapping[str, Any] | None = None,
        timestamp: datetime | None = None,
        correlation: str | None = None,
    ) -> None:
        self.message: str = message or _first_line(type(self).__doc__)
        self.context: dict[str, Any] = dict(context or {})
        self.timestamp: datetime = timestamp or datetime.now(UTC)
        self.correlation_id: str = correlation or correlation_id()
        super().__init__(self.message)

    def __init_subclass__(cls) -> None:  # type: ignore[explicit-override] # Python 3.11 has no `override`
        super().__init_subclass__()
        cls.error_code = _WORD_START.sub("_", cls.__name__).upper()

    def __reduce__(self) -> tuple[Any, ...]:  # type: ignore[explicit-override]
        return _rebuilt, (type(self), self.message, self.context, self.timestamp, self.correlation_id)


class ValidationError(ResilienceException, ValueError):
    """A value was given that cannot be accepted as it is."""


class CheckpointError(ResilienceException):
    """A checkpoint operation failed."""


class CheckpointCreationError(CheckpointError):
    """The checkpoint could not be written; what existed before is untouched."""


class CheckpointCorruptionError(CheckpointError):
    """The checkpoint is damaged: its contents do not match its checksum or framing."""


class CheckpointNotFoundError(CheckpointError, LookupError):
    """There is no such checkpoint."""


class CheckpointValidationError(CheckpointError, ValidationError):
    """The file is intact, but it is not a checkpoint that this version can read."""


class RetryError(ResilienceException):
    """A retried operation could not be completed."""


class MaxRetriesExceededError(RetryError):
    """The operation failed at every attempt that its policy allows."""


class PermanentFailureError(RetryError):
    """The operation failed in a way that trying again cannot mend."""


class RetryPolicyNotFoundError(RetryError, LookupError):
    """There is no retry policy of that name."""


class RetryConfigurationError(RetryError, ValidationError):
    """The retry policy or the call is not well-formed."""


class UnwantedResultError(RetryError):
    """The operation returned something that is a failure by one of the rules."""

    @property
    def fingerprint(self) -> tuple[str, ...]:
        """What tells two of them apart: the class and the rule, not the words of the message."""
        told = (self.context.get("class"), self.context.get("rule"))
        return ("outlast.errors.UnwantedResultError", *map(str, told)) if all(told) else ()


class BlockedPageError(RetryError):
    """The page is a wall that was put up against scrapers, not what was asked for."""


class BadStatusError(RetryError):
    """The site answered with a status that is an error."""

    @property
    def status(self) -> int | None:
        """The HTTP status of the answer."""
        told = self.context.get("status")
        return told if isinstance(told, int) else None

    @property
    def headers(self) -> dict[str, str]:
        """Those of the answer that say when to come back."""
        return dict(self.context.get("headers") or {})


class ResourceError(ResilienceException):
    """A resource operation failed."""


class ResourceThresholdExceededError(ResourceError):
    """A resource is beyond its threshold."""


class ResourceMonitoringError(ResourceError):
    """Resources could not be monitored."""


class ResourceCleanupError(ResourceError):
    """Cleaning up resources failed."""


class ResourceThresholdNotFoundError(ResourceError, LookupError):
    """There is no resource threshold of that name."""


class AbortError(ResilienceException):
    """An abort operation failed."""


class AbortPolicyNotFoundError(AbortError, LookupError):
    """There is no abort policy of that name."""


class AbortExecutionError(AbortError):
    """An abort action failed."""


class AbortConfigurationError(AbortError, ValidationError):
    """The abort policy is not well-formed."""


class BrowserError(ResilienceException):
    """Something went wrong with the browser.

    `context["scope"]` is `page` when one page alone is concerned, `browser` when all of its pages are; errors of one
    incident have the same `context["incident_id"]`.
    """

    @property
    def is_page_alone(self) -> bool:
        """Whether one page alone is concerned, and the browser goes on."""
        return self.context.get("scope") == "page"

    @property
    def incident_id(self) -> str | None:
        """Which incident this belongs to: a browser takes all of its pages along, and that is one."""
        return self.context.get("incident_id")


class BrowserCrashedError(BrowserError):
    """The page or its browser crashed, so nothing that came from it counts."""


class BrowserTimeoutError(BrowserError, TimeoutError):
    """The browser did not answer, or the work on a page did not end, before its deadline."""


class BrowserUnavailableError(BrowserError):
    """No browser can be started, or it was restarted too often."""


class ConfigurationError(ResilienceException, ValueError):
    """The configuration is not valid."""


class KeyMissingError(ConfigurationError):
    """It is sealed by a key that is not at hand."""


class SealError(ResilienceException):
    """Something sealed cannot be opened: another key, another place, or changed bytes."""


class LedgerError(ResilienceException):
    """A ledger operation failed."""


class LedgerUnavailableError(LedgerError):
    """The ledger cannot be written; everything recorded so far is kept."""


class LedgerCorruptionError(LedgerError):
    """The ledger is damaged."""


class StaleLeaseError(LedgerError):
    """The lease is no longer held: it expired or was given to somebody else."""


class JobError(ResilienceException):
    """A job could not be run."""


class CrashLoopError(JobError):
    """The last starts of this job got nothing done, so it is on hold."""


class JobLockedError(JobError):
    """Another process is running this job."""


class JobNotFoundError(JobError, LookupError):
    """There is no such job in this store."""


class TargetError(JobError, ValueError):
    """The function to run cannot be found or cannot be called as asked."""


class OutputError(JobError):
    """The output file cannot be written; its records are kept in the ledger."""


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().partition("\n")[0]


def _rebuilt(
    cls: type[ResilienceException], message: str, context: dict[str, Any], timestamp: datetime, correlation: str
) -> ResilienceException:
    return cls(message, context=context, timestamp=timestamp, correlation=correlation)

"""Scraping jobs that finish: through crashes, kill -9, flaky sites and outages.

Every public name is here, and is loaded when it is first used: `import outlast` loads no third-party package.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outlast.abort import AbortManager, AbortPolicy, Notice, Notifier
    from outlast.assembly import Resilience
    from outlast.browser import BrowserLifecycle, BrowserPolicy, Launched
    from outlast.checkpoint import CheckpointManager
    from outlast.config import (
        AbortConfiguration,
        Allowance,
        BrowserConfiguration,
        CheckpointConfiguration,
        ExpectConfiguration,
        JobConfiguration,
        LoggingConfiguration,
        NotifyConfiguration,
        ResilienceConfiguration,
        ResourceConfiguration,
        RetryConfiguration,
        load_configuration,
    )
    from outlast.contracts import (
        IAbortManager,
        IBrowserLifecycleIntegration,
        ICheckpointManager,
        IFailureHandler,
        ILoggingIntegration,
        IResourceMonitor,
        IRetryManager,
    )
    from outlast.errors import (
        AbortConfigurationError,
        AbortError,
        AbortExecutionError,
        AbortPolicyNotFoundError,
        BadStatusError,
        BlockedPageError,
        BrowserCrashedError,
        BrowserError,
        BrowserTimeoutError,
        BrowserUnavailableError,
        CheckpointCorruptionError,
        CheckpointCreationError,
        CheckpointError,
        CheckpointNotFoundError,
        CheckpointValidationError,
        ConfigurationError,
        CrashLoopError,
        JobError,
        JobLockedError,
        JobNotFoundError,
        KeyMissingError,
        LedgerCorruptionError,
        LedgerError,
        LedgerUnavailableError,
        MaxRetriesExceededError,
        OutputError,
        PermanentFailureError,
        ResilienceException,
        ResourceCleanupError,
        ResourceError,
        ResourceMonitoringError,
        ResourceThresholdExceededError,
        ResourceThresholdNotFoundError,
        RetryConfigurationError,
        RetryError,
        RetryPolicyNotFoundError,
        SealError,
        StaleLeaseError,
        TargetError,
        UnwantedResultError,
        ValidationError,
    )
    from outlast.events import EventBus, EventType, ResilienceEvent, Severity
    from outlast.failure import FailureHandler, FailureRule, Remedy, refuse_blocked, refuse_errors
    from outlast.jobs import Context, Job, Outcome, Progress, Run, Summary, job
    from outlast.logs import LoggingIntegration
    from outlast.resource import ResourceMonitor
    from outlast.retry import RetryManager

    __version__: str

_NAMES_BY_MODULE = {
    "abort": "AbortManager AbortPolicy Notice Notifier",
    "assembly": "Resilience",
    "browser": "BrowserLifecycle BrowserPolicy Launched",
    "checkpoint": "CheckpointManager",
    "config": """
        AbortConfiguration Allowance BrowserConfiguration CheckpointConfiguration ExpectConfiguration JobConfiguration
        LoggingConfiguration NotifyConfiguration ResilienceConfiguration ResourceConfiguration RetryConfiguration
        load_configuration
    """,
    "contracts": """
        IAbortManager IBrowserLifecycleIntegration ICheckpointManager IFailureHandler ILoggingIntegration
        IResourceMonitor IRetryManager
    """,
    "errors": """
        AbortConfigurationError AbortError AbortExecutionError AbortPolicyNotFoundError BadStatusError BlockedPageError
        BrowserCrashedError BrowserError BrowserTimeoutError BrowserUnavailableError
        CheckpointCorruptionError
        CheckpointCreationError CheckpointError CheckpointNotFoundError CheckpointValidationError ConfigurationError
        CrashLoopError JobError JobLockedError JobNotFoundError KeyMissingError LedgerCorruptionError LedgerError
        LedgerUnavailableError
        MaxRetriesExceededError OutputError PermanentFailureError ResilienceException ResourceCleanupError
        ResourceError ResourceMonitoringError ResourceThresholdExceededError ResourceThresholdNotFoundError
        RetryConfigurationError RetryError RetryPolicyNotFoundError SealError StaleLeaseError TargetError
        UnwantedResultError ValidationError
    """,
    "events": "EventBus EventType ResilienceEvent Severity",
    "failure": "FailureHandler FailureRule Remedy refuse_blocked refuse_errors",
    "logs": "LoggingIntegration",
    "jobs": "Context Job Outcome Progress Run Summary job",
    "resource": "ResourceMonitor",
    "retry": "RetryManager",
}
_MODULES = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names.split()}

__all__ = [
    "AbortConfiguration",
    "AbortConfigurationError",
    "AbortError",
    "AbortExecutionError",
    "AbortManager",
    "AbortPolicy",
    "AbortPolicyNotFoundError",
    "Allowance",
    "BadStatusError",
    "BlockedPageError",
    "BrowserConfiguration",
    "BrowserCrashedError",
    "BrowserError",
    "BrowserLifecycle",
    "BrowserPolicy",
    "BrowserTimeoutError",
    "BrowserUnavailableError",
    "CheckpointConfiguration",
    "CheckpointCorruptionError",
    "CheckpointCreationError",
    "CheckpointError",
    "CheckpointManager",
    "CheckpointNotFoundError",
    "CheckpointValidationError",
    "ConfigurationError",
    "Context",
    "CrashLoopError",
    "EventBus",
    "EventType",
    "ExpectConfiguration",
    "FailureHandler",
    "FailureRule",
    "IAbortManager",
    "IBrowserLifecycleIntegration",
    "ICheckpointManager",
    "IFailureHandler",
    "ILoggingIntegration",
    "IResourceMonitor",
    "IRetryManager",
    "Job",
    "JobConfiguration",
    "JobError",
    "JobLockedError",
    "JobNotFoundError",
    "KeyMissingError",
    "Launched",
    "LedgerCorruptionError",
    "LedgerError",
    "LedgerUnavailableError",
    "LoggingConfiguration",
    "LoggingIntegration",
    "MaxRetriesExceededError",
    "Notice",
    "Notifier",
    "NotifyConfiguration",
    "Outcome",
    "OutputError",
    "PermanentFailureError",
    "Progress",
    "Remedy",
    "Resilience",
    "ResilienceConfiguration",
    "ResilienceEvent",
    "ResilienceException",
    "ResourceCleanupError",
    "ResourceConfiguration",
    "ResourceError",
    "ResourceMonitor",
    "ResourceMonitoringError",
    "ResourceThresholdExceededError",
    "ResourceThresholdNotFoundError",
    "RetryConfiguration",
    "RetryConfigurationError",
    "RetryError",
    "RetryManager",
    "RetryPolicyNotFoundError",
    "Run",
    "SealError",
    "Severity",
    "StaleLeaseError",
    "Summary",
    "TargetError",
    "UnwantedResultError",
    "ValidationError",
    "__version__",
    "job",
    "load_configuration",
    "refuse_blocked",
    "refuse_errors",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - reads files; seldom asked

        value: Any = version("outlast")
    elif name in _MODULES:
        value = getattr(import_module(f"outlast.{_MODULES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

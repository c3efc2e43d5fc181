"""The published configuration classes, the job file, and the layers they are read from."""

from outlast.config.complaints import Complaint
from outlast.config.job import JobConfiguration
from outlast.config.layers import Loaded, load_configuration
from outlast.config.metrics import MetricsConfiguration
from outlast.config.model import (
    AbortConfiguration,
    CheckpointConfiguration,
    FailureRuleSettings,
    LoggingConfiguration,
    ResilienceConfiguration,
    ResourceConfiguration,
    RetryConfiguration,
)
from outlast.config.values import Allowance

__all__ = [
    "AbortConfiguration",
    "Allowance",
    "CheckpointConfiguration",
    "Complaint",
    "FailureRuleSettings",
    "JobConfiguration",
    "Loaded",
    "LoggingConfiguration",
    "MetricsConfiguration",
    "ResilienceConfiguration",
    "ResourceConfiguration",
    "RetryConfiguration",
    "load_configuration",
]

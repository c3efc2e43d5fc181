"""The published configuration classes, the job file, and the layers they are read from."""

from outlast.config.abort import AbortPolicySettings
from outlast.config.browser import BrowserConfiguration
from outlast.config.complaints import Complaint
from outlast.config.expect import ExpectConfiguration
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
from outlast.config.notify import NotifyConfiguration
from outlast.config.resource import ResourceRuleSettings, ResourceThresholdSettings
from outlast.config.values import Allowance

__all__ = [
    "AbortConfiguration",
    "AbortPolicySettings",
    "Allowance",
    "BrowserConfiguration",
    "CheckpointConfiguration",
    "Complaint",
    "ExpectConfiguration",
    "FailureRuleSettings",
    "JobConfiguration",
    "Loaded",
    "LoggingConfiguration",
    "MetricsConfiguration",
    "NotifyConfiguration",
    "ResilienceConfiguration",
    "ResourceConfiguration",
    "ResourceRuleSettings",
    "ResourceThresholdSettings",
    "RetryConfiguration",
    "load_configuration",
]

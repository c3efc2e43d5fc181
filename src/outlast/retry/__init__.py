"""Trying again: how often, after how long, and when not."""

from outlast.retry.guard import HostRetry
from outlast.retry.manager import RetryManager
from outlast.retry.policy import RetryPolicy

__all__ = ["HostRetry", "RetryManager", "RetryPolicy"]

"""Trying again: how often, after how long, and when not."""

from outlast.retry.manager import RetryManager
from outlast.retry.policy import RetryPolicy

__all__ = ["RetryManager", "RetryPolicy"]

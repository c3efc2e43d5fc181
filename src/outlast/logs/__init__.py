"""Logs: the events and lines of the package, as text or JSON, with secrets masked."""

from outlast.logs.ids import IdFilter
from outlast.logs.manager import LoggingIntegration
from outlast.logs.setup import configure

__all__ = ["IdFilter", "LoggingIntegration", "configure"]

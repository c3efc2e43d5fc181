"""Logs: the events and lines of the package, as text or JSON, with secrets masked."""

from outlast.logs.eventlog import EventLog, Limits
from outlast.logs.ids import IdFilter
from outlast.logs.manager import LoggingIntegration
from outlast.logs.reading import Entry, EventReader, read_events
from outlast.logs.setup import configure

__all__ = ["Entry", "EventLog", "EventReader", "IdFilter", "Limits", "LoggingIntegration", "configure", "read_events"]

"""Browsers: which one to start, and pages lent by a lifecycle that starts, watches, restarts and ends it."""

from outlast.browser.finding import ENGINES, Found, find_browser
from outlast.browser.launched import Launched, Launcher
from outlast.browser.manager import DEFAULT_SESSION, BrowserLifecycle
from outlast.browser.policy import BrowserPolicy, Deadlines
from outlast.browser.state import described

__all__ = [
    "DEFAULT_SESSION",
    "ENGINES",
    "BrowserLifecycle",
    "BrowserPolicy",
    "Deadlines",
    "Found",
    "Launched",
    "Launcher",
    "described",
    "find_browser",
]

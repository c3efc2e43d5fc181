"""Browsers: pages lent by a lifecycle that starts, watches, restarts and ends the browser behind them."""

from outlast.browser.launched import Launched, Launcher
from outlast.browser.manager import DEFAULT_SESSION, BrowserLifecycle
from outlast.browser.policy import BrowserPolicy, Deadlines
from outlast.browser.state import described

__all__ = ["DEFAULT_SESSION", "BrowserLifecycle", "BrowserPolicy", "Deadlines", "Launched", "Launcher", "described"]

"""Browsers: which one to start."""

from outlast.browser.finding import ENGINES, Found, find_browser

__all__ = ["ENGINES", "Found", "find_browser"]

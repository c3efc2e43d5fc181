"""Browsers by Playwright (extra `browser`): a launcher for `BrowserLifecycle`."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outlast.browser.launched import Launched
from outlast.browser.processes import Process, children, is_alive, look
from outlast.errors import BrowserUnavailableError, ConfigurationError
from outlast.runtime import new_id

if TYPE_CHECKING:
    from playwright.async_api import Playwright

__all__ = ["PlaywrightLauncher", "playwright_launcher"]

ENGINES = ("chromium", "firefox", "webkit")

"""All that is looked at, in the order in which it is told."""

import asyncio
import os
from pathlib import Path

from outlast.cli.doctor.browsers import browser_checks
from outlast.cli.doctor.burying import burial_check, bury_one
from outlast.cli.doctor.check import Check, State
from outlast.cli.doctor.installed import extras, extras_check, python_check, sqlite_check
from outlast.cli.doctor.machine import (
    clock_check,
    files_check,
    memory_check,
    shm_check,
    shm_size,
)
from outlast.cli.doctor.sealing import key_check
from outlast.cli.doctor.storing import store_checks, tried
from outlast.config import JobConfiguration, load_configuration
from outlast.errors import ConfigurationError, ResourceMonitoringError
from outlast.resource import ResourceMonitor
from outlast.runtime import Clock, SystemClock

__all__ = ["examined"]


async def examined(store: str | None, file: Path | None, clock: Clock | None = None) -> list[Check]:
    """Every check. Settings come from `file`, the environment and pyproject.toml; `store` is the one that was typed."""
    clock = clock or SystemClock()
    configuration, kept, complaints = _configured(file)
    browser = configuration.browser
    return [
        python_check(),
        sqlite_check(),
        extras_check(extras()),
        *complaints,
        *store_checks(await tried(Path(store or kept), clock)),
        key_check(os.environ, wanted=configuration.checkpoint.encryption_enabled),
        memory_check(await _measured(configuration)),
        files_check(),
        shm_check(shm_size()),
        burial_check(await bury_one(clock)),
        clock_check(clock.now(), os.environ),
        *await asyncio.to_thread(browser_checks, browser.engine, browser.executable or None, headless=browser.headless),
    ]


def _configured(file: Path | None) -> tuple[JobConfiguration, Path, list[Check]]:
    try:
        loaded = load_configuration(file=file)
        return loaded.configuration, Path(loaded.configuration.store), []
    except ConfigurationError as error:
        says = f"{error.message}; the rest was looked at with the defaults"
        configuration = JobConfiguration()
        return configuration, Path(configuration.store), [Check(name="settings", state=State.BAD, says=says)]


async def _measured(configuration: JobConfiguration) -> dict[str, object]:
    try:
        async with ResourceMonitor(configuration.resource) as monitor:
            return await monitor.get_current_metrics()
    except ResourceMonitoringError:
        return {}

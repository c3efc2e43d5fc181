"""Which settings were typed, as the layer of the configuration that wins; and the job file that was named."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outlast.cli.options import Settings
from outlast.errors import ConfigurationError

__all__ = ["job_file", "typed_settings"]

# As an option and as a setting they are called the same.
_SETTINGS = ("concurrency", "timeout", "max_failed", "max_time", "output", "rate", "abort")


def typed_settings(options: Mapping[str, Any], settings: Settings, directory: Path) -> dict[str, Any]:
    """The settings among the options of a run and the shared ones; an output is meant from `directory`."""
    given = {name: options[name] for name in _SETTINGS if name in options}
    if "output" in given:
        given["output"] = str(directory / given["output"])
    if "abort_policy" in options:
        given["abort"] = {"default_policy": options["abort_policy"]}
    browser = {"concurrency": options.get("pages"), "headless": False if options.get("headed") else None}
    chosen = {name: value for name, value in browser.items() if value is not None}
    if chosen:
        given["browser"] = chosen
    if settings.log_format is not None:
        given["logging"] = {"format": settings.log_format}
    return given | ({"store": settings.store} if settings.store is not None else {})


def job_file(named: str | None, directory: Path) -> Path | None:
    """The job file of this name; None without one. Raises `ConfigurationError` where there is none."""
    if named is None:
        return None
    file = directory / named
    if not file.is_file():
        raise ConfigurationError(f"there is no job file {named!r} in {directory}")
    return file

"""What a run can be told, and from where: code, files, environment, arguments."""

import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from outlast.failure.rule import FailureRule
from outlast.jobs.items import KeyFunction
from outlast.jobs.resources import Factory
from outlast.ledger.port import Ledger
from outlast.runtime import Runtime

if TYPE_CHECKING:
    from outlast.config import BrowserConfiguration, JobConfiguration
    from outlast.storage.keys import KeyProvider

__all__ = ["RunOptions", "Settings", "configured", "launcher_in"]


class Settings(TypedDict, total=False):
    """Settings with a place in the job file; durations are seconds, or text like "30s"."""

    concurrency: int
    timeout: float | str | None
    max_failed: float | str
    drain: float | str
    patience: float | str
    crash_loop_limit: int
    poison_after: int
    rate: Mapping[str, str]
    adaptive: bool
    store: str | os.PathLike[str]
    output: str | os.PathLike[str] | None


class RunOptions(Settings, total=False):
    """Everything `Run` and `Job.run` accept.

    `config` is a job file or a configuration; `key` says what makes two items the same: a function, or a field; `resources` are factories by
    parameter name; `browser` is that of handlers which ask for a page: the name of an engine, the settings of `[browser]`, or what
    launches one; `rules` say what failures and results are, before those of the job file; `remedies` are functions by what they
    do about a failure; `fresh` puts what the job has recorded aside and starts over; `release_hold` starts a job that is held after
    a crash loop; `keys` gives the keys of a job with `checkpoint.encryption_enabled`, in place of those of the environment;
    `invocation` is kept for `outlast resume`.
    """

    config: "JobConfiguration | str | os.PathLike[str] | None"
    key: KeyFunction | str | None
    resources: Mapping[str, Factory]
    rules: Sequence[FailureRule]
    remedies: Mapping[str, Callable[..., Any]]
    browser: "str | Mapping[str, Any] | BrowserConfiguration | Callable[[], Awaitable[Any]]"
    fresh: bool
    release_hold: bool
    keys: "KeyProvider"
    invocation: Mapping[str, Any]
    ledger: Ledger
    runtime: Runtime


_SETTINGS = frozenset(Settings.__annotations__)


def configured(options: RunOptions, defaults: RunOptions) -> "JobConfiguration":
    """The configuration of a run: `defaults` (a decorator's) < files < environment < `options`.

    Raises `ConfigurationError` with every complaint.
    """
    from outlast.config import JobConfiguration, load_configuration  # noqa: PLC0415 - pydantic is loaded on first use

    given, fallback = _settings(options), _settings(defaults)
    config = options.get("config", defaults.get("config"))
    if isinstance(config, JobConfiguration):
        chosen = {name: _section(getattr(config, name)) for name in config.model_fields_set}
        return JobConfiguration(**_joined(_joined(fallback, chosen), given))
    file = None if config is None else Path(config)
    loaded = load_configuration(file=file, arguments=given)
    chosen_paths = {path for path, origin in loaded.origins.items() if origin != "default"}
    unset = dict(_unset(fallback, chosen_paths))
    if not unset:
        return loaded.configuration
    return load_configuration(file=file, arguments=_joined(unset, given)).configuration


def launcher_in(options: RunOptions) -> Callable[[], Awaitable[Any]] | None:
    """What launches the browser, where the user has said that in code."""
    browser = options.get("browser")
    return browser if callable(browser) else None


def _settings(options: RunOptions) -> dict[str, Any]:
    settings = {name: _plain(value) for name, value in options.items() if name in _SETTINGS}
    browser = options.get("browser")
    if browser is not None and not callable(browser):
        settings["browser"] = {"engine": browser} if isinstance(browser, str) else _section(browser)
    return settings


def _section(value: Any) -> Any:
    """Of a section what was set in it; anything else as it is."""
    from outlast.config import BrowserConfiguration  # noqa: PLC0415 - pydantic is loaded on first use

    is_section = isinstance(value, BrowserConfiguration)
    return {name: getattr(value, name) for name in value.model_fields_set} if is_section else value


def _unset(fallback: Mapping[str, Any], chosen: set[str]) -> Iterator[tuple[str, Any]]:
    """What of the decorator's settings no file and no variable has set; of a section, key by key."""
    sections = {path.partition(".")[0] for path in chosen}
    for name, value in fallback.items():
        if isinstance(value, Mapping) and name == "browser":
            yield name, {key: each for key, each in value.items() if f"{name}.{key}" not in chosen}
        elif name not in sections:
            yield name, value


def _joined(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two layers as one; `browser` is the one section that code gives by its keys."""
    parts = [layer["browser"] for layer in (below, above) if isinstance(layer.get("browser"), Mapping)]
    both = {"browser": {**parts[0], **parts[1]}} if len(parts) == 2 else {}
    return {**below, **above, **both}


def _plain(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value

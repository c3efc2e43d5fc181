"""What a run can be told, and from where: code, files, environment, arguments."""

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from outlast.errors import ConfigurationError
from outlast.failure.rule import FailureRule
from outlast.jobs.items import KeyFunction
from outlast.jobs.resources import Factory
from outlast.ledger.port import Ledger
from outlast.runtime import Runtime

if TYPE_CHECKING:
    from outlast.config import AbortConfiguration, BrowserConfiguration, ExpectConfiguration, JobConfiguration
    from outlast.storage.keys import KeyProvider

__all__ = ["RunOptions", "Settings", "configured", "launcher_in"]


class Settings(TypedDict, total=False):
    """Settings with a place in the job file; durations are seconds, or text like "30s". `expect` is its section of that name."""

    concurrency: int
    timeout: float | str | None
    max_failed: float | str
    max_time: float | str | None
    expect: "Mapping[str, Any] | ExpectConfiguration"
    abort: "Mapping[str, Any] | AbortConfiguration"
    drain: float | str
    patience: float | str | None
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


# Those that code may give, whole or by their keys.
_SECTIONS = frozenset({"abort", "browser", "expect"})
_SETTINGS = frozenset(Settings.__annotations__)
_OPTIONS = frozenset(RunOptions.__annotations__)


def configured(options: RunOptions, defaults: RunOptions) -> "JobConfiguration":
    """The configuration of a run: `defaults` (a decorator's) < files < environment < `options`.

    Raises `ConfigurationError` with every complaint.
    """
    from outlast.config import JobConfiguration, load_configuration  # noqa: PLC0415 - pydantic is loaded on first use

    _refuse_unknown(options.keys() | defaults.keys())
    given, fallback = _settings(options), _settings(defaults)
    config = options.get("config", defaults.get("config"))
    if isinstance(config, JobConfiguration):
        chosen = {name: _plain(name, getattr(config, name)) for name in config.model_fields_set}
        return JobConfiguration(**_joined(fallback, chosen, given))
    file = None if config is None else Path(config)
    loaded = load_configuration(file=file, arguments=given)
    origins = {path for path, origin in loaded.origins.items() if origin != "default"}
    unset = _without(fallback, origins)
    if not unset:
        return loaded.configuration
    return load_configuration(file=file, arguments=_joined(unset, given)).configuration


def launcher_in(options: RunOptions) -> Callable[[], Awaitable[Any]] | None:
    """What launches the browser, where the user has said that in code."""
    browser = options.get("browser")
    return browser if callable(browser) else None


def _joined(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """The later layer wins; in a section key by key."""
    joined: dict[str, Any] = {}
    for layer in layers:
        both = {
            name: {**joined[name], **layer[name]}
            for name in _SECTIONS & joined.keys() & layer.keys()
            if isinstance(joined[name], Mapping) and isinstance(layer[name], Mapping)
        }
        joined |= {**layer, **both}
    return joined


def _without(settings: Mapping[str, Any], origins: set[str]) -> dict[str, Any]:
    """Those of the settings that no layer above has."""
    names = {path.partition(".")[0] for path in origins}
    rest: dict[str, Any] = {}
    for name, value in settings.items():
        if name in _SECTIONS and isinstance(value, Mapping):
            rest[name] = {key: each for key, each in value.items() if f"{name}.{key}" not in origins}
        elif name not in names:
            rest[name] = value
    return rest


def _refuse_unknown(names: Iterable[str]) -> None:
    from outlast.config import JobConfiguration  # noqa: PLC0415 - pydantic is loaded on first use
    from outlast.config.complaints import Complaint, nearest, refusal  # noqa: PLC0415 - pydantic is loaded on first use

    complaints: list[Complaint] = []
    for name in sorted(set(names) - _OPTIONS):
        if name in JobConfiguration.model_fields:
            told = "is said in the job file, or in the JobConfiguration that is given as config="
            complaints.append({"path": name, "problem": told, "nearest": None})
        else:
            complaints.append({"path": name, "problem": "unknown option of a job", "nearest": nearest(name, _OPTIONS)})
    if complaints:
        raise refusal(complaints)


def _settings(options: RunOptions) -> dict[str, Any]:
    from outlast.config.expect import allowance_moved  # noqa: PLC0415 - pydantic is loaded on first use

    given = {name: _plain(name, value) for name, value in options.items() if name in _SETTINGS}
    browser = options.get("browser")
    if browser is not None and not callable(browser):
        given["browser"] = {"engine": browser} if isinstance(browser, str) else _plain("browser", browser)
    try:
        return allowance_moved(given)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


def _plain(name: str, value: Any) -> Any:
    """Of a section what was set in it; anything else as text where it is a path."""
    if name in _SECTIONS and hasattr(value, "model_fields_set"):
        return {key: getattr(value, key) for key in value.model_fields_set}
    return os.fspath(value) if isinstance(value, os.PathLike) else value

"""What a run can be told, and from where: code, files, environment, arguments."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from outlast.failure.rule import FailureRule
from outlast.jobs.items import KeyFunction
from outlast.jobs.resources import Factory
from outlast.ledger.port import Ledger
from outlast.runtime import Runtime

if TYPE_CHECKING:
    from outlast.config import JobConfiguration
    from outlast.storage.keys import KeyProvider

__all__ = ["RunOptions", "Settings", "configured"]


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
    parameter name; `rules` say what failures and results are, before those of the job file; `remedies` are functions by what they
    do about a failure; `fresh` puts what the job has recorded aside and starts over; `release_hold` starts a job that is held after
    a crash loop; `keys` gives the keys of a job with `checkpoint.encryption_enabled`, in place of those of the environment;
    `invocation` is kept for `outlast resume`.
    """

    config: "JobConfiguration | str | os.PathLike[str] | None"
    key: KeyFunction | str | None
    resources: Mapping[str, Factory]
    rules: Sequence[FailureRule]
    remedies: Mapping[str, Callable[..., Any]]
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
        chosen = {name: getattr(config, name) for name in config.model_fields_set}
        return JobConfiguration(**{**fallback, **chosen, **given})
    file = None if config is None else Path(config)
    loaded = load_configuration(file=file, arguments=given)
    chosen_names = {path.partition(".")[0] for path, origin in loaded.origins.items() if origin != "default"}
    unset = {name: value for name, value in fallback.items() if name not in chosen_names}
    return load_configuration(file=file, arguments={**unset, **given}).configuration if unset else loaded.configuration


def _settings(options: RunOptions) -> dict[str, Any]:
    return {name: _plain(value) for name, value in options.items() if name in _SETTINGS}


def _plain(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value

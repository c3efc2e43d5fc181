"""The settings that a command would have, and everything that is wrong with them. Nothing is imported, nothing is started."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from outlast.abort import AbortManager
from outlast.abort.secrets import resolved
from outlast.browser.finding import find_browser
from outlast.checkpoint import CheckpointManager
from outlast.cli.given import job_file, typed_settings
from outlast.cli.options import Settings
from outlast.cli.sources import source_of
from outlast.cli.target import target_of
from outlast.config import Complaint, JobConfiguration, Loaded, NotifyConfiguration, load_configuration
from outlast.errors import ConfigurationError, ResilienceException
from outlast.failure import rules_of
from outlast.jobs.browser import launcher_of, session_to_begin_with
from outlast.resource import ResourceMonitor
from outlast.retry import RetryManager

__all__ = ["Settled", "complaints_about", "settled"]

Attempt = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The configuration of all layers; `file` is the job file among them, from which its paths are meant."""

    loaded: Loaded
    file: Path | None

    @property
    def config(self) -> JobConfiguration:
        return self.loaded.configuration

    def base(self, setting: str) -> Path:
        """Where a path in this setting is meant from."""
        return self.file.parent if self.file is not None and self.loaded.layers[setting] == "job file" else Path()


def settled(
    settings: Settings, named: str | None, options: Mapping[str, Any], *, without_wrong: bool = False
) -> Settled:
    """What the job file of this name, or else that of `--config`, the environment, pyproject.toml and what was typed come to.

    Raises `ConfigurationError` with every complaint; `without_wrong`: leaves out what is wrong.
    """
    file = job_file(named or settings.config, Path())
    own = {"name": options.get("job"), "key": options.get("key")}
    given = {name: value for name, value in own.items() if value is not None}
    given |= typed_settings(options, settings, Path())
    return Settled(loaded=load_configuration(file=file, arguments=given, without_wrong=without_wrong), file=file)


def complaints_about(found: Settled, known: Iterable[Complaint] = ()) -> list[Complaint]:
    """What the models do not know: names that stand for nothing, keys and files that are not there.

    Names are not looked up in a section that there are complaints `known` about: what they stand for may be left out.
    """
    wrong = {_section(each["path"]) for each in known}
    names = (each for each in _names(found.config) if _section(each[0]) not in wrong)
    attempts = (*_work(found), *names, *_told(found.config.notify))
    complaints = [complaint for path, attempt in attempts for complaint in _complaints(found, path, attempt)]
    # What is wrong with a table of a section is said again when a name is looked up in that section.
    return list({each["problem"]: each for each in reversed(complaints)}.values())[::-1]


def _work(found: Settled) -> Iterator[tuple[str, Attempt]]:
    config = found.config
    target, executable, base = config.target, config.browser.executable, found.base("items")
    if target is not None:
        yield "target", lambda: target_of(target, found.base("target"))
    for text in config.items or ():
        yield "items", lambda text=text: source_of(text, base)  # type: ignore[misc] # the text of this turn
    if config.metrics.wanted:
        place = "metrics.port" if config.metrics.port else "metrics.textfile"
        yield place, lambda: _need("prometheus_client", "prometheus")
    if executable is not None:
        yield "browser.executable", lambda: find_browser(config.browser.engine, executable)
    yield "browser.context", lambda: launcher_of(config.browser)
    yield "browser.storage_state", lambda: session_to_begin_with(config.browser)


def _names(config: JobConfiguration) -> Iterator[tuple[str, Attempt]]:
    """Each section as its wing reads it."""
    yield "checkpoint.encryption_enabled", lambda: CheckpointManager(config.checkpoint)
    yield "retry.rule", lambda: rules_of(config.retry.rule)
    if config.retry.enabled:
        yield "retry.default_policy", lambda: RetryManager(config.retry).policy(config.retry.default_policy)
    yield "resource.threshold", lambda: ResourceMonitor(config.resource)
    if config.resource.enabled:
        threshold = config.resource.default_threshold
        yield "resource.default_threshold", lambda: ResourceMonitor(config.resource).threshold(threshold)
    yield "abort.policy", lambda: AbortManager(config.abort)
    if config.abort.enabled:
        yield "abort.default_policy", lambda: AbortManager(config.abort).policy()


def _told(config: NotifyConfiguration) -> Iterator[tuple[str, Attempt]]:
    """The texts that stand for something else: variables of the environment, files."""
    webhook = () if config.webhook is None else (config.webhook,)
    for key, texts in (("urls", config.urls), ("webhook", webhook), ("command", config.command)):
        for text in texts:
            yield f"notify.{key}", lambda text=text: resolved(text, os.environ)  # type: ignore[misc] # of this turn
    if config.urls:
        yield "notify.urls", lambda: _need("apprise", "notify")


def _section(path: str) -> str:
    return path.partition(".")[0]


def _need(module: str, extra: str) -> None:
    if find_spec(module) is None:
        raise ConfigurationError(f"needs {module}, which is not installed: pip install 'outlast[{extra}]'")


def _complaints(found: Settled, path: str, attempt: Attempt) -> Iterator[Complaint]:
    try:
        attempt()
    except ResilienceException as error:
        complaint: Complaint = {"path": path, "problem": error.message, "nearest": None}
        yield {**complaint, "layer": found.loaded.origins[path]}

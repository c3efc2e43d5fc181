"""From what was typed to what is done: the target, its items and its settings, each from the layer that wins."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outlast.cli.options import STANDARD_STREAM, Settings
from outlast.cli.phrases import quoted, typed
from outlast.cli.sources import STANDARD_INPUT, Source, source_of
from outlast.cli.target import load_target, target_of
from outlast.config import JobConfiguration, load_configuration
from outlast.errors import ConfigurationError
from outlast.jobs import Job
from outlast.jobs.options import RunOptions, configured
from outlast.jobs.store import JobDirectory, job_directory

__all__ = ["Order", "Plan", "planned"]

_SETTINGS = ("concurrency", "timeout", "max_failed", "max_time", "output", "rate", "abort")
# Paths in a job file are meant from where the file is.
_PATHS = ("output", "store")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was typed, and where, so that it can be done again. `options` holds the given ones only."""

    target: str
    items: tuple[str, ...]
    options: Mapping[str, Any]
    directory: Path
    fresh: bool = False
    release_hold: bool = False
    resumed: bool = False
    hint: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """What `outlast resume` reads."""
        return {
            "target": self.target,
            "items": list(self.items),
            "options": dict(self.options),
            "directory": str(self.directory),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run, ready to begin. `texts` are its items as they were written; `hint` is what has to be added to other verbs for them to find its store."""

    name: str
    directory: JobDirectory
    job: Job[Any, Any]
    config: JobConfiguration
    options: RunOptions
    texts: tuple[str, ...]
    sources: tuple[Source, ...]
    hint: str
    skipped_input: bool


def planned(order: Order, settings: Settings) -> Plan:
    """Find everything that a run needs; whatever is wrong is said before anything is started.

    Raises `ConfigurationError`, `ValidationError`, `TargetError` and `TargetImportError`.
    """
    file = _job_file(order)
    given = _given(order, settings)
    loaded = load_configuration(file=file, arguments=given)
    base = file.parent.absolute() if file is not None else order.directory
    from_file = {path for path, origin in loaded.origins.items() if file is not None and origin == file.name}
    chosen = loaded.configuration
    located = {
        path: str(base / getattr(chosen, path)) for path in _PATHS if path in from_file and getattr(chosen, path)
    }
    job = _job(order, chosen, base if "target" in from_file else order.directory)
    texts = order.items or chosen.items or ()
    items_base = order.directory if order.items or "items" not in from_file else base
    sources = tuple(source_of(text, items_base) for text in _readable(texts, order))
    options: RunOptions = {
        "config": file,
        "invocation": order.to_dict(),
        "fresh": order.fresh,
        "release_hold": order.release_hold,
        **given,  # type: ignore[typeddict-item] # the names are checked by load_configuration
        **located,
    }
    config = configured(options, job.options)
    if "key" in order.options:
        options["key"] = order.options["key"]
    name = order.options.get("job", config.name or job.name)
    hint = _hint(config) if order.hint is None else order.hint
    _refuse_standard_output(order, name, hint)
    return Plan(
        name=name,
        directory=job_directory(Path(config.store), name),
        job=job,
        config=config,
        options=options,
        texts=texts,
        sources=sources,
        hint=hint,
        skipped_input=order.resumed and STANDARD_INPUT in texts,
    )


def _refuse_standard_output(order: Order, name: str, hint: str) -> None:
    if order.options.get("output") == STANDARD_STREAM:
        records = typed(f"outlast results {quoted(name)}{hint}")
        raise ConfigurationError(
            f"-o - is no file: an output goes on from run to run. To print what is recorded: {records}"
        )


def _job_file(order: Order) -> Path | None:
    named = order.target if order.target.endswith(".toml") else order.options.get("config")
    if named is None:
        return None
    file = order.directory / named
    if not file.is_file():
        raise ConfigurationError(f"there is no job file {named!r} in {order.directory}")
    return file


def _given(order: Order, settings: Settings) -> dict[str, Any]:
    given = {name: order.options[name] for name in _SETTINGS if name in order.options}
    if "output" in given:
        given["output"] = str(order.directory / given["output"])
    if "abort_policy" in order.options:
        given["abort"] = {"default_policy": order.options["abort_policy"]}
    browser = {"concurrency": order.options.get("pages"), "headless": False if order.options.get("headed") else None}
    chosen = {name: value for name, value in browser.items() if value is not None}
    if chosen:
        given["browser"] = chosen
    return given | ({"store": settings.store} if settings.store is not None else {})


def _job(order: Order, chosen: JobConfiguration, base: Path) -> Job[Any, Any]:
    if not order.target.endswith(".toml"):
        return load_target(target_of(order.target, order.directory), order.directory)
    if chosen.target is None:
        raise ConfigurationError(f'{order.target} names no target: add target = "scrape.py:scrape"')
    return load_target(target_of(chosen.target, base), base)


def _readable(texts: tuple[str, ...], order: Order) -> tuple[str, ...]:
    # What came through standard input is in the ledger, as far as it was read.
    return tuple(text for text in texts if text != STANDARD_INPUT) if order.resumed else texts


def _hint(config: JobConfiguration) -> str:
    here = load_configuration().configuration.store
    return "" if Path(config.store).absolute() == Path(here).absolute() else f" --store {quoted(config.store)}"

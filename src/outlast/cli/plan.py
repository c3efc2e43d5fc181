"""From what was typed to what is done: the target, its items and its settings, each from the layer that wins."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from outlast.cli.code import code_beside
from outlast.cli.given import job_file, typed_settings
from outlast.cli.once import Once
from outlast.cli.options import STANDARD_STREAM, Settings
from outlast.cli.phrases import quoted, typed
from outlast.cli.sources import STANDARD_INPUT, Source, source_of
from outlast.cli.target import file_of, load_target, target_of
from outlast.config import JobConfiguration, load_configuration
from outlast.errors import ConfigurationError
from outlast.jobs import Job
from outlast.jobs.browser import launcher_of, session_to_begin_with
from outlast.jobs.mending import remedies_of
from outlast.jobs.options import RunOptions, configured, launcher_in
from outlast.jobs.provision import Wanted
from outlast.jobs.store import JobDirectory, job_directory
from outlast.secrecy import conceal

__all__ = ["Order", "Plan", "planned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was typed, and where, so that it can be done again. `options` holds the given ones only."""

    target: str
    items: tuple[str, ...]
    options: Mapping[str, Any]
    directory: Path
    once: Once = field(default_factory=Once)
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
    """A run, ready to begin.

    `texts` are its items as they were written; `hint` is what has to be added to other verbs for them to find its store; `code` are
    the digests of the code that it runs, by file.
    """

    name: str
    directory: JobDirectory
    job: Job[Any, Any]
    config: JobConfiguration
    options: RunOptions
    texts: tuple[str, ...]
    sources: tuple[Source, ...]
    hint: str
    skipped_input: bool
    code: Mapping[str, str]


def planned(order: Order, settings: Settings) -> Plan:
    """Find everything that a run needs; whatever is wrong is said before anything is started.

    Raises `ConfigurationError`, `ValidationError`, `TargetError` and `TargetImportError`.
    """
    named = order.target if order.target.endswith(".toml") else order.options.get("config")
    file = job_file(named, order.directory)
    given = typed_settings(order.options, settings, order.directory)
    loaded = load_configuration(file=file, arguments=given)
    base = file.parent.absolute() if file is not None else order.directory
    from_file = {path for path in ("target", "items") if loaded.layers[path] == "job file"}
    chosen = loaded.configuration
    conceal(chosen.logging.redact)
    job, code = _job(order, chosen, base if "target" in from_file else order.directory)
    texts = order.items or chosen.items or ()
    items_base = order.directory if order.items or "items" not in from_file else base
    sources = tuple(source_of(text, items_base) for text in _readable(texts, order))
    options = _run_options(order, file, given, code)
    config = configured(options, job.options).model_copy(update={"logging": chosen.logging})
    if "key" in order.options:
        options["key"] = order.options["key"]
    name = order.options.get("job", config.name or job.name)
    hint = _hint(config) if order.hint is None else order.hint
    _refuse_standard_output(order, name, hint)
    _refuse_unprovided(job, {**job.options, **options}, config)
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
        code=code,
    )


def _run_options(order: Order, file: Path | None, settings: Mapping[str, Any], code: Mapping[str, str]) -> RunOptions:
    return {
        "config": file,
        "invocation": {**order.to_dict(), "code": code},
        "fresh": order.once.fresh,
        "release_hold": order.once.release_hold,
        # How a log looks is the command's own affair: code has no such option.
        **{name: value for name, value in settings.items() if name != "logging"},  # type: ignore[typeddict-item] # the names are checked by load_configuration
    }


def _refuse_standard_output(order: Order, name: str, hint: str) -> None:
    if order.options.get("output") == STANDARD_STREAM:
        records = typed(f"outlast results {quoted(name)}{hint}")
        raise ConfigurationError(
            f"-o - is no file: an output goes on from run to run. To print what is recorded: {records}"
        )


def _refuse_unprovided(job: Job[Any, Any], options: RunOptions, config: JobConfiguration) -> None:
    """The run would refuse the same; by then there would be a job that has nothing to show for itself."""
    wanted = Wanted.of(job.handler, remedies_of(options.get("remedies", {})), options.get("resources", {}))
    if wanted.needs_browser:
        session_to_begin_with(config.browser)
        if launcher_in(options) is None:
            launcher_of(config.browser)


def _job(order: Order, chosen: JobConfiguration, base: Path) -> tuple[Job[Any, Any], dict[str, str]]:
    """The job, and the digests of its code."""
    text, base = (chosen.target, base) if order.target.endswith(".toml") else (order.target, order.directory)
    if text is None:
        raise ConfigurationError(f'{order.target} names no target: add target = "scrape.py:scrape"')
    target = target_of(text, base)
    job = load_target(target, base)
    return job, code_beside(file_of(target))


def _readable(texts: tuple[str, ...], order: Order) -> tuple[str, ...]:
    # What came through standard input is in the ledger, as far as it was read.
    return tuple(text for text in texts if text != STANDARD_INPUT) if order.resumed else texts


def _hint(config: JobConfiguration) -> str:
    here = load_configuration().configuration.store
    return "" if Path(config.store).absolute() == Path(here).absolute() else f" --store {quoted(config.store)}"

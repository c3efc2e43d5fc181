"""What is said of a run that is not carried out."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from outlast.cli.code import changed_line
from outlast.cli.foretelling import ITEMS_MAX, Foretold
from outlast.cli.phrases import columns, commands, duration, quoted, safe, units
from outlast.cli.words.pause import paused_text

__all__ = ["foretold_document", "foretold_lines"]

PATH_WIDTH_MAX = 300
SETTING_WIDTH_MAX = 300


def foretold_lines(told: Foretold) -> list[str]:
    """What would be done, where, with which settings, and what stands in the way."""
    name = quoted(told.plan.name)
    shown = ("all settings", "outlast config show with the same options")
    again = ("do it", "the same command without --dry-run")
    rows = [("items", _items(told)), ("found", _found(told)), *_places(told), ("settings", _settings(told))]
    look = [("look", f"outlast status {name}{told.plan.hint}")] if told.record is not None else []
    return [
        f"job {safe(told.plan.name)}: {_to_do(told)}. Nothing was started or written.",
        *(f"  {line}" for line in columns(rows)),
        *_in_the_way(told),
        *commands([again, *look, shown]),
    ]


def foretold_document(told: Foretold) -> dict[str, Any]:
    """The same for `--json`."""
    plan, record = told.plan, told.record
    return {
        "job_id": plan.name,
        "dry_run": True,
        "sources": [source.text for source in plan.sources],
        "items_read": told.read,
        "new": told.new,
        "to_do": told.to_do,
        "all_looked_at": not told.more,
        "counts": asdict(told.counts),
        "fresh": told.aside is not None,
        "directory": str(plan.directory.path),
        "output": told.output,
        "settings": dict(_chosen(told)),
        "running": None if record is None or record.running is None else asdict(record.running),
        "on_hold": record is not None and record.notes.hold is not None,
        "job_paused": record is not None and record.paused.job,
        "paused_hosts": [] if record is None else list(record.paused.hosts),
        "code_changed": None if told.changed is None else list(told.changed),
    }


def _items(told: Foretold) -> str:
    sources = ", ".join(safe(source.text) for source in told.plan.sources)
    if not sources:
        return "no sources were named: what is known is gone on with"
    least = "at least " if told.more else ""
    read = f"{least}{units(told.read, 'item')} in {safe(sources, PATH_WIDTH_MAX)}"
    if told.new is None:
        return f"{read}; how many of them are new was not looked at: the job has {ITEMS_MAX} or more already"
    known = f", {told.read - told.new} known or there twice" if told.read != told.new else ""
    return f"{read}: {told.new} new{known}"


def _to_do(told: Foretold) -> str:
    least = "at least " if told.more else ""
    left = f" ({told.counts.waiting} left over, {told.new} new)" if told.counts.waiting and told.new is not None else ""
    return f"{least}{units(told.to_do, 'item')} to do{left}"


def _found(told: Foretold) -> str:
    counts = told.counts
    failed = f", {counts.failed} failed (only outlast retry takes them up)" if counts.failed else ""
    ignored = f", {counts.ignored} ignored" if counts.ignored else ""
    return f"{counts.done} done{failed}{ignored}" if told.record is not None else "nothing yet"


def _places(told: Foretold) -> Iterator[tuple[str, str]]:
    where = safe(str(told.plan.directory.path), PATH_WIDTH_MAX)
    yield "kept in", where if told.record is not None or told.aside is not None else f"{where} (new)"
    if told.aside is not None:
        yield (
            "put aside",
            f"all that is recorded: {units(told.aside.counts.total, 'item')}, {told.aside.counts.done} done",
        )
    if told.output is not None:
        yield "output", safe(told.output, PATH_WIDTH_MAX)


def _settings(told: Foretold) -> str:
    return safe(", ".join(f"{name} {value}" for name, value in _chosen(told)), SETTING_WIDTH_MAX)


def _chosen(told: Foretold) -> Iterator[tuple[str, str]]:
    config = told.plan.config
    yield "concurrency", str(config.concurrency)
    yield "timeout", "none" if config.timeout is None else duration(config.timeout)
    yield "max_failed", str(config.max_failed)
    if config.max_time is not None:
        yield "max_time", duration(config.max_time)
    for host, rate in config.rate.texts().items():
        yield f"rate.{host}", rate
    yield "abort.default_policy", config.abort.default_policy


def _in_the_way(told: Foretold) -> Iterator[str]:
    record = told.record or told.aside
    if record is not None and record.running is not None:
        holder = record.running
        yield f"It runs now, as pid {holder.pid} on {safe(holder.host)}: the command would be refused."
    if record is not None and record.notes.hold is not None:
        yield "It is on hold after a crash loop: only --release-hold starts it."
    if told.record is not None and told.record.paused.job:
        yield "The whole job is paused: nothing would be begun until it is unpaused."
    if told.record is not None and told.record.paused.hosts:
        yield f"Items of paused hosts would wait: {paused_text(told.record.paused.hosts)}."
    if told.changed:
        yield changed_line(told.changed)

"""A job file to begin with: every setting there is, what it means, and what it is as long as nobody sets it."""

from collections.abc import Iterator
from textwrap import wrap

from outlast.config.job import JobConfiguration
from outlast.config.outline import Setting, Table, outline
from outlast.config.section import Section
from outlast.config.toml import toml_key, toml_value

__all__ = ["job_file"]

COLUMNS = 100
_HEAD = """\
# A job file of outlast. Fill in the target and the items, then:
#
#   outlast config check {name}      what is wrong with it, if anything
#   outlast run {name}               and the same again to go on, whatever stopped it
#
# "#key = value" is a setting that is not set: take away the "#" to set it. The value is the default,
# or "e.g." one that it may have, where by default there is none. Durations are seconds, or text such
# as "30s", "5m", "1h 30m". What is typed, and what the environment says (OUTLAST_CONCURRENCY,
# OUTLAST_CHECKPOINT__INTERVAL), wins over this file.
"""


def job_file(name: str, *, schema: str | None = None, model: type[Section] = JobConfiguration) -> str:
    """The text of a job file that will be called `name`; `schema` is where an editor finds the schema of it."""
    whole = outline(model)
    keys = [setting for setting in whole.settings if setting.table is None]
    sections = [setting for setting in whole.settings if setting.table is not None]
    # Such a line is read by editors, and only at the top.
    lines = [] if schema is None else [f"#:schema {schema}", ""]
    lines += _HEAD.format(name=name).splitlines()
    for setting in keys:
        lines += ["", *_lines(setting)]
    for section in sections:
        assert section.table is not None
        lines += ["", *_prose(section.meaning or section.table.meaning), f"[{toml_key(section.key)}]"]
        lines += list(_body(section.table, (section.key,)))[1:]
    return "\n".join(lines) + "\n"


def _body(table: Table, path: tuple[str, ...]) -> Iterator[str]:
    """The settings of a table, those first that are no tables: what follows a table's head belongs to it."""
    for setting in table.settings:
        if setting.table is None:
            yield ""
            yield from _lines(setting)
    for setting in table.settings:
        if setting.table is not None:
            inner = (*path, setting.key)
            head = ".".join(map(toml_key, inner))
            yield ""
            yield from _prose(setting.meaning or setting.table.meaning)
            yield f"#[[{head}]]" if setting.many else f"#[{head}]"
            # Its first setting stands right below its head.
            yield from list(_body(setting.table, inner))[1:]


def _lines(setting: Setting) -> Iterator[str]:
    yield from _prose(_with_choices(setting))
    given = setting.default if setting.default not in (None, [], {}) else setting.example
    note = "" if given == setting.default else "   # required" if setting.required else "   # e.g."
    yield f"#{toml_key(setting.key)} = {toml_value(given)}{note}"


def _with_choices(setting: Setting) -> str:
    untold = [choice for choice in setting.choices if f"`{choice}`" not in setting.meaning]
    return f"{setting.meaning} One of: {', '.join(setting.choices)}." if untold else setting.meaning


def _prose(text: str) -> list[str]:
    return [f"# {line}" for line in wrap(text, COLUMNS - 2, break_on_hyphens=False)]

"""Settings as they are shown: every one of them, on a line that a job file may hold, with where it comes from and no secret in it."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from outlast.abort.masking import masked_url
from outlast.cli.phrases import safe
from outlast.cli.settled import Settled
from outlast.config.outline import Setting, Table, outline, plain_settings
from outlast.config.toml import toml_key, toml_value
from outlast.logs.text import masking
from outlast.secrecy import secret_names

__all__ = ["settings_document", "settings_lines"]

ORIGIN_MAX = 100
_REFERENCE = re.compile(r"\$\{\w+\}")


def settings_lines(found: Settled, *, origins: bool) -> list[str]:
    """A job file with every setting as it is; what is not set at all is a comment."""
    shown, whole = _shown(found), outline()
    rows = [_row(found, each, shown, each.key) for each in whole.settings if each.table is None]
    for section in whole.settings:
        if section.table is not None:
            rows += [("", ""), (f"[{toml_key(section.key)}]", "")]
            inner = shown[section.key]
            rows += [_row(found, each, inner, f"{section.key}.{each.key}") for each in section.table.settings]
    width = max((len(text) for text, origin in rows if origin), default=0) if origins else 0
    width = min(width, 60)
    return [f"{text:<{width}}  # {origin}" if origins and origin else text for text, origin in rows]


def settings_document(found: Settled) -> list[dict[str, Any]]:
    """For `--json`: a row for each setting, by its dotted path."""
    shown = _shown(found)
    return list(_documents(found, outline(), shown, ""))


def _documents(found: Settled, table: Table, shown: dict[str, Any], prefix: str) -> Iterator[dict[str, Any]]:
    for setting in table.settings:
        path = f"{prefix}{setting.key}"
        if setting.table is not None and not setting.many:
            yield from _documents(found, setting.table, shown[setting.key], f"{path}.")
        else:
            origin = found.loaded.origins[path]
            layer = found.loaded.layers[path]
            yield {"setting": path, "value": shown[setting.key], "layer": layer, "origin": origin}


def _row(found: Settled, setting: Setting, shown: dict[str, Any], path: str) -> tuple[str, str]:
    value, key = shown[setting.key], toml_key(setting.key)
    text = f"#{key}" if value is None else f"{key} = {toml_value(_without_none(value))}"
    return text, safe(found.loaded.origins[path], ORIGIN_MAX)


def _without_none(value: Any) -> Any:
    """What is not set in one of several tables is not in its line; TOML has no word for it."""
    if isinstance(value, list):
        return [_without_none(each) for each in value]
    if isinstance(value, dict):
        return {key: _without_none(each) for key, each in value.items() if each is not None}
    return value


def _shown(found: Settled) -> dict[str, Any]:
    config = found.config
    return _masked(outline(), plain_settings(config), masking(secret_names(*config.logging.redact)))


def _masked(table: Table, values: dict[str, Any], clean: Callable[[Any], Any]) -> dict[str, Any]:
    masked: dict[str, Any] = {}
    for setting in table.settings:
        value = values[setting.key]
        if setting.table is not None:
            inner = setting.table
            each = value if setting.many else [value]
            tables = [_masked(inner, one, clean) for one in each]
            masked[setting.key] = tables if setting.many else tables[0]
        else:
            masked[setting.key] = _hidden(value) if setting.secret else clean(value)
    return masked


def _hidden(value: Any) -> Any:
    """A secret without what it says; what only names the place of one is no secret."""
    if isinstance(value, list):
        return [_hidden(each) for each in value]
    if not isinstance(value, str) or value.startswith("file:"):
        return value
    bare = _REFERENCE.sub("", value.partition("://")[2] or value)
    return value if _REFERENCE.search(value) and not re.search(r"\w", bare) else masked_url(value)

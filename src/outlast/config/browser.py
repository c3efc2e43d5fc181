"""`[browser]`: which browser a job has when its handler asks for a page, and how it is used."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema
from typing_extensions import override

from outlast.config.model import Section
from outlast.config.values import Count, ExactSeconds, Seconds, Text, Words, none_by_name

__all__ = ["BrowserConfiguration", "ContextOptions"]


@dataclass(frozen=True, slots=True)
class ContextOptions(Mapping[str, Any]):
    """Options that are handed on as they are: JSON, kept as its text, so that they are a value as all settings are."""

    text: str = "{}"

    @override
    def __getitem__(self, name: str) -> Any:
        return self.plain()[name]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self.plain())

    @override
    def __len__(self) -> int:
        return len(self.plain())

    @override
    def __str__(self) -> str:
        return self.text

    def plain(self) -> dict[str, Any]:
        """The options, to be changed by whoever asked."""
        return dict(json.loads(self.text))


def _options(value: Any) -> ContextOptions:
    wrong = "should be options by name, of what JSON can hold, such as {'locale': 'de-DE'}"
    try:
        given = json.loads(value) if isinstance(value, str) else value
        text = json.dumps(dict(given), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(wrong) from error
    if not all(isinstance(name, str) for name in given):
        raise ValueError(wrong)
    return ContextOptions(text)


class BrowserConfiguration(Section):
    """The browser of a job. It is started when the first handler asks for `page`, `context` or `browser`."""

    engine: Literal["chromium", "firefox", "webkit"] = "chromium"
    """Which of Playwright's engines."""
    executable: Text | None = None
    """The path of the browser; without it one is looked for."""
    args: Words = ()
    """Further arguments of the browser's command line."""
    headless: bool = True
    """Run without a window."""
    context: Annotated[
        ContextOptions,
        PlainValidator(_options),
        PlainSerializer(ContextOptions.plain),
        WithJsonSchema({"type": "object"}),
    ] = ContextOptions()
    """Playwright's options of a new context: `locale`, `viewport`, `user_agent`, `extra_http_headers`."""
    concurrency: Annotated[
        Annotated[Count, Field(ge=1)] | None,
        BeforeValidator(none_by_name, json_schema_input_type=int | str | None),
    ] = None
    """Pages open at once; `none`: as many as the job has items in flight."""
    max_pages: Annotated[Count, Field(ge=0)] = 1000
    """Pages after which the browser is replaced by a new one; 0: never for that."""
    lifetime: Annotated[Seconds, Field(ge=0)] = 7200
    """How old a browser gets before it is replaced by a new one; 0: as old as it likes."""
    storage_state: Text = "shared"
    """`shared`: one session for all pages; `fresh`: a clean one for each item; or the file of a session to begin with."""
    page_timeout: Annotated[
        Annotated[ExactSeconds, Field(gt=0)] | None,
        BeforeValidator(none_by_name, json_schema_input_type=float | str | None),
    ] = None
    """How long an attempt may have its page, from when it has it; `none`: as long as the job's `timeout`."""

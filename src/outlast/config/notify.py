"""Who is told when a run ends, and of which endings."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from outlast.config.section import Section
from outlast.config.values import SECRET, ExactSeconds, Text, Words

__all__ = ["NotifyConfiguration"]


def _argv(value: Any) -> Any:
    if isinstance(value, str):
        # A line would have to be taken apart as a shell does, and would be taken apart otherwise.
        raise ValueError('should be a list of arguments, such as ["notify-send", "{summary}"]')  # noqa: TRY004 - pydantic collects ValueErrors only
    return value


Occasion = Literal[
    "completed", "completed_with_failures", "failed", "aborted", "stopped", "timed_out", "empty", "held", "stalled"
]


class NotifyConfiguration(Section):
    """Who is told, and when. `${NAME}` in a text stands for the variable of the environment, `file:PATH` for what is in the file."""

    on: Annotated[
        tuple[Occasion, ...],
        BeforeValidator(
            lambda value: tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value,
            json_schema_input_type=tuple[Occasion, ...] | str,
        ),
    ] = ("aborted", "failed", "held", "stalled")
    """The occasions; `failed` is any ending that is no success, but for one that was asked for."""
    urls: Annotated[Words, SECRET, Field(examples=[["tgram://${BOT_TOKEN}/${CHAT_ID}"]])] = ()
    """Addresses as apprise knows them (`tgram://...`, `mailto://...`), with the extra `notify`."""
    webhook: Annotated[Text | None, SECRET, Field(examples=["file:/run/secrets/webhook"])] = None
    """An `http` or `https` address that gets the notice as JSON, by POST."""
    command: Annotated[
        tuple[Text, ...],
        BeforeValidator(_argv, json_schema_input_type=tuple[str, ...]),
        Field(examples=[["notify-send", "{summary}"]]),
    ] = ()
    """A program and its arguments, in which `{summary}`, `{job}` and `{occasion}` are filled in; no shell sees them."""
    timeout: Annotated[ExactSeconds, Field(gt=0)] = 15.0
    """How long telling one of them may take."""

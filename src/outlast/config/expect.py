"""`[expect]`: what has to be true of a job's results for it to have worked."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema, model_validator

from outlast.config.complaints import WrongEntryError
from outlast.config.model import Section
from outlast.config.pairs import Pairs
from outlast.config.values import AllowanceSetting, Count, ExactSeconds

__all__ = ["ExpectConfiguration", "FieldShares", "allowance_moved"]

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


class FieldShares(Pairs[float]):
    """The share of records that each field is to be in."""

    __slots__ = ()


def _share(value: Any) -> float:
    text = str(value).strip()
    percent = None if isinstance(value, bool) else _PERCENT.fullmatch(text)
    number = _NUMBER.fullmatch(text) if not isinstance(value, bool) else None
    found = float(percent[1]) / 100 if percent else float(number[0]) if number else -1.0
    if not 0 <= found <= 1:
        raise ValueError("should be a share such as 0.98 or '98%'")
    return found


def _fields(value: Any) -> FieldShares:
    if isinstance(value, FieldShares):
        return value
    given = _split(value) if isinstance(value, str) else value
    if not isinstance(given, Mapping) or not all(isinstance(field, str) and field for field in given):
        raise ValueError("should be fields and the share of records that each is in, such as {'price': 0.98}")
    found: dict[str, float] = {}
    for field, share in given.items():
        try:
            found[field] = _share(share)
        except ValueError as error:
            raise WrongEntryError(f"{field!r} {error}, not {share!r}") from error
    return FieldShares(tuple(sorted(found.items())))


def _split(text: str) -> dict[str, str]:
    """What the environment says: `price=0.98,title=1`."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all("=" in part for part in parts):
        raise ValueError("should be fields and their shares, such as 'price=0.98'")
    return {field.strip(): share for field, _, share in (part.rpartition("=") for part in parts)}


_ShareSetting = Annotated[float, BeforeValidator(_share, json_schema_input_type=float | str)]
_FieldsSetting = Annotated[
    FieldShares,
    PlainValidator(_fields),
    PlainSerializer(lambda shares: dict(shares.pairs)),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": ["number", "string"]}}),
]


class ExpectConfiguration(Section):
    """What is expected of a job's results. What is not met at the end makes the exit code 1."""

    max_failed: Annotated[AllowanceSetting | None, Field(examples=["1%"])] = None
    """The job's `max_failed`, for those who want all expectations in one place."""
    min_items: Annotated[Count, Field(ge=0)] = 0
    """Records that the job has to have at its end; 0: any number."""
    fields: Annotated[_FieldsSetting, Field(examples=[{"price": 0.98, "title": 1.0}])] = FieldShares()
    """Fields, and the share of records in which each is there and not empty: `{ price = 0.98 }`."""
    items_increase_every: Annotated[ExactSeconds, Field(ge=0)] = 0.0
    """While the job works, there is a new record at least this often; 0: however seldom."""
    compared_with_last: Annotated[_ShareSetting | None, Field(examples=["20%"])] = None
    """How many records fewer than in the last finished run there may be, before the last `--fresh`: `"20%"`."""
    yield_drop: Annotated[_ShareSetting | None, Field(examples=["50%"])] = None
    """By how much the records of the last 200 items may fall below the job's mean: `"50%"`."""
    results: bool = True
    """Handlers are to return something; `false`: they return nothing on purpose."""
    check_every: Annotated[ExactSeconds, Field(gt=0)] = 600.0
    """How often this is checked while the job works; it is always checked at the end."""
    stop: bool = False
    """Stop the job when an expectation is not met while it works; if not, that is only announced."""

    @model_validator(mode="after")
    def _no_results_and_yet_some(self) -> "ExpectConfiguration":
        names = ("min_items", "fields", "items_increase_every", "compared_with_last", "yield_drop")
        asked = [name for name in names if getattr(self, name)]
        if not self.results and asked:
            raise ValueError(
                f"results = false says that there are none, and {' and '.join(asked)} should be true of them"
            )
        return self


def allowance_moved(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with `expect.max_failed` where it is read: it is another way to write `max_failed`.

    Raises `ValueError` when both are given.
    """
    expect = values.get("expect")
    section = (
        {name: getattr(expect, name) for name in expect.model_fields_set} if isinstance(expect, Section) else expect
    )
    if not isinstance(section, Mapping) or section.get("max_failed") is None:
        return dict(values)
    if "max_failed" in values:
        raise ValueError("max_failed and expect.max_failed are the same setting: give one of them")
    rest = {name: value for name, value in section.items() if name != "max_failed"}
    return {**values, "max_failed": section["max_failed"], "expect": rest}

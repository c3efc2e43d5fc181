"""The kinds of value a setting can have: durations, counts, lists of words, the allowance for failures."""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema
from typing_extensions import override

__all__ = [
    "SECRET",
    "Allowance",
    "AllowanceSetting",
    "Amount",
    "Count",
    "ExactSeconds",
    "Pattern",
    "Seconds",
    "Text",
    "Words",
    "none_by_name",
    "seconds_in",
]

SECRET: Final = "secret"  # noqa: S105 - a mark, not one of them
"""Marks a setting that is masked wherever it is shown: `Annotated[Text, SECRET]`."""

_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_PART = r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)"
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """How many items of a job may fail: a number, or a share of all items. The larger of the two counts."""

    items: int = 0
    share: Fraction = Fraction(0)

    def permits(self, failed: int, total: int) -> bool:
        """Whether `failed` of `total` items are few enough."""
        return failed <= max(Fraction(self.items), self.share * total)

    @override
    def __str__(self) -> str:
        return f"{float(self.share * 100):g}%" if self.share else str(self.items)


def seconds_in(text: str) -> float:
    """The seconds in `30`, `30s`, `1.5m`, `2h`, `1h 30m`; a `ValueError` for anything else."""
    stripped = text.strip()
    if _NUMBER.fullmatch(stripped):
        return float(stripped)
    if not re.fullmatch(rf"{_PART}(?:\s*{_PART})*", stripped):
        raise ValueError("should be a duration such as 30, '30s', '5m' or '1h 30m'")
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in re.findall(_PART, stripped))


def none_by_name(value: Any) -> Any:
    """None for its name: TOML and the environment have no word for it."""
    return None if isinstance(value, str) and value.strip().lower() == "none" else value


def _duration(value: Any) -> Any:
    return seconds_in(value) if isinstance(value, str) else _number(value)


def _number(value: Any) -> Any:
    # pydantic takes True for 1; a switch where a number belongs is a slip of the pen.
    if isinstance(value, bool):
        raise ValueError("should be a number")  # noqa: TRY004 - pydantic collects ValueErrors only
    return value


def _words(value: Any) -> Any:
    return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value


def _pattern(value: Any) -> Any:
    if not isinstance(value, str) or not value:
        raise ValueError("should be a regular expression")
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"should be a regular expression ({error})") from error
    return value


def _allowance(value: Any) -> Allowance:
    if isinstance(value, Allowance):
        return value
    text = str(value).strip()
    percent = _PERCENT.fullmatch(text)
    if percent and Fraction(percent[1]) <= 100:
        return Allowance(share=Fraction(percent[1]) / 100)
    if text.isascii() and text.isdigit():
        return Allowance(items=int(text))
    raise ValueError("should be a number of items such as 10, or a share such as '1%'")


Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, BeforeValidator(_number)]
Amount = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Seconds = Annotated[int, BeforeValidator(_duration, json_schema_input_type=int | str)]
ExactSeconds = Annotated[
    float, BeforeValidator(_duration, json_schema_input_type=float | str), Field(allow_inf_nan=False)
]
Pattern = Annotated[str, BeforeValidator(_pattern)]
Words = Annotated[tuple[Text, ...], BeforeValidator(_words, json_schema_input_type=tuple[str, ...] | str)]
AllowanceSetting = Annotated[
    Allowance,
    PlainValidator(_allowance),
    PlainSerializer(str),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^\d+(\.\d+)?%?$"}]}),
]

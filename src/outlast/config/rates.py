"""How often a host may be asked: `30/min`, and the mapping of hosts to such rates."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from typing_extensions import override

from outlast.config.complaints import WrongEntryError
from outlast.config.pairs import Pairs

__all__ = ["Rate", "Rates", "RatesSetting", "rate_in"]

_UNIT_SECONDS = {"s": 1.0, "min": 60.0, "h": 3_600.0}
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|min|h)", re.ASCII)
# Beyond that there is nothing to be spaced, and below it nobody will live to see the next.
PER_SECOND_MAX = 10_000.0
SPACING_MAX = 86_400.0


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in each `unit` (`s`, `min` or `h`), evenly spaced."""

    count: float
    unit: str

    @property
    def spacing(self) -> float:
        """The seconds between two."""
        return _UNIT_SECONDS[self.unit] / self.count

    @override
    def __str__(self) -> str:
        return f"{self.count:g}/{self.unit}"


def rate_in(text: str) -> Rate:
    """The rate in `2/s`, `30/min`, `100/h`; a `ValueError` for anything else."""
    found = _RATE.fullmatch(text.strip())
    if found is None or not float(found[1]):
        raise ValueError("should be a rate such as '2/s', '30/min' or '100/h'")
    rate = Rate(float(found[1]), found[2])
    if not 1 / PER_SECOND_MAX <= rate.spacing <= SPACING_MAX:
        raise ValueError(f"should be at most {PER_SECOND_MAX:g}/s, and at least one a day")
    return rate


class Rates(Pairs[Rate]):
    """The rates by host, in lower case; `*` stands for each host that has none of its own."""

    __slots__ = ()

    @override
    def __str__(self) -> str:
        return str(self.texts())

    def texts(self) -> dict[str, str]:
        """The rates as they are written."""
        return {host: str(rate) for host, rate in self.pairs}


def _rates(value: Any) -> Rates:
    given = _split(value) if isinstance(value, str) else value
    if not isinstance(given, Mapping) or not all(isinstance(host, str) and host for host in given):
        raise ValueError("should be hosts and their rates, such as {'example.com': '30/min'}")
    found: dict[str, Rate] = {}
    for host, rate in given.items():
        try:
            found[host.lower()] = rate if isinstance(rate, Rate) else rate_in(str(rate))
        except ValueError as error:
            raise WrongEntryError(f"{host!r} {error}, not {rate!r}") from error
    return Rates(tuple(sorted(found.items(), key=lambda pair: pair[0])))


def _split(text: str) -> dict[str, str]:
    """What the environment says: `a.example=30/min,b.example=2/s`."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all("=" in part for part in parts):
        raise ValueError("should be hosts and their rates, such as 'example.com=30/min'")
    return {host.strip(): rate for host, _, rate in (part.rpartition("=") for part in parts)}


RatesSetting = Annotated[
    Rates,
    PlainValidator(_rates),
    PlainSerializer(Rates.texts),
    WithJsonSchema(
        {"type": "object", "additionalProperties": {"type": "string", "pattern": r"^\d+(\.\d+)?/(s|min|h)$"}}
    ),
]

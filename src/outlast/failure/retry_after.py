"""How long does the other side ask to be left alone? `Retry-After` and the `RateLimit` draft, as seconds."""

import re
from datetime import UTC, datetime

from outlast.failure.facts import header

__all__ = ["RETRY_AFTER_MAX", "asked_delay", "bounded", "parse_http_date"]

RETRY_AFTER_MAX = 366 * 86_400.0
"""A longer wish is taken for this, so that no sum with it overflows."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
# RFC 9110, 5.6.7: the form of today, then the two old ones that a recipient must accept.
_DATES = tuple(
    re.compile(form, re.ASCII)
    for form in (
        rf"[A-Z][a-z]{{2}}, (?P<day>\d\d) (?P<month>[A-Z][a-z]{{2}}) (?P<year>\d{{4}}) {_CLOCK} GMT",
        rf"[A-Z][a-z]+day, (?P<day>\d\d)-(?P<month>[A-Z][a-z]{{2}})-(?P<year>\d\d) {_CLOCK} GMT",
        rf"[A-Z][a-z]{{2}} (?P<month>[A-Z][a-z]{{2}}) (?P<day>[ \d]\d) {_CLOCK} (?P<year>\d{{4}})",
    )
)
# draft-ietf-httpapi-ratelimit-headers: `"name";r=0;t=30`, several separated by commas.
_LIMIT = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[A-Za-z*][\w*.:/-]*)\s*((?:;[^;,]*)*)')
_PARAMETER = re.compile(r";\s*([rt])\s*=\s*(\d+)\s*(?=;|$)", re.ASCII)
_SECONDS = re.compile(r"\d+", re.ASCII)


def asked_delay(headers: object, now: datetime) -> float | None:
    """The seconds asked for; None when nothing (that makes sense) was. `Retry-After` takes precedence.

    A date is compared with the response's own `Date` where there is one, so that a wrong clock on either side does not matter.
    """
    wish = header(headers, "Retry-After")
    if wish is None:
        return _until_reset(header(headers, "RateLimit") or "")
    wish = wish.strip()
    if _SECONDS.fullmatch(wish):
        return bounded(float(wish))
    until = parse_http_date(wish, now)
    if until is None:
        return None
    sent = parse_http_date((header(headers, "Date") or "").strip(), now)
    return bounded((until - (sent or now)).total_seconds())


def bounded(seconds: float) -> float | None:
    """The wish, at most `RETRY_AFTER_MAX`; None when it is negative or not a number."""
    if seconds >= 0:
        return float(min(seconds, RETRY_AFTER_MAX))
    return None


def parse_http_date(text: str, now: datetime) -> datetime | None:
    """The moment, aware UTC; None when it is none of the three forms. A year of two digits is at most 50 years after `now`."""
    match = next((found for form in _DATES if (found := form.fullmatch(text))), None)
    if match is None or match["month"] not in _MONTHS:
        return None
    year = int(match["year"])
    if len(match["year"]) == 2:
        year += now.year // 100 * 100
        year -= 100 if year > now.year + 50 else 0
    second = min(int(match["second"]), 59)  # a leap second is legal, and nothing datetime knows
    clock = (int(match["hour"]), int(match["minute"]), second)
    try:
        return datetime(year, _MONTHS.index(match["month"]) + 1, int(match["day"]), *clock, tzinfo=UTC)
    except ValueError:
        return None


def _until_reset(limits: str) -> float | None:
    resets: list[float] = []
    for limit in _LIMIT.finditer(limits):
        parameters = {name: float(value) for name, value in _PARAMETER.findall(limit[1])}
        if parameters.get("r") == 0 and "t" in parameters:
            resets.append(parameters["t"])
    return bounded(max(resets)) if resets else None

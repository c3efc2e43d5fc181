"""What pages do to a browser: endless loops, leaks, storms of alerts, popups; as scripts, and nothing else."""

from collections.abc import Mapping
from enum import StrEnum

__all__ = ["LEAK_MIB_MAX", "TRICKS", "Trick", "script_of"]

LEAK_MIB_MAX = 2048
TIMES_MAX = 1_000


class Trick(StrEnum):
    """What a page of a `BrowserSite` can do; the last five are done by the site in place of the page."""

    HANG = "hangjs"
    HANG_EARLY = "hangjs-early"
    LEAK = "leak"
    ALERTS = "alert"
    POPUPS = "popups"
    BEFOREUNLOAD = "beforeunload"
    CRASH = "crash"
    DOWNLOAD = "download"
    SILENT = "silent"
    SLOW = "slow"
    RESET = "reset"
    ERROR = "error"


# With their default numbers. The ones that begin after the page has loaded let `goto` succeed.
TRICKS: Mapping[Trick, tuple[str, Mapping[str, float]]] = {
    Trick.HANG: ("addEventListener('load', () => setTimeout(() => {{ for (;;); }}, 0));", {}),
    Trick.HANG_EARLY: ("for (;;);", {}),
    Trick.LEAK: (
        """
        const kept = [], step = Math.ceil({mib} * 2 ** 20 / 10);
        setInterval(() => {{ if (kept.length * step < {total} * 2 ** 20) kept.push(new Uint8Array(step).fill(1)); }}, 100);
        """,
        {"mib": 100, "total": LEAK_MIB_MAX},
    ),
    Trick.ALERTS: ("for (let n = 1; n <= {times}; n++) alert('alert ' + n);", {"times": 20}),
    Trick.POPUPS: ("for (let n = 1; n <= {times}; n++) open('/popup/' + n);", {"times": 20}),
    Trick.BEFOREUNLOAD: (
        "addEventListener('beforeunload', event => {{ event.preventDefault(); event.returnValue = 'stay'; }});",
        {},
    ),
    # An array longer than the engine can make one ends the process of the page, where most other excesses are an exception.
    Trick.CRASH: ("addEventListener('load', () => setTimeout(() => [...Array(2 ** 32 - 1).keys()], 0));", {}),
}
_BOUNDS = {"mib": LEAK_MIB_MAX, "total": LEAK_MIB_MAX, "times": TIMES_MAX}


def script_of(trick: Trick, numbers: Mapping[str, float] | None = None) -> str:
    """The script, with its numbers or the given ones. Raises `ValueError` for a number that it has not or that is too large."""
    script, defaults = TRICKS[trick]
    for name, number in (numbers or {}).items():
        if name not in defaults:
            raise ValueError(f"{trick} has no number {name!r}")
        if not 0 <= number <= _BOUNDS[name]:
            raise ValueError(f"{name} is {number:g}; it must be between 0 and {_BOUNDS[name]}")
    return script.format(**{**defaults, **(numbers or {})})

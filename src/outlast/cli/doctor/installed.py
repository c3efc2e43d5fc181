"""Python, SQLite and the extras."""

import platform
import re
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from outlast.cli.doctor.check import Check, State
from outlast.ledger import sqlite_version

__all__ = ["extras", "extras_check", "python_check", "sqlite_check"]

# Before it a checkpoint that met a write could lose what was committed.
SQLITE_MIN = (3, 51, 3)
_REQUIREMENT = re.compile(r"""([\w.-]+)[^;]*;.*\bextra == ['"]([\w-]+)['"]""")


def python_check() -> Check:
    """Which Python runs this."""
    name, where = platform.python_implementation(), f"{sys.platform} {platform.machine()}"
    facts = {"version": platform.python_version(), "implementation": name, "executable": sys.executable}
    outlast = version("outlast")
    says = f"{facts['version']} ({name}, {where}), outlast {outlast}"
    return Check(name="python", state=State.OK, says=says, facts={**facts, "outlast": outlast})


def sqlite_check(found: str | None = None, apsw: str | None = None) -> Check:
    """Whether the SQLite at hand keeps what was committed to its write-ahead log."""
    found, apsw = found or sqlite_version(), apsw or version("apsw")
    safe = tuple(map(int, found.split("."))) >= SQLITE_MIN
    facts = {"version": found, "apsw": apsw, "wal_safe": safe}
    if safe:
        return Check(name="sqlite", state=State.OK, says=f"{found} (apsw {apsw}), its log is safe", facts=facts)
    return Check(
        name="sqlite",
        state=State.BAD,
        says=f"{found} (apsw {apsw}) can lose what was committed when its log is copied",
        do=("pip install --upgrade apsw",),
        facts=facts,
    )


def extras() -> dict[str, dict[str, str | None]]:
    """By extra, its packages and their versions; None: not installed."""
    found: dict[str, dict[str, str | None]] = {name: {} for name in metadata("outlast").get_all("Provides-Extra") or ()}
    for package, extra in _requirements(requires("outlast") or ()):
        found.setdefault(extra, {})[package] = _version(package)
    return found


def extras_check(found: Mapping[str, Mapping[str, str | None]]) -> Check:
    """Which extras are complete. Nobody needs all of them, so one that is missing is no reason to worry."""
    there = [name for name, packages in found.items() if all(packages.values())]
    missing = [name for name in found if name not in there]
    says = f"{', '.join(there) or 'none'} installed" + (f"; {', '.join(missing)} not" if missing else "")
    do = (f"pip install 'outlast[{','.join(missing)}]'  (the ones you need)",) if missing else ()
    return Check(
        name="extras", state=State.OK, says=says, do=do, facts={name: dict(each) for name, each in found.items()}
    )


def _requirements(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        if (match := _REQUIREMENT.match(line)) is not None:
            yield match[1], match[2]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

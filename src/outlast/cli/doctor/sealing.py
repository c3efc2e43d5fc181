"""Whether there is a key to seal with: that there is one, never which."""

import stat
from collections.abc import Mapping
from pathlib import Path

from outlast.cli.doctor.check import Check, State
from outlast.errors import ConfigurationError
from outlast.storage.keys import FILE_VARIABLE, KEY_VARIABLE, keyring

__all__ = ["key_check"]


def key_check(environ: Mapping[str, str], *, wanted: bool) -> Check:
    """Whether what is recorded can be sealed; `wanted`: the configuration says that it must be."""
    origin = next((name for name in (KEY_VARIABLE, FILE_VARIABLE) if environ.get(name, "").strip()), None)
    facts = {"set": origin is not None, "by": origin, "encryption_enabled": wanted}
    if origin is None:
        return _without_key(wanted=wanted, facts=facts)
    try:
        count = len(keyring(environ=environ).key_ids)
    except ConfigurationError as error:
        return Check(name="key", state=State.BAD, says=error.message, do=(f"correct {origin}",), facts=facts)
    told = f"{origin} holds {count} key{'s' if count > 1 else ''}"
    if origin == FILE_VARIABLE and _others_read(Path(environ[FILE_VARIABLE].strip())):
        do = (f"chmod 600 {environ[FILE_VARIABLE].strip()}",)
        return Check(name="key", state=State.WARN, says=f"{told}, and others may read it", do=do, facts=facts)
    told += "" if wanted else "; encryption is off, so it only opens what was sealed before"
    return Check(name="key", state=State.OK, says=told, facts=facts)


def _without_key(*, wanted: bool, facts: Mapping[str, object]) -> Check:
    if not wanted:
        return Check(name="key", state=State.OK, says="none, and encryption is off", facts=facts)
    says = "encryption is on and there is no key: no job can begin"
    return Check(name="key", state=State.BAD, says=says, do=(f"set {KEY_VARIABLE} or {FILE_VARIABLE}",), facts=facts)


def _others_read(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    except OSError:
        return False

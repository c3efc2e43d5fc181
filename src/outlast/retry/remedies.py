"""What mends a failure, given by the user: called once for all who need it at the same time, and not for ever in vain."""

import asyncio
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any

from outlast.errors import RetryConfigurationError
from outlast.events import EventType
from outlast.failure.checks import nearest
from outlast.failure.facts import text_of, type_name
from outlast.failure.model import Remedy
from outlast.retry.host import Hosts
from outlast.retry.telling import job_id
from outlast.runtime import Runtime

__all__ = ["APPLIED_MAX", "Mended", "Remedies", "RemedyFunction"]

APPLIED_MAX = 3
"""How often a remedy is applied for a host without a success between."""

MESSAGE_MAX = 200

RemedyFunction = Callable[[str], Any]
"""Gets the name of the host, empty for a call without one; plain or async."""

# A remedy that fails in a way that asks for a remedy must not wait for itself.
_mending: ContextVar[bool] = ContextVar("outlast_mending", default=False)

# The others are no functions: what is deferred or skipped is so without anybody's help.
_TO_CALL = (Remedy.REFRESH_SESSION, Remedy.ROTATE_PROXY, Remedy.RESTART_BROWSER)


@dataclass(slots=True)
class _Record:
    """Of one remedy for one host: how often it was applied in vain, and when last, in turns of all remedies."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    in_a_row: int = 0
    turn: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Mended:
    """Whether a remedy has worked, and what to say of it."""

    ok: bool
    told: str


class Remedies:
    """The remedies that there are. `turn` grows with each that was applied: an attempt notes it when it begins."""

    def __init__(self, functions: Mapping[str, RemedyFunction], runtime: Runtime) -> None:
        complaints = [problem for name, each in functions.items() if (problem := _complaint(name, each)) is not None]
        if complaints:
            raise RetryConfigurationError(
                f"the remedies are not valid: {'; '.join(complaints)}", context={"complaints": complaints}
            )
        self._functions = {Remedy(name): function for name, function in functions.items()}
        self._runtime = runtime
        self._records: Hosts[dict[Remedy, _Record]] = Hosts(lambda _host: {})
        self.turn = 0

    def __bool__(self) -> bool:
        return bool(self._functions)

    def __contains__(self, remedy: object) -> bool:
        return remedy in self._functions and not _mending.get()

    def succeeded(self, host: str) -> None:
        """An attempt has succeeded: whatever was applied was not in vain."""
        for record in (self._records.known(host) or {}).values():
            record.in_a_row = 0

    async def apply(self, remedy: Remedy, host: str, *, since: int) -> Mended:
        """Apply it for an attempt that began at turn `since`; who comes while it is applied, or began before, shares what came of it.

        No `Exception` gets out of it. When the one who applies it is cancelled, the next in line applies it.
        """
        record = self._records.of(host).setdefault(remedy, _Record())
        async with record.lock:
            if record.turn <= since:
                if record.in_a_row >= APPLIED_MAX:
                    return Mended(False, f"{remedy} was applied {APPLIED_MAX} times in vain")
                await self._apply(remedy, host, record)
        return Mended(
            record.error is None, remedy.value if record.error is None else f"{remedy} failed: {record.error}"
        )

    async def _apply(self, remedy: Remedy, host: str, record: _Record) -> None:
        token = _mending.set(True)
        try:
            done = self._functions[remedy](host)
            if isawaitable(done):
                await done
            record.error = None
        except Exception as error:  # noqa: BLE001 - whatever the remedy raises, it has not mended anything
            record.error = f"{type_name(error)}: {text_of(error)[:MESSAGE_MAX]}"
        finally:
            _mending.reset(token)
        record.in_a_row += 1
        self.turn += 1
        record.turn = self.turn
        told = {"remedy": remedy.value, "host": host, "error": record.error}
        self._runtime.emit(EventType.REMEDY_APPLIED, job_id.get(), **told)


def _complaint(name: object, function: object) -> str | None:
    if name not in set(_TO_CALL):
        return f"{name}: is not a remedy that can be given{nearest(str(name), map(str, _TO_CALL))}"
    return None if callable(function) else f"{name}: must be a function, not {function!r}"

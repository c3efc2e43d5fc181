"""The words for a failure: its class, whose fault it was, whether it passes by itself, what would mend it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

__all__ = ["NATURE", "REMEDY", "UNKNOWN_ATTEMPTS_MAX", "Classification", "FailureClass", "Fault", "Remedy"]

UNKNOWN_ATTEMPTS_MAX = 2
"""How often something is tried whose failures nobody has a rule for."""


class Fault(StrEnum):
    """Whose fault a failure was."""

    ITEM = "item"
    HOST = "host"
    PROXY = "proxy"
    BROWSER = "browser"
    MACHINE = "machine"


class FailureClass(StrEnum):
    """What went wrong."""

    NETWORK = "network"
    TIMEOUT = "timeout"
    THROTTLED = "throttled"
    SERVER_ERROR = "server_error"
    UNSUPPORTED = "unsupported"
    BLOCKED = "blocked"
    AUTH_EXPIRED = "auth_expired"
    NOT_FOUND = "not_found"
    CLIENT_ERROR = "client_error"
    CERTIFICATE = "certificate"
    PROXY = "proxy"
    BROWSER = "browser"
    LOCAL_RESOURCE = "local_resource"
    STORE_UNAVAILABLE = "store_unavailable"
    PROGRAMMING = "programming"
    POISON = "poison"
    UNKNOWN = "unknown"


class Remedy(StrEnum):
    """What is done about a failure before, or instead of, trying again."""

    REFRESH_SESSION = "refresh_session"
    ROTATE_PROXY = "rotate_proxy"
    RESTART_BROWSER = "restart_browser"
    DEFER = "defer"
    SKIP = "skip"


NATURE: Mapping[FailureClass, tuple[bool, Fault]] = MappingProxyType(
    {
        FailureClass.NETWORK: (True, Fault.HOST),
        FailureClass.TIMEOUT: (True, Fault.HOST),
        FailureClass.THROTTLED: (True, Fault.HOST),
        FailureClass.SERVER_ERROR: (True, Fault.HOST),
        FailureClass.UNSUPPORTED: (False, Fault.HOST),
        FailureClass.BLOCKED: (False, Fault.ITEM),
        FailureClass.AUTH_EXPIRED: (False, Fault.ITEM),
        FailureClass.NOT_FOUND: (False, Fault.ITEM),
        FailureClass.CLIENT_ERROR: (False, Fault.ITEM),
        FailureClass.CERTIFICATE: (False, Fault.HOST),
        FailureClass.PROXY: (True, Fault.PROXY),
        FailureClass.BROWSER: (True, Fault.BROWSER),
        FailureClass.LOCAL_RESOURCE: (False, Fault.MACHINE),
        FailureClass.STORE_UNAVAILABLE: (True, Fault.MACHINE),
        FailureClass.PROGRAMMING: (False, Fault.ITEM),
        FailureClass.POISON: (False, Fault.ITEM),
        FailureClass.UNKNOWN: (True, Fault.ITEM),
    }
)
"""Of each class: is it transient, and whose fault is it."""

REMEDY: Mapping[FailureClass, Remedy | None] = MappingProxyType(
    dict.fromkeys(FailureClass)
    | {
        FailureClass.AUTH_EXPIRED: Remedy.REFRESH_SESSION,
        FailureClass.BLOCKED: Remedy.ROTATE_PROXY,
        FailureClass.PROXY: Remedy.ROTATE_PROXY,
        FailureClass.BROWSER: Remedy.RESTART_BROWSER,
        FailureClass.THROTTLED: Remedy.DEFER,
        FailureClass.NOT_FOUND: Remedy.SKIP,
    }
)
"""Of each class: what would mend it, for whoever can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """What is known of a failure.

    `transient`: it may pass by itself. `retry_after`: the seconds that the other side asked to be left alone. `status`: the
    HTTP status. `max_attempts`: a bound that comes with the failure itself, in addition to the policy's. `remedy`: what would
    mend it. `rule`: the name of the user's rule that decided; None: no rule of the user's did.
    """

    failure_class: FailureClass
    transient: bool
    fault: Fault
    retry_after: float | None = None
    status: int | None = None
    max_attempts: int | None = None
    remedy: Remedy | None = None
    rule: str | None = None

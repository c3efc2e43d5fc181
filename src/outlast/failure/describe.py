"""A failure as plain values: what is kept of it in the ledger, in events and in reports."""

import errno
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from outlast.failure.facts import chain, errno_of, text_of, type_name
from outlast.failure.frames import user_frame
from outlast.failure.model import Classification, FailureClass
from outlast.failure.rules import NET_ERROR
from outlast.failure.signature import MESSAGE_MAX, fingerprint, signature

__all__ = ["SAMPLES_MAX", "TRACEBACK_MAX", "Failure", "TracebackQuota", "describe"]

TRACEBACK_MAX = 4_000
"""How many characters of a traceback are kept, the innermost."""

SAMPLES_MAX = 5
"""Of how many failures of one signature a run keeps the traceback."""

SIGNATURES_MAX = 1_000
FRAMES_MAX = 20
CHUNK_MAX = 700


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A picture of a failure. `type` is the dotted name of the exception, `message` the first line of what it says.

    `traceback` is empty where none was kept.
    """

    type: str
    message: str
    status: int | None
    failure_class: FailureClass
    signature: str
    traceback: str

    def to_dict(self) -> dict[str, Any]:
        """The picture as JSON-able data; the class stands under `class`."""
        return {
            "type": self.type,
            "message": self.message,
            "status": self.status,
            "class": self.failure_class.value,
            "signature": self.signature,
            "traceback": self.traceback,
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "Failure":
        """The picture that `to_dict` gave, by whatever version; what is missing is empty."""
        kind, status = told.get("class"), told.get("status")
        name = str(told.get("type") or "")
        return cls(
            type=name,
            message=str(told.get("message") or ""),
            status=status if isinstance(status, int) else None,
            failure_class=FailureClass(kind) if kind in set(FailureClass) else FailureClass.UNKNOWN,
            signature=str(told.get("signature") or name),
            traceback=str(told.get("traceback") or ""),
        )


def describe(
    error: BaseException,
    classification: Classification,
    *,
    with_traceback: bool | Callable[[str], bool] = True,
) -> Failure:
    """A picture of `error`, which was classified so. It holds no reference to it.

    `with_traceback`: whether the traceback is told, or a function that says so of a signature (`TracebackQuota`, say).
    """
    text = text_of(error).strip()
    name = type_name(error)
    found = _signature(error, classification.status, text)
    told = with_traceback(found) if callable(with_traceback) else with_traceback
    return Failure(
        type=name,
        message=text.partition("\n")[0][:MESSAGE_MAX],
        status=classification.status,
        failure_class=classification.failure_class,
        signature=found,
        traceback=_traceback(error) if told else "",
    )


class TracebackQuota:
    """Says of a signature whether the traceback of its next failure is kept: yes for the first `samples_max`.

    Beyond `signatures_max` signatures it says no.
    """

    def __init__(self, samples_max: int = SAMPLES_MAX, signatures_max: int = SIGNATURES_MAX) -> None:
        self._samples_max = samples_max
        self._signatures_max = signatures_max
        self._kept: dict[str, int] = {}

    def __call__(self, signature: str) -> bool:
        kept = self._kept.get(signature, 0)
        if kept >= self._samples_max or (not kept and len(self._kept) >= self._signatures_max):
            return False
        self._kept[signature] = kept + 1
        return True


def _signature(error: BaseException, status: int | None, text: str) -> str:
    own = next(filter(None, (fingerprint(link) for link in chain(error))), None)
    return own or signature(type_name(error), _code(error, status), text, user_frame(error))


def _code(error: BaseException, status: int | None) -> str | None:
    if status is not None:
        return str(status)
    for link in chain(error):
        net_error = NET_ERROR.search(text_of(link))
        if net_error is not None:
            return net_error[0]
        number = errno_of(link)
        if number is not None:
            return errno.errorcode.get(number, f"errno {number}")
    return None


def _traceback(error: BaseException) -> str:
    told = traceback.TracebackException(type(error), error, error.__traceback__, limit=-FRAMES_MAX, compact=True)
    # A message may be a whole page of HTML; it must not push the frames out.
    text = "".join(chunk if len(chunk) <= CHUNK_MAX else f"{chunk[:CHUNK_MAX]}...\n" for chunk in told.format())
    text = text.encode("utf-8", "replace").decode().rstrip()
    return text if len(text) <= TRACEBACK_MAX else f"...{text[3 - TRACEBACK_MAX :]}"

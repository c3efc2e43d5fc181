"""A failure as plain values: what is kept of it in the ledger, in events and in reports."""

import errno
import traceback
from dataclasses import dataclass
from typing import Any

from outlast.failure.facts import chain, errno_of, text_of, type_name
from outlast.failure.model import Classification, FailureClass
from outlast.failure.rules import NET_ERROR
from outlast.failure.signature import MESSAGE_MAX, signature

__all__ = ["TRACEBACK_MAX", "Failure", "describe"]

TRACEBACK_MAX = 4_000
"""How many characters of a traceback are kept, the innermost."""

FRAMES_MAX = 20
CHUNK_MAX = 700


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A picture of a failure. `type` is the dotted name of the exception, `message` the first line of what it says."""

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


def describe(error: BaseException, classification: Classification) -> Failure:
    """A picture of `error`, which was classified so. It holds no reference to it."""
    text = text_of(error).strip()
    name = type_name(error)
    return Failure(
        type=name,
        message=text.partition("\n")[0][:MESSAGE_MAX],
        status=classification.status,
        failure_class=classification.failure_class,
        signature=signature(name, _code(error, classification.status), text),
        traceback=_traceback(error),
    )


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

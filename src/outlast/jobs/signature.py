"""What a job's `LOCK` says: who held the job last, how it is called, and whether its ledger was ever begun."""

import json
import os
import socket
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

__all__ = ["LOCK", "Signature"]

LOCK = "LOCK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Who holds a job, or held it last. `begun`: its ledger had a first commit; None, like the name: signed by an earlier version."""

    pid: int
    host: str
    since: str
    job: str | None = None
    begun: bool | None = None

    @classmethod
    def of(cls, path: Path) -> Self | None:
        """What the `LOCK` in a job's directory says; None where it says nothing that can be read."""
        try:
            signed = json.loads((path / LOCK).read_bytes())
            begun, job = signed.get("begun"), signed.get("job")
            return cls(
                pid=int(signed["pid"]),
                host=str(signed["host"]),
                since=str(signed["since"]),
                job=None if job is None else str(job),
                begun=None if begun is None else bool(begun),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    @classmethod
    def now(cls, job: str, since: str, *, begun: bool | None) -> Self:
        """That of this process."""
        return cls(pid=os.getpid(), host=socket.gethostname(), since=since, job=job, begun=begun)

    def to_bytes(self) -> bytes:
        """As long whatever is known of the ledger, so that one can be written over the other."""
        text = json.dumps(asdict(replace(self, begun=None)))
        return (text if self.begun is None else f"{text.removesuffix('null}')}{int(self.begun)}}}   ").encode()

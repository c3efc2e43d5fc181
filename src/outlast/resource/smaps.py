"""What the memory of one process is made of, and its fair share of what it has in common with others."""

from outlast.resource.estimator import Resident
from outlast.resource.proc import PROC, read_file

__all__ = ["parse_resident", "proportional", "resident"]

KIB = 1024


def resident(pid: int, proc: str = PROC) -> Resident | None:
    """The resident memory by kind; None for a process that has none, as one that has ended and was not collected."""
    return parse_resident(read_file(f"{proc}/{pid}/status"))


def proportional(pid: int, proc: str = PROC) -> int | None:
    """The bytes of a process, each shared page divided by those who share it (PSS). Milliseconds of CPU for each process."""
    return _kib(read_file(f"{proc}/{pid}/smaps_rollup"), b"\nPss:")


def parse_resident(status: bytes) -> Resident | None:
    anonymous, of_files, shared = (_kib(status, key) for key in (b"\nRssAnon:", b"\nRssFile:", b"\nRssShmem:"))
    if anonymous is None or of_files is None or shared is None:
        return None
    return Resident(anonymous, of_files, shared)


def _kib(text: bytes, key: bytes) -> int | None:
    at = text.find(key)
    if at < 0:
        return None
    at += len(key)
    return int(text[at : text.index(b"kB", at)]) * KIB

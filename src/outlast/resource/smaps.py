"""What the memory of one process is made of, and its fair share of what it has in common with others."""

from outlast.resource.estimator import Proportional, Resident
from outlast.resource.proc import PROC, read_file

__all__ = ["parse_proportional", "parse_resident", "proportional", "resident"]

KIB = 1024


def resident(pid: int, proc: str = PROC) -> Resident | None:
    """The resident memory by kind; None for a process that has none, as one that has ended and was not collected."""
    return parse_resident(read_file(f"{proc}/{pid}/status"))


def proportional(pid: int, proc: str = PROC) -> Proportional | None:
    """The proportional size (PSS). Milliseconds of CPU for each process."""
    return parse_proportional(read_file(f"{proc}/{pid}/smaps_rollup"))


def parse_proportional(rollup: bytes) -> Proportional | None:
    total, anonymous = _kib(rollup, b"\nPss:"), _kib(rollup, b"\nPss_Anon:")
    if total is None:
        return None
    if anonymous is None:
        # Kernels before 5.9 give the sum alone: what is anonymous is taken to be nobody else's.
        anonymous = min(total, _kib(rollup, b"\nAnonymous:") or 0)
    return Proportional(anonymous, total - anonymous)


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

"""On which kind of file system a path is."""

from collections.abc import Iterable
from pathlib import Path

__all__ = ["kind_in", "mount_of"]

_ESCAPES = {"\\040": " ", "\\011": "\t", "\\012": "\n", "\\134": "\\"}


def mount_of(path: Path) -> str | None:
    """The kind of file system: `ext4`, `nfs4`, `overlay`; None where the system does not tell."""
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return None
    return kind_in(lines, path.resolve())


def kind_in(lines: Iterable[str], path: Path) -> str | None:
    """The kind of the mount that covers `path`, in the lines of `mountinfo`; of two at one place the later one does."""
    best: tuple[int, str] | None = None
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = Path(_unescaped(fields[4]))
        if path.is_relative_to(point) and (best is None or len(point.parts) >= best[0]):
            best = len(point.parts), after.split(" ")[0]
    return None if best is None else best[1]


def _unescaped(text: str) -> str:
    for written, meant in _ESCAPES.items():
        text = text.replace(written, meant)
    return text

"""Is a process stopped by a signal? Then it answers nobody, and is not dead."""

import socket
from pathlib import Path

__all__ = ["is_frozen"]

_STOPPED = frozenset("Tt")


def is_frozen(pid: int, host: str, proc: Path = Path("/proc")) -> bool:
    """Whether it is on this machine and was stopped (SIGSTOP, Ctrl-Z); False where that cannot be found out."""
    if host != socket.gethostname():
        return False
    try:
        # The name of the program may hold anything, brackets too.
        state = (proc / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state in _STOPPED

"""Whether process 1 buries the dead: an orphan is left to it, and looked for."""

import asyncio
import os
import subprocess
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from outlast.cli.doctor.check import Check, State
from outlast.runtime import Clock

__all__ = ["Burial", "burial_check", "bury_one"]

LOOKS = 40
LOOK_SECONDS = 0.05
_ORPHAN = "sleep 0.01 >/dev/null 2>&1 & echo $!"


@dataclass(frozen=True, slots=True, kw_only=True)
class Burial:
    """`adopter` is the command of the process that got the orphan, and `buried` whether it is gone. None: not known here."""

    container: bool
    adopter: str | None = None
    buried: bool | None = None


async def bury_one(
    clock: Clock, *, proc: Path = Path("/proc"), root: Path = Path("/"), shell: str = "/bin/sh"
) -> Burial:
    """Leave a dead process to whoever adopts orphans, and wait for at most two seconds until it is gone."""
    marks = (root / ".dockerenv", root / "run/.containerenv")
    container = any(mark.exists() for mark in marks) or os.getpid() == 1
    adopter = _text(proc / "1" / "comm")
    if adopter is None:
        return Burial(container=container)
    try:
        orphan = await asyncio.to_thread(_orphan, shell)
    except (OSError, subprocess.SubprocessError, ValueError):
        # No shell, or none that may start anything.
        return Burial(container=container, adopter=adopter)
    state, parent = "", 0
    for _ in range(LOOKS):
        stat = _text(proc / str(orphan) / "stat")
        if stat is None:
            return Burial(container=container, adopter=adopter, buried=True)
        # The command stands in brackets and may hold anything.
        state, number = stat.rpartition(")")[2].split()[:2]
        parent = int(number)
        await clock.sleep(LOOK_SECONDS)
    _bury_own(orphan, parent)
    # On a machine so busy that it has not even ended nothing is known.
    buried = False if state == "Z" else None
    return Burial(container=container, adopter=_text(proc / str(parent) / "comm"), buried=buried)


def burial_check(found: Burial) -> Check:
    """Browsers leave processes to whoever adopts orphans: where the dead stay, the table of processes fills."""
    facts = asdict(found)
    if found.buried is None:
        return Check(name="process 1", state=State.OK, says="not known here", facts=facts)
    if found.buried:
        return Check(
            name="process 1", state=State.OK, says=f"{found.adopter} buries what browsers leave behind", facts=facts
        )
    says = f"{found.adopter} leaves the dead unburied: those of browsers fill the table of processes"
    do = "docker run --init ..." if found.container else "start the job below an init that buries them, such as tini"
    return Check(name="process 1", state=State.WARN, says=says, do=(do,), facts=facts)


def _orphan(shell: str) -> int:
    done = subprocess.run([shell, "-c", _ORPHAN], stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - fixed words
    return int(done.stdout)


def _bury_own(orphan: int, parent: int) -> None:
    # Where this process is the one that adopts, as process 1 of a container.
    if parent == os.getpid():
        with suppress(ChildProcessError):
            os.waitpid(orphan, 0)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return None

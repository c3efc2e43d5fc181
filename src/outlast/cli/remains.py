"""What is left of a job whose ledger is gone, and how a job is called whose ledger cannot tell."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from outlast.cli.phrases import units
from outlast.jobs.store import JobDirectory
from outlast.ledger.image import log_path, size_of

__all__ = ["Remains", "name_of", "remains", "remains_of"]


@dataclass(frozen=True, slots=True)
class Remains:
    """Checkpoints that were taken with a ledger which is gone; and whether its `log` is there, from which it can be repaired."""

    checkpoints: int
    log: bool

    @property
    def told(self) -> str:
        """What is there, at the end of a sentence."""
        verb = "is" if self.checkpoints == 1 else "are"
        log = " and its log" if self.log else ""
        return f"{units(self.checkpoints, 'checkpoint')}{log} {'are' if self.log else verb} there"


def remains_of(directory: JobDirectory) -> Remains | None:
    """What is left where a job has no ledger; None where it has one, or nothing is left."""
    if directory.exists:
        return None
    checkpoints = sum(1 for _ in directory.checkpoints.glob("*/*.ckpt"))
    log = size_of(log_path(directory.ledger)) > 0
    return Remains(checkpoints, log) if checkpoints or log else None


def remains(store: Path) -> Iterator[JobDirectory]:
    """Every job of a store that has lost its ledger."""
    for path in sorted(store.absolute().glob("jobs/*")):
        directory = JobDirectory(path)
        if remains_of(directory) is not None:
            yield directory


def name_of(directory: JobDirectory) -> str:
    """The name of a job, or what its directory has of it."""
    return directory.name or directory.path.name.rpartition("-")[0]

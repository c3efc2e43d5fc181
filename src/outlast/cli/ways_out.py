"""What to type after an error, with the job's own name and its store."""

from pathlib import Path

from outlast.cli.options import Settings
from outlast.cli.phrases import quoted, typed
from outlast.cli.reading import store_hint
from outlast.errors import LedgerCorruptionError
from outlast.jobs.store import JobDirectory

__all__ = ["ways_out"]


def ways_out(error: BaseException, settings: Settings) -> list[str]:
    """A line for each way out of it; none where there is nothing to be typed."""
    if not isinstance(error, LedgerCorruptionError):
        return []
    if error.context.get("gone"):
        return ["Put a backup of it back, or begin anew: run the first command again"]
    verify, repair = (typed(f"outlast {verb} {_job(error, settings)}") for verb in ("verify", "repair"))
    return [f"See what is damaged: {verify}. Mend it: {repair}"]


def _job(error: LedgerCorruptionError, settings: Settings) -> str:
    """The job that the error is about, as it is typed, and where it is kept."""
    hint = store_hint(settings) if settings.hint is None else settings.hint
    path = error.context.get("path")
    name = JobDirectory(Path(path).parent).name if path is not None else settings.job
    return ("JOB" if name is None else quoted(name)) + hint

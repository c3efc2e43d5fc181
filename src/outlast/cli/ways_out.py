"""What to type after an error, with the job's own name and its store."""

from collections.abc import Mapping
from pathlib import Path

from outlast.cli.options import Settings
from outlast.cli.phrases import over, quoted, typed
from outlast.cli.reading import store_hint
from outlast.errors import CheckpointCorruptionError, JobLockedError, LedgerCorruptionError
from outlast.jobs import ExitCode
from outlast.jobs.store import JobDirectory

__all__ = ["ways_out"]

_GOES_ON: Mapping[int, str] = {
    ExitCode.USAGE: "When that is mended",
    ExitCode.RESOURCE_LIMIT: "When there is room, or the store and the output can be written again",
    ExitCode.BUG: "When that is mended",
}


def ways_out(error: BaseException, settings: Settings, code: int) -> list[str]:
    """A line for each way out of it; none where there is nothing to be typed."""
    match error:
        case LedgerCorruptionError():
            return [_of_ledger(error, settings)]
        case JobLockedError():
            return [f"Wait until it has ended, or stop it (it finishes what is in flight): {_stop(error, settings)}"]
        case CheckpointCorruptionError() if "of_job" in error.context:
            return [_of_checkpoint(error)]
    if code == ExitCode.RESOURCE_LIMIT and settings.job is not None and not settings.begun:
        return [f"Nothing was started. {_GOES_ON[code]}: the same command"]
    if not settings.begun or settings.job is None or code not in _GOES_ON:
        return []
    again = typed(f"outlast resume {quoted(settings.job)}{_hint(settings)}")
    return [f"What was recorded is kept. {_GOES_ON[code]}: {again}"]


def _of_ledger(error: LedgerCorruptionError, settings: Settings) -> str:
    if error.context.get("gone"):
        return "Put a backup of it back, or begin anew: run the first command again"
    if error.context.get("hopeless"):
        return f"Put a backup of it back, or start over: {over(_name(error, settings))}"
    verify, repair = (
        typed(f"outlast {verb} {_name(error, settings)}{_hint(settings)}") for verb in ("verify", "repair")
    )
    return f"See what is damaged: {verify}. Mend it: {repair}"


def _of_checkpoint(error: CheckpointCorruptionError) -> str:
    job = f"{quoted(error.context['of_job'])}{error.context['hint']}"
    others = f"The others: {typed(f'outlast checkpoint ls {job}')}"
    if not error.context["repairable"]:
        return others
    return f"{others}. Move what is damaged out of the way: {typed(f'outlast repair {job}')}"


def _stop(error: JobLockedError, settings: Settings) -> str:
    """What to type to stop the run that holds the job."""
    name = error.context.get("job_id")
    return "Ctrl-C where it runs" if name is None else typed(f"outlast stop {quoted(str(name))}{_hint(settings)}")


def _name(error: LedgerCorruptionError, settings: Settings) -> str:
    """The job that the error is about, as it is typed."""
    path = error.context.get("path")
    name = JobDirectory(Path(path).parent).name if path is not None else settings.job
    return "JOB" if name is None else quoted(name)


def _hint(settings: Settings) -> str:
    return store_hint(settings) if settings.hint is None else settings.hint

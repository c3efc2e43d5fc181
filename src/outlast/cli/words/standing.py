"""How a job stands, for its report: the word for how its last run ended, and how bad that is."""

from collections.abc import Mapping
from datetime import datetime

from outlast.cli.phrases import moment
from outlast.cli.reading import JobRecord
from outlast.cli.words.abort import aborted_lines, suspended_line, why
from outlast.jobs import ExitCode, Outcome
from outlast.report.told import ABORTED, Grade, Standing

__all__ = ["moment_told", "standing_of", "unread_standing"]

_WORDS: Mapping[str, tuple[str, Grade]] = {
    Outcome.COMPLETED: ("finished", Grade.GOOD),
    Outcome.COMPLETED_WITH_FAILURES: ("finished with failures", Grade.WARNING),
    Outcome.ABORTED: ("aborted", Grade.BAD),
    Outcome.STOPPED: ("stopped", Grade.WARNING),
    Outcome.TIMED_OUT: ("out of time", Grade.WARNING),
    Outcome.EMPTY: ("empty", Grade.BAD),
    "error": ("ended with an error", Grade.BAD),
}


def standing_of(record: JobRecord) -> Standing:
    """How the last run of a job ended, or that it goes on."""
    run = str(record.run.get("id", ""))
    if record.running is not None:
        suspended = "" if record.suspended is None else suspended_line(record.suspended, paused=record.paused.job)
        word, grade = ("suspended", Grade.WARNING) if suspended else ("running", Grade.GOOD)
        if record.paused.job:
            word, grade = "paused", Grade.WARNING
        return Standing(word=word, grade=grade, detail=suspended, run=run, running=True)
    if not record.run:
        return Standing(word="not begun", grade=Grade.WARNING)
    if record.was_killed:
        word = "on hold" if record.notes.hold else "killed"
        began = moment(str(record.run.get("started", "?")))
        detail = f"The run of {began} did not end by itself: killed, the machine went down, or the disk was full."
        return Standing(word=word, grade=Grade.BAD, detail=detail, run=run)
    return _ended(record, run)


def unread_standing() -> Standing:
    """A job whose ledger cannot be read."""
    return Standing(word="damaged", grade=Grade.BAD)


def _ended(record: JobRecord, run: str) -> Standing:
    ended = record.ended
    outcome, code = str(ended.get("outcome", "?")), ended.get("exit_code")
    word, grade = _WORDS.get(outcome, (outcome, Grade.WARNING))
    if outcome == Outcome.COMPLETED_WITH_FAILURES and code == ExitCode.TOO_MANY_FAILED:
        grade = Grade.BAD
    return Standing(
        word="on hold" if record.notes.hold else word,
        grade=grade,
        detail=_detail(record),
        run=run,
        exit_code=code if isinstance(code, int) else None,
        at=moment_told(ended.get("at")),
    )


def _detail(record: JobRecord) -> str:
    """Why it ended so, where that was noted."""
    ended, aborted = record.ended, record.aborted
    if ended.get("outcome") == Outcome.ABORTED and aborted is not None:
        told = [why(aborted), *(line.strip() for line in aborted_lines(aborted))]
        return f"{ABORTED}{'; '.join(told)}."
    for name in ("error", "reason"):
        if ended.get(name):
            return f"It ended so: {ended[name]}"
    return ""


def moment_told(text: object) -> datetime | None:
    """A moment that was noted in ISO 8601; None where none was."""
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None

"""What is said when a run is told something: what happens meanwhile, what it answers, how it ended."""

import socket
from collections.abc import Mapping

from outlast.cli.phrases import commands, duration, quoted, safe, units
from outlast.cli.reading import Holder, JobRecord
from outlast.cli.steering import Silence
from outlast.cli.words.abort import why
from outlast.cli.words.job import last_run_line, status_steps
from outlast.jobs import Outcome
from outlast.jobs.command import Word
from outlast.jobs.outcome import UNREAD

__all__ = ["ended_lines", "given_line", "left_lines", "not_running_lines", "silent_lines", "unended_lines"]

_TO: Mapping[Word, str] = {Word.STOP: "to stop", Word.ABORT: "to abort", Word.CHECKPOINT: "to take a checkpoint"}
_ITSELF: Mapping[str, str] = {
    Outcome.COMPLETED: "finished",
    Outcome.COMPLETED_WITH_FAILURES: "finished with failures",
    Outcome.TIMED_OUT: "out of time",
}


def given_line(job: str, word: Word, holder: Holder, *, waits: bool) -> str:
    """The run is told, and nobody has answered yet."""
    told = f"job {safe(job)}: its run (pid {holder.pid} on {safe(holder.host)}) is told {_TO[word]}"
    return f"{told}; waiting for its answer ..." if waits else f"{told}; it looks once a second"


def left_lines(job: str, word: Word, hint: str) -> list[str]:
    """Whoever waited does so no longer."""
    first = f"Not waiting any longer. That takes nothing back: the run is told {_TO[word]}, and does so when it looks."
    return [first, *commands([("see", f"outlast status {quoted(job)}{hint}")])]


def not_running_lines(record: JobRecord, hint: str) -> list[str]:
    """Nobody runs the job, so nothing had to be stopped."""
    if record.running is not None:
        holder = record.running
        held = f"no run works on it yet; pid {holder.pid} on {safe(holder.host)} holds it, for another command or a run that begins"
        return [f"job {safe(record.name)}: {held}. Nobody was told anything."]
    steps = status_steps(record, (), quoted(record.name), hint)
    return [f"job {safe(record.name)}: {last_run_line(record)}. Nothing was stopped.", *commands(steps)]


def silent_lines(job: str, holder: Holder, silence: Silence, *, seconds: float, hint: str) -> list[str]:
    """The run has not answered: why, as far as that can be seen, and what to do."""
    if silence is Silence.ENDED:
        taken = ("see those it has taken", f"outlast checkpoint ls {quoted(job)}{hint}")
        return [f"job {safe(job)}: the run has ended, and has not answered before.", *commands([taken])]
    who = f"the run of job {safe(job)} (pid {holder.pid} on {safe(holder.host)})"
    end = ("end it", _kill("KILL", holder, "nothing that is recorded is lost"))
    if silence is Silence.FROZEN:
        first = f"{who} is stopped by a signal (SIGSTOP or Ctrl-Z), and does not answer. When it goes on, it does what it was told."
        return [first, *commands([("let it go on", _kill("CONT", holder)), end])]
    first = f"{who} has not answered within {duration(seconds)}: it is very busy, or hangs. What it was told stays until it looks."
    return [first, *commands([("see", f"outlast status {quoted(job)}{hint}"), end])]


def unended_lines(job: str, holder: Holder, silence: Silence, *, seconds: float, hint: str) -> list[str]:
    """The run has answered, and not ended."""
    if silence is Silence.FROZEN:
        return silent_lines(job, holder, silence, seconds=seconds, hint=hint)
    first = f"the run of job {safe(job)} (pid {holder.pid} on {safe(holder.host)}) has not ended within {duration(seconds)}."
    now = ("cut off what is in flight", f"outlast stop {quoted(job)} --now{hint}")
    end = ("end it", _kill("KILL", holder, "nothing that is recorded is lost"))
    return [first, *commands([now, end])]


def ended_lines(record: JobRecord, run: str, hint: str) -> list[str]:
    """How the run ended, what is left of the job, and what can be typed next."""
    counts = record.counts
    failed = f"{counts.failed} failed, " if counts.failed else ""
    over = UNREAD if record.ended.get("outcome") == Outcome.STOPPED else "nothing left to do"
    left = f"{units(counts.waiting, 'item')} still to do" if counts.waiting else over
    steps = status_steps(record, (), quoted(record.name), hint)
    first = f"{_how(record, run)}; {counts.done} of {counts.total} done, {failed}{left}. What is recorded is kept."
    return [first, *commands(steps)]


def _how(record: JobRecord, run: str) -> str:
    ended, aborted = record.ended, record.notes.aborted
    if record.running is not None and ended.get("run") != run:
        return "ended, and another run goes on already"
    if ended.get("run") != run:
        return "ended without a word: killed, the machine went down, or the disk was full"
    outcome = str(ended.get("outcome", "?"))
    if "error" in ended:
        return f"ended with an error: {safe(str(ended['error']), 200)}"
    if outcome == Outcome.ABORTED and aborted is not None:
        return f"aborted: {why(aborted)}"
    by_itself = _ITSELF.get(outcome)
    return safe(outcome) if by_itself is None else f"ended by itself, {by_itself}"


def _kill(signal: str, holder: Holder, *remarks: str) -> str:
    """What to type on the machine of the process, with what there is to know about it."""
    where = [] if holder.host == socket.gethostname() else [f"on {safe(holder.host)}"]
    said = "; ".join([*where, *remarks])
    return f"kill -{signal} {holder.pid}" + (f"  # {said}" if said else "")

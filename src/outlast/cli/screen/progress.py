"""The progress of a job in a line, for logs, and as an object, for programs."""

from dataclasses import asdict
from typing import Any

from outlast.cli.failures.choice import group_name
from outlast.cli.phrases import MEBIBYTE, clock_face, moment, percent, plainly, rate, safe, size
from outlast.cli.screen.pace import Eta
from outlast.cli.screen.view import View
from outlast.failure.groups import OTHER
from outlast.jobs.causes import Cause
from outlast.jobs.host import Reason

__all__ = [
    "JOB_PAUSED",
    "counted",
    "group_of",
    "memory_text",
    "plain_line",
    "status_object",
    "stopping_text",
    "suspended_text",
    "told_eta",
]

HOSTS_SHOWN_MAX = 3
CAUSES_SHOWN_MAX = 3
SUSPENDED_WIDTH_MAX = 240
JOB_PAUSED = "paused: nothing is begun until the job is unpaused"


def counted(view: View) -> dict[str, str]:
    """The numbers of a view, under the names they are shown by."""
    numbers = {
        "ok": str(view.counts.done),
        "retrying": str(view.counts.deferred),
        "failed": str(view.counts.failed),
        "in_flight": str(view.in_flight),
    }
    if view.memory_mb is not None:
        numbers["memory"] = memory_text(view.memory_mb)
    if view.memory_mb is not None and view.memory_limit_mb:
        numbers["memory_limit"] = memory_text(view.memory_limit_mb)
    if view.pages_max is not None:
        numbers["pages_max"] = str(view.pages_max)
    return numbers | _waiting(view) | _happened(view)


def stopping_text(in_flight: int) -> str:
    """What is said from the first Ctrl-C on."""
    return f"stopping: {in_flight} in flight ... (again: stop now)"


def told_eta(eta: Eta | None) -> str:
    if eta is None:
        return "unknown"
    return f"{clock_face(eta.early)}-{'?' if eta.late is None else clock_face(eta.late)}"


def plain_line(view: View) -> str:
    """The progress in one line, for logs: `2026-11-23T00:18:04Z INFO 4612/12480 37.0% 264/s ok=4600 ...`."""
    total = view.counts.total
    numbers = " ".join(f"{name}={value}" for name, value in {**counted(view), "eta": told_eta(view.eta)}.items())
    line = (
        f"{moment(view.now)} INFO {view.finished}/{total} {percent(view.finished, total)} {rate(view.rate)} {numbers}"
    )
    causes = ",".join(f"{group_of(each)}:{each.failed}" for each in view.causes[:CAUSES_SHOWN_MAX] if each.failed)
    line = f"{line} causes={causes}" if causes else line
    if view.job_paused:
        return f"{line} {JOB_PAUSED}"
    return f"{line} {suspended_text(view.suspended)}" if view.suspended else line


def status_object(view: View) -> dict[str, Any]:
    """The progress as JSON-able data, for programs: numbers in seconds, MB and items."""
    eta, happened, trouble = view.eta, view.happened, view.trouble
    at = happened.checkpoint_at
    return {
        "timestamp": view.now.isoformat(),
        "elapsed": round(view.elapsed, 3),
        "counts": {**asdict(view.counts), "total": view.counts.total},
        "finished": view.finished,
        "in_flight": view.in_flight,
        "concurrency": view.concurrency,
        "per_second": view.rate,
        "eta": None if eta is None else asdict(eta),
        "memory_mb": view.memory_mb,
        "memory_limit_mb": view.memory_limit_mb,
        "pages_max": view.pages_max,
        "hosts_waiting": view.hosts_waiting,
        "hosts": [
            {
                "host": each.host,
                "reason": each.reason.value,
                "since": None if each.since is None else each.since.isoformat(),
                "seconds": each.seconds,
            }
            for each in view.hosts
        ],
        "causes": [{"group": group_of(each), **asdict(each)} for each in view.causes],
        "checkpoint": {
            "id": happened.checkpoint_id or None,
            "at": None if at is None else at.isoformat(),
            "problem": happened.checkpoint_problem or None,
        },
        "browser": {
            "restarts": happened.restarts,
            "crashes": happened.crashes,
            "reason": happened.browser or None,
            "at": None if happened.browser_at is None else happened.browser_at.isoformat(),
            "gone": happened.no_browser,
        },
        "suspended": bool(view.suspended),
        "job_paused": view.job_paused,
        "trouble": None if trouble is None else asdict(trouble),
        "stopping": view.stopping,
    }


def group_of(cause: Cause) -> str:
    """What a kind of failure is called by the verbs that take it."""
    return OTHER if cause.signature == OTHER else group_name(cause.signature)


def memory_text(megabytes: float) -> str:
    return size(int(megabytes * MEBIBYTE)).replace(" ", "")


def suspended_text(reason: str) -> str:
    """Why nobody but probes may go, in a line."""
    return safe(f"suspended: {plainly(reason)}", SUSPENDED_WIDTH_MAX)


def _waiting(view: View) -> dict[str, str]:
    named = (Reason.PARKED, Reason.PAUSED, Reason.ASKED_TO_WAIT)
    hosts = {reason: [each.host for each in view.hosts if each.reason is reason] for reason in named}
    return {reason.value: _hosts(names) for reason, names in hosts.items() if names}


def _happened(view: View) -> dict[str, str]:
    happened, trouble = view.happened, view.trouble
    numbers: dict[str, str] = {}
    if happened.checkpoint_problem:
        numbers["checkpoint"] = "failed"
    elif happened.checkpoint_at is not None:
        numbers["checkpoint_age"] = clock_face((view.now - happened.checkpoint_at).total_seconds())
    numbers |= {name: str(getattr(happened, name)) for name in ("restarts", "crashes") if getattr(happened, name)}
    if trouble is not None:
        numbers |= {"probes": str(trouble.probes), "good_probes": str(trouble.good_probes)}
    if trouble is not None and trouble.gives_up_in is not None:
        numbers["aborts_in"] = clock_face(trouble.gives_up_in)
    return numbers


def _hosts(hosts: list[str]) -> str:
    """The first few of them in a word."""
    names = [safe(host, 60).replace(" ", "") or "(no host)" for host in hosts[:HOSTS_SHOWN_MAX]]
    return ",".join([*names, *(["..."] if len(hosts) > HOSTS_SHOWN_MAX else [])])

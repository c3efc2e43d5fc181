"""A failure as somebody reports it, as a dictionary, read as `FailureHandler` reads it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from outlast.abort.watch import Report
from outlast.errors import ValidationError
from outlast.failure.model import FailureClass
from outlast.failure.occurrence import read_occurrence
from outlast.failure.rule import FailureRule

__all__ = ["job_name", "report_of"]

JOB_ID_MAX = 512
SIGNATURE_MAX = 400


def report_of(
    event: Mapping[str, Any],
    *,
    now: datetime,
    rules: tuple[FailureRule, ...] = (),
    with_traceback: bool | Callable[[str], bool] = True,
) -> Report:
    """The report that a failure event is; a `signature` in it is kept. `ValidationError` when it tells of no failure."""
    told = read_occurrence(event, {}, now=now, rules=rules, with_traceback=with_traceback)
    failure, signature = told.failure, event.get("signature")
    if isinstance(signature, str) and signature:
        failure = replace(failure, signature=signature[:SIGNATURE_MAX])
    says_crash = "crash" in f"{failure.type} {failure.message}".lower()
    return Report(
        failure=failure,
        at=told.at,
        host=told.host,
        key=told.key,
        incident=told.incident_id,
        category=told.category,
        severity=told.severity.value,
        is_crash=event.get("crashed") is True or (failure.failure_class is FailureClass.BROWSER and says_crash),
    )


def job_name(job_id: object) -> str:
    """The id of a job, as it is; `ValidationError` for what cannot be one."""
    if isinstance(job_id, str) and 0 < len(job_id) <= JOB_ID_MAX:
        return job_id
    raise ValidationError(f"job_id: must be a text of 1 to {JOB_ID_MAX} characters, not {job_id!r}")

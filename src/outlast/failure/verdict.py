"""What a class, a rule of the user's, or an error that was judged already says of a failure."""

from dataclasses import replace
from functools import cache

from outlast.errors import BlockedPageError, UnwantedResultError
from outlast.failure.model import NATURE, REMEDY, UNKNOWN_ATTEMPTS_MAX, Classification, FailureClass, Remedy
from outlast.failure.rule import FailureRule

__all__ = ["carried", "of_class", "ruled", "status_told"]


@cache
def of_class(failure_class: FailureClass) -> Classification:
    """What is known of a failure of which only the class is."""
    transient, fault = NATURE[failure_class]
    bound = UNKNOWN_ATTEMPTS_MAX if failure_class is FailureClass.UNKNOWN else None
    return Classification(
        failure_class=failure_class,
        transient=transient,
        fault=fault,
        max_attempts=bound,
        remedy=REMEDY[failure_class],
    )


def ruled(rule: FailureRule, natural: Classification) -> Classification:
    """What the rule makes of a failure that would be `natural` without it; a longer wish of the other side still counts."""
    found = of_class(rule.failure_class)
    transient = found.transient if rule.transient is None else rule.transient
    wishes = [wish for wish in (rule.retry_after, natural.retry_after) if wish is not None]
    return replace(
        found,
        transient=transient,
        max_attempts=rule.max_attempts if transient else None,
        retry_after=max(wishes, default=None),
        status=natural.status,
        remedy=rule.remedy or found.remedy,
        rule=rule.name,
    )


def carried(error: BaseException) -> Classification | None:
    """The verdict that an `UnwantedResultError` brings with it."""
    if not isinstance(error, UnwantedResultError) or error.context.get("class") not in set(FailureClass):
        return None
    told = error.context
    found = of_class(FailureClass(told["class"]))
    remedy = told.get("remedy")
    return replace(
        found,
        transient=bool(told.get("transient", found.transient)),
        max_attempts=told.get("max_attempts"),
        retry_after=told.get("retry_after"),
        status=told.get("status"),
        remedy=Remedy(remedy) if remedy in set(Remedy) else found.remedy,
        rule=told.get("rule"),
    )


def status_told(error: BaseException) -> int | None:
    """The status of the answer that a `BlockedPageError` is about. It decides nothing: a wall may answer 200."""
    status = error.context.get("status") if isinstance(error, BlockedPageError) else None
    return status if isinstance(status, int) else None

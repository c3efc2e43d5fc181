"""What went wrong, whose fault it is, and whether it can pass by itself.

Each link of the chain of causes is asked in turn, the outermost first, and the first that says anything decides. A link says
something by the caller's rules, by its own hints (`retryable`, `retry_after`), by its HTTP status, by its type, by its
message, in this order. If no link says anything, the failure is unknown.
"""

import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime

from outlast.errors import PermanentFailureError
from outlast.failure.facts import (
    DEPTH_MAX,
    attribute,
    chain,
    errno_of,
    headers_of,
    status_of,
    text_of,
    type_name,
    type_names,
)
from outlast.failure.model import NATURE, UNKNOWN_ATTEMPTS_MAX, Classification, FailureClass
from outlast.failure.retry_after import asked_delay, bounded
from outlast.failure.rules import (
    BY_ERRNO,
    BY_MESSAGE,
    BY_NET_ERROR,
    BY_STATUS,
    BY_TYPE,
    CERTIFICATE_REFUSED,
    EXHAUSTED,
    NET_ERROR,
)

__all__ = ["classify"]

# What a server answers to say "not now": with a Retry-After, these are throttling too.
_THROTTLING_WITH_RETRY_AFTER = frozenset({403, 503})


def classify(
    error: BaseException,
    *,
    now: datetime,
    transient_patterns: Sequence[str] = (),
    permanent_patterns: Sequence[str] = (),
    retryable_status: AbstractSet[int] = frozenset(),
    non_retryable_status: AbstractSet[int] = frozenset(),
) -> Classification:
    """Classify a failure. `now` (aware) is what a `Retry-After` date is compared with.

    The patterns are regular expressions, searched in the message and in the dotted name of the exception's type. Where rules
    contradict each other, the permanent one wins. Of an `ExceptionGroup` every leaf is asked: it is transient only if all are.
    What is no `Exception` (a cancellation, say) is never transient.
    """
    rules = _Rules(transient_patterns, permanent_patterns, retryable_status, non_retryable_status)
    return _judge(error, rules, now, within=frozenset())


@dataclass(frozen=True, slots=True)
class _Rules:
    transient_patterns: Sequence[str]
    permanent_patterns: Sequence[str]
    retryable_status: AbstractSet[int]
    non_retryable_status: AbstractSet[int]

    def transient(self, error: BaseException, status: int | None) -> bool | None:
        texts = (text_of(error), type_name(error)) if self.permanent_patterns or self.transient_patterns else ()
        if status in self.non_retryable_status or _any_match(self.permanent_patterns, texts):
            return False
        if status in self.retryable_status or _any_match(self.transient_patterns, texts):
            return True
        return None


def _judge(error: BaseException, rules: _Rules, now: datetime, *, within: frozenset[int]) -> Classification:
    if not isinstance(error, Exception) and not isinstance(error, BaseExceptionGroup):
        return replace(_of_class(FailureClass.UNKNOWN), transient=False, max_attempts=None)
    said = (
        _opinion(link, rules, now, within) for link in chain(error) if isinstance(link, Exception | BaseExceptionGroup)
    )
    judged = next(filter(None, said), None) or _of_class(FailureClass.UNKNOWN)
    if isinstance(error, PermanentFailureError):
        # Somebody inside has already decided, perhaps by rules that we do not have.
        return replace(judged, transient=False, max_attempts=None)
    return judged


def _opinion(error: BaseException, rules: _Rules, now: datetime, within: frozenset[int]) -> Classification | None:
    """What one link says for itself."""
    status, wish, hinted = status_of(error), _wish(error), attribute(error, "retryable")
    retry_after = wish if wish is not None else asked_delay(headers_of(error), now)
    transient = rules.transient(error, status)
    if transient is None and isinstance(hinted, bool):
        transient = hinted
    if transient is None and wish is not None:
        transient = True
    if isinstance(error, BaseExceptionGroup):
        natural = _of_group(error, rules, now, within)
    else:
        natural = _by_nature(error, status, retry_after, throttled=wish is not None)
    if natural is None and transient is None:
        return None
    found = natural or _of_class(FailureClass.UNKNOWN)
    found = replace(found, status=status or found.status, retry_after=_longest(retry_after, found.retry_after))
    return found if transient is None else replace(found, transient=transient, max_attempts=None)


def _by_nature(
    error: BaseException, status: int | None, retry_after: float | None, *, throttled: bool
) -> Classification | None:
    found = _by_status(status, retry_after) or _by_type(error) or _by_message(text_of(error))
    if found is None and throttled:
        found = FailureClass.THROTTLED
    return None if found is None else _of_class(found)


def _by_status(status: int | None, retry_after: float | None) -> FailureClass | None:
    if status is None or status < 400:
        return None
    if status in _THROTTLING_WITH_RETRY_AFTER and retry_after is not None:
        return FailureClass.THROTTLED
    default = FailureClass.CLIENT_ERROR if status < 500 else FailureClass.SERVER_ERROR
    return BY_STATUS.get(status, default)


def _by_type(error: BaseException) -> FailureClass | None:
    number = errno_of(error)
    if number in EXHAUSTED:
        return FailureClass.LOCAL_RESOURCE
    named = next((BY_TYPE[name] for name in type_names(error) if name in BY_TYPE), None)
    if named is FailureClass.NETWORK and CERTIFICATE_REFUSED.search(text_of(error)):
        return FailureClass.CERTIFICATE
    if named is None and number is not None:
        return BY_ERRNO.get(number)
    return named


def _by_message(text: str) -> FailureClass | None:
    net_error = NET_ERROR.search(text)
    if net_error is not None:
        return next((found for pattern, found in BY_NET_ERROR if pattern.match(net_error[1])), None)
    return next((found for pattern, found in BY_MESSAGE if pattern.search(text)), None)


def _of_group(
    group: BaseExceptionGroup[BaseException], rules: _Rules, now: datetime, within: frozenset[int]
) -> Classification | None:
    if id(group) in within or len(within) >= DEPTH_MAX:
        return None  # a leaf may name its own group as its cause
    within |= {id(group)}
    leaves = [_judge(leaf, rules, now, within=within) for leaf in group.exceptions]
    worst = next((leaf for leaf in leaves if not leaf.transient), leaves[0])
    bounds = [leaf.max_attempts for leaf in leaves if leaf.max_attempts is not None]
    return replace(
        worst,
        retry_after=_longest(*(leaf.retry_after for leaf in leaves)),
        max_attempts=min(bounds, default=None) if worst.transient else None,
    )


def _of_class(failure_class: FailureClass) -> Classification:
    transient, fault = NATURE[failure_class]
    bound = UNKNOWN_ATTEMPTS_MAX if failure_class is FailureClass.UNKNOWN else None
    return Classification(failure_class=failure_class, transient=transient, fault=fault, max_attempts=bound)


def _wish(error: BaseException) -> float | None:
    value = attribute(error, "retry_after")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return bounded(value)
    return None


def _longest(*wishes: float | None) -> float | None:
    return max((wish for wish in wishes if wish is not None), default=None)


def _any_match(patterns: Iterable[str], texts: Iterable[str]) -> bool:
    return any(re.search(pattern, text) for pattern in patterns for text in texts)

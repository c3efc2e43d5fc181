"""What went wrong, whose fault it is, and whether it can pass by itself.

The user's own rules come first: the first rule that any link of the chain of causes meets decides. Without one each link is
asked in turn, the outermost first, and the first that says anything decides. A link says something by the policy's patterns and
status codes, by its own hints (`retryable`, `retry_after`), by its HTTP status, by its type, by its message, in this order. If
no link says anything, the failure is unknown.
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
from outlast.failure.model import Classification, FailureClass
from outlast.failure.retry_after import asked_delay, bounded
from outlast.failure.rule import FailureRule
from outlast.failure.rules import (
    BY_CURL_ERROR,
    BY_ERRNO,
    BY_MESSAGE,
    BY_NET_ERROR,
    BY_STATUS,
    BY_TYPE,
    CERTIFICATE_REFUSED,
    CURL_ERROR,
    EXHAUSTED,
    NET_ERROR,
    PROXY_REFUSED,
)
from outlast.failure.verdict import carried, of_class, ruled, status_told

__all__ = ["classify"]

# What a server answers to say "not now": with a Retry-After, these are throttling too.
_THROTTLING_WITH_RETRY_AFTER = frozenset({403, 503})


def classify(  # noqa: PLR0913 - what a policy has to say of it, each by its name
    error: BaseException,
    *,
    now: datetime,
    rules: Sequence[FailureRule] = (),
    host: str = "",
    transient_patterns: Sequence[str] = (),
    permanent_patterns: Sequence[str] = (),
    retryable_status: AbstractSet[int] = frozenset(),
    non_retryable_status: AbstractSet[int] = frozenset(),
) -> Classification:
    """Classify a failure. `now` (aware) is what a `Retry-After` date is compared with.

    The first of `rules` that it meets decides before anything else; `host` is where it happened, for rules that ask. The patterns
    are regular expressions, searched in the message and in the dotted name of the exception's type. Where they contradict each
    other, the permanent one wins. Of an `ExceptionGroup` every leaf is asked: it is transient only if all are.
    What is no `Exception` (a cancellation, say) is never transient.
    """
    wanted = _Wanted(rules, host, transient_patterns, permanent_patterns, retryable_status, non_retryable_status)
    return _judge(error, wanted, now, within=frozenset())


@dataclass(frozen=True, slots=True)
class _Wanted:
    rules: Sequence[FailureRule]
    host: str
    transient_patterns: Sequence[str]
    permanent_patterns: Sequence[str]
    retryable_status: AbstractSet[int]
    non_retryable_status: AbstractSet[int]

    def rule_for(self, error: BaseException) -> tuple[FailureRule, Exception] | None:
        """The first rule that a link of the chain meets, and the outermost link that does."""
        if not self.rules or not isinstance(error, Exception):
            return None
        links = [link for link in chain(error) if isinstance(link, Exception)]
        met = ((rule, link) for rule in self.rules for link in links if rule.matches(link, self.host))
        return next(met, None)

    def transient(self, error: BaseException, status: int | None) -> bool | None:
        texts = (text_of(error), type_name(error)) if self.permanent_patterns or self.transient_patterns else ()
        if status in self.non_retryable_status or _any_match(self.permanent_patterns, texts):
            return False
        if status in self.retryable_status or _any_match(self.transient_patterns, texts):
            return True
        return None


def _judge(error: BaseException, wanted: _Wanted, now: datetime, *, within: frozenset[int]) -> Classification:
    if not isinstance(error, Exception) and not isinstance(error, BaseExceptionGroup):
        return replace(of_class(FailureClass.UNKNOWN), transient=False, max_attempts=None)
    said = (
        _opinion(link, wanted, now, within) for link in chain(error) if isinstance(link, Exception | BaseExceptionGroup)
    )
    judged = next(filter(None, said), None) or of_class(FailureClass.UNKNOWN)
    met, insisted = wanted.rule_for(error), None
    if met is not None:
        rule, link = met
        judged, insisted = ruled(rule, _opinion(link, wanted, now, within) or judged), rule.transient
    if isinstance(error, PermanentFailureError) and not insisted:
        # Somebody inside has already decided, perhaps by rules that we do not have.
        return replace(judged, transient=False, max_attempts=None)
    return judged


def _opinion(error: BaseException, wanted: _Wanted, now: datetime, within: frozenset[int]) -> Classification | None:
    """What one link says for itself."""
    judged = carried(error)
    if judged is not None:
        return judged
    status, wish, hinted = status_of(error), _wish(error), attribute(error, "retryable")
    retry_after = wish if wish is not None else asked_delay(headers_of(error), now)
    transient = wanted.transient(error, status)
    if transient is None and isinstance(hinted, bool):
        transient = hinted
    if transient is None and wish is not None:
        transient = True
    if isinstance(error, BaseExceptionGroup):
        natural = _of_group(error, wanted, now, within)
    else:
        natural = _by_nature(error, status, retry_after, throttled=wish is not None)
    if natural is None and transient is None:
        return None
    found = natural or of_class(FailureClass.UNKNOWN)
    status = status or status_told(error) or found.status
    asked = _longest(retry_after, found.retry_after)
    if status != found.status or asked != found.retry_after:
        found = replace(found, status=status, retry_after=asked)
    return found if transient is None else replace(found, transient=transient, max_attempts=None)


def _by_nature(
    error: BaseException, status: int | None, retry_after: float | None, *, throttled: bool
) -> Classification | None:
    found = _by_status(status, retry_after) or _by_type(error) or _by_message(text_of(error))
    if found is None and throttled:
        found = FailureClass.THROTTLED
    return None if found is None else of_class(found)


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
    if named is FailureClass.NETWORK:
        return _of_connection(text_of(error))
    if named is None and number is not None:
        return BY_ERRNO.get(number)
    return named


def _of_connection(text: str) -> FailureClass:
    if CERTIFICATE_REFUSED.search(text):
        return FailureClass.CERTIFICATE
    return FailureClass.PROXY if PROXY_REFUSED.search(text) else FailureClass.NETWORK


def _by_message(text: str) -> FailureClass | None:
    net_error, curl_error = NET_ERROR.search(text), CURL_ERROR.search(text)
    if net_error is not None:
        return next((found for pattern, found in BY_NET_ERROR if pattern.match(net_error[1])), None)
    if curl_error is not None:
        return _of_connection(text) if curl_error[1] == "7" else BY_CURL_ERROR.get(int(curl_error[1]))
    return next((found for pattern, found in BY_MESSAGE if pattern.search(text)), None)


def _of_group(
    group: BaseExceptionGroup[BaseException], wanted: _Wanted, now: datetime, within: frozenset[int]
) -> Classification | None:
    if id(group) in within or len(within) >= DEPTH_MAX:
        return None  # a leaf may name its own group as its cause
    within |= {id(group)}
    leaves = [_judge(leaf, wanted, now, within=within) for leaf in group.exceptions]
    worst = next((leaf for leaf in leaves if not leaf.transient), leaves[0])
    bounds = [leaf.max_attempts for leaf in leaves if leaf.max_attempts is not None]
    return replace(
        worst,
        retry_after=_longest(*(leaf.retry_after for leaf in leaves)),
        max_attempts=min(bounds, default=None) if worst.transient else None,
    )


def _wish(error: BaseException) -> float | None:
    value = attribute(error, "retry_after")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return bounded(value)
    return None


def _longest(*wishes: float | None) -> float | None:
    return max((wish for wish in wishes if wish is not None), default=None)


def _any_match(patterns: Iterable[str], texts: Iterable[str]) -> bool:
    return any(re.search(pattern, text) for pattern in patterns for text in texts)

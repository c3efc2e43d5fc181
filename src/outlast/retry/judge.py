"""What is this failure, and is this result one? By the rules of the user, by those of the policy, by what is known of failures."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from outlast.failure.classify import classify
from outlast.failure.model import Classification
from outlast.failure.results import ResultJudge
from outlast.failure.rule import FailureRule
from outlast.retry.policy import RetryPolicy

__all__ = ["Judge"]


class Judge:
    """Judges by these rules. Without `classifying`, every failure may pass."""

    def __init__(self, rules: Sequence[FailureRule] = (), *, classifying: bool = True) -> None:
        self._rules = tuple(rules)
        self._results = ResultJudge(rules=self._rules, pages=False)
        self._classifying = classifying
        self.asks_results = not self._results.is_idle

    def failure(self, error: Exception, policy: RetryPolicy, *, host: str, now: datetime) -> Classification:
        kind = classify(
            error,
            now=now,
            rules=self._rules,
            host=host,
            transient_patterns=policy.transient_patterns,
            permanent_patterns=policy.permanent_patterns,
            retryable_status=policy.retryable_status_codes,
            non_retryable_status=policy.non_retryable_status_codes,
        )
        return kind if self._classifying else replace(kind, transient=True, max_attempts=None)

    def is_transient(self, error: Exception, *, now: datetime) -> bool:
        """Without a policy and without a host."""
        return not self._classifying or classify(error, now=now, rules=self._rules).transient

    def check(self, result: object, host: str) -> None:
        """Raises `UnwantedResultError` when a rule condemns the result."""
        failure = self._results(result, host) if self.asks_results else None
        if failure is None:
            return
        try:
            raise failure
        finally:
            del failure  # its traceback knows this frame

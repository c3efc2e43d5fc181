"""Is a result what was wanted? A page that answers 200 may be a wall, and a rule may know what a good result never says.

A result that is condemned becomes an error that carries the verdict, so that whoever classifies the error finds it there.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from outlast.errors import BlockedPageError, UnwantedResultError
from outlast.failure.facts import status_of
from outlast.failure.model import Classification
from outlast.failure.pages import blocked_by
from outlast.failure.result_text import result_text
from outlast.failure.rule import FailureRule
from outlast.failure.verdict import of_class, ruled

__all__ = ["ResultJudge", "judge_result", "unwanted"]

EXCERPT_MAX = 200


def judge_result(result: object, *, rules: Iterable[FailureRule] = (), host: str = "") -> Classification | None:
    """What the first rule that condemns the result says of it; None: no rule does."""
    rule = next((each for each in rules if each.condemns(result, host)), None)
    return None if rule is None else ruled(rule, replace(of_class(rule.failure_class), status=status_of(result)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultJudge:
    """Judges results by `rules`, and those that are text by whether they look like a page that blocks scrapers.

    `pages=False`: by rules alone.
    """

    rules: Sequence[FailureRule] = ()
    pages: bool = True
    _asked: tuple[FailureRule, ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "_asked", tuple(rule for rule in self.rules if rule.asks_results))

    @property
    def is_idle(self) -> bool:
        """Whether it has nothing to say about any result, so that it need not be asked."""
        return not self._asked and not self.pages

    def __call__(self, result: object, host: str = "") -> UnwantedResultError | BlockedPageError | None:
        """The error that the result amounts to; None: it is a good one."""
        if self._asked:
            verdict = judge_result(result, rules=self._asked, host=host)
            if verdict is not None:
                return unwanted(result, verdict)
        if self.pages and isinstance(result, str):
            vendor = blocked_by(None, "", None, result)
            if vendor is not None:
                return BlockedPageError(f"the result is a block page ({vendor})", context={"vendor": vendor})
        return None


def unwanted(result: object, verdict: Classification) -> UnwantedResultError:
    """The failure that a result is, which was judged so."""
    return UnwantedResultError(
        f"the result is {verdict.failure_class.value} by the rule {verdict.rule!r}",
        context={
            "class": verdict.failure_class.value,
            "rule": verdict.rule,
            "excerpt": result_text(result)[:EXCERPT_MAX],
            "transient": verdict.transient,
            "max_attempts": verdict.max_attempts,
            "retry_after": verdict.retry_after,
            "status": verdict.status,
            "remedy": verdict.remedy and verdict.remedy.value,
        },
    )

"""What went wrong: whose fault it was, whether it passes, what would mend it, and how to tell two failures of a kind."""

from outlast.failure.classify import classify
from outlast.failure.describe import Failure, TracebackQuota, describe
from outlast.failure.groups import Group, Groups
from outlast.failure.handler import FailureHandler
from outlast.failure.model import Classification, FailureClass, Fault, Remedy
from outlast.failure.refusing import refuse_blocked, refuse_errors
from outlast.failure.results import ResultJudge, judge_result
from outlast.failure.rule import FailureRule, rules_of

__all__ = [
    "Classification",
    "Failure",
    "FailureClass",
    "FailureHandler",
    "FailureRule",
    "Fault",
    "Group",
    "Groups",
    "Remedy",
    "ResultJudge",
    "TracebackQuota",
    "classify",
    "describe",
    "judge_result",
    "refuse_blocked",
    "refuse_errors",
    "rules_of",
]

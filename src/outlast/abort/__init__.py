"""Suspicion, then proof: when a job that cannot go on gives up, and what is done then."""

from outlast.abort.guard import Guard
from outlast.abort.manager import AbortManager
from outlast.abort.notify import Delivery, Notice, Notifier
from outlast.abort.patterns import Pattern
from outlast.abort.policy import AbortPolicy, shipped_policies
from outlast.abort.states import Decision, State
from outlast.abort.verdict import Verdict
from outlast.abort.words import Action, Kind

__all__ = [
    "AbortManager",
    "AbortPolicy",
    "Action",
    "Decision",
    "Delivery",
    "Guard",
    "Kind",
    "Notice",
    "Notifier",
    "Pattern",
    "State",
    "Verdict",
    "shipped_policies",
]

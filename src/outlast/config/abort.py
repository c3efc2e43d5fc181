"""When a job that cannot succeed gives up."""

from typing import Annotated, Literal

from pydantic import Field

from outlast.config.section import Section
from outlast.config.values import Amount, Count, ExactSeconds, Seconds, Text, Words

__all__ = ["AbortConfiguration", "AbortPolicySettings"]

Share = Annotated[Amount, Field(gt=0, lt=1)]
Crashes = Annotated[Count, Field(ge=0, le=1_000)]
Positive = Annotated[ExactSeconds, Field(gt=0)]


class AbortPolicySettings(Section):
    """A policy of one's own: `[[abort.policy]]`. What is not said is as in `AbortPolicy`."""

    name: Text
    """What it is called."""
    id: Text | None = None
    """The id under which it is chosen; without it the name is."""
    kind: Literal["two_stage", "windowed", "strict", "never"] | None = None
    """How it judges; without it `two_stage`, or `windowed` where a window is spoken of."""
    min_operations: Annotated[Count, Field(ge=0, le=1_000_000)] = 20
    """Operations before anything is suspected for its statistics."""
    false_alarm_bound: Share = 0.01
    """The chance that a job that is well is ever suspected."""
    rate_healthy: Share = 0.3
    """Up to which share of failures a job is well."""
    rate_failing: Share = 0.7
    """The share of failures that is looked for."""
    patience: Annotated[ExactSeconds, Field(ge=0)] = 900.0
    """How long an outage is waited out."""
    patience_blocked: Annotated[ExactSeconds, Field(ge=0)] = 185.0
    """How long anything else is waited out."""
    failure_rate_threshold: Annotated[Amount, Field(ge=0, le=1)] = 0.5
    """The share of failures in the window that aborts."""
    window_size: Annotated[Count, Field(ge=1, le=100_000)] = 100
    """The operations in the window."""
    window_duration: Positive = 300.0
    """How old an operation in the window may be."""
    consecutive_crashes: Crashes = 3
    """Crashes with no completed item between; 0: no such rule."""
    crash_window: Positive = 300.0
    """Within how long those count."""
    crashes_max: Crashes = 10
    """Crashes, whatever is completed between; 0: no such rule."""
    crashes_window: Positive = 600.0
    """Within how long those count."""
    ignored_classes: Words = ()
    """Classes of failure that count neither for nor against."""
    abort_actions: Words = ("save_state", "notify", "cleanup", "log_event")
    """What is done when it aborts, in this order."""
    action_timeout: Positive = 30.0
    """How long each of them may take."""


class AbortConfiguration(Section):
    """When a job that cannot succeed gives up."""

    enabled: bool = True
    """Abort at all."""
    default_policy: Text = "default"
    """The id of the abort policy in force."""
    evaluation_interval: Annotated[Seconds, Field(ge=1)] = 10
    """Seconds between two evaluations that are announced, as long as the decision stays the same."""
    min_operations_before_eval: Annotated[Count, Field(ge=0)] = 20
    """Operations before the first evaluation that can abort."""
    abort_notification_enabled: bool = True
    """Carry out the `notify` action of a policy."""
    policy: tuple[AbortPolicySettings, ...] = ()
    """Policies of one's own, each a table `[[abort.policy]]`."""

"""What the job may use of the machine: `[resource]`, and thresholds of one's own."""

from typing import Annotated, Literal

from pydantic import Field

from outlast.config.section import Section
from outlast.config.values import Amount, Count, ExactSeconds, Seconds, Text

__all__ = ["ResourceConfiguration", "ResourceRuleSettings", "ResourceThresholdSettings"]


class ResourceRuleSettings(Section):
    """One bound of a threshold on any metric: `[[resource.threshold.rules]]`."""

    name: Text
    """What the bound is called in events and answers."""
    metric: Text
    """The metric it is about."""
    limit: Amount
    """Where it is broken."""
    limit_percent_of: Text | None = None
    """With a metric here, the limit is so many percent of it."""
    op: Literal[">=", "<="] = ">="
    """Which side of the limit is broken."""
    recover: Amount | None = None
    """Where it is whole again; without it a tenth of the limit away."""
    critical: Amount | None = None
    """Where one sample is enough."""
    breach_samples: Annotated[Count, Field(ge=1, le=1_000)] = 3
    """Samples in a row beyond the limit until it is broken."""
    recover_samples: Annotated[Count, Field(ge=1, le=1_000)] = 5
    """Samples in a row back at `recover` until it is whole."""
    cooldown: Annotated[ExactSeconds, Field(ge=0)] = 60.0
    """For so long after its end it is not broken again, unless critically."""
    severity: Literal["info", "warning", "error", "critical"] = "warning"
    """How grave the event says it is."""
    action: Literal["tell", "clean", "restart"] = "tell"
    """How far to go about it: told only, cleaned up, or the browser restarted too."""


class ResourceThresholdSettings(Section):
    """Bounds that belong together: `[[resource.threshold]]`. A key that is not given is no bound."""

    name: Text
    """What the threshold is called; one of a shipped name replaces that."""
    id: Text | None = None
    """What it is asked for by; else its name."""
    memory_percent: Annotated[Amount, Field(ge=1, le=100)] | None = None
    """Used memory in percent of the limit that applies."""
    memory_absolute: Annotated[Amount, Field(ge=1)] | None = None
    """MB of the job and its browsers."""
    cpu_percent: Annotated[Amount, Field(ge=1, le=100)] | None = None
    """CPU in percent of all the cores it may use."""
    browser_lifetime: Annotated[ExactSeconds, Field(ge=1)] | None = None
    """Seconds that a browser may be up."""
    disk_space: Annotated[Amount, Field(ge=0)] | None = None
    """MB that must stay free on the disk."""
    network_connections: Annotated[Amount, Field(ge=1)] | None = None
    """Open connections."""
    is_active: bool = True
    """Whether it is watched; if not, it is never broken."""
    rules: tuple[ResourceRuleSettings, ...] = ()
    """Bounds on other metrics."""


class ResourceConfiguration(Section):
    """What the job may use of the machine."""

    enabled: bool = True
    """Monitor resources."""
    monitoring_interval: Annotated[Seconds, Field(ge=1)] = 5
    """Seconds between two samples."""
    default_threshold: Text = "production"
    """The id of the thresholds in force."""
    auto_cleanup_enabled: bool = True
    """Clean up when a threshold stays breached."""
    browser_restart_enabled: bool = True
    """Restart the browser when cleaning up was not enough."""
    memory_limit_mb: Annotated[Count, Field(ge=0)] = 0
    """A further bound on the memory of the job, in MB; 0: none."""
    cpu_limit_percent: Annotated[Amount, Field(ge=0)] = 0.0
    """A further bound on the CPU, in percent of one core; 0: none."""
    threshold: tuple[ResourceThresholdSettings, ...] = ()
    """Thresholds of one's own, each a table `[[resource.threshold]]`."""

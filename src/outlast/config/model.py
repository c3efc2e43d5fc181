"""The published configuration classes: frozen, bounded, and strict about every key.

Durations are seconds; wherever one is expected, `"30s"`, `"5m"` and `"2h"` are accepted too.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from outlast.config.abort import AbortConfiguration
from outlast.config.resource import ResourceConfiguration
from outlast.config.section import Section
from outlast.config.values import Count, ExactSeconds, Pattern, Seconds, Text, Words
from outlast.secrecy import SECRET_NAMES

__all__ = [
    "AbortConfiguration",
    "CheckpointConfiguration",
    "FailureRuleSettings",
    "LoggingConfiguration",
    "ResilienceConfiguration",
    "ResourceConfiguration",
    "RetryConfiguration",
    "Section",
]

Level = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
    BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
]


class CheckpointConfiguration(Section):
    """When checkpoints are taken, how they are written, how many are kept."""

    enabled: bool = True
    """Take checkpoints."""
    interval: Annotated[Seconds, Field(ge=1)] = 30
    """At most one periodic checkpoint in this many seconds."""
    retention_count: Annotated[Count, Field(ge=1)] = 5
    """Intact checkpoints to keep for each job."""
    compression_enabled: bool = True
    """Compress with gzip."""
    encryption_enabled: bool = False
    """Encrypt with AES-256-GCM; without a key nothing starts."""
    storage_path: Text = ".outlast/checkpoints"
    """The directory of the checkpoints."""
    validation_enabled: bool = True
    """Verify checksums."""
    retention_age: Annotated[Seconds, Field(ge=0)] = 0
    """Of those kept, the ones older than this many seconds go too; 0: no such limit."""
    retention_bytes: Annotated[Count, Field(ge=0)] = 0
    """Of those kept, the oldest go until a job has at most this many bytes; 0: no such limit."""
    keep_hourly: Annotated[Count, Field(ge=0)] = 0
    """Keep, beyond the count, the newest checkpoint of each of this many hours."""


ClassOfFailure = Literal[
    "network",
    "timeout",
    "throttled",
    "server_error",
    "unsupported",
    "blocked",
    "auth_expired",
    "not_found",
    "client_error",
    "certificate",
    "proxy",
    "browser",
    "local_resource",
    "store_unavailable",
    "programming",
    "poison",
    "unknown",
]
RemedyOfFailure = Literal["refresh_session", "rotate_proxy", "restart_browser", "defer", "skip"]
Status = Annotated[Count, Field(ge=100, le=599)]


class FailureRuleSettings(Section):
    """A rule of one's own for telling failures apart: `[[retry.rule]]`. All conditions that are given must hold."""

    # In code `class` is no name for an argument.
    model_config = ConfigDict(populate_by_name=True)

    failure_class: ClassOfFailure = Field(alias="class", examples=["blocked"])
    """What such a failure is."""
    name: Annotated[Text | None, Field(examples=["wall of shop.example"])] = None
    """What the rule is called where it is said to have decided; else its conditions are."""
    types: Annotated[tuple[Text, ...], Field(examples=[["HTTPStatusError"]])] = ()
    """Names of exception classes, with or without their package."""
    status: Annotated[tuple[Status, ...], Field(examples=[[403]])] = ()
    """HTTP statuses."""
    message: Annotated[Pattern | None, Field(examples=["(?i)access denied"])] = None
    """A regular expression, searched in the message and in the name of the type."""
    errno: Annotated[tuple[int | Text, ...], Field(examples=[["ECONNRESET"]])] = ()
    """Error numbers of the system, or their names."""
    result: Annotated[Pattern | None, Field(examples=["(?i)captcha"])] = None
    """A regular expression, searched in the text of a result."""
    hosts: Annotated[tuple[Text, ...], Field(examples=[["*.shop.example"]])] = ()
    """Patterns of the hosts that the rule is about; without any it is about all."""
    transient: Annotated[bool | None, Field(examples=[True])] = None
    """Whether it may pass by itself; without it as the class has it."""
    max_attempts: Annotated[Annotated[Count, Field(ge=1, le=100)] | None, Field(examples=[2])] = None
    """A bound on the attempts, in addition to the policy's."""
    retry_after: Annotated[Annotated[ExactSeconds, Field(ge=0)] | None, Field(examples=["5m"])] = None
    """How long to wait at least before it is tried again."""
    remedy: RemedyOfFailure | None = None
    """What would mend it; without it what mends the class."""


class RetryConfiguration(Section):
    """Whether and how failed operations are tried again."""

    enabled: bool = True
    """Try again; if not, every operation has one attempt and its error passes through."""
    default_policy: Text = "exponential_backoff"
    """The id of the policy for operations that name none."""
    max_concurrent_retries: Annotated[Count, Field(ge=1)] = 32
    """Retry attempts that may run at once; first attempts do not count."""
    jitter_enabled: bool = True
    """Spread delays at random, so that retries do not come in waves."""
    failure_classification_enabled: bool = True
    """Tell lasting failures from passing ones; if not, every failure is tried again."""
    rule: tuple[FailureRuleSettings, ...] = ()
    """Rules of one's own, each a table `[[retry.rule]]`; the first that matches decides."""


class LoggingConfiguration(Section):
    """What is logged, where to, and in which form."""

    level: Level = "INFO"
    """The lowest level that is written."""
    format: Literal["text", "json"] = "text"
    """Lines for people, or one JSON object a line."""
    destination: Text = "stderr"
    """`stderr`, `stdout`, or the path of a file to append to; one that is put aside meanwhile is begun anew."""
    correlation_enabled: bool = True
    """Write the correlation id into every line."""
    event_severity_min: Literal["info", "warning", "error", "critical"] = "info"
    """The lowest severity at which an event becomes a log line."""
    redact: Words = SECRET_NAMES
    """Values of keys that end in one of these words are written as `***`."""
    repeats_per_minute: Annotated[Count, Field(ge=0)] = 60
    """Lines of one kind that are written in a minute; more are counted in one line; 0: all are written."""
    event_log_files: Annotated[Count, Field(ge=0)] = 4
    """Files that a job's event log may have; the oldest goes when there is one too many, so that of 1 nothing stays whenever it is full; 0: it has no event log."""
    event_log_bytes: Annotated[Count, Field(ge=65_536)] = 8_388_608
    """Bytes that each of these files may have."""


class ResilienceConfiguration(Section):
    """Everything that can be configured, a section per concern."""

    checkpoint: CheckpointConfiguration = Field(default_factory=CheckpointConfiguration)
    retry: RetryConfiguration = Field(default_factory=RetryConfiguration)
    resource: ResourceConfiguration = Field(default_factory=ResourceConfiguration)
    abort: AbortConfiguration = Field(default_factory=AbortConfiguration)
    logging: LoggingConfiguration = Field(default_factory=LoggingConfiguration)

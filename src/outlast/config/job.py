"""The job file: what to run, on which items, and the resilience sections below that."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from outlast.config.browser import BrowserConfiguration
from outlast.config.expect import ExpectConfiguration, allowance_moved
from outlast.config.metrics import MetricsConfiguration
from outlast.config.model import ResilienceConfiguration
from outlast.config.notify import NotifyConfiguration
from outlast.config.rates import Rates, RatesSetting
from outlast.config.values import Allowance, AllowanceSetting, Count, ExactSeconds, Text, none_by_name

__all__ = ["JobConfiguration"]


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class JobConfiguration(ResilienceConfiguration):
    """One job's settings. Durations are seconds."""

    name: Annotated[Text | None, Field(examples=["shop"])] = None
    """The name under which the job is kept; the same name continues it."""
    target: Annotated[Text | None, Field(examples=["scrape.py:scrape"])] = None
    """The function to run: `scrape.py:scrape` or `package.module:function`."""
    items: Annotated[
        tuple[Text, ...] | None,
        BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...] | None),
        Field(examples=["urls.txt"]),
    ] = None
    """Where the items come from; one source or several."""
    key: Annotated[Text | None, Field(examples=["url"])] = None
    """The field of dict items that tells them apart; without it an item is known by its text, or its JSON."""
    output: Annotated[Text | None, Field(examples=["items.jsonl"])] = None
    """The file that gets the records."""
    concurrency: Annotated[Count, Field(ge=1)] = 16
    """Items in flight at once."""
    timeout: Annotated[
        Annotated[ExactSeconds, Field(gt=0)] | None,
        BeforeValidator(none_by_name, json_schema_input_type=float | str | None),
    ] = 60.0
    """How long one attempt may take; `none`: as long as it likes."""
    max_failed: AllowanceSetting = Allowance()
    """How many items may fail in a job that counts as finished: `10`, or `"1%"` of all."""
    max_time: Annotated[
        Annotated[ExactSeconds, Field(gt=0)] | None,
        BeforeValidator(none_by_name, json_schema_input_type=float | str | None),
    ] = None
    """How long a run may take before it stops in order; `none`: as long as it needs."""
    drain: Annotated[ExactSeconds, Field(ge=0)] = 20.0
    """How long work in flight may go on after the first SIGINT or SIGTERM."""
    patience: Annotated[
        Annotated[ExactSeconds, Field(ge=0, le=366 * 86_400)] | None,
        BeforeValidator(none_by_name, json_schema_input_type=float | str | None),
    ] = None
    """How long to wait out an outage, and at most anything else; `none`: as long as the abort policy says."""
    crash_loop_limit: Annotated[Count, Field(ge=0)] = 5
    """Starts in a row that may get nothing done before the job is held; 0: any number."""
    poison_after: Annotated[Count, Field(ge=0)] = 3
    """Times in a row that the process may be killed with an item alone in hand before that is given up; 0: any number."""
    rate: Annotated[RatesSetting, Field(examples=[{"shop.example": "30/min", "*": "5/s"}])] = Rates()
    """How often a host may be asked, by host: `"30/min"`; `"*"` stands for each of the others."""
    adaptive: bool = True
    """Have fewer items of a host in flight while it throttles or slows down."""
    store: Text = ".outlast"
    """The directory in which jobs are kept."""
    metrics: MetricsConfiguration = Field(default_factory=MetricsConfiguration)
    browser: BrowserConfiguration = Field(default_factory=BrowserConfiguration)
    expect: ExpectConfiguration = Field(default_factory=ExpectConfiguration)
    notify: NotifyConfiguration = Field(default_factory=NotifyConfiguration)
    """Who is told of the job, and when."""

    @model_validator(mode="before")
    @classmethod
    def _one_allowance(cls, values: Any) -> Any:
        return allowance_moved(values)

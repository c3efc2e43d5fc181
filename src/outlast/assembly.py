"""The concerns joined: one configuration, one bus, one clock."""

from types import TracebackType
from typing import Self

from outlast.abort import AbortManager, Notifier
from outlast.checkpoint import CheckpointManager
from outlast.config import JobConfiguration, ResilienceConfiguration
from outlast.events import EventBus
from outlast.failure import FailureHandler, rules_of
from outlast.logs import LoggingIntegration
from outlast.resource import ResourceMonitor
from outlast.retry import RetryManager
from outlast.runtime import Clock, Runtime
from outlast.storage.keys import KeyProvider, Keyring

__all__ = ["Resilience"]


class Resilience:
    """The managers of one configuration, wired to one event bus; an async context manager.

    `keys` are the encryption keys, or what gives them; else the environment has them. With a `logging` section in the
    configuration the log is written as it says, until the block is left; `writes_log` decides otherwise.
    """

    def __init__(
        self,
        config: ResilienceConfiguration | None = None,
        *,
        events: EventBus | None = None,
        clock: Clock | None = None,
        keys: Keyring | KeyProvider | None = None,
        writes_log: bool | None = None,
    ) -> None:
        self.config = config or ResilienceConfiguration()
        self.events = events or EventBus()
        chosen = clock or Runtime().clock
        self.logging = LoggingIntegration(self.config.logging, events=self.events, clock=chosen)
        self._writes_log = "logging" in self.config.model_fields_set if writes_log is None else writes_log
        self.checkpoints = CheckpointManager(self.config.checkpoint, events=self.events, clock=chosen, keys=keys)
        self.retry = RetryManager(self.config.retry, events=self.events, clock=chosen)
        self.abort = AbortManager(
            self.config.abort,
            events=self.events,
            clock=chosen,
            rules=rules_of(self.config.retry.rule),
            checkpoints=self.checkpoints,
            notifier=Notifier(self.config.notify, redact=self.config.logging.redact)
            if isinstance(self.config, JobConfiguration)
            else None,
        )
        self.resources = ResourceMonitor(
            self.config.resource, events=self.events, clock=chosen, storage_path=self.config.checkpoint.storage_path
        )
        self.failures = FailureHandler(
            retry=self.retry,
            checkpoints=self.checkpoints,
            abort=self.abort,
            rules=rules_of(self.config.retry.rule),
            events=self.events,
            clock=chosen,
        )

    async def __aenter__(self) -> Self:
        if self._writes_log:
            await self.logging.__aenter__()
        await self.checkpoints.__aenter__()
        await self.retry.__aenter__()
        await self.abort.__aenter__()
        await self.resources.__aenter__()
        await self.failures.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.failures.__aexit__(kind, error, trace)
        await self.abort.__aexit__(kind, error, trace)
        await self.resources.__aexit__(kind, error, trace)
        await self.retry.__aexit__(kind, error, trace)
        await self.checkpoints.__aexit__(kind, error, trace)
        await self.events.aclose()
        await self.logging.__aexit__(kind, error, trace)

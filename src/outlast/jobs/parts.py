"""The parts of a run, put together for one handler: attempts, dispatch, engine, and the services that go with them."""

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from outlast.errors import ConfigurationError, RetryPolicyNotFoundError
from outlast.jobs.attempt import Attempts, Identity, Tally
from outlast.jobs.bind import CONTEXT, Threads, call_of, wanted_names
from outlast.jobs.dispatch import Dispatch
from outlast.jobs.engine import Engine, Service
from outlast.jobs.gate import Gate
from outlast.jobs.items import KeyFunction
from outlast.jobs.resources import Factory, available, enter
from outlast.jobs.session import Session
from outlast.retry import RetryManager
from outlast.retry.policy import RetryPolicy
from outlast.runtime import Runtime

if TYPE_CHECKING:
    from outlast.config import JobConfiguration, RetryConfiguration

__all__ = ["Parts", "policy_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a run has at hand before it knows its handler."""

    session: Session
    config: "JobConfiguration"
    policy: RetryPolicy
    resources: Mapping[str, Factory]
    runtime: Runtime
    gate: Gate
    tally: Tally

    async def engine(
        self, handler: Callable[..., Any], key_of: KeyFunction | None, stack: AsyncExitStack
    ) -> tuple[Engine, list[Service]]:
        """The engine for one handler, and its services; what was opened for it is closed with the stack."""
        session, config = self.session, self.config
        attempts = await self._attempts(handler, key_of, stack)
        dispatch = Dispatch(
            session.ledger,
            self.gate,
            self.runtime,
            owner=session.run_id,
            concurrency=config.concurrency,
            patience=config.patience,
            last_look=session.scrub.finish,
        )
        clock = self.runtime.clock
        engine = Engine(session.ledger, dispatch, attempts, clock=clock, owner=session.run_id, drain=config.drain)
        services: list[Service] = [partial(session.scrub.follow, dispatch.changed)]
        if config.checkpoint.enabled:
            services.append(session.checkpoints)
        if session.output is not None:
            services.append(session.output.follow)
        return engine, services

    async def _attempts(
        self, handler: Callable[..., Any], key_of: KeyFunction | None, stack: AsyncExitStack
    ) -> Attempts:
        session, config, policy = self.session, self.config, self.policy
        known = available(self.resources)
        names = wanted_names(handler, known)
        threads = Threads(config.concurrency)
        stack.callback(threads.close)
        resources = await enter([name for name in names if name != CONTEXT], known, stack)
        return Attempts(
            call_of(handler, threads),
            resources,
            wants_context=CONTEXT in names,
            identity=Identity(job_id=session.job_id, run_id=session.run_id, key_of=key_of, state=session.state),
            policy=policy,
            classifying=config.retry.failure_classification_enabled,
            timeout=_shorter(config.timeout, policy.attempt_timeout),
            gate=self.gate,
            runtime=self.runtime,
            tally=self.tally,
        )


def policy_of(retry: "RetryConfiguration") -> RetryPolicy:
    """The policy that a job's items are retried by; raises `ConfigurationError` when there is none of that name."""
    try:
        return RetryManager(retry).policy(retry.default_policy if retry.enabled else "none")
    except RetryPolicyNotFoundError as error:
        raise ConfigurationError(f"retry.default_policy: {error.message}", context=error.context) from error


def _shorter(one: float | None, other: float | None) -> float | None:
    return min((seconds for seconds in (one, other) if seconds is not None), default=None)

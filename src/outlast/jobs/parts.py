"""The parts of a run, put together for one handler: attempts, dispatch, engine, and the services that go with them."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from outlast.errors import ConfigurationError, RetryConfigurationError, RetryPolicyNotFoundError
from outlast.failure.results import ResultJudge
from outlast.failure.rule import FailureRule, rules_of
from outlast.jobs.attempt import Attempts, Identity
from outlast.jobs.bind import CONTEXT, Threads, asked_names, call_by_name, call_of, wanted_names
from outlast.jobs.dispatch import Dispatch
from outlast.jobs.engine import Engine, Service
from outlast.jobs.failures import Failures, Wishes
from outlast.jobs.gate import Gate
from outlast.jobs.inhand import Hands, InHand, no_hands
from outlast.jobs.items import KeyFunction
from outlast.jobs.mending import HOST, remedy_function
from outlast.jobs.obeying import Obedience
from outlast.jobs.promises import Promises
from outlast.jobs.resources import Factory, available, enter
from outlast.jobs.session import Session
from outlast.jobs.tally import Tally
from outlast.jobs.trial import Trials
from outlast.retry import RetryManager
from outlast.retry.remedies import Remedies
from outlast.runtime import Runtime

if TYPE_CHECKING:
    from outlast.config import JobConfiguration, RetryConfiguration

__all__ = ["Parts", "gate_of", "wishes_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a run has at hand before it knows its handler."""

    session: Session
    config: "JobConfiguration"
    wishes: Wishes
    resources: Mapping[str, Factory]
    remedies: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    runtime: Runtime
    gate: Gate
    tally: Tally

    async def engine(
        self, handler: Callable[..., Any], key_of: KeyFunction | None, stack: AsyncExitStack
    ) -> tuple[Engine, list[Service]]:
        """The engine for one handler, and its services; what was opened for it is closed with the stack."""
        session, config = self.session, self.config
        attempts = session.diary.observed(await self._attempts(handler, key_of, stack))
        obedience = Obedience(session.orders, self.gate, self.runtime, session.job_id) if session.orders else None
        if obedience is not None:
            obedience.begin()
        dispatch = Dispatch(
            session.ledger,
            self.gate,
            self._trials(),
            self.runtime,
            owner=session.run_id,
            concurrency=config.concurrency,
            patience=config.patience,
            last_look=session.scrub.finish,
        )
        clock, hands = self.runtime.clock, self._hands(stack)
        engine = Engine(
            session.ledger, dispatch, attempts, hands, clock=clock, owner=session.run_id, drain=config.drain
        )
        promises = Promises(session.ledger, self.gate, clock)
        await promises.recall()
        services: list[Service] = [partial(session.scrub.follow, dispatch.changed), promises.follow]
        if obedience is not None:
            services.append(partial(obedience.follow, dispatch.changed))
        services.append(partial(session.diary.follow, self.gate, self.tally))
        if config.checkpoint.enabled:
            services.append(session.checkpoints)
        if session.output is not None:
            services.append(session.output.follow)
        return engine, services

    def _hands(self, stack: AsyncExitStack) -> Hands:
        """Where the workers write what they have in hand; with a ledger of the user's own that is kept nowhere."""
        directory, slots = self.session.directory, self.config.concurrency
        if directory is None:
            return no_hands(slots)
        file = InHand(directory.in_hand, self.session.run_id, slots)
        stack.callback(file.close)
        return file.slots

    def _trials(self) -> Trials:
        session = self.session
        return Trials(
            session.ledger,
            self.runtime,
            session.suspicion,
            after=self.config.poison_after,
            job=session.job_id,
            run=session.run_id,
            tally=self.tally,
        )

    async def _attempts(
        self, handler: Callable[..., Any], key_of: KeyFunction | None, stack: AsyncExitStack
    ) -> Attempts:
        session, config, wishes = self.session, self.config, self.wishes
        known = available(self.resources)
        names = wanted_names(handler, known)
        asked = {remedy: asked_names(function, {*known, HOST}) for remedy, function in self.remedies.items()}
        threads = Threads(config.concurrency)
        stack.callback(threads.close)
        needed = dict.fromkeys([*names, *(name for each in asked.values() for name in each)])
        entered = await enter([name for name in needed if name in known], known, stack)
        functions = {
            remedy: remedy_function(
                call_by_name(function, threads),
                {name: entered[name] for name in asked[remedy] if name in entered},
                wants_host=HOST in asked[remedy] and HOST not in entered,
                timeout=config.timeout,
            )
            for remedy, function in self.remedies.items()
        }
        remedies = Remedies(functions, self.runtime)
        return Attempts(
            call_of(handler, threads),
            {name: entered[name] for name in names if name in entered},
            wants_context=CONTEXT in names,
            identity=Identity(job_id=session.job_id, run_id=session.run_id, key_of=key_of, state=session.state),
            policy=wishes.policy,
            judge=ResultJudge(rules=wishes.rules),
            remedies=remedies,
            failures=Failures(wishes, remedies, self.gate, self.runtime, self.tally, job=session.job_id),
            timeout=_shorter(config.timeout, wishes.policy.attempt_timeout),
            gate=self.gate,
            runtime=self.runtime,
            tally=self.tally,
        )


def wishes_of(retry: "RetryConfiguration", rules: Iterable[FailureRule] = ()) -> Wishes:
    """How a job's failures are taken: the policy, and the rules given in code before those of the configuration.

    Raises `ConfigurationError` when there is no policy of that name, or a rule is not valid.
    """
    try:
        policy = RetryManager(retry).policy(retry.default_policy if retry.enabled else "none")
        chosen = (*rules, *rules_of(retry.rule))
    except RetryPolicyNotFoundError as error:
        raise ConfigurationError(f"retry.default_policy: {error.message}", context=error.context) from error
    except RetryConfigurationError as error:
        raise ConfigurationError(f"retry: {error.message}", context=error.context) from error
    return Wishes(policy=policy, rules=chosen, classifying=retry.failure_classification_enabled)


def gate_of(config: "JobConfiguration") -> Gate:
    """A gate that knows of no host yet."""
    rates = {host: rate.spacing for host, rate in config.rate.items()}
    return Gate(concurrency=config.concurrency, rates=rates, adaptive=config.adaptive)


def _shorter(one: float | None, other: float | None) -> float | None:
    return min((seconds for seconds in (one, other) if seconds is not None), default=None)

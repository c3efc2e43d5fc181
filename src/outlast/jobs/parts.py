"""The parts of a run, put together for one handler: attempts, dispatch, engine, and the services that go with them."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from outlast.errors import ConfigurationError, RetryConfigurationError, RetryPolicyNotFoundError
from outlast.failure.hearing import heard
from outlast.failure.results import ResultJudge
from outlast.failure.rule import FailureRule, rules_of
from outlast.jobs.abortion import Abortion
from outlast.jobs.attempt import Attempts, Identity
from outlast.jobs.bind import Threads
from outlast.jobs.browser import LaunchFunction, browsing_of
from outlast.jobs.browsing import Browsing
from outlast.jobs.commanding import Commanding
from outlast.jobs.dispatch import Dispatch
from outlast.jobs.engine import Engine, Service
from outlast.jobs.failures import Failures, Wishes
from outlast.jobs.gate import Gate
from outlast.jobs.inhand import Hands, InHand, no_hands
from outlast.jobs.items import KeyFunction
from outlast.jobs.promises import Promises
from outlast.jobs.provision import Wanted, provided
from outlast.jobs.resources import Factory
from outlast.jobs.session import Session
from outlast.jobs.tally import Tally
from outlast.jobs.throttle import Throttle
from outlast.jobs.trial import Trials
from outlast.jobs.watching import watching_of
from outlast.ledger.port import Record
from outlast.retry import RetryManager
from outlast.retry.remedies import Remedies
from outlast.runtime import Runtime, SystemClock

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
    throttle: Throttle
    abortion: Abortion
    recorded: Callable[[Record], None]
    launcher: LaunchFunction | None = None

    async def engine(
        self, handler: Callable[..., Any], key_of: KeyFunction | None, stack: AsyncExitStack
    ) -> tuple[Engine, list[Service]]:
        """The engine for one handler, and its services; what was opened for it is closed with the stack."""
        session, config = self.session, self.config
        session.reason = session.usage = None
        wanted = Wanted.of(handler, self.remedies, self.resources)
        browsing = await self._browsing(wanted, stack)
        attempts = session.diary.observed(await self._attempts(wanted, key_of, stack, browsing))
        if session.obedience is not None:
            session.obedience.begin(self.gate, self.throttle)
        dispatch = Dispatch(
            session.ledger,
            self.gate,
            self._trials(),
            self.runtime,
            owner=session.run_id,
            concurrency=config.concurrency,
            suspension=self.abortion.suspension,
            throttle=self.throttle,
            last_look=session.scrub.finish,
        )
        clock, hands = self.runtime.clock, self._hands(stack)
        engine = Engine(
            session.ledger,
            dispatch,
            attempts,
            hands,
            clock=clock,
            owner=session.run_id,
            drain=config.drain,
            recorded=self.recorded,
        )
        promises = Promises(session.ledger, self.gate, clock)
        await promises.recall()
        services: list[Service] = [partial(session.scrub.follow, dispatch.changed), promises.follow]
        if session.obedience is not None:
            commanding = Commanding(session, engine, drain=config.drain, in_flight=lambda: self.tally.in_flight)
            services.append(partial(session.obedience.follow, dispatch.changed, commanding))
        services.append(partial(session.diary.follow, self.gate, self.tally))
        if config.checkpoint.enabled:
            services.append(session.checkpoints)
        if session.output is not None:
            services.append(session.output.follow)
        return engine, [*services, *await self._watched(engine, browsing)]

    async def _watched(self, engine: Engine, browsing: Browsing | None) -> list[Service]:
        """What may end the run for want of a browser or of room, and the service that watches for that."""
        session, config = self.session, self.config
        if browsing is not None:
            browsing.stops(engine.stop)
            browsing.lifecycle.replaces_while(lambda: not engine.stopping)
        # The machine lives in its own time: beside a clock of a test's it is not watched.
        if not config.resource.enabled or not isinstance(self.runtime.clock, SystemClock):
            return []
        watching = watching_of(config, session, self.throttle, browsing)
        watching.stops(engine.stop)
        if browsing is not None:
            # Before the first page: those that are open already are not taken back.
            await watching.look()
        session.usage = watching.told
        session.diary.metrics = lambda: watching.metrics
        return [watching.follow]

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

    @property
    def _attempt_seconds(self) -> float | None:
        return _shorter(self.config.timeout, self.wishes.policy.attempt_timeout)

    async def _browsing(self, wanted: Wanted, stack: AsyncExitStack) -> Browsing | None:
        settings = self.config.browser
        self.throttle.bound("pages", settings.concurrency if wanted.handler_borrows else None)
        if not wanted.needs_browser:
            return None
        browsing = browsing_of(settings, self.session, launcher=self.launcher, timeout=self._attempt_seconds)
        await browsing.open(stack)
        return browsing

    async def _attempts(
        self, wanted: Wanted, key_of: KeyFunction | None, stack: AsyncExitStack, browsing: Browsing | None
    ) -> Attempts:
        session, config, wishes = self.session, self.config, self.wishes
        threads = Threads(config.concurrency)
        stack.callback(threads.close)
        given = await provided(wanted, threads, stack, browsing=browsing, seconds=config.timeout)
        remedies = Remedies(given.remedies, self.runtime)
        return Attempts(
            given.call,
            given.given,
            wants_context=given.wants_context,
            identity=Identity(job_id=session.job_id, run_id=session.run_id, key_of=key_of, state=session.state),
            policy=wishes.policy,
            judge=ResultJudge(rules=wishes.rules),
            remedies=remedies,
            failures=Failures(
                wishes,
                remedies=remedies,
                gate=self.gate,
                suspension=self.abortion.suspension,
                keep=self.abortion.keep,
                runtime=self.runtime,
                tally=self.tally,
                job=session.job_id,
            ),
            # What is lent has its own time, which begins when it is there.
            timeout=None if wanted.handler_borrows else self._attempt_seconds,
            gate=self.gate,
            suspension=self.abortion.suspension,
            runtime=self.runtime,
            tally=self.tally,
        )


def wishes_of(retry: "RetryConfiguration", rules: Iterable[FailureRule] = ()) -> Wishes:
    """How a job's failures are taken: the policy, and the rules given in code before those of the configuration.

    Raises `ConfigurationError` when there is no policy of that name, or a rule is not valid.
    """
    try:
        policy = RetryManager(retry).policy(retry.default_policy if retry.enabled else "none")
        chosen = heard((*rules, *rules_of(retry.rule)))
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

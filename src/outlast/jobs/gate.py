"""May this item be tried now, and whose fault was it? Decides host by host, from what came of the tries before.

An item that fails while others are answered has itself to blame. Different items that fail in a row, with the same host in all of
them and no answer between, say something about the host: from `PARK_AFTER` of them on, what fails is not held against the item, and
when there is evidence enough (`outlast.retry.breaker`: ten failures in a row, or most of many) the host is parked. While it is, one
item at a time probes it. One item alone parks nobody, however often it fails.

At the end of a job there may be fewer items left than that. An item that fails again, with nobody answered since it last
failed, gets `GRACE` seconds of the benefit of the doubt; after that its failures count.

Whatever `admit` lets go is reported back once: `answered`, `failed`, `throttled`, or `released` when nothing was learned.
"""

import math
from collections.abc import Collection, Iterable, Mapping

from outlast.jobs.adaptive import Adaptive
from outlast.jobs.gatewords import Failed, Parked, Probe, Recovered, Waiting
from outlast.jobs.host import Host, Reason, Wait
from outlast.jobs.rate import spacing_of
from outlast.retry.breaker import Admit
from outlast.retry.budget import TOKENS

__all__ = ["GRACE", "HOSTS_MAX", "PARK_AFTER", "Failed", "Gate", "Parked", "Probe", "Recovered", "Waiting"]

PARK_AFTER = 5
GRACE = 60.0
HOSTS_MAX = 10_000
FORGOTTEN_AT_ONCE = 1_000
# What waits for less than this is not told: it will have gone before anybody has read it.
TOLD_REASONS = (Reason.PAUSED, Reason.ASKED_TO_WAIT, Reason.PARKED, Reason.RATE)


class Gate:
    """Remembers the last `HOSTS_MAX` hosts. All times are monotonic seconds, given by the caller.

    `rates` are the seconds between two tries by host; `adaptive` adapts how many of a host may be in flight, up to `concurrency`.
    """

    def __init__(
        self, *, concurrency: int = 16, rates: Mapping[str, float] | None = None, adaptive: bool = True
    ) -> None:
        self._concurrency = concurrency
        self._own_rates: Mapping[str, float | None] = {**(rates or {})}
        self._rates = self._own_rates
        self._adaptive = adaptive
        self._hosts: dict[str, Host] = {}
        self._refused: dict[str, Host] = {}
        self._parked: set[str] = set()
        self._paused: frozenset[str] = frozenset()
        self._last_answer = -math.inf
        self._quiet_until = -math.inf

    @property
    def parked(self) -> int:
        """How many hosts are parked."""
        return len(self._parked)

    @property
    def paused(self) -> frozenset[str]:
        """The hosts that are paused, whether or not they have items."""
        return self._paused

    @property
    def in_flight(self) -> int:
        """How many items are under way."""
        return sum(host.in_flight for host in self._hosts.values())

    def parked_hosts(self) -> list[str]:
        return sorted(self._parked)

    def waiting(self, now: float) -> list[Waiting]:
        """The hosts whose items wait for longer than a moment; of those that are paused all."""
        found = [Waiting(name, Reason.PAUSED, None) for name in sorted(self._paused)]
        for name, host in self._refused.items():
            wait = host.wait(now, retry=False)
            if wait is not None and wait.reason in TOLD_REASONS and wait.reason is not Reason.PAUSED:
                is_asked = wait.reason is Reason.PARKED and host.is_probed
                rated = 1 / host.spacing.seconds if host.spacing is not None and wait.reason is Reason.RATE else 0.0
                found.append(Waiting(name, wait.reason, 0.0 if is_asked else wait.opens_at - now, rated))
        return found

    def admit(self, name: str, now: float, *, retry: bool = False) -> Probe:
        """Whether an item of this host may be tried now; `PROBE` hands out the one probe that is due."""
        host = self._hosts.get(name) or self._meet(name, now)
        if host.free:
            host.in_flight += 1
            host.asked_last = now
            return Probe.GO
        if host.given_up:
            host.in_flight += 1
            return Probe.GIVE_UP
        if host.wait(now, retry=retry) is not None:
            self._refused[name] = host
            return Probe.WAIT
        self._refused.pop(name, None)
        probe = host.parked and host.breaker.admit(now) is Admit.PROBE
        host.asked(now)
        return Probe.PROBE if probe else Probe.GO

    def admit_probe(self, name: str, now: float) -> Probe:
        """The same for an item that is to find out whether anybody answers: that its host may be down keeps it back no longer."""
        host = self._hosts.get(name) or self._meet(name, now)
        if host.barred(now):
            return Probe.WAIT
        if host.parked:
            host.breaker.opens_at = min(host.breaker.opens_at, now)
            host.breaker.admit(now)
        probe = Probe.PROBE if host.parked else Probe.GO
        host.asked(now)
        return probe

    def is_parked(self, name: str) -> bool:
        """Whether this host is parked."""
        return name in self._parked

    def are_parked(self, names: Iterable[str]) -> bool:
        """Whether all of these hosts are parked."""
        return self._parked.issuperset(names)

    def wait(self, name: str, now: float, *, retry: bool = False) -> Wait | None:
        """What keeps an item of this host back now; None: nothing does."""
        host = self._hosts.get(name) or self._meet(name, now)
        return None if host.free or host.given_up else host.wait(now, retry=retry)

    def takes(self, name: str, seconds: float) -> int:
        """How many items of this host may go within about so many seconds, at least 1."""
        host = self._hosts.get(name)
        return 1 if host is None else host.takes(seconds)

    def put_off(self, name: str, now: float) -> float:
        """Until when an item that waits for this host may be out of the way."""
        host = self._hosts.get(name) or self._meet(name, now)
        until = host.put_off(now)
        if not (host.parked or host.paused):  # one that asked for less is up as well
            self.quiet(until)
        return until

    def answered(self, name: str, now: float, *, probe: bool = False, seconds: float | None = None) -> Recovered | None:
        """The host answered, if only with "no such page": it is up. `seconds`: how long it took, where that says something."""
        self._last_answer = now
        host = self._hosts[name]
        host.in_flight -= 1
        changed = host.adaptive is not None and host.adaptive.answered(now, seconds)
        if host.free and not host.in_a_row and host.budget.tokens >= TOKENS and not host.breaker.evidence:
            if changed:
                host.settle()
            return None
        down_for = None if host.doubted else host.breaker.succeeded(now, probe=probe)
        host.answered()
        host.settle()
        if down_for is None:
            return None
        self._parked.discard(name)
        return Recovered(name, down_for)

    def failed(self, name: str, key: str, now: float, *, probe: bool = False, sure: bool = False) -> Failed:
        """The host did not answer as it should; `sure`: it is down. Says whether that counts against the item `key`."""
        host = self._hosts[name]
        host.in_flight -= 1
        host.unanswered(now)
        verdict = self._judge(host, key, now, probe=probe, sure=sure)
        host.settle()
        return verdict

    def throttled(self, name: str, now: float, *, seconds: float, probe: bool = False) -> None:
        """The host asked to be left alone for so many seconds: nobody asks it before. That is nobody's failure."""
        host = self._hosts[name]
        host.in_flight -= 1
        host.in_a_row += 1
        host.last_failure = now
        host.not_before = max(host.not_before, now + seconds)
        self._quiet_until = max(self._quiet_until, host.not_before)  # until then it is not silent, it is left alone
        host.breaker.released(now, probe=probe)
        self.slow_down(name, now)

    def promise(self, name: str, until: float, now: float) -> None:
        """Nobody is to ask this host before that time."""
        host = self._hosts.get(name) or self._meet(name, now)
        host.not_before = max(host.not_before, until)
        host.settle()

    def asked_to_wait(self, after: float) -> list[tuple[str, float]]:
        """The hosts that want to be left alone beyond that time, and until when."""
        return [(host.name, host.not_before) for host in self._hosts.values() if host.not_before > after]

    def slow_down(self, name: str, now: float) -> None:
        """The host asked for less: fewer of its items at once from now on."""
        host = self._hosts[name]
        if host.adaptive is not None:
            host.adaptive.throttled(now)
        host.settle()

    def released(self, name: str, now: float, *, probe: bool = False) -> None:
        """Nothing was learned of the host: its item was cancelled, or failed for another's sake."""
        host = self._hosts[name]
        host.in_flight -= 1
        host.breaker.released(now, probe=probe)

    def pause(self, names: Iterable[str]) -> None:
        """Let these hosts wait, and no other that was paused before."""
        self._paused = frozenset(names)
        for name, host in self._hosts.items():
            if host.paused != (name in self._paused):
                host.paused = not host.paused
                host.settle()

    def order_rates(self, ordered: Mapping[str, float | None]) -> None:
        """Ask hosts as often as this says (None: no rate); those that it does not name, as the rates from the beginning say."""
        self._rates = {**self._own_rates, **ordered}
        for name, host in self._hosts.items():
            host.respace(spacing_of(name, self._rates))

    def doubt(self) -> None:
        """Stop waiting for the parked hosts: until they answer, failures count against the items again, and few are enough."""
        for name in self._parked:
            self._hosts[name].doubted = True
        self._parked.clear()

    def silent_for(self, now: float) -> float:
        """Seconds for which nobody answered although somebody was asked; 0, or less, when no host is parked."""
        since = (self._hosts[name].breaker.down_since for name in self._parked)
        asked = min((each for each in since if each is not None), default=now)
        return now - max(asked, self._last_answer, self._quiet_until)

    def may_others_answer(self, held: Collection[str]) -> bool:
        """Whether somebody who is not parked is asked now, or will be: one of those whose items are held, who is well."""
        asked = any(host.in_flight and not host.parked for host in self._hosts.values())
        return asked or any(name in self._hosts and self._hosts[name].is_well for name in held)

    def spread_probes(self, now: float, seconds: float) -> None:
        """Let the parked hosts be asked one after the other, all of them within so many seconds."""
        apart = seconds / max(1, len(self._parked))
        for place, name in enumerate(sorted(self._parked)):
            breaker = self._hosts[name].breaker
            breaker.opens_at = max(breaker.opens_at, now + place * apart)

    def quiet(self, until: float) -> None:
        """Until then it may be that nobody who is up is asked: there may be items of theirs that were put off."""
        self._quiet_until = max(self._quiet_until, until)

    def stood_still(self, seconds: float, now: float) -> None:
        """For so long nobody could be asked or heard: that was nobody's silence."""
        self._quiet_until = max(self._quiet_until, min(now, now - self.silent_for(now) + seconds))

    def silence_of(self, name: str, now: float) -> float:
        """Seconds since the failures of this host began; 0 when there are none."""
        since = self._hosts[name].breaker.down_since
        return 0.0 if since is None else now - since

    def _judge(self, host: Host, key: str, now: float, *, probe: bool, sure: bool) -> Failed:
        if host.parked:
            host.breaker.failed(now, probe=probe)  # tries that were under way when it was parked say nothing new
            return Failed(counts=False)
        if host.doubted:
            return Failed(counts=True)
        failed_before = key in host.failing
        host.failing.add(key)
        in_doubt = len(host.failing) >= PARK_AFTER
        if (sure or in_doubt or not failed_before) and host.breaker.failed(now, sure=sure):
            host.failing.clear()
            self._parked.add(host.name)
            return Failed(False, Parked(host.name, host.in_a_row, host.breaker.opens_at - now))
        # Nobody else was answered since it last failed: the first minute of that is not held against it either.
        return Failed(counts=not in_doubt and (not failed_before or now - host.failing_since >= GRACE))

    def _meet(self, name: str, now: float) -> Host:
        if len(self._hosts) >= HOSTS_MAX:
            self._make_room(now)
        host = Host(name, spacing_of(name, self._rates), paused=name in self._paused)
        if self._adaptive:
            host.adaptive = Adaptive(self._concurrency)
        host.settle()
        self._hosts[name] = host
        return host

    def _make_room(self, now: float) -> None:
        """Forget some of those met first: ones that do not matter, else ones that are not parked, else whom nobody asks now."""
        idle = [host for host in self._hosts.values() if not host.in_flight]
        unparked = [host for host in idle if not host.parked]
        unimportant = [host for host in unparked if host.forgettable(now)]
        for host in (unimportant or unparked or idle)[:FORGOTTEN_AT_ONCE]:
            del self._hosts[host.name]
            self._refused.pop(host.name, None)
            self._parked.discard(host.name)

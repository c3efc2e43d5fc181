"""Is it over? When the guard gives the job up, or nobody has answered for too long, and more is left than a few broken pages."""

from outlast.abort.probing import PROBE_EVERY_MAX
from outlast.jobs.athand import AtHand
from outlast.jobs.gate import Gate
from outlast.jobs.pulse import BEAT_EVERY
from outlast.jobs.suspension import Suspension
from outlast.ledger.port import Ledger
from outlast.runtime import Clock

__all__ = ["TAIL_MAX", "TAIL_SHARE", "Patience"]

# When patience is at its end and no more than this share of what is done is left to do, and no more than so many items, the run ends
# with those failed, not aborted: otherwise a few broken pages of a site that is up would abort every run to come.
TAIL_SHARE = 0.1
TAIL_MAX = 50
# Who has not answered for less is not silent.
SILENT_SECONDS = 1.0


class Patience:
    """For how long a run waits for what does not answer, or answers nothing that is of use."""

    def __init__(self, gate: Gate, at_hand: AtHand, suspension: Suspension, ledger: Ledger, clock: Clock) -> None:
        self._gate = gate
        self._at_hand = at_hand
        self._suspension = suspension
        self._ledger = ledger
        self._clock = clock
        suspension.pulse.tells(gate.stood_still)

    async def beat(self) -> None:
        """Keep the pulse, until cancelled."""
        while True:
            self._suspension.pulse.beat(self._clock.monotonic())
            await self._clock.sleep(BEAT_EVERY)
            if self._gate.parked or self._suspension.suspended:  # nobody else waits for anything
                await self._ledger.position()

    async def is_spent(self, *, has_read_all: bool) -> bool:
        """Whether the run is to end for that. Where only a few items are left, and no source has more, they are let go, whatever becomes of them."""
        now, suspension = self._clock.monotonic(), self._suspension
        suspension.pulse.feel(now)
        self._leave_to_the_gate(now)
        silent = self._silent_for(now)
        if silent is not None:
            suspension.silent(now, silent, self._gate.parked_hosts)
        if not suspension.is_spent(now, silent):
            return False
        counts = await self._ledger.counts()
        if not has_read_all or counts.waiting > min(TAIL_SHARE * counts.done, TAIL_MAX):
            return suspension.aborts
        # From now on their failures count.
        self._gate.doubt()
        suspension.dismiss(counts.waiting)
        return False

    def seconds_left(self, now: float) -> float:
        """When to ask again, if nothing happens."""
        return self._suspension.patience_left(self._silent_for(now) or 0.0)

    def _leave_to_the_gate(self, now: float) -> None:
        """When the job is suspended, and its probes have parked one host after the other until none was left."""
        gate, suspension = self._gate, self._suspension
        if not suspension.suspended or not gate.parked:
            return
        held = self._at_hand.held_hosts
        if held and gate.are_parked(held) and suspension.may_be_left(held, now):
            gate.spread_probes(now, PROBE_EVERY_MAX)
            suspension.leave()

    def _silent_for(self, now: float) -> float | None:
        """For how long nobody has answered; None where no host is parked, or one that is not may still answer."""
        gate = self._gate
        if not gate.parked:
            return None
        silent = gate.silent_for(now)
        is_open = silent >= SILENT_SECONDS and gate.may_others_answer(self._at_hand.held_hosts)
        return None if is_open else silent

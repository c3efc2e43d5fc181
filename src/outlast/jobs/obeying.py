"""A run obeys the standing orders: those it finds, and those it is given while it works."""

import logging
from collections.abc import Callable

from outlast.errors import ResilienceException
from outlast.events import EventType
from outlast.jobs.gate import Gate
from outlast.jobs.orders import Orders, Watch
from outlast.runtime import Runtime

__all__ = ["Obedience"]

LOOK_SECONDS = 1.0

_log = logging.getLogger("outlast.job")


class Obedience:
    """Pauses the hosts that the orders of a job name, through its gate."""

    def __init__(self, watch: Watch, gate: Gate, runtime: Runtime, job: str) -> None:
        self._watch = watch
        self._gate = gate
        self._runtime = runtime
        self._job = job

    def begin(self) -> None:
        """Obey the orders that there are. Raises `JobError` when they cannot be read."""
        orders = self._watch.look()
        if orders is not None and orders.paused != self._gate.paused:
            self._obey(orders)

    async def follow(self, changed: Callable[[], None]) -> None:
        """Obey what changes, until cancelled; `changed` is called then. Orders that cannot be read leave those before in force."""
        while True:
            await self._runtime.clock.sleep(LOOK_SECONDS)
            try:
                orders = self._watch.look()
            except ResilienceException as error:
                _log.warning("job %r: the orders before stay in force: %s", self._job, error.message)
                continue
            if orders is not None and orders.paused != self._gate.paused:
                self._obey(orders)
                changed()

    def _obey(self, orders: Orders) -> None:
        self._gate.pause(orders.paused)
        self._runtime.emit(EventType.ORDERS_CHANGED, self._job, paused=sorted(orders.paused))

"""A run obeys its orders: those it finds, and those it is given while it works. What it is told once it does once, and answers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from outlast.errors import ResilienceException
from outlast.events import EventType
from outlast.jobs.answers import Answers
from outlast.jobs.command import Answer, Command
from outlast.jobs.gate import Gate
from outlast.jobs.orders import Orders, Watch, spacings_of
from outlast.jobs.store import JobDirectory
from outlast.jobs.throttle import PAUSE, Throttle
from outlast.runtime import Runtime

if TYPE_CHECKING:
    from outlast.storage.keys import Keyring

__all__ = ["Obedience"]

LOOK_SECONDS = 1.0

_log = logging.getLogger("outlast.job")


class Obedience:
    """What a run was told, and what of it is in force now. It lasts as long as the run; `begin` says by what it obeys."""

    def __init__(
        self, directory: JobDirectory, keys: "Keyring | None", runtime: Runtime, *, job: str, run: str
    ) -> None:
        self._watch = Watch(directory, keys)
        self._answers = Answers(directory, run, keys)
        self._runtime = runtime
        self._job = job
        self._run = run
        self._gate = Gate()
        self._throttle = Throttle()
        self._in_force = Orders()
        self._begun: set[str] = set()
        """The commands that are still in the file, and were obeyed or are being obeyed."""

    def begin(self, gate: Gate, throttle: Throttle) -> None:
        """Obey the orders that there are, by these two. Raises `JobError` when they cannot be read."""
        self._gate, self._throttle = gate, throttle
        self._watch.look()
        self._obey_standing(is_new_gate=True)

    async def follow(self, changed: Callable[[], None], carry_out: Callable[[Command], Awaitable[Answer]]) -> None:
        """Obey what is new, until cancelled; `changed` is called where other orders are in force then.

        What cannot be read leaves in force what was before.
        """
        problem = ""
        async with asyncio.TaskGroup() as at_once:
            while True:
                # What was told before the work began is done now.
                for command in self._new_commands():
                    at_once.create_task(self._obey(command, carry_out))
                await self._runtime.clock.sleep(LOOK_SECONDS)
                try:
                    is_new = self._watch.look()
                except ResilienceException as error:
                    if error.message != problem:
                        problem = error.message
                        _log.warning("job %r: the orders before stay in force: %s", self._job, problem)
                    continue
                problem = ""
                if is_new and self._obey_standing():
                    changed()

    def _obey_standing(self, *, is_new_gate: bool = False) -> bool:
        """Whether other orders are in force than were."""
        orders, before, gate = self._watch.orders, self._in_force, self._gate
        differing = {
            "job": orders.job_paused != before.job_paused,
            "hosts": orders.paused != before.paused,
            "rates": orders.rates != before.rates,
        }
        self._in_force = orders
        if is_new_gate or any(differing.values()):
            gate.pause(orders.paused)
            gate.order_rates(spacings_of(orders.rates))
            self._throttle.bound(PAUSE, 0 if orders.job_paused else None)
        if any(differing.values()):
            self._emit(
                EventType.ORDERS_CHANGED,
                changed=[what for what, differs in differing.items() if differs],
                job_paused=orders.job_paused,
                paused=sorted(orders.paused),
                rates=dict(orders.rates),
            )
        return any(differing.values())

    def _new_commands(self) -> list[Command]:
        told = self._watch.orders.for_run(self._run)
        new = [each for each in told if each.id not in self._begun]
        self._begun = {each.id for each in told}
        return new

    async def _obey(self, command: Command, carry_out: Callable[[Command], Awaitable[Answer]]) -> None:
        answer = await carry_out(command)
        told: Mapping[str, Any] = {"command": command.word.value, "given": command.given, "answer": answer.says}
        self._emit(EventType.COMMAND_OBEYED, command_id=command.id, obeyed=answer.obeyed, **told)
        giving = asyncio.ensure_future(self._give(answer))
        try:
            await asyncio.shield(giving)
        except asyncio.CancelledError:
            # A stop ends this task too, and whoever asked for it is waiting for the answer.
            await giving
            raise

    async def _give(self, answer: Answer) -> None:
        try:
            await self._answers.give(answer)
        except ResilienceException as error:
            _log.warning("job %r: %s", self._job, error.message)

    def _emit(self, kind: EventType, **told: Any) -> None:
        self._runtime.emit(kind, self._job, **told)

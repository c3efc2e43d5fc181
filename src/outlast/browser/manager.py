"""The contract's browser lifecycle."""
# ruff: noqa: UP006, UP035 - the published signatures, as they are written there

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Dict, Self

from typing_extensions import override

from outlast.browser.calls import Calls
from outlast.browser.custody import Custody
from outlast.browser.keeper import Keeper
from outlast.browser.keeping import Keeping
from outlast.browser.launched import Launched, Launcher
from outlast.browser.leases import BrowserLease, ContextLease, PageLease
from outlast.browser.policy import BrowserPolicy
from outlast.browser.restart import Cause, Kind, Restart, Saver, Verify
from outlast.browser.sessions import Session, Sessions
from outlast.browser.state import checked, empty
from outlast.contracts import IBrowserLifecycleIntegration
from outlast.errors import ValidationError
from outlast.events import EventBus
from outlast.runtime import Clock, Runtime
from outlast.storage.keys import KeyProvider, Keyring, keyring

if TYPE_CHECKING:
    from random import Random  # noqa: TID251 - the type alone

__all__ = ["DEFAULT_SESSION", "BrowserLifecycle"]

DEFAULT_SESSION = "default"


class BrowserLifecycle(IBrowserLifecycleIntegration):
    """Lends pages of a browser that it keeps going: started at the first need, replaced when it crashes, restarted with its state.

    `launcher` starts a browser with Playwright's API; None: only what `attach` is given. `context_options` are those of
    Playwright's `new_context`. `storage` is a directory for what has to outlive this process; `keys` seal the states there.
    `checkpoints` gets the states before a browser is ended. `verify` is given a page of each restored session, and says whether
    it is as it should be. `on_crash` is called once for each browser that is lost, with the id of the incident and the reason.
    """

    def __init__(  # noqa: PLR0913 - each collaborator by its name
        self,
        launcher: Launcher | None = None,
        *,
        policy: BrowserPolicy | None = None,
        context_options: Mapping[str, Any] | None = None,
        storage: Path | str | None = None,
        checkpoints: Saver | None = None,
        keys: Keyring | KeyProvider | None = None,
        events: EventBus | None = None,
        clock: Clock | None = None,
        rng: "Random | None" = None,
        on_crash: Callable[[str, str], None] | None = None,
        verify: Verify | None = None,
        job_id: str = "browser",
    ) -> None:
        given = Runtime()
        roll = given.roll if rng is None else rng.random
        runtime = Runtime(clock=clock or given.clock, roll=roll, bus=events or given.bus)
        directory = None if storage is None else Path(storage) / "browsers"
        calls = Calls()
        self._policy = policy or BrowserPolicy()
        self._clock = runtime.clock
        self._custody = Custody(directory, self._policy, runtime)
        self._keeping = Keeping(directory, keys if isinstance(keys, Keyring) or keys is None else keyring(keys))
        self._sessions = Sessions(calls, self._policy, runtime, context_options or {})
        self._restart = Restart(
            self._policy,
            runtime,
            calls=calls,
            sessions=self._sessions,
            launcher=launcher,
            custody=self._custody,
            job_id=job_id,
            checkpoints=checkpoints,
            verify=verify,
            keep=self._keeping.keep,
        )
        self._keeper = Keeper(self._policy, runtime, calls, restart=self._restart, job_id=job_id, on_crash=on_crash)

    async def __aenter__(self) -> Self:
        """Browsers that a killed process left behind here are ended; none is started yet."""
        await self._custody.sweep()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def page(
        self, session_id: str | None = DEFAULT_SESSION, *, name: str | None = None, deadline: float | None = None
    ) -> PageLease:
        """A page for the body of `async with`, in the session's context; without a session in a clean context of its own.

        It is closed afterwards, unless it has a `name`: then it is the session's page of this name, used by one at a time, which stays
        open and stands where it stood after a restart. The body is cancelled after `deadline` seconds.

        Raises `BrowserCrashedError` when the page or the browser crashed, whatever the body returned; `BrowserTimeoutError` at the
        deadline; `BrowserUnavailableError` when there is no browser to be had.
        """
        if name is not None and session_id is None:
            raise ValidationError("a page that lasts belongs to a session")
        return PageLease(self._keeper, self._session(session_id), deadline, name)

    def context(self, session_id: str | None = DEFAULT_SESSION, *, deadline: float | None = None) -> ContextLease:
        """The session's context, or a clean one, for the body of `async with`; pages that it opens are closed afterwards."""
        return ContextLease(self._keeper, self._session(session_id), deadline)

    def browser(self, *, deadline: float | None = None) -> BrowserLease:
        """The browser itself, for the body of `async with`; contexts that it opens are closed afterwards."""
        return BrowserLease(self._keeper, deadline)

    def replaces_while(self, is_wanted: Callable[[], bool]) -> None:
        """Replace a browser that is lost at once only while this is so; else when somebody asks for one."""
        self._keeper.is_wanted = is_wanted

    def attach(self, browser: Any) -> None:
        """Use a browser that is running already. It can be replaced only if there is a launcher too."""
        self._keeper.adopt(self._restart.adopted(Launched(browser)))

    @override
    async def on_browser_restart_required(self, reason: str, context: Dict[str, Any]) -> bool:
        """Restart the browser with all that its sessions hold; True once the new one is at work.

        Requests that come meanwhile get the same answer. False when restarts are off, used up or impossible, and when no browser
        could be started. `context` may hold `drain`, the seconds to wait for pages in use, `critical` (true: memory is short, so wait
        less), and `generation`, the number of the browser that is meant: one that has gone already needs no restart.
        """
        if not self._policy.restart_enabled:
            return False
        present = self.generation
        meant = context.get("generation")
        if isinstance(meant, int) and present > meant:
            return True
        deadlines = self._policy.deadlines
        is_critical = context.get("critical") or context.get("is_critical")
        drain = context.get("drain", deadlines.drain_critical if is_critical else None)
        return await self._keeper.asked(Cause(Kind.ASKED, reason, drain))

    @override
    async def get_browser_state(self, session_id: str) -> Dict[str, Any]:
        """What the session holds: cookies, storage, and where its named pages stand. It is a secret.

        What could not be read is named in `missing`, and then `partial` is true. `source` is `live`, `last_good` (storage as it was when
        it could be read last) or `empty` (no such session has been used).
        """
        session, generation = self._sessions.get(session_id), self._keeper.generation
        if session is None:
            return empty(session_id)
        if generation is None or not generation.look():
            known = session.state or empty(session_id)
            return {**known, "source": "last_good"} if session.state is not None else known
        return await self._sessions.take(session, generation)

    @override
    async def restore_browser_state(self, session_id: str, state: Dict[str, Any]) -> bool:
        """Let the session hold this state; True when all of it is there afterwards. Starts the browser if need be.

        Raises `ValidationError` for what is no state of this version. Pages in use are waited for, up to `drain`; those that
        stay longer keep the context they have, with the state before.
        """
        wanted, session = checked(state), self._sessions.of(session_id)
        while True:
            generation = await self._keeper.admitted()
            try:
                return not await self._sessions.replace(session, generation, wanted)
            except Exception:
                # Its browser went while pages were waited for: the next one takes it, and there is an end of those.
                if generation.look():
                    raise

    def prime(self, session_id: str, state: Mapping[str, Any]) -> None:
        """Let the session begin with this state when it is first used. Raises `ValidationError` for what is no state."""
        self._sessions.of(session_id).state = checked(state)

    async def kept_state(self, session_id: str = DEFAULT_SESSION) -> dict[str, Any] | None:
        """What was written down of the session last, perhaps by a process that was killed; None: nothing was."""
        return await self._keeping.kept(session_id)

    def roots(self) -> list[tuple[int, int]]:
        """The processes from which all of the browser's descend, as pid and starting tick: its main process and its driver."""
        generation = self._keeper.generation
        found = () if generation is None else (generation.process, generation.driver)
        return [(each.pid, each.started) for each in found if each is not None]

    @property
    def uptime(self) -> float | None:
        """Seconds since the present browser was launched; None: there is none."""
        generation = self._keeper.generation
        return None if generation is None else self._clock.monotonic() - generation.born

    @property
    def generation(self) -> int:
        """The number of the present browser, counted from 1; 0: there is none."""
        generation = self._keeper.generation
        return 0 if generation is None else generation.number

    @property
    def pages_served(self) -> int:
        return self._keeper.pages_served

    @property
    def restarts_left(self) -> int:
        """How many restarts are allowed now."""
        return self._keeper.restarts_left

    async def relieve(self, level: int) -> None:
        """Give memory back: at level 1 pages collect their garbage, from level 2 on contexts that nobody uses are renewed."""
        generation = self._keeper.generation
        if generation is None or not generation.look():
            return
        if level >= 2:
            await self._sessions.renew_idle(generation)
        await generation.collect_garbage(self._keeper.calls)

    async def close(self) -> None:
        """End the browser and its driver, for good. Whoever still holds a page of it is told.

        Who is cancelled meanwhile does not cut it short, and may wait for its end by a second call.
        """
        await self._keeper.close()

    def _session(self, session_id: str | None) -> Session | None:
        return None if session_id is None else self._sessions.of(session_id)

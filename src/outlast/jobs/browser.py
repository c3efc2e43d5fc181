"""Which browser a job has: its settings as a lifecycle, and what launches it."""

from collections.abc import Awaitable, Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outlast.browser import BrowserLifecycle, BrowserPolicy
from outlast.browser.state import VERSION, checked
from outlast.errors import ConfigurationError
from outlast.jobs.browsing import SHARED, Browsing
from outlast.jobs.session import Session
from outlast.storage.strictjson import decode

if TYPE_CHECKING:
    from outlast.config import BrowserConfiguration

__all__ = ["LaunchFunction", "browsing_of", "launcher_of", "session_to_begin_with"]

GROUP = "outlast.browsers"
"""The entry points that launch browsers, by the name of the library."""
LIBRARY = "playwright"
# In ten minutes. Whether crashes mean that the job is over is the abort's to decide, by its own rules (`outlast.abort.crashes`): three
# in a row with nothing done between, or ten. This is only the end of it.
RESTARTS_MAX = 10
_KEPT = frozenset({"shared", "fresh"})

LaunchFunction = Callable[[], Awaitable[Any]]


def browsing_of(
    config: "BrowserConfiguration",
    session: Session,
    *,
    launcher: LaunchFunction | None,
    timeout: float | None,
) -> Browsing:
    """The browser of a run; the shorter of `timeout` and that of a page bounds what is lent.

    Raises `ConfigurationError` as `session_to_begin_with` and `launcher_of` do.
    """
    began_with = session_to_begin_with(config)
    if session.browser_state is None and began_with is not None:
        session.browser_state = began_with
    directory = session.directory
    lifecycle = BrowserLifecycle(
        launcher or launcher_of(config),
        policy=BrowserPolicy(
            restarts_max=RESTARTS_MAX, browser_pages=config.max_pages or None, browser_age=config.lifetime or None
        ),
        context_options=config.context.plain(),
        storage=None if directory is None else directory.path,
        checkpoints=_Saver(session),
        keys=session.keys,
        events=session.runtime.bus,
        clock=session.runtime.clock,
        job_id=session.job_id,
    )
    seconds = [each for each in (config.page_timeout, timeout) if each is not None]
    return Browsing(
        lifecycle, session, fresh=config.storage_state == "fresh", seconds=min(seconds) if seconds else None
    )


class _Saver:
    """Takes the checkpoint that a restart asks for: the job's own, with the states of the browser in it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def create_checkpoint(
        self, _job_id: str, data: dict[str, Any], _metadata: dict[str, Any] | None = None
    ) -> str:
        state = data["browser_state"].get(SHARED)
        return await self._session.save("browser_restart", browser_state=state) or ""


def launcher_of(config: "BrowserConfiguration") -> LaunchFunction:
    """What launches the browser of these settings.

    Raises `ConfigurationError` when nothing does, and for a `context` of options that there are not.
    """
    point = next((each for each in entry_points(group=GROUP) if each.name == LIBRARY), None)
    if point is None:
        raise ConfigurationError(
            f"nothing that is installed launches a browser: no package provides {LIBRARY!r} in the entry points {GROUP!r}. "
            "outlast itself does, so it is not installed as it should be: pip install --force-reinstall 'outlast[browser]'",
            context={"group": GROUP, "name": LIBRARY},
        )
    make = point.load()
    launcher = make(config.engine, executable=config.executable, args=config.args, headless=config.headless)
    launcher.refuse_unknown(config.context)
    launch: LaunchFunction = launcher
    return launch


def session_to_begin_with(config: "BrowserConfiguration") -> dict[str, Any] | None:
    """The file that Playwright's `context.storage_state(path=...)` has written, as a state; None: the settings name none.

    Raises `ConfigurationError` when it cannot be read.
    """
    if config.storage_state in _KEPT:
        return None
    path = Path(config.storage_state)
    try:
        return checked({"version": VERSION, "session_id": SHARED, "storage_state": decode(path.read_bytes())})
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"browser.storage_state: {str(path)!r} is neither 'shared' nor 'fresh', nor a session that can be read: {error}",
            context={"path": str(path)},
        ) from error

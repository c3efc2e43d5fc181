"""Which browser a job would have, and whether it starts: it is asked for its version, and for a page."""

import os
import re
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from outlast.browser import Found, find_browser
from outlast.cli.doctor.check import Check, State
from outlast.errors import BrowserUnavailableError, ConfigurationError

__all__ = ["Trial", "browser_check", "browser_checks", "tried_out"]

VERSION_SECONDS = 15.0
LAUNCH_SECONDS = 30.0
PLAYWRIGHT_MIN = (1, 64)
OUTPUT_SHOWN_MAX = 200
CANNOT_RUN = 126
"""What a shell says of a program that it cannot start."""
_PAGE = "data:text/html,<p>doctor</p><script>document.write(6*7)</script>"
_SHOWN = "doctor</p><script>document.write(6*7)</script>42"
_BY_HAND = "--headless --no-sandbox --dump-dom about:blank"
_MISSING_LIBRARY = re.compile(r"(\S+\.so[.\d]*): cannot open shared object")
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--dump-dom",
    _PAGE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a browser said of itself, and why it did not show the page, if it did not."""

    version: str | None = None
    problem: str | None = None


def browser_checks(engine: str = "chromium", configured: str | None = None, *, headless: bool = True) -> list[Check]:
    """Which one is found, and whether it shows a page; and whether Playwright is there to steer it."""
    try:
        found = find_browser(engine, configured, headless=headless)
    except BrowserUnavailableError as error:
        # A job that needs no browser is none the worse for it, unless somebody has said where it is.
        state = State.BAD if error.context["asked"] else State.WARN
        says, remedy = error.context["problem"], error.context["remedy"]
        facts = {"engine": engine, "path": None, "looked_at": error.context["looked_at"]}
        return [Check(name="browser", state=state, says=says, do=(remedy,), facts=facts)]
    except ConfigurationError as error:
        return [Check(name="browser", state=State.BAD, says=error.message)]
    return [browser_check(engine, found, tried_out(found)), *_playwright_checks()]


def browser_check(engine: str, found: Found, trial: Trial) -> Check:
    """What is said of a browser that was tried out."""
    facts = {
        "engine": engine,
        "path": found.path,
        "kind": found.kind,
        "found_by": found.how,
        "version": trial.version,
        "launches": trial.problem is None,
    }
    told = f"{trial.version or 'of an unknown version'}, {found.path} ({_how(found.how)})"
    if trial.problem is None:
        return Check(name="browser", state=State.OK, says=f"{told}; it starts and shows a page", facts=facts)
    library = _MISSING_LIBRARY.search(trial.problem)
    do = f"python -m playwright install-deps {engine}" if library else f"start it by hand: {found.path} {_BY_HAND}"
    return Check(name="browser", state=State.BAD, says=f"{told} does not start: {trial.problem}", do=(do,), facts=facts)


def tried_out(found: Found) -> Trial:
    """Start it twice: for its version, and for a page whose script has to run. Nothing of it is left behind."""
    code, version = _answer([found.path, "--version"], VERSION_SECONDS)
    told = version.strip().splitlines()[-1] if code == 0 and version.strip() else None
    if found.kind in {"firefox", "webkit"}:
        # They are steered by Playwright alone; that they can be executed is what can be seen without it.
        return Trial(version=told, problem=None if told else _shown(code, version))
    with tempfile.TemporaryDirectory(prefix="outlast-doctor-", ignore_cleanup_errors=True) as profile:
        code, shown = _answer([found.path, f"--user-data-dir={profile}", *_ARGUMENTS], LAUNCH_SECONDS)
    return Trial(version=told, problem=None if _SHOWN in shown else _shown(code, shown))


def _answer(command: list[str], seconds: float) -> tuple[int | None, str]:
    """Its exit code and what it printed; no code: it was still running and was killed, with all that it had started."""
    with tempfile.TemporaryFile() as printed:
        try:
            # In a session of its own, so that all of it can be killed; into a file, so that no child holds a pipe open.
            process = subprocess.Popen(  # noqa: S603 - the browser that a job would start, and no shell
                command, stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT, start_new_session=True
            )
        except OSError as error:
            return CANNOT_RUN, str(error.strerror)
        try:
            code: int | None = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        printed.seek(0)
        return code, printed.read().decode(errors="replace")


def _shown(code: int | None, printed: str) -> str:
    if code is None:
        return f"it showed no page within {LAUNCH_SECONDS:g} s"
    lines = [line for line in printed.splitlines() if line.strip() and "dbus" not in line]
    telling = next((line for line in lines if _MISSING_LIBRARY.search(line)), lines[-1] if lines else "")
    return f"exit code {code}: {telling[:OUTPUT_SHOWN_MAX]}".rstrip(": ")


def _how(how: str) -> str:
    return {
        "configuration": "as configured",
        "environment": "OUTLAST_CHROMIUM",
        "playwright": "Playwright's own",
        "debian": "Debian's",
        "path": "on PATH",
    }[how]


def _playwright_checks() -> list[Check]:
    try:
        found = version("playwright")
    except PackageNotFoundError:
        says = "a browser is there, and nothing to steer it with"
    else:
        if tuple(int(each) for each in found.split(".")[:2]) >= PLAYWRIGHT_MIN:
            return []
        says = f"{found} is too old: a restart of the browser would lose what sites have stored"
    return [Check(name="playwright", state=State.WARN, says=says, do=("pip install 'outlast[browser]'",))]

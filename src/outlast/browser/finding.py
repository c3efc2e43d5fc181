"""Which browser to start: the one that is configured, else the first of the usual places that has one."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from outlast.errors import BrowserUnavailableError, ConfigurationError

__all__ = ["ENGINES", "VARIABLE", "Found", "find_browser", "runnable"]

VARIABLE = "OUTLAST_CHROMIUM"
ENGINES = ("chromium", "firefox", "webkit")
DEBIAN = ("/usr/lib/chromium/chromium-headless-shell", "/usr/lib/chromium/chromium")
COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLAYWRIGHT_BROWSERS = "PLAYWRIGHT_BROWSERS_PATH"

# Debian's script runs the shell as its child: the process that was started would not be the browser.
_WRAPPER = "/usr/bin/chromium-headless-shell"

_CORRECT = "Correct it, or take it out to look in the usual places"

# Where Playwright unpacks each of its browsers, of its newer versions and of its older ones.
_SHELL = "chromium-headless-shell"
_UNPACKED = {
    _SHELL: (
        "chrome-headless-shell-linux64/chrome-headless-shell",
        "chrome-headless-shell-linux-arm64/chrome-headless-shell",
        "chrome-linux/headless_shell",
        "chrome-headless-shell-mac-arm64/chrome-headless-shell",
        "chrome-headless-shell-mac-x64/chrome-headless-shell",
        "chrome-mac/headless_shell",
    ),
    "chromium": (
        "chrome-linux64/chrome",
        "chrome-linux-arm64/chrome",
        "chrome-linux/chrome",
        "chrome-mac-arm64/Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing",
        "chrome-mac-x64/Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing",
        "chrome-mac/Chromium.app/Contents/MacOS/Chromium",
    ),
    "firefox": ("firefox/firefox", "firefox/Nightly.app/Contents/MacOS/firefox"),
    "webkit": ("pw_run.sh",),
}


@dataclass(frozen=True, slots=True)
class Found:
    """A browser that can be started.

    `path` is its executable, `kind` one of "headless-shell", "chromium", "chrome", "firefox" and "webkit", and `how` says
    where it was found: "configuration", "environment", "playwright", "debian" or "path".
    """

    path: str
    kind: str
    how: str


def runnable(path: str) -> bool:
    """Whether there is a file that this process may execute."""
    return Path(path).is_file() and os.access(path, os.X_OK)


def find_browser(
    engine: str = "chromium",
    configured: str | os.PathLike[str] | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    exists: Callable[[str], bool] = runnable,
    headless: bool = True,
) -> Found:
    """The executable to start for `engine`; a headless shell only where `headless` is enough.

    Looked at in this order: `configured` (a path, or a command on PATH), the variable OUTLAST_CHROMIUM, what Playwright has
    installed for itself, Debian's packages, and the usual commands on PATH. What was asked for by configuration or environment and is
    not there is an error and not a reason to take another one. Firefox and WebKit are Playwright's own or configured.
    Raises `BrowserUnavailableError`, which names every place; the `problem` and the `remedy` stand in its context, too.
    """
    if engine not in ENGINES:
        raise ConfigurationError(f"there is no engine {engine!r}; there are: {', '.join(ENGINES)}")
    environ = os.environ if environ is None else environ
    asked = _asked_for(engine, configured, environ)
    if asked is not None:
        return _as_asked(engine, *asked, environ, exists)
    places = list(_places(engine, environ, headless=headless))
    for place in places:
        if (path := next(filter(exists, place.paths), None)) is not None:
            return Found(path, _kind(engine, path), place.how)
    wanted = "" if headless or engine != "chromium" else " that can show a window (headless = false)"
    raise _unavailable(
        engine,
        f"no {engine}{wanted} was found; looked at: {', '.join(place.said for place in places)}",
        _remedy(engine, headless=headless),
        [path for place in places for path in place.paths],
    )


@dataclass(frozen=True, slots=True)
class _Place:
    how: str
    said: str
    paths: tuple[str, ...]


def _asked_for(
    engine: str, configured: str | os.PathLike[str] | None, environ: Mapping[str, str]
) -> tuple[str, str] | None:
    """How it was asked for, and what."""
    if configured is not None and os.fspath(configured):
        return "configuration", os.fspath(configured)
    if engine == "chromium" and environ.get(VARIABLE):
        return "environment", environ[VARIABLE]
    return None


def _as_asked(engine: str, how: str, asked: str, environ: Mapping[str, str], exists: Callable[[str], bool]) -> Found:
    paths = [_at_home(asked)] if "/" in asked else _on_path(asked, environ)
    path = next(filter(exists, paths), None)
    if path is None:
        what = f"{VARIABLE} names" if how == "environment" else "the configuration names"
        problem = f"{what} {asked} as the browser, which is no program that can be run"
        raise _unavailable(engine, problem, _CORRECT, [asked], asked=True)
    path = DEBIAN[0] if path == _WRAPPER and exists(DEBIAN[0]) else path
    return Found(path, _kind(engine, path), how)


def _unavailable(
    engine: str, problem: str, remedy: str, looked_at: list[str], *, asked: bool = False
) -> BrowserUnavailableError:
    context = {"engine": engine, "looked_at": looked_at, "asked": asked, "problem": problem, "remedy": remedy}
    return BrowserUnavailableError(f"{problem}. {remedy}", context=context)


def _places(engine: str, environ: Mapping[str, str], *, headless: bool) -> Iterator[_Place]:
    yield from _playwrights(engine, environ, headless=headless)
    if engine == "chromium":
        for path in DEBIAN if headless else DEBIAN[1:]:
            yield _Place("debian", path, (path,))
        for name in COMMANDS:
            yield _Place("path", f"{name} on PATH", tuple(_on_path(name, environ)))


def _playwrights(engine: str, environ: Mapping[str, str], *, headless: bool) -> Iterator[_Place]:
    """Where the installed Playwright expects its own browsers: those of its revision and of no other."""
    package = _playwright_package()
    if package is None:
        yield _Place("playwright", "Playwright's own (Playwright is not installed)", ())
        return
    revisions = _revisions(package)
    names = (engine,) if engine != "chromium" else (_SHELL, "chromium") if headless else ("chromium",)
    for name in names:
        if name in revisions:
            directory = _playwright_directory(package, environ) / f"{name.replace('-', '_')}-{revisions[name]}"
            paths = tuple(str(directory / unpacked) for unpacked in _UNPACKED[name])
            yield _Place("playwright", str(directory), paths)


def _playwright_package() -> Path | None:
    spec = find_spec("playwright")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "driver" / "package"


def _playwright_directory(package: Path, environ: Mapping[str, str]) -> Path:
    chosen = environ.get(PLAYWRIGHT_BROWSERS)
    if chosen == "0":
        return package / ".local-browsers"
    if chosen:
        return Path(chosen).absolute()
    home = Path(environ.get("HOME") or _at_home("~"))
    mac = home / "Library" / "Caches"
    cache = mac if mac.is_dir() else Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
    return cache / "ms-playwright"


def _revisions(package: Path) -> dict[str, str]:
    """The revision of each browser that this version of Playwright works with."""
    try:
        listed = json.loads((package / "browsers.json").read_bytes())["browsers"]
        return {each["name"]: each["revision"] for each in listed}
    except (OSError, ValueError, KeyError, TypeError):
        # Another layout of another version: its browsers are not found, and the other places are looked at.
        return {}


def _on_path(name: str, environ: Mapping[str, str]) -> Iterator[str]:
    for directory in environ.get("PATH", os.defpath).split(os.pathsep):
        if directory:
            yield f"{directory.rstrip('/')}/{name}"


def _at_home(path: str) -> str:
    # Not `Path.expanduser`: it raises where the user has no home, as in a container under a number of its own.
    return os.path.expanduser(path)  # noqa: PTH111


def _kind(engine: str, path: str) -> str:
    if engine != "chromium":
        return engine
    name = Path(path).name.lower()
    if "headless" in name:
        return "headless-shell"
    return "chrome" if "google" in name else "chromium"


def _remedy(engine: str, *, headless: bool) -> str:
    playwright = f"python -m playwright install --with-deps {engine}"
    if engine != "chromium":
        return f"To install it: {playwright}"
    package = "chromium-headless-shell" if headless else "chromium"
    return (
        f"To install one: apt-get install {package} (Debian), or {playwright} (elsewhere); "
        f"or say where it is: {VARIABLE}=/path/to/chromium"
    )

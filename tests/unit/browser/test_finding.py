"""Which browser is started, and what is said when there is none."""

import json
from types import SimpleNamespace

import pytest

from outlast.browser import Found, find_browser, finding
from outlast.errors import BrowserUnavailableError, ConfigurationError

SHELL, CHROMIUM = finding.DEBIAN
HOME = {"HOME": "/home/ann", "PATH": "/usr/local/bin:/usr/bin"}


def having(*paths):
    return set(paths).__contains__


def refused(*arguments, **options):
    with pytest.raises(BrowserUnavailableError) as raised:
        find_browser(*arguments, **options)
    return raised.value


@pytest.fixture
def playwright(tmp_path, monkeypatch):
    """A Playwright that wants revision 7 of its browsers; the directory of its package."""
    package = tmp_path / "playwright" / "driver" / "package"
    package.mkdir(parents=True)
    names = ("chromium", "chromium-headless-shell", "firefox", "webkit", "ffmpeg")
    (package / "browsers.json").write_text(
        json.dumps({"browsers": [{"name": name, "revision": "7"} for name in names]})
    )
    origin = str(tmp_path / "playwright" / "__init__.py")
    monkeypatch.setattr(finding, "find_spec", lambda name: SimpleNamespace(origin=origin))
    return package


@pytest.fixture
def no_playwright(monkeypatch):
    monkeypatch.setattr(finding, "find_spec", lambda name: None)


def test_the_configured_path_wins_over_everything():
    environ = HOME | {"OUTLAST_CHROMIUM": "/opt/other"}
    found = find_browser(
        "chromium", "/opt/mine/chrome", environ, exists=having("/opt/mine/chrome", "/opt/other", SHELL)
    )
    assert found == Found("/opt/mine/chrome", "chromium", "configuration")


def test_the_configured_browser_may_be_a_command():
    found = find_browser("chromium", "google-chrome", HOME, exists=having("/usr/bin/google-chrome"))
    assert found == Found("/usr/bin/google-chrome", "chrome", "configuration")


def test_the_variable_wins_over_what_is_installed():
    found = find_browser(environ=HOME | {"OUTLAST_CHROMIUM": "/opt/hs/headless_shell"}, exists=lambda path: True)
    assert found == Found("/opt/hs/headless_shell", "headless-shell", "environment")


def test_a_home_is_written_out(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    assert find_browser("chromium", "~/chrome", HOME, exists=lambda path: True).path == "/home/ann/chrome"


@pytest.mark.parametrize(
    ("configured", "environ", "said"),
    [
        ("/opt/gone", HOME, "the configuration names /opt/gone"),
        ("gone", HOME, "the configuration names gone"),
        (None, HOME | {"OUTLAST_CHROMIUM": "/opt/gone"}, "OUTLAST_CHROMIUM names /opt/gone"),
    ],
)
def test_what_was_asked_for_and_is_missing_is_no_reason_to_take_another(configured, environ, said):
    error = refused("chromium", configured, environ, exists=having(SHELL, CHROMIUM))
    assert said in error.message
    assert error.context["engine"] == "chromium"


def test_an_empty_variable_asks_for_nothing(no_playwright):
    assert find_browser(environ=HOME | {"OUTLAST_CHROMIUM": ""}, exists=having(SHELL)).path == SHELL


def test_debians_script_is_replaced_by_the_program_it_starts():
    found = find_browser("chromium", "chromium-headless-shell", HOME, exists=having(finding._WRAPPER, SHELL))
    assert found.path == SHELL
    lone = find_browser("chromium", "chromium-headless-shell", HOME, exists=having(finding._WRAPPER))
    assert lone.path == finding._WRAPPER


def test_playwrights_own_browser_stands_before_debians(playwright):
    own = "/home/ann/.cache/ms-playwright/chromium_headless_shell-7/chrome-linux/headless_shell"
    assert find_browser(environ=HOME, exists=having(own, SHELL)) == Found(own, "headless-shell", "playwright")


def test_another_revision_of_playwrights_browsers_is_not_taken(playwright):
    stale = "/home/ann/.cache/ms-playwright/chromium_headless_shell-6/chrome-linux/headless_shell"
    assert find_browser(environ=HOME, exists=having(stale, SHELL)).path == SHELL


@pytest.mark.parametrize(
    ("environ", "root"),
    [
        ({"PLAYWRIGHT_BROWSERS_PATH": "/pw"}, "/pw"),
        ({"PLAYWRIGHT_BROWSERS_PATH": "0"}, "{package}/.local-browsers"),
        ({"XDG_CACHE_HOME": "/cache"}, "/cache/ms-playwright"),
    ],
)
def test_playwrights_directory_is_where_its_environment_says(playwright, environ, root):
    own = f"{root}/chromium-7/chrome-linux64/chrome".format(package=playwright)
    assert find_browser(environ=HOME | environ, exists=having(own)) == Found(own, "chromium", "playwright")


def test_a_mac_keeps_playwrights_browsers_among_its_caches(playwright, tmp_path):
    (tmp_path / "Library" / "Caches").mkdir(parents=True)
    own = f"{tmp_path}/Library/Caches/ms-playwright/webkit-7/pw_run.sh"
    assert find_browser("webkit", environ={"HOME": str(tmp_path)}, exists=having(own)).path == own


def test_a_user_without_a_home_has_no_browsers_there(playwright, monkeypatch):
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(finding.os.path, "expanduser", lambda path: path)
    assert find_browser(environ={"PATH": "/usr/bin"}, exists=having(SHELL)).path == SHELL
    assert "~/chrome" in refused("chromium", "~/chrome", {}, exists=having()).message


@pytest.mark.parametrize("text", ["", "{}", '{"browsers": [1]}', '{"browsers": [{"name": "chromium"}]}'])
def test_a_playwright_of_another_layout_is_passed_over(playwright, text):
    (playwright / "browsers.json").write_text(text)
    assert find_browser(environ=HOME, exists=lambda path: True).path == SHELL


def test_debians_shell_then_its_chromium_then_the_path(no_playwright):
    on_path = "/usr/local/bin/google-chrome"
    assert find_browser(environ=HOME, exists=having(SHELL, CHROMIUM, on_path)) == Found(
        SHELL, "headless-shell", "debian"
    )
    assert find_browser(environ=HOME, exists=having(CHROMIUM, on_path)) == Found(CHROMIUM, "chromium", "debian")
    assert find_browser(environ=HOME, exists=having(on_path)) == Found(on_path, "chrome", "path")


def test_a_window_needs_more_than_a_headless_shell(playwright):
    own = "/home/ann/.cache/ms-playwright/chromium_headless_shell-7/chrome-linux/headless_shell"
    assert find_browser(environ=HOME, exists=having(own, SHELL, CHROMIUM), headless=False).path == CHROMIUM
    message = refused(environ=HOME, exists=having(own, SHELL), headless=False).message
    assert SHELL not in message
    # The shell may be there, and is no help.
    assert message.startswith("no chromium that can show a window (headless = false) was found; looked at: ")
    assert "apt-get install chromium (Debian)" in message


def test_every_place_is_named_when_there_is_none_and_how_to_install_one(playwright):
    error = refused(environ=HOME, exists=having())
    for place in (
        "/home/ann/.cache/ms-playwright/chromium_headless_shell-7",
        "/home/ann/.cache/ms-playwright/chromium-7",
        SHELL,
        CHROMIUM,
        "google-chrome on PATH",
        "apt-get install chromium-headless-shell",
        "python -m playwright install",
        "OUTLAST_CHROMIUM=",
    ):
        assert place in error.message
    assert "/usr/bin/chromium" in error.context["looked_at"]
    assert error.message == f"{error.context['problem']}. {error.context['remedy']}"


def test_without_playwright_that_is_said(no_playwright):
    assert "Playwright is not installed" in refused("firefox", environ=HOME, exists=having()).message


def test_the_other_engines_are_playwrights_own_and_no_chromium(playwright):
    own = "/home/ann/.cache/ms-playwright/firefox-7/firefox/firefox"
    environ = HOME | {"OUTLAST_CHROMIUM": "/opt/chromium"}
    assert find_browser("firefox", environ=environ, exists=lambda path: True) == Found(own, "firefox", "playwright")
    message = refused("webkit", environ=environ, exists=having(SHELL, "/opt/chromium")).message
    assert "install --with-deps webkit" in message
    assert "apt-get" not in message


def test_an_engine_that_does_not_exist_is_a_wrong_setting():
    with pytest.raises(ConfigurationError, match="no engine 'opera'; there are: chromium, firefox, webkit"):
        find_browser("opera")


def test_what_cannot_be_executed_is_no_browser(tmp_path):
    file = tmp_path / "chromium"
    file.write_text("#!/bin/sh\n")
    assert not finding.runnable(str(file))
    file.chmod(0o755)
    assert finding.runnable(str(file))
    assert not finding.runnable(str(tmp_path))


def test_this_machine_has_one():
    assert finding.runnable(find_browser().path)

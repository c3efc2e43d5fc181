"""`[browser]`, and how the layers above it and `browser=` in code go together."""

import pytest

from outlast.config import BrowserConfiguration, JobConfiguration, load_configuration
from outlast.errors import ConfigurationError
from outlast.jobs.options import configured, launcher_in


@pytest.fixture
def job_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.toml").write_text('[browser]\nconcurrency = 2\nlifetime = "1h"\n')
    return tmp_path / "shop.toml"


def test_the_defaults_are_the_documented_ones():
    assert BrowserConfiguration().model_dump() == {
        "engine": "chromium",
        "executable": None,
        "args": (),
        "headless": True,
        "context": {},
        "concurrency": None,
        "max_pages": 1000,
        "lifetime": 7200,
        "storage_state": "shared",
        "page_timeout": None,
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"engine": "netscape"},
        {"concurrency": 0},
        {"max_pages": -1},
        {"lifetime": -1},
        {"page_timeout": 0},
        {"storage_state": ""},
        {"executable": ""},
        {"context": "de-DE"},
        {"headles": True},
    ],
)
def test_what_is_wrong_is_refused(wrong):
    with pytest.raises(ConfigurationError, match=rf"^browser\.{next(iter(wrong))}: "):
        JobConfiguration(browser=wrong)


def test_none_can_be_said_by_name_where_there_is_no_word_for_it():
    told = JobConfiguration(browser={"concurrency": "none", "page_timeout": "None"}).browser
    assert (told.concurrency, told.page_timeout) == (None, None)


def test_the_environment_gives_options_of_a_context_as_json(tmp_path):
    environ = {"OUTLAST_BROWSER__CONTEXT": '{"locale": "de-DE"}', "OUTLAST_BROWSER__ARGS": "--a, --b"}
    browser = load_configuration(environ=environ, directory=tmp_path).configuration.browser
    assert dict(browser.context) == {"locale": "de-DE"}
    assert browser.args == ("--a", "--b")


def test_the_environment_says_so_when_the_options_of_a_context_are_not_json(tmp_path):
    with pytest.raises(ConfigurationError, match="OUTLAST_BROWSER__CONTEXT"):
        load_configuration(environ={"OUTLAST_BROWSER__CONTEXT": "{locale}"}, directory=tmp_path)


def test_code_names_an_engine_or_gives_the_keys_of_the_section(job_file):
    assert configured({"browser": "firefox"}, {}).browser.engine == "firefox"
    assert configured({"browser": {"headless": False}}, {}).browser.headless is False
    assert configured({"browser": BrowserConfiguration(concurrency=3)}, {}).browser.concurrency == 3


def test_what_launches_a_browser_is_no_setting(job_file):
    async def launch():
        raise AssertionError

    assert configured({"browser": launch}, {}).browser == BrowserConfiguration()
    assert launcher_in({"browser": launch}) is launch
    assert launcher_in({"browser": "chromium"}) is None
    assert launcher_in({}) is None


@pytest.mark.parametrize("wrong", ["netscape", {"heedless": True}, 5])
def test_code_is_checked_like_a_file(job_file, wrong):
    with pytest.raises(ConfigurationError, match=r"^argument: browser"):
        configured({"browser": wrong}, {})


def test_the_file_is_joined_with_the_decorator_and_the_arguments_key_by_key(job_file):
    decorator = {"browser": {"concurrency": 9, "headless": False, "engine": "webkit"}}
    browser = configured({"config": job_file, "browser": "firefox"}, decorator).browser
    assert (browser.concurrency, browser.lifetime) == (2, 3600)  # the file's
    assert browser.headless is False  # the decorator's
    assert browser.engine == "firefox"  # the argument's


def test_a_configuration_is_joined_with_them_in_the_same_way():
    config = JobConfiguration(browser={"concurrency": 2})
    browser = configured({"config": config, "browser": {"engine": "firefox"}}, {"browser": {"headless": False}}).browser
    assert (browser.concurrency, browser.engine, browser.headless) == (2, "firefox", False)

"""The function to run is found, or it is said what is there instead."""

import sys

import pytest

from outlast.cli.exits import TargetImportError
from outlast.cli.target import load_target, target_of
from outlast.errors import TargetError

FILE = """
import outlast

@outlast.job("shop", concurrency=3)
async def buy(item): ...

async def scrape(item): ...

class Crawler: ...

limit = 5
"""


@pytest.fixture
def loaded(tmp_path):
    def load(text):
        return load_target(target_of(text, tmp_path), tmp_path)

    (tmp_path / "scrape_shop.py").write_text(FILE)
    return load


def test_a_plain_function_becomes_a_job_named_like_its_file(loaded):
    job = loaded("scrape_shop.py:scrape")
    assert job.name == "scrape_shop"
    assert job.handler.__name__ == "scrape"


def test_a_job_keeps_its_name(loaded):
    assert loaded("scrape_shop.py:buy").name == "shop"


def test_a_module_is_found_in_the_directory(loaded):
    assert loaded("scrape_shop:scrape").name == "scrape_shop"


def test_the_directory_of_the_file_is_on_the_path(tmp_path, loaded):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "neighbour_of_it.py").write_text("async def found(item): ...\n")
    (tmp_path / "deep" / "importing_it.py").write_text("from neighbour_of_it import found\n")
    assert loaded("deep/importing_it.py:found").handler.__name__ == "found"


def test_a_file_called_like_a_module_does_not_take_its_place(tmp_path, loaded):
    import json

    (tmp_path / "json.py").write_text("async def scrape(item): ...\n")
    assert loaded("json.py:scrape").name == "json"
    assert sys.modules["json"] is json


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("scrape_shop.py", "names no function: write file.py:function, such as scrape_shop.py:FUNCTION"),
        ("scrape_shop", "names no function"),
        ("scrape_shop.py:", "names no function"),
        ("scrap_shop.py:scrape", "there is no file 'scrap_shop.py' in .*; did you mean 'scrape_shop.py'"),
        ("scrape_shop.py:scarpe", r"has no function 'scarpe' \(there are: buy, scrape\); did you mean 'scrape'\?"),
        ("scrape_shop.py:Crawler", r"is a class, not a function \(there are: buy, scrape\)"),
        ("scrape_shop.py:limit", "is of type int, not a function"),
        ("empty_file.py:scrape", "has no function 'scrape': it has no functions"),
        ("nowhere_at_all:scrape", "there is no module 'nowhere_at_all'"),
        ("scrape_shop.deeper:scrape", "there is no module|cannot be imported"),
    ],
)
def test_a_wrong_target_is_refused_with_what_would_be_right(tmp_path, loaded, text, complaint):
    (tmp_path / "empty_file.py").write_text("")
    with pytest.raises(TargetError, match=complaint):
        loaded(text)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import not_installed_here", "ModuleNotFoundError: No module named 'not_installed_here'"),
        ("def (:", "SyntaxError"),
        ("raise SystemExit", "SystemExit"),
    ],
)
def test_an_error_in_the_file_is_told_as_its_own(tmp_path, loaded, code, told):
    (tmp_path / "broken_one.py").write_text(code)
    for text in ("broken_one.py:scrape", "broken_one:scrape"):
        with pytest.raises(TargetImportError, match=f"broken_one.* cannot be imported: {told}"):
            loaded(text)


def test_an_interruption_during_the_import_gets_through(tmp_path, loaded):
    (tmp_path / "interrupted_one.py").write_text("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        loaded("interrupted_one.py:scrape")

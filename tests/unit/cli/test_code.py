"""Which files are the code of a job, and which of them are others than before."""

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

import outlast
from outlast.cli.code import changed_line, changes, code_beside, refuse_other_code
from outlast.errors import ConfigurationError


@pytest.fixture
def load(tmp_path, monkeypatch):
    """A file with a module that is loaded from it."""

    def make(name):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
        module = ModuleType(name)
        module.__file__ = str(file)
        monkeypatch.setitem(sys.modules, f"made_up_{name}", module)
        return file

    return make


def test_the_code_is_what_is_loaded_from_beside_the_target(load, tmp_path):
    target = load("job/shop.py")
    for name in ("job/deep/prices.py", "other/far.py", "job/venv/lib/site-packages/x.py", "job/dist-packages/y.py"):
        load(name)
    (tmp_path / "job" / "never_imported.py").touch()
    assert set(code_beside(target)) == {"shop.py", "deep/prices.py"}
    assert set(code_beside(tmp_path / "job" / "never_imported.py")) == {
        "never_imported.py",
        "shop.py",
        "deep/prices.py",
    }
    assert code_beside(None) == {}


def test_a_link_leads_to_the_same_code(load, tmp_path):
    load("job/prices.py")
    load("job/shop.py")
    (tmp_path / "link").symlink_to(tmp_path / "job")
    assert set(code_beside(tmp_path / "link" / "shop.py")) == {"shop.py", "prices.py"}


def test_python_and_outlast_are_not_the_users_code_wherever_they_are():
    assert set(code_beside(Path(outlast.__file__).parents[1] / "shop.py")) <= {"shop.py"}
    below_python = code_beside(Path(os.__file__).parents[1] / "shop.py")
    assert not [name for name in below_python if name.endswith(("os.py", "json/__init__.py"))]


def test_the_code_of_an_installed_package_is_known_as_well(load):
    assert set(code_beside(load("site-packages/shop/jobs.py"))) == {"jobs.py"}


def test_other_new_and_gone_files_are_changes_and_what_is_not_known_is_none():
    assert changes({"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2", "d": "1"}) == ("b", "c", "d")
    assert changes({"a": "1"}, {"a": "1"}) == ()
    assert changes(None, {"a": "1"}) is None
    assert changes({"a": "1"}, {}) is None


def test_of_many_files_some_are_named():
    assert changed_line(tuple("abcdefg")).startswith(
        "The code has changed since the last run: a, b, c, d, e and 2 more. "
    )
    assert "a\\x1b.py." in changed_line(("a\x1b.py",))


def test_only_the_same_code_is_let_through():
    refuse_other_code("shop", ())
    for changed in (("a",), None):
        with pytest.raises(ConfigurationError):
            refuse_other_code("shop", changed)

"""`import outlast` is light, and every public name is where it is promised."""

import ast
import inspect
import subprocess
import sys
from importlib import import_module

import pytest

import outlast
from outlast import contracts, errors

HEAVY = "pydantic pydantic_settings click rich aiohttp apsw orjson isal playwright cryptography jinja2".split()

FRESH = f"""
import sys, threading, os
before = set(os.listdir("."))
import outlast
loaded = [name for name in {HEAVY!r} if name in sys.modules]
assert not loaded, loaded
assert not [name for name in sys.modules if name.startswith("outlast.")], "a module of ours was loaded"
assert threading.active_count() == 1
assert set(os.listdir(".")) == before
outlast.ResilienceException("light too"), outlast.EventBus()
assert not [name for name in {HEAVY!r} if name in sys.modules]
"""


def run_fresh(code, directory):
    return subprocess.run(
        [sys.executable, "-c", code], cwd=directory, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("name", outlast.__all__)
def test_a_public_name_resolves(name):
    assert getattr(outlast, name) is not None


def test_importing_the_package_loads_nothing_heavy_and_starts_and_writes_nothing(tmp_path):
    done = run_fresh(FRESH, tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_type_checker_sees_the_names_that_resolve_at_run_time():
    # TYPE_CHECKING imports are invisible at run time: read them.
    tree = ast.parse(inspect.getsource(outlast))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert {*seen, "__version__"} == set(outlast.__all__)
    for name, module in seen.items():
        assert getattr(outlast, name) is getattr(import_module(module), name)


def test_every_error_and_every_interface_is_public():
    assert {*errors.__all__, *contracts.__all__} <= set(outlast.__all__)


def test_job_stays_the_decorator_whatever_else_is_imported(tmp_path):
    code = (
        "import outlast.jobs, outlast.config, outlast; assert callable(outlast.job) and outlast.job is outlast.jobs.job"
    )
    done = run_fresh(code, tmp_path)
    assert done.returncode == 0, done.stderr


def test_dir_lists_the_names_that_are_not_loaded_yet():
    assert set(outlast.__all__) <= set(dir(outlast))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'jbo'"):
        outlast.jbo  # noqa: B018


def test_the_version_is_the_installed_one():
    assert outlast.__version__[0].isdigit()

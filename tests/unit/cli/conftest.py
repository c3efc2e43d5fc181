"""Targets are imported for real; what that leaves behind is taken away again."""

import sys

import pytest

from outlast.cli.failures.grouping import named
from outlast.failure.describe import Failure
from outlast.failure.groups import Groups


@pytest.fixture(autouse=True)
def _imports_as_before(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def group():
    """A group of failures with a name: of this signature, so many on each of these hosts."""

    def make(signature, hosts, *, key="https://b.de/1", failure_class="unknown", at=None, message="no", traceback=""):
        told = {"type": signature.split(" ")[0], "message": message, "class": failure_class}
        failure = Failure.from_dict({**told, "signature": signature, "traceback": traceback})
        groups = Groups()
        for host, count in hosts.items():
            for _ in range(count):
                groups.add(failure, host, key, at, attempts=2)
        [made] = named(groups)
        return made

    return make


@pytest.fixture
def blocked(group):
    return group("httpx.HTTPStatusError 403 Forbidden", {"b.de": 1204}, failure_class="blocked")


@pytest.fixture
def no_price(group):
    return group("builtins.ValueError selector <text> not found", {"a.com": 188}, key="https://a.com/9")

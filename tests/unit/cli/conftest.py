"""Targets are imported for real; what that leaves behind is taken away again."""

import sys

import pytest


@pytest.fixture(autouse=True)
def _imports_as_before(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]

"""Targets are imported for real; what that leaves behind is taken away again."""

import sys

import pytest


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", sys.modules)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if not name.startswith(("outlast", "rich", "pydantic", "click", "apsw", "_")) or name.startswith("outlast_target"):
            if getattr(sys.modules[name], "__file__", None) and "pytest-of" in str(sys.modules[name].__file__):
                del sys.modules[name]

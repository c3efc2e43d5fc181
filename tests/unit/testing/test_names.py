"""What `outlast.testing` offers, and what it leaves unloaded."""

import subprocess
import sys

import pytest

import outlast.testing


@pytest.mark.parametrize("name", outlast.testing.__all__)
def test_every_name_can_be_had(name):
    found = getattr(outlast.testing, name)
    assert getattr(found, "__name__", name) == name


def test_other_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        outlast.testing.Nonsense  # noqa: B018


def test_the_site_and_the_clock_need_only_the_standard_library():
    heavy = "{'pytest', 'pydantic', 'apsw', 'aiohttp', 'hypothesis'}"
    code = (
        f"import sys; from outlast.testing import FlakySite, Faults, VirtualTimeLoop; print({heavy} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

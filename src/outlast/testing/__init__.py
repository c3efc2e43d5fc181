"""The shipped test kit: virtual time, a flaky site, a site for browsers and a browser that is none, real pages, and the suite that every ledger passes.

pytest fixtures stand in `outlast.testing.fixtures`. The names below are loaded on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outlast.testing.browser_site import BrowserSite, PageFault
    from outlast.testing.browser_tricks import Trick
    from outlast.testing.disk_model import DiskModel
    from outlast.testing.fake_browser import HANG, FakeBrowser, FakeBrowserError, FakeContext, FakeLauncher, FakePage
    from outlast.testing.faults import Faults, Outage
    from outlast.testing.faulty_disk import FaultyDisk
    from outlast.testing.flaky_site import FlakySite
    from outlast.testing.ledger_spec import LedgerSpec
    from outlast.testing.manual_clock import ManualClock
    from outlast.testing.simulated_disk import SimulatedDisk
    from outlast.testing.simulated_vfs import SimulatedVfs
    from outlast.testing.throttle import Throttle
    from outlast.testing.virtual_time import VirtualClock, VirtualTimeLoop
    from outlast.testing.waiting import wait_until

__all__ = [
    "HANG",
    "BrowserSite",
    "DiskModel",
    "FakeBrowser",
    "FakeBrowserError",
    "FakeContext",
    "FakeLauncher",
    "FakePage",
    "Faults",
    "FaultyDisk",
    "FlakySite",
    "LedgerSpec",
    "ManualClock",
    "Outage",
    "PageFault",
    "SimulatedDisk",
    "SimulatedVfs",
    "Throttle",
    "Trick",
    "VirtualClock",
    "VirtualTimeLoop",
    "wait_until",
]

_HOMES = {
    "BrowserSite": "browser_site",
    "DiskModel": "disk_model",
    "FakeBrowser": "fake_browser",
    "FakeBrowserError": "fake_browser",
    "FakeContext": "fake_browser",
    "FakeLauncher": "fake_browser",
    "FakePage": "fake_browser",
    "Faults": "faults",
    "FaultyDisk": "faulty_disk",
    "FlakySite": "flaky_site",
    "HANG": "fake_browser",
    "LedgerSpec": "ledger_spec",
    "ManualClock": "manual_clock",
    "Outage": "faults",
    "PageFault": "browser_site",
    "SimulatedDisk": "simulated_disk",
    "SimulatedVfs": "simulated_vfs",
    "Throttle": "throttle",
    "Trick": "browser_tricks",
    "VirtualClock": "virtual_time",
    "VirtualTimeLoop": "virtual_time",
    "wait_until": "waiting",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

"""What the job uses of the machine: measured off the loop, compared with thresholds, and given back when it is too much."""

from outlast.resource.manager import ResourceMonitor
from outlast.resource.ports import BrowserTree, Cleaner
from outlast.resource.standing import Breach

__all__ = ["Breach", "BrowserTree", "Cleaner", "ResourceMonitor"]

"""What `outlast doctor` looks at, and what it says about it."""

from outlast.cli.doctor.check import Check, State
from outlast.cli.doctor.examining import examined

__all__ = ["Check", "State", "examined"]

"""Standard streams that were closed before the start (`2>&-`): what is written to them goes nowhere."""

import os
import sys

__all__ = ["fill_in"]


def fill_in() -> None:
    """Give the process the standard streams that it was started without, so that no file it opens gets their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # The lowest number that is free is given: that of the stream.
            descriptor = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(descriptor, True)
            setattr(sys, name, open(descriptor, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - open until the end

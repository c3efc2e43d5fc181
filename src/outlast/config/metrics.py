"""Numbers of a job for Prometheus: over HTTP on this machine, or in a file."""

from typing import Annotated

from pydantic import Field

from outlast.config.model import Section
from outlast.config.values import Count, Text

__all__ = ["MetricsConfiguration"]


class MetricsConfiguration(Section):
    """Where a job's metrics can be had; it needs the extra `prometheus`."""

    port: Annotated[Count, Field(ge=0, le=65_535)] = 0
    """The port on 127.0.0.1 at which they are served while a run lasts; 0: they are not."""
    textfile: Annotated[Text | None, Field(examples=["/var/lib/node_exporter/outlast.prom"])] = None
    """A file that is replaced with each sample, for the textfile collector: its name ends in `.prom`."""

    @property
    def wanted(self) -> bool:
        """Whether anybody is to get them."""
        return bool(self.port or self.textfile)

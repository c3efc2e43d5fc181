"""The thresholds in force, by id."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from outlast.errors import ResourceThresholdNotFoundError
from outlast.failure.checks import not_there
from outlast.resource.policy import ResourceThreshold, Rule, shipped_thresholds

__all__ = ["DEFAULT", "Thresholds"]

DEFAULT = "default"
"""The id that stands for `ResourceConfiguration.default_threshold`, unless a threshold was created under it."""


class Thresholds:
    """The shipped thresholds and those that are kept here; each has the further bounds of the configuration too.

    Of the shipped ones the bounds `without` are left out: somebody else sees to them.
    """

    def __init__(self, *, default: str, further: Iterable[Rule], without: Collection[str] = ()) -> None:
        self._default = default
        self._further = tuple(further)
        self._thresholds: dict[str, ResourceThreshold] = {}
        for threshold in shipped_thresholds():
            rules = tuple(rule for rule in threshold.rules if rule.name not in without)
            self.keep(replace(threshold, rules=rules))

    def keep(self, threshold: ResourceThreshold) -> None:
        """Put it in force; sessions that watch an older one of this id go on with that."""
        self._thresholds[threshold.id] = threshold.with_rules(self._further)

    def get(self, threshold_id: str) -> ResourceThreshold:
        """Raises `ResourceThresholdNotFoundError`, which names the nearest id there is."""
        wanted = threshold_id
        if wanted == DEFAULT and DEFAULT not in self._thresholds:
            wanted = self._default
        found = self._thresholds.get(wanted)
        if found is None:
            raise ResourceThresholdNotFoundError(
                not_there("resource threshold", wanted, self._thresholds),
                context={"threshold_id": wanted, "known": sorted(self._thresholds)},
            )
        return found

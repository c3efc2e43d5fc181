"""The failures of a job by group and host, each group with the name under which it can be retried or ignored."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from outlast.cli.failures.choice import Choice, Chooser, group_ids
from outlast.cli.failures.failed import Failed, failed_items
from outlast.cli.opening import opened
from outlast.failure.groups import OTHER, Group, Groups
from outlast.jobs.store import JobDirectory
from outlast.ledger.port import ItemStatus

__all__ = ["Grouped", "NamedGroup", "counted", "failure_groups", "named"]


@dataclass(frozen=True, slots=True)
class NamedGroup:
    """Failures of one kind. The name of what is beyond the bound of groups is `other`, which no verb takes."""

    name: str
    group: Group

    @property
    def count(self) -> int:
        return self.group.seen.count

    @property
    def example(self) -> str:
        """The key of one of the items."""
        return next(iter(self.group.keys), "")

    @property
    def takes_verbs(self) -> bool:
        return self.name != OTHER

    def to_dict(self) -> dict[str, Any]:
        """For `--json`, without the traceback."""
        sample, seen = self.group.sample, self.group.seen.to_dict()
        return {
            "id": self.name,
            "count": self.count,
            "type": sample.type,
            "message": sample.message,
            "signature": self.group.signature,
            "failure_class": sample.failure_class.value,
            "status": sample.status,
            "example": self.example,
            **{name: seen[name] for name in ("attempts", "first_seen", "last_seen")},
            "hosts": self.group.to_dict()["hosts"],
        }


@dataclass(frozen=True, slots=True)
class Grouped:
    """What was chosen, the largest group first; `untimed` were left out for having no time, where a time was asked for."""

    groups: tuple[NamedGroup, ...] = ()
    untimed: int = 0

    @property
    def total(self) -> int:
        return sum(each.count for each in self.groups)


def counted(groups: Groups, failed: Failed) -> None:
    """Count one failure."""
    groups.add(failed.failure, failed.host, failed.key, failed.at, attempts=failed.attempts)


def named(groups: Iterable[Group]) -> tuple[NamedGroup, ...]:
    """The groups in their order, each with its name."""
    listed = list(groups)
    names = {**group_ids(each.signature for each in listed), OTHER: OTHER}
    return tuple(NamedGroup(names[each.signature], each) for each in listed)


async def failure_groups(
    directory: JobDirectory, job: str, choice: Choice | None = None, status: ItemStatus = ItemStatus.FAILED
) -> Grouped:
    """The failed items of a job, or its ignored ones, by group. Raises `GroupNotFoundError` for a named one that is not there."""
    chooser = Chooser(choice or Choice())
    groups = Groups()
    async with opened(directory) as ledger:
        async for failed in failed_items(ledger, status):
            if chooser.picks(failed):
                counted(groups, failed)
    chooser.check(job)
    return Grouped(named(groups), chooser.untimed)

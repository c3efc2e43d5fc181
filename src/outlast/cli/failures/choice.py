"""Which failures are meant: by group, host, class and time. And how a group is called."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Self

from outlast.cli.failures.failed import Failed
from outlast.cli.phrases import quoted
from outlast.errors import JobError, ValidationError

__all__ = ["Choice", "Chooser", "GroupNotFoundError", "group_ids", "group_name"]

ID_DIGITS = 6
ID_DIGITS_MIN = 4
GROUPS_NAMED_MAX = 10
_GROUP = re.compile(rf"(?:f-)?([0-9a-f]{{{ID_DIGITS_MIN},}})")


class GroupNotFoundError(JobError):
    """There are no failures of that group, or two groups whose names begin so."""


def group_name(signature: str, digits: int = ID_DIGITS) -> str:
    """What a group of failures is called: `F-3a9c2f`. It follows from the signature alone, so it stays while failures come and go."""
    return f"F-{_digest(signature)[:digits]}"


def group_ids(signatures: Iterable[str]) -> Mapping[str, str]:
    """A name for each of these signatures; longer ones where two would be called the same."""
    wanted = set(signatures)
    digits = ID_DIGITS
    names = {each: group_name(each) for each in wanted}
    while len(set(names.values())) < len(wanted):
        digits += 2
        names = {each: group_name(each, digits) for each in wanted}
    return names


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was typed: of each kind any may fit, and all kinds must. `hosts` are patterns such as `*.shop.de`."""

    groups: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    since: datetime | None = None
    all_of_them: bool = False
    """Said aloud, where nothing else was said."""

    @property
    def everything(self) -> bool:
        return not (self.groups or self.hosts or self.classes or self.since)

    def with_all(self) -> Self:
        """The same when `--all` was typed as well. Raises `ValidationError` where that contradicts it."""
        if not self.everything:
            raise ValidationError(f"--all takes all of them, and{self.words()} takes some: say one of them")
        return replace(self, all_of_them=True)

    def words(self) -> str:
        """The options that say the same once more."""
        named = (("--group", self.groups), ("--host", self.hosts), ("--class", self.classes))
        since = "" if self.since is None else f" --since {self.since.isoformat(timespec='seconds')}"
        every = " --all" if self.all_of_them else ""
        return every + "".join(f" {option} {quoted(value)}" for option, values in named for value in values) + since


@dataclass(slots=True)
class Chooser:
    """Carries out a choice, failure by failure, and knows at the end which groups there were."""

    choice: Choice
    untimed: int = 0
    """How many were left out for having no time, where a time was asked for."""
    _digests: dict[str, set[str]] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._digests = {_digits(group): set() for group in self.choice.groups}

    def picks(self, failed: Failed) -> bool:
        """Whether this one is meant."""
        choice = self.choice
        return (
            self._is_of_group(failed.failure.signature)
            and (not choice.hosts or any(fnmatchcase(failed.host, host.lower()) for host in choice.hosts))
            and (not choice.classes or failed.failure.failure_class in choice.classes)
            and (choice.since is None or self._is_since(failed.at, choice.since))
        )

    def check(self, job: str) -> None:
        """When all were asked about. Raises `GroupNotFoundError` where a group that was named is not there, or is two."""
        for digits, found in self._digests.items():
            if len(found) == 1:
                continue
            names = sorted(group_ids(found or self._seen).values())[:GROUPS_NAMED_MAX]
            there = f"there are: {', '.join(names)}" if names else "there are none"
            what = "is more than one group" if found else "is no group"
            raise GroupNotFoundError(f"F-{digits} {what} of failures of job {job!r} ({there})")

    def _is_of_group(self, signature: str) -> bool:
        if not self._digests:
            return True
        if len(self._seen) < GROUPS_NAMED_MAX:
            self._seen.add(signature)
        digest = _digest(signature)
        fitting = [digits for digits in self._digests if digest.startswith(digits)]
        for digits in fitting:
            self._digests[digits].add(signature)
        return bool(fitting)

    def _is_since(self, at: datetime | None, since: datetime) -> bool:
        self.untimed += at is None
        return at is not None and at >= since


def _digest(signature: str) -> str:
    return hashlib.sha256(signature.encode("utf-8", "surrogatepass")).hexdigest()


def _digits(group: str) -> str:
    match = _GROUP.fullmatch(group.strip().lower())
    if match is None:
        raise ValidationError(
            f"{group!r} is no group: they are called like F-3a9c2f, and four digits of it will do (outlast failures JOB lists them)"
        )
    return match[1]

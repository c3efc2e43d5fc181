"""Which items were given up too soon? Those that failed with everything else, and those that nobody has tried.

What was given up while the evidence lasted that brought about an abort is taken back when the run is aborted; what was given up untried,
for its host's sake, when the job is begun again.
"""

from outlast.ledger.port import ItemStatus, Ledger

__all__ = ["HOST_GIVEN_UP", "KEPT_MAX", "UNTRIED", "Regrets", "take_back_untried"]

KEPT_MAX = 10_000
"""What is given up beyond so many stays given up."""

UNTRIED = "untried"
HOST_GIVEN_UP = "outlast.HostGivenUp"
"""The type of failure of an item that was given up untried."""
AT_ONCE = 1_000


class Regrets:
    """The numbers of the items that one run has given up too soon."""

    def __init__(self) -> None:
        self.untried: list[int] = []
        self._lately: list[int] = []
        self._began: int | None = None
        self._noted = 0

    def gave_up(self, item: int, began: int | None) -> None:
        """An item is given up; `began` is the operation with which the evidence began that there is, None: there is none."""
        if began != self._began:
            self._lately.clear()
            self._began = began
        if began is not None and len(self._lately) < KEPT_MAX:
            self._lately.append(item)

    def gave_up_untried(self, item: int) -> None:
        if len(self.untried) < KEPT_MAX:
            self.untried.append(item)

    async def take_back(self, ledger: Ledger) -> int:
        """The run is aborted: what was given up lately is to be done, with no attempts against it; how many items that are."""
        return await ledger.retry(ItemStatus.FAILED, self._lately) if self._lately else 0

    async def note(self, ledger: Ledger) -> None:
        """Let the next run know what was given up untried."""
        if news := self.untried[self._noted :]:
            self._noted += len(news)
            await ledger.put(UNTRIED, [*(await ledger.get(UNTRIED) or ()), *news])


async def take_back_untried(ledger: Ledger, *, was_killed: bool) -> int:
    """A run begins: what the last one gave up untried is to be done; how many items that are."""
    noted = await ledger.get(UNTRIED) or []
    # What is given up is noted once a second.
    untried = [*noted, *(await _never_noted(ledger))] if was_killed else noted
    if not untried:
        return 0
    taken = await ledger.retry(ItemStatus.FAILED, untried)
    await ledger.put(UNTRIED, None)
    return taken


async def _never_noted(ledger: Ledger) -> list[int]:
    found: list[int] = []
    after = 0
    while stored := await ledger.failures(after, AT_ONCE):
        found += [each.item for each in stored if f'"{HOST_GIVEN_UP}"' in each.error]
        after = stored[-1].item
    return found

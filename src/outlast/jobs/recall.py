"""What the checkpoints know of a job: its state, and whether the ledger still has everything they pin.

The state must not be newer than the ledger: a cursor that is ahead of what is recorded would skip what is missing. So of a
ledger that is behind, the state is that of the newest checkpoint which the ledger has all of.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from outlast.checkpoint import CheckpointManager
from outlast.errors import CheckpointCorruptionError, CheckpointNotFoundError
from outlast.jobs.lineage import Behind, Pin, compare

__all__ = ["BROWSER_STATE", "Pinned", "Recalled", "Recollection"]

BROWSER_STATE = "browser_state"
"""The key under which a checkpoint has the state of the job's browser, where it has one. It is a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """The state to go on with, and the browser's, from the checkpoint `state_of`.

    `behind` says how the ledger is behind, if it is and that is news; then `newest` pins what it should have.
    """

    state: dict[str, Any] = field(default_factory=dict)
    state_of: str | None = None
    browser_state: dict[str, Any] | None = None
    behind: Behind | None = None
    newest: "Pinned | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """A checkpoint that a run of the job has taken."""

    id: str
    sequence: int
    pin: Pin
    state: dict[str, Any]
    browser_state: dict[str, Any] | None = None


class Recollection:
    """Reads the checkpoints of one job, newest first; damaged ones are announced and passed over.

    Raises `CheckpointValidationError` when the newest one cannot be read for want of its key, or is of a later version.
    """

    def __init__(self, checkpoints: CheckpointManager, job_id: str) -> None:
        self._checkpoints = checkpoints
        self._job_id = job_id

    async def newest_sequence(self) -> int:
        """The number of the newest checkpoint, whoever took it; 0 without one."""
        rows = await self._checkpoints.list_checkpoints(self._job_id, limit=1)
        return rows[0]["sequence_number"] if rows else 0

    async def without_ledger(self) -> Recalled:
        """What there is to say when the job has no ledger yet: a checkpoint of it means that there was one."""
        async with aclosing(self._intact()) as intact:
            async for newest in intact:
                return Recalled(behind=Behind.GONE, newest=newest)
        return Recalled()

    async def of(self, found: Pin, after: int | None, known: Mapping[str, Any] | None) -> Recalled:
        """What the checkpoints say of the ledger that is `found`.

        Those numbered up to `after` are of ledgers before it; None: that is not known. `known` is the note of an earlier time
        when the ledger was behind.
        """
        rows = await self._checkpoints.list_checkpoints(self._job_id)
        lineages = {row["metadata"].get("lineage") for row in rows}
        recent = after is not None and any(row["sequence_number"] > after for row in rows)
        if found.lineage not in lineages and not recent:
            return Recalled()
        async with aclosing(self._intact()) as intact:
            return await self._chosen(intact, found, after, known)

    async def _chosen(
        self, intact: AsyncIterator[Pinned], found: Pin, after: int | None, known: Mapping[str, Any] | None
    ) -> Recalled:
        behind: Behind | None = None
        newest: Pinned | None = None
        async for each in intact:
            if known is not None and each.sequence <= known["sequence"]:
                return await self._as_noted(known, behind, newest)
            verdict = compare(each.pin, found)
            if verdict is None:
                return Recalled(
                    state=each.state,
                    state_of=each.id,
                    browser_state=each.browser_state,
                    behind=behind,
                    newest=newest,
                )
            if verdict is Behind.OTHER and (after is None or each.sequence <= after):
                continue  # of a ledger before this one
            if newest is None:
                behind, newest = verdict, each
        return Recalled(behind=behind, newest=newest)

    async def _as_noted(self, known: Mapping[str, Any], behind: Behind | None, newest: Pinned | None) -> Recalled:
        """The state that was chosen when the ledger was found to be behind the checkpoints from here on."""
        state_of = known["state_of"]
        data = None if state_of is None else await self._data(state_of)
        if data is None:
            return Recalled(behind=behind, newest=newest)
        return Recalled(
            state=data["state"],
            state_of=state_of,
            browser_state=data.get(BROWSER_STATE),
            behind=behind,
            newest=newest,
        )

    async def _intact(self) -> AsyncGenerator[Pinned, None]:
        try:
            latest = await self._checkpoints.load_latest(self._job_id)
        except CheckpointNotFoundError:
            return
        pinned = _pinned(latest.id, latest.sequence_number, latest.data, latest.metadata)
        if pinned is not None:
            yield pinned
        for row in await self._checkpoints.list_checkpoints(self._job_id):
            if row["sequence_number"] >= latest.sequence_number or row["status"] != "available":
                continue
            data = await self._data(row["id"])
            pinned = None if data is None else _pinned(row["id"], row["sequence_number"], data, row["metadata"])
            if pinned is not None:
                yield pinned

    async def _data(self, checkpoint_id: str) -> dict[str, Any] | None:
        try:
            return await self._checkpoints.load_checkpoint(checkpoint_id)
        except CheckpointCorruptionError:  # it was announced as an event; the one before it will do
            return None


def _pinned(checkpoint_id: str, sequence: int, data: Mapping[str, Any], metadata: Mapping[str, Any]) -> Pinned | None:
    pin = Pin.of_checkpoint(data, metadata)
    state = data.get("state")
    if pin is None or not isinstance(state, dict):
        return None
    return Pinned(id=checkpoint_id, sequence=sequence, pin=pin, state=state, browser_state=data.get(BROWSER_STATE))

"""`outlast rekey JOB`."""

import asyncio
from contextlib import closing
from dataclasses import dataclass

import click

from outlast.cli.opening import keys_at_hand, opened
from outlast.cli.options import Settings, common
from outlast.cli.phrases import moment, safe, units
from outlast.cli.printing import answer, say
from outlast.cli.reading import found, store_of
from outlast.cli.shelves import shelf_of
from outlast.errors import ConfigurationError, KeyMissingError
from outlast.jobs.diary import rewrap_events
from outlast.jobs.orders import rewrap_orders
from outlast.runtime import Runtime
from outlast.storage.keys import FILE_VARIABLE, KEY_VARIABLE

__all__ = ["command"]


@dataclass(frozen=True, slots=True)
class _Rekeyed:
    """What was re-wrapped, by which key; `left` are the checkpoints that could not be."""

    key_id: str
    ledger: bool
    checkpoints: int
    left: int


@click.command("rekey", short_help="Re-wrap what is encrypted with the first key.")
@click.argument("job", metavar="JOB")
@common("store", "json")
@click.pass_obj
def command(settings: Settings, /, job: str) -> int:
    """Re-wrap the ledger and the checkpoints of a job with the first of the keys. Refused while the job runs.

    Put the new key before the old one, re-wrap every job, then drop the old key. Only wrapped data keys are rewritten, so it
    takes as long with a million items as with one. What was put aside keeps its old key.
    """
    done = asyncio.run(_rekeyed(settings, job))
    if settings.json:
        document = {"key_id": done.key_id, "ledger": done.ledger, "checkpoints": done.checkpoints, "left": done.left}
        answer({"job_id": job, **document})
        return 0
    parts = (["the ledger"] if done.ledger else []) + (
        [units(done.checkpoints, "checkpoint")] if done.checkpoints else []
    )
    what = f"{' and '.join(parts)} re-wrapped" if parts else "nothing to re-wrap"
    lines = [f"job {safe(job)}: {what}; the key in charge is {done.key_id}."]
    if done.left:
        lines.append(
            f"{units(done.left, 'damaged checkpoint')} left as it was: keep the old key while you want to look at it."
        )
    say([*lines, "What was put aside (old/, aside/, quarantine) still needs its old key."])
    return 0


async def _rekeyed(settings: Settings, job: str) -> _Rekeyed:
    directory = found(store_of(settings), job)
    shelf = await shelf_of(settings, job, None)
    if not shelf.sealed:
        raise ConfigurationError(f"job {job!r} is not encrypted: there is nothing to re-wrap")
    keys = keys_at_hand()
    if keys is None:
        raise KeyMissingError(f"there is no key: set {KEY_VARIABLE} (the new key, then the old one) or {FILE_VARIABLE}")
    with closing(directory.lock(job, moment(Runtime().clock.now()))):
        async with opened(directory, read_only=False) as ledger:
            rewrapped = await ledger.rewrap()
        rewrap_orders(directory, keys)
        rewrap_events(directory, keys)
        async with shelf.manager() as manager:
            checkpoints = await manager.rewrap(job)
            rows = await manager.list_checkpoints(job)
    left = sum(row["status"] == "corrupted" for row in rows)
    return _Rekeyed(keys.key_ids[0], rewrapped, checkpoints, left)

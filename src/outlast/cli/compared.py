"""The output file against the ledger: whether it holds what was recorded, byte for byte."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from io import BufferedReader
from pathlib import Path

from outlast.errors import LedgerCorruptionError
from outlast.ledger.port import Ledger

__all__ = ["Compared", "Comparison", "compared"]

RESULTS_AT_ONCE = 500


class Comparison(StrEnum):
    """What is true of an output file."""

    SOUND = "sound"
    """It holds what the ledger says, all of it."""
    BEHIND = "behind"
    """It holds what the ledger says, up to the place noted last, and more has been recorded. The next run writes the rest."""
    ABSENT = "absent"
    """It is not there: deleted or moved away. The next run writes it anew."""
    DAMAGED = "damaged"
    """It holds something else, or less."""
    UNKNOWN = "unknown"
    """The ledger or the file cannot be read, so nobody can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """An output file, compared up to the `size` and the number of `results` that the ledger has noted for it.

    `missing` is how many more results the ledger has.
    """

    path: Path
    state: Comparison
    size: int = 0
    results: int = 0
    missing: int = 0
    problem: str | None = None


async def compared(ledger: Ledger) -> Compared | None:
    """Compare the output that `ledger` has noted with its results, in constant memory; None: it has noted none.

    What stands behind the noted place is left out: a run that was killed may have written it, and the next one writes it again.
    """
    try:
        noted = await ledger.get("output")
    except LedgerCorruptionError:
        return None
    if not isinstance(noted, dict):
        return None
    path, size = Path(noted["path"]), int(noted["size"])
    try:
        file = await asyncio.to_thread(path.open, "rb")
    except FileNotFoundError:
        return Compared(path=path, state=Comparison.ABSENT, size=size, problem="it is not there")
    except OSError as error:
        return Compared(path=path, state=Comparison.UNKNOWN, size=size, problem=f"it cannot be read: {error.strerror}")
    with file:
        found = await _with_file(ledger, file, path, int(noted["position"]), size)
    missing = await _missing(ledger, int(noted["position"])) if found.state is Comparison.SOUND else 0
    return replace(found, state=Comparison.BEHIND, missing=missing) if missing else found


async def _with_file(ledger: Ledger, file: BufferedReader, path: Path, last: int, size: int) -> Compared:
    position = read = results = 0
    problem, state = None, Comparison.SOUND
    try:
        while position < last and problem is None and (batch := await ledger.results(position, RESULTS_AT_ONCE)):
            upto = [result for result in batch if result.position <= last]
            wanted = "".join([result.lines for result in upto]).encode()
            problem = _difference(await asyncio.to_thread(file.read, len(wanted)), wanted, read)
            read, results, position = read + len(wanted), results + len(upto), batch[-1].position
    except LedgerCorruptionError:
        problem, state = "results of the ledger are damaged, so nobody can tell", Comparison.UNKNOWN
    except OSError as error:
        problem, state = f"it cannot be read: {error.strerror}", Comparison.UNKNOWN
    if problem is None and read != size:
        problem, state = f"{size} bytes were noted, and the recorded results make {read}", Comparison.DAMAGED
    elif problem is not None and state is Comparison.SOUND:
        state = Comparison.DAMAGED
    return Compared(path=path, state=state, size=size, results=results, problem=problem)


async def _missing(ledger: Ledger, position: int) -> int:
    """How many results the ledger has after a position; damaged ones are told of elsewhere."""
    missing = 0
    with suppress(LedgerCorruptionError):
        while batch := await ledger.results(position, RESULTS_AT_ONCE):
            missing, position = missing + len(batch), batch[-1].position
    return missing


def _difference(found: bytes, wanted: bytes, place: int) -> str | None:
    if found == wanted:
        return None
    alike = next((at for at, (one, two) in enumerate(zip(found, wanted, strict=False)) if one != two), len(found))
    if alike == len(found):
        return f"it ends at byte {place + alike}, before the place that was noted"
    return f"byte {place + alike} is not what was recorded"

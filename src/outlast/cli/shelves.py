"""Which checkpoints a command is about: those of a job, or those in a directory that a program of the user's keeps."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from outlast.checkpoint import CheckpointManager
from outlast.checkpoint.envelope import header_end, read_header
from outlast.checkpoint.names import key_of, parse
from outlast.cli.given import job_file
from outlast.cli.opening import keys_at_hand, keys_if_good
from outlast.cli.options import Settings
from outlast.cli.phrases import quoted
from outlast.cli.reading import begun_with, found, store_hint, store_of
from outlast.cli.remains import name_of, remains
from outlast.config import CheckpointConfiguration, load_configuration
from outlast.errors import CheckpointError, CheckpointNotFoundError
from outlast.jobs.store import JobDirectory, job_directories, job_directory
from outlast.storage.keys import Keyring

__all__ = ["Shelf", "shelf_of", "shelves"]

NAMES_SHOWN_MAX = 20
HEADER_BYTES_MAX = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The checkpoints of one job. `checkpoint_id` is set when one of them was named, `directory` when it is a job of a store.

    `sealed`: they have to be encrypted, so that one in clear is no checkpoint of this job.
    """

    job_id: str
    config: CheckpointConfiguration
    checkpoint_id: str | None = None
    directory: JobDirectory | None = None
    sealed: bool = False
    hint: str = ""

    def manager(self, *, keyless: bool = False, **changes: Any) -> CheckpointManager:
        """A manager of these checkpoints, with the settings of their job and `changes`; without a key one that reads headers.

        `keyless`: that is enough, so that what is set and is no key counts as none.
        """
        reading = {"validation_enabled": True, "encryption_enabled": self.sealed}
        at_hand = keys_at_hand() if self.sealed and not keyless else keys_if_good()
        keys = at_hand or Keyring({})
        return CheckpointManager(self.config.model_copy(update={**reading, **changes}), keys=keys)

    @property
    def quarantined(self) -> frozenset[str]:
        """The ids of the damaged ones that are out of the way already."""
        directory = Path(self.config.storage_path) / key_of(self.job_id)
        kept = {file.stem for file in directory.glob("*.ckpt")}
        return frozenset(file.stem for file in directory.glob("quarantine/*.ckpt")) - kept


async def shelf_of(settings: Settings, text: str, path: Path | None) -> Shelf:
    """The checkpoints that `text` names, a job or a checkpoint's id, in the store or in the directory `path`.

    Raises `JobNotFoundError` or `CheckpointNotFoundError` when there are none.
    """
    if path is not None:
        return _bare(text, path, job_file(settings.config, Path()))
    store, hint = store_of(settings), store_hint(settings)
    name = parse(text)
    if name is None or job_directory(store, text).exists:
        directory = found(store, text)
        return await _of_job(directory, text, hint)
    for directory in job_directories(store):
        shelf = await _of_job(directory, "", hint)
        job_id = _job_of(Path(shelf.config.storage_path) / name.key)
        if job_id is not None and job_directory(store, job_id) == directory:
            return replace(shelf, job_id=job_id, checkpoint_id=text)
    raise CheckpointNotFoundError(f"no checkpoint {text!r} in the store {store}", context={"store": str(store)})


async def shelves(settings: Settings, path: Path | None) -> list[Shelf]:
    """Those of every job of the store, also of jobs whose ledger is gone or damaged; or of the directory `path`."""
    if path is not None:
        file = job_file(settings.config, Path())
        return [_bare(job, path, file) for job in _jobs_in(path)]
    store, hint = store_of(settings), store_hint(settings)
    directories = [*job_directories(store), *remains(store)]
    return [await _of_job(each, name_of(each), hint) for each in directories]


def _bare(text: str, path: Path, file: Path | None) -> Shelf:
    config = load_configuration(file=file).configuration.checkpoint.model_copy(update={"storage_path": str(path)})
    sealed, hint = config.encryption_enabled, f" --path {quoted(str(path))}"
    name = parse(text)
    if name is not None and (job_id := _job_of(path / name.key)) is not None:
        return Shelf(job_id=job_id, config=config, checkpoint_id=text, sealed=sealed, hint=hint)
    if (path / key_of(text)).is_dir():
        return Shelf(job_id=text, config=config, sealed=sealed, hint=hint)
    jobs = _jobs_in(path)
    shown = ", ".join(jobs[:NAMES_SHOWN_MAX]) + (", ..." if len(jobs) > NAMES_SHOWN_MAX else "")
    there = f"there are those of: {shown}" if jobs else "it has none at all"
    raise CheckpointNotFoundError(f"no checkpoints of {text!r} in {path} ({there})", context={"path": str(path)})


async def _of_job(directory: JobDirectory, job_id: str, hint: str) -> Shelf:
    """With the settings that the job's runs have, as far as they are in files; what stands in its code is not known here."""
    begun = await begun_with(directory)
    invocation = begun.invocation or {}
    base = Path(invocation.get("directory", "."))
    options = invocation.get("options", {})
    named = options.get("config", invocation.get("target", ""))
    file = base / named if str(named).endswith(".toml") else None
    loaded = load_configuration(file=file if file is not None and file.is_file() else None, directory=base)
    config = loaded.configuration.checkpoint
    told = "storage_path" in config.model_fields_set
    place = base / config.storage_path if told else directory.checkpoints
    config = config.model_copy(update={"storage_path": str(place)})
    # A job in clear stays so, whatever the configuration says by now; where the ledger cannot tell, that has to be believed.
    sealed = config.encryption_enabled if begun.sealed is None else begun.sealed
    return Shelf(job_id=job_id, config=config, directory=directory, sealed=sealed, hint=hint)


def _jobs_in(path: Path) -> list[str]:
    return sorted({job for job in map(_job_of, _directories(path)) if job is not None})


def _job_of(directory: Path) -> str | None:
    """The job whose checkpoints are in a directory, as the first header that can be read says; None: nobody can tell."""
    for file in _files(directory):
        try:
            with file.open("rb") as opened:
                first = opened.read(HEADER_BYTES_MAX)
            return read_header(first[: header_end(first)], file.stat().st_size).job_id
        except (CheckpointError, OSError):
            continue
    return None


def _files(directory: Path) -> Iterator[Path]:
    yield from sorted(directory.glob("*.ckpt"), reverse=True)
    yield from sorted(directory.glob("quarantine/*.ckpt"), reverse=True)


def _directories(path: Path) -> list[Path]:
    try:
        return [each for each in path.iterdir() if each.is_dir()]
    except OSError as error:
        raise CheckpointNotFoundError(f"there are no checkpoints in {path}: {error.strerror}") from error

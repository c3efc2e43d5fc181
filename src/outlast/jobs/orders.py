"""Standing orders: what an operator has told a job, kept in a file of its directory, so that they can be given while it runs.

A run looks at the file's times every second, and reads it when they have changed. Whoever writes replaces it as a whole.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from outlast.errors import JobError, KeyMissingError, SealError, ValidationError
from outlast.jobs.store import JobDirectory
from outlast.storage.cipher import Cipher, new_data_key
from outlast.storage.files import ensure_directory, write_durably
from outlast.storage.keys import WrappedKey
from outlast.storage.strictjson import decode, encode

if TYPE_CHECKING:
    from outlast.storage.keys import Keyring

__all__ = ["PAUSED_MAX", "Orders", "Watch", "read_orders", "rewrap_orders", "write_orders"]

PAUSED_MAX = 10_000
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Orders:
    """What a job was told: the hosts whose items wait until they are unpaused."""

    paused: frozenset[str] = frozenset()

    @classmethod
    def pausing(cls, hosts: Iterable[str]) -> "Orders":
        """Orders to pause these hosts, written as the hosts of items are. Raises `ValidationError` when they are too many."""
        paused = frozenset(host.lower() for host in hosts)
        if len(paused) > PAUSED_MAX:
            raise ValidationError(f"at most {PAUSED_MAX} hosts can be paused, not {len(paused)}")
        return cls(paused)


def read_orders(directory: JobDirectory, keys: "Keyring | None") -> Orders:
    """The standing orders of a job; none where nobody gave any. `keys`: those of an encrypted job; None for one in clear.

    Raises `JobError` when the file is damaged, or in clear where it should be sealed; `KeyMissingError` when it is sealed by a
    key that is not at hand.
    """
    try:
        blob = directory.orders.read_bytes()
    except FileNotFoundError:
        return Orders()
    except OSError as error:
        raise JobError(f"the orders {directory.orders} cannot be read: {error.strerror}") from error
    try:
        return _orders(blob, directory, keys)
    except KeyMissingError:
        raise
    except (SealError, KeyError, ValueError) as error:
        raise JobError(
            f"the orders {directory.orders} are damaged ({error}): delete the file, and pause again what should be paused",
            context={"path": str(directory.orders)},
        ) from error


def write_orders(directory: JobDirectory, orders: Orders, keys: "Keyring | None") -> None:
    """Let these be the standing orders, in place of those before; durable on return. `keys`: those of an encrypted job.

    Raises `JobError` when the directory cannot be written.
    """
    plain = encode({"version": _VERSION, "paused": sorted(Orders.pausing(orders.paused).paused)})
    try:
        ensure_directory(directory.path)
        write_durably(directory.orders, plain if keys is None else _sealed(plain, directory, keys))
    except OSError as error:
        raise JobError(f"the orders {directory.orders} cannot be written: {error.strerror}") from error


def rewrap_orders(directory: JobDirectory, keys: "Keyring") -> bool:
    """Seal the orders of an encrypted job by the first key; whether they were sealed by another."""
    try:
        document = _object(decode(directory.orders.read_bytes()))
    except (OSError, ValidationError):
        return False
    if keys.is_current(WrappedKey.from_json(document.get("key"))):
        return False
    write_orders(directory, read_orders(directory, keys), keys)
    return True


class Watch:
    """The orders of a job that runs, looked at again and again: one `stat` where nothing has changed."""

    def __init__(self, directory: JobDirectory, keys: "Keyring | None") -> None:
        self._directory = directory
        self._keys = keys
        self._seen: tuple[int, ...] | None = None

    def look(self) -> Orders | None:
        """The orders, the first time and whenever the file has changed; else None. Raises as `read_orders` does."""
        seen = self._stamp()
        if seen == self._seen:
            return None
        self._seen = seen
        return read_orders(self._directory, self._keys)

    def _stamp(self) -> tuple[int, ...]:
        try:
            found = self._directory.orders.stat()
        except OSError:
            return ()
        return (found.st_ino, found.st_mtime_ns, found.st_size)


def _orders(blob: bytes, directory: JobDirectory, keys: "Keyring | None") -> Orders:
    document = _object(decode(blob))
    if "sealed" in document or keys is not None:
        document = _object(decode(_opened(document, directory, keys)))
    paused = document["paused"]
    if document["version"] != _VERSION or not isinstance(paused, list):
        raise ValidationError(f"not orders of version {_VERSION}")
    return Orders(frozenset(map(_text, paused)))


def _sealed(plain: bytes, directory: JobDirectory, keys: "Keyring") -> bytes:
    data_key, about = new_data_key(), _about(directory)
    sealed = b64encode(Cipher(data_key).seal(plain, about)).decode()
    return encode({"version": _VERSION, "key": keys.wrap(data_key, about).to_json(), "sealed": sealed})


def _opened(document: dict[str, Any], directory: JobDirectory, keys: "Keyring | None") -> bytes:
    if "sealed" not in document:
        raise SealError("they are in clear, and the job is encrypted")
    if keys is None:
        raise KeyMissingError(f"the orders {directory.orders} are sealed: give the key of the job")
    data_key = keys.unwrap(WrappedKey.from_json(document.get("key")), _about(directory))
    return Cipher(data_key).open(b64decode(_text(document["sealed"]), validate=True), _about(directory))


def _about(directory: JobDirectory) -> bytes:
    # The name of the directory goes with the job, wherever the store is moved.
    return b"orders|" + directory.path.name.encode()


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise ValidationError("not a JSON object")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ValidationError(f"{value!r} is not text")

"""Whose keys seal: key-encryption keys from the environment or a provider, each of which wraps the data keys of artefacts.

Every artefact has a data key of its own and carries it along, wrapped. So it can be moved alone, and another key-encryption key
needs only a new wrapping. The first key wraps; all of them unwrap.
"""

import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from outlast.errors import ConfigurationError, KeyMissingError, SealError
from outlast.storage.cipher import KEY_BYTES, Cipher

__all__ = ["FILE_VARIABLE", "KEY_FILE_BYTES_MAX", "KEY_VARIABLE", "KeyProvider", "Keyring", "WrappedKey", "keyring"]

KEY_VARIABLE = "OUTLAST_ENCRYPTION_KEY"
FILE_VARIABLE = "OUTLAST_ENCRYPTION_KEY_FILE"
KEY_FILE_BYTES_MAX = 65_536

KEY_ID_BYTES = 8

KeyProvider = Callable[[], Sequence[bytes]]
"""Gives key-encryption keys of 32 bytes; the first one writes, all of them read."""

_STANDARD = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A data key, sealed by the key-encryption key whose id is `key_id`; `blob` is base64."""

    key_id: str
    blob: str

    def to_json(self) -> dict[str, str]:
        return {"key_id": self.key_id, "blob": self.blob}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """What `to_json` gave. Raises `SealError` for anything else."""
        if isinstance(value, dict):
            key_id, blob = value.get("key_id"), value.get("blob")
            if isinstance(key_id, str) and isinstance(blob, str):
                return cls(key_id, blob)
        raise SealError("this is not a wrapped key: an object with the texts key_id and blob is")


class Keyring:
    """The key-encryption keys at hand. A key's id is derived from it and tells nothing of it.

    Without any it is for whoever only looks at what has to be sealed: nothing opens, and nothing can be written.
    """

    def __init__(self, ciphers: Mapping[str, Cipher]) -> None:
        self._ciphers = dict(ciphers)

    @classmethod
    def of(cls, keys: Sequence[bytes]) -> Self:
        """Raises `ConfigurationError` unless there is a key and each has 32 bytes."""
        if not keys:
            raise ConfigurationError("no encryption key: at least one is needed")
        for number, key in enumerate(keys, 1):
            if not isinstance(key, bytes):
                raise ConfigurationError(f"encryption key {number}: {type(key).__name__} is not bytes")
            if len(key) != KEY_BYTES:
                raise ConfigurationError(f"encryption key {number} has {len(key)} bytes where {KEY_BYTES} are needed")
        return cls({_key_id(cipher): cipher for cipher in map(Cipher, keys)})

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of the keys; the first is that of the one that writes."""
        return tuple(self._ciphers)

    def wrap(self, data_key: bytes, about: bytes) -> WrappedKey:
        """`data_key` sealed by the first key; `about` must be given again to unwrap it."""
        if not self._ciphers:
            raise KeyMissingError("there is no encryption key at hand, so nothing can be sealed")
        key_id = self.key_ids[0]
        blob = self._ciphers[key_id].seal(data_key, _wrapping(key_id, about))
        return WrappedKey(key_id, b64encode(blob).decode())

    def unwrap(self, wrapped: WrappedKey, about: bytes) -> bytes:
        """The data key. Raises `KeyMissingError` when its key is not at hand, `SealError` when it was tampered with."""
        cipher = self._ciphers.get(wrapped.key_id)
        if cipher is None:
            at_hand = ", ".join(self.key_ids) or "none"
            raise KeyMissingError(
                f"it is sealed by the key {wrapped.key_id}, which is not at hand; at hand: {at_hand}",
                context={"key_id": wrapped.key_id, "at_hand": list(self.key_ids)},
            )
        try:
            sealed = b64decode(wrapped.blob, validate=True)
        except ValueError as error:
            raise SealError(f"the wrapped key is not base64: {error}") from error
        return cipher.open(sealed, _wrapping(wrapped.key_id, about))

    def is_current(self, wrapped: WrappedKey) -> bool:
        """Whether the key that writes now has wrapped it."""
        return wrapped.key_id == self.key_ids[0]


def keyring(provider: KeyProvider | None = None, environ: Mapping[str, str] = os.environ) -> Keyring:
    """The keys of `provider`; without one those of `OUTLAST_ENCRYPTION_KEY`, else of the file `OUTLAST_ENCRYPTION_KEY_FILE`.

    Raises `ConfigurationError` when there are none or they are no keys; its message holds nothing of a key.
    """
    if provider is not None:
        return Keyring.of(provider())
    text = environ.get(KEY_VARIABLE, "").strip()
    if text:
        return _of_text(text, KEY_VARIABLE)
    file = environ.get(FILE_VARIABLE, "").strip()
    if file:
        return _of_text(_file_text(file), f"{FILE_VARIABLE} ({file})")
    raise ConfigurationError(
        f"encryption is on and there is no key: set {KEY_VARIABLE} (32 bytes in base64) or {FILE_VARIABLE}"
    )


def _key_id(cipher: Cipher) -> str:
    return cipher.digest(b"key id")[:KEY_ID_BYTES].hex()


def _wrapping(key_id: str, about: bytes) -> bytes:
    return b"key|%b|%b" % (key_id.encode(), about)


def _file_text(file: str) -> str:
    try:
        with Path(file).open("rb") as source:
            found = source.read(KEY_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigurationError(f"{FILE_VARIABLE}: {file} cannot be read: {error.strerror}") from error
    if len(found) > KEY_FILE_BYTES_MAX:
        raise ConfigurationError(f"{FILE_VARIABLE}: {file} is too large for a file of keys")
    return found.decode("latin-1")


def _of_text(text: str, origin: str) -> Keyring:
    parts = [part.strip() for line in text.splitlines() for part in line.split(",") if part.strip()]
    if not parts:
        raise ConfigurationError(f"{origin} holds no key: {KEY_BYTES} bytes in base64 are needed")
    return Keyring.of([_key(part, f"{origin}, key {number}") for number, part in enumerate(parts, 1)])


def _key(text: str, origin: str) -> bytes:
    # The standard alphabet and the one for URLs, padded or not: the usual commands write either.
    try:
        key = b64decode(text.translate(_STANDARD).rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except ValueError as error:
        raise ConfigurationError(f"{origin} is not base64") from error
    if len(key) != KEY_BYTES:
        raise ConfigurationError(f"{origin} has {len(key)} bytes where {KEY_BYTES} are needed")
    return key

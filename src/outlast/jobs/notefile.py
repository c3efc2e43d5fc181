"""One JSON object in a file of a job's directory, sealed where the job is. Whoever writes replaces it as a whole."""

import os
from base64 import b64decode, b64encode
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outlast.errors import KeyMissingError, SealError, ValidationError
from outlast.storage.cipher import Cipher, new_data_key
from outlast.storage.files import ensure_directory, write_durably
from outlast.storage.keys import WrappedKey
from outlast.storage.strictjson import decode, encode

if TYPE_CHECKING:
    from outlast.storage.keys import Keyring

__all__ = ["NoteFile", "listed", "text"]

SIZE_MAX = 16 << 20
"""No note is as long: what is longer is none, and would only take memory and time of the run that looks at it."""
_SEALED_VERSION = 1


@dataclass(frozen=True, slots=True)
class NoteFile:
    """A file, and what it is about: `orders`. `keys` are those of an encrypted job; None: of one in clear."""

    path: Path
    about: str

    def read(self, keys: "Keyring | None") -> dict[str, Any] | None:
        """What it says; None where there is none.

        Raises `OSError`; `SealError` and `ValueError` when it is damaged, or in clear where it should be sealed; `KeyMissingError`
        when it is sealed by a key that is not at hand.
        """
        try:
            document = _object(decode(self._bytes()))
        except FileNotFoundError:
            return None
        if "sealed" in document or keys is not None:
            return _object(decode(self._opened(document, keys)))
        return document

    def write(self, document: dict[str, Any], keys: "Keyring | None") -> None:
        """Let it say this; durable on return. Raises `OSError`, and `ValidationError` when it is too long."""
        plain = encode(document)
        ensure_directory(self.path.parent)
        blob = plain if keys is None else self._sealed(plain, keys)
        if len(blob) > SIZE_MAX:
            raise ValidationError(f"{len(blob)} bytes are too many: {SIZE_MAX} at most")
        write_durably(self.path, blob)
        self._give_to_the_owner()

    def rewrap(self, keys: "Keyring") -> bool:
        """Seal it by the first key; whether it was sealed by another. Raises as `read` and `write` do."""
        try:
            document = _object(decode(self._bytes()))
        except (OSError, ValidationError):
            return False
        if "sealed" in document and keys.is_current(WrappedKey.from_json(document.get("key"))):
            return False
        plain = self.read(keys)
        assert plain is not None, "it was there a moment ago, and whoever replaces it is kept out"
        self.write(plain, keys)
        return True

    def _bytes(self) -> bytes:
        with self.path.open("rb") as file:
            blob = file.read(SIZE_MAX + 1)
        if len(blob) > SIZE_MAX:
            raise ValidationError(f"longer than {SIZE_MAX} bytes")
        return blob

    def _give_to_the_owner(self) -> None:
        # `sudo outlast stop`: the run has to be able to read it, and the next verb of its owner as well.
        if os.geteuid():
            return
        owner = self.path.parent.stat()
        with suppress(OSError):  # it is written, and a network disk may not know of root
            os.chown(self.path, owner.st_uid, owner.st_gid)

    def _sealed(self, plain: bytes, keys: "Keyring") -> bytes:
        data_key, about = new_data_key(), self._about
        sealed = b64encode(Cipher(data_key).seal(plain, about)).decode()
        return encode({"version": _SEALED_VERSION, "key": keys.wrap(data_key, about).to_json(), "sealed": sealed})

    def _opened(self, document: dict[str, Any], keys: "Keyring | None") -> bytes:
        if "sealed" not in document:
            raise SealError("they are in clear, and the job is encrypted")
        if keys is None:
            raise KeyMissingError(f"the {self.about} {self.path} are sealed: give the key of the job")
        data_key = keys.unwrap(WrappedKey.from_json(document.get("key")), self._about)
        return Cipher(data_key).open(b64decode(text(document["sealed"]), validate=True), self._about)

    @property
    def _about(self) -> bytes:
        # The name of the directory goes with the job, wherever the store is moved.
        return f"{self.about}|{self.path.parent.name}".encode()


def listed(value: Any) -> list[Any]:
    """A value that has to be a list; else `ValidationError`."""
    if isinstance(value, list):
        return value
    raise ValidationError("not a list")


def text(value: Any) -> str:
    """A value that has to be text; else `ValidationError`."""
    if isinstance(value, str):
        return value
    raise ValidationError(f"{value!r} is not text")


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise ValidationError("not a JSON object")

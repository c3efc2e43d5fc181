"""How the texts of a ledger are stored: in the clear, sealed, or sealed while the key is not at hand.

In a sealed ledger an item's key column holds a keyed hash, so that duplicates are found and nothing is told; the key itself is
sealed with the payload. Each text is sealed for the place where it stands: moved to another row, it does not open.
"""

from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, ClassVar, Protocol

from typing_extensions import override

from outlast.errors import KeyMissingError, SealError
from outlast.ledger.rows import LOST, Stored
from outlast.ledger.schema import SPARED
from outlast.storage.strictjson import decode, encode

if TYPE_CHECKING:
    from outlast.storage.cipher import Cipher

__all__ = ["ABOUT", "Clear", "Locked", "Sealed", "Sealing", "key_missing"]

ABOUT = b"ledger"
"""What the data key is wrapped about."""


class Sealing(Protocol):
    """From what is said to what is stored, and back. `kind` is `result` or `error`.

    Reading what was not written so raises `SealError` or a `ValueError`.
    """

    seals: ClassVar[bool]
    """Whether a text that can be opened is thereby proved."""

    def to_key(self, key: str) -> str:
        """What stands in the key column."""
        ...

    def to_payload(self, stored_key: str, key: str, payload: str | None) -> Stored | None: ...

    def to_text(self, kind: str, item: int, stored_key: str, text: str) -> Stored: ...

    def to_fact(self, name: str, text: str) -> Stored: ...

    def item(self, stored_key: bytes, payload: bytes | None) -> tuple[str, str | None]:
        """Key and payload."""
        ...

    def text(self, kind: str, item: int, stored_key: bytes, stored: bytes) -> str: ...

    def fact(self, name: str, stored: bytes) -> str: ...


class Clear(Sealing):
    """What is stored is what was said."""

    seals = False

    @override
    def to_key(self, key: str) -> str:
        return key

    @override
    def to_payload(self, stored_key: str, key: str, payload: str | None) -> Stored | None:
        return payload

    @override
    def to_text(self, kind: str, item: int, stored_key: str, text: str) -> Stored:
        return text

    @override
    def to_fact(self, name: str, text: str) -> Stored:
        return text

    @override
    def item(self, stored_key: bytes, payload: bytes | None) -> tuple[str, str | None]:
        return stored_key.decode(), None if payload is None or payload == LOST else payload.decode()

    @override
    def text(self, kind: str, item: int, stored_key: bytes, stored: bytes) -> str:
        return stored.decode()

    @override
    def fact(self, name: str, stored: bytes) -> str:
        return stored.decode()


class Sealed(Sealing):
    """Nothing can be read without the data key. The keyed hash stands for a key that was lost with its payload."""

    seals = True

    def __init__(self, cipher: "Cipher") -> None:
        self._cipher = cipher

    @override
    def to_key(self, key: str) -> str:
        return urlsafe_b64encode(self._cipher.digest(key.encode())).rstrip(b"=").decode()

    @override
    def to_payload(self, stored_key: str, key: str, payload: str | None) -> Stored | None:
        return self._cipher.seal(encode([key, payload]), b"item|" + stored_key.encode())

    @override
    def to_text(self, kind: str, item: int, stored_key: str, text: str) -> Stored:
        return self._cipher.seal(text.encode(), _place(kind, item, stored_key.encode()))

    @override
    def to_fact(self, name: str, text: str) -> Stored:
        return text if name in SPARED else self._cipher.seal(text.encode(), b"fact|" + name.encode())

    @override
    def item(self, stored_key: bytes, payload: bytes | None) -> tuple[str, str | None]:
        if payload == LOST:
            return stored_key.decode(), None
        if payload is None:
            raise SealError("an item of a sealed ledger is not sealed")
        key, plain = decode(self._cipher.open(payload, b"item|" + stored_key))
        return key, plain

    @override
    def text(self, kind: str, item: int, stored_key: bytes, stored: bytes) -> str:
        return self._cipher.open(stored, _place(kind, item, stored_key)).decode()

    @override
    def fact(self, name: str, stored: bytes) -> str:
        plain = stored if name in SPARED else self._cipher.open(stored, b"fact|" + name.encode())
        return plain.decode()


class Locked(Sealing):
    """Sealed by a key that is not at hand: rows can be counted and proved, not read. Items go by the hash of their key."""

    seals = False

    def __init__(self, key_id: str) -> None:
        self._key_id = key_id

    @override
    def to_key(self, key: str) -> str:
        raise key_missing(self._key_id)

    @override
    def to_payload(self, stored_key: str, key: str, payload: str | None) -> Stored | None:
        raise key_missing(self._key_id)

    @override
    def to_text(self, kind: str, item: int, stored_key: str, text: str) -> Stored:
        raise key_missing(self._key_id)

    @override
    def to_fact(self, name: str, text: str) -> Stored:
        raise key_missing(self._key_id)

    @override
    def item(self, stored_key: bytes, payload: bytes | None) -> tuple[str, str | None]:
        raise key_missing(self._key_id)

    @override
    def text(self, kind: str, item: int, stored_key: bytes, stored: bytes) -> str:
        raise key_missing(self._key_id)

    @override
    def fact(self, name: str, stored: bytes) -> str:
        if name not in SPARED:
            raise key_missing(self._key_id)
        return stored.decode()


def key_missing(key_id: str) -> KeyMissingError:
    """The error of somebody who wants to read what is sealed, and gave no key."""
    from outlast.storage.keys import FILE_VARIABLE, KEY_VARIABLE  # noqa: PLC0415 - the cryptography package comes with it

    return KeyMissingError(
        f"the ledger is sealed by the key {key_id}, and no key was given: set {KEY_VARIABLE} or {FILE_VARIABLE}",
        context={"key_id": key_id},
    )


def _place(kind: str, item: int, stored_key: bytes) -> bytes:
    return b"%b|%d|%b" % (kind.encode(), item, stored_key)

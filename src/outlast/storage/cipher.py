"""Sealing: AES-256-GCM under keys derived by HKDF-SHA256. What is sealed can neither be read nor changed without the key."""

import hmac
import secrets
from hashlib import sha256

from outlast.errors import SealError

__all__ = ["DIGEST_BYTES", "KEY_BYTES", "SEAL_BYTES", "Cipher", "new_data_key"]

KEY_BYTES = 32
DIGEST_BYTES = 16

_NONCE_BYTES = 12
_TAG_BYTES = 16

SEAL_BYTES = _NONCE_BYTES + _TAG_BYTES
"""How much longer a sealed text is than the plain one."""


def new_data_key() -> bytes:
    """A fresh key, for one artefact alone."""
    return secrets.token_bytes(KEY_BYTES)


class Cipher:
    """A key at work, under subkeys of its own for each use.

    Nonces are random, so one key may seal 2**32 texts: a collision is then less likely than one in 2**32.
    """

    def __init__(self, key: bytes) -> None:
        # Whoever encrypts nothing does not wait for the library.
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - see above
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - see above

        self._broken = InvalidTag
        self._aead = AESGCM(_subkey(key, b"outlast seal"))
        self._digest_key = _subkey(key, b"outlast digest")

    def seal(self, plain: bytes | memoryview, about: bytes) -> bytes:
        """Nonce, ciphertext and tag in one. `about` is not in it, and must be given again to open it.

        Raises `SealError` for a text of 2 GiB or more, which AES-GCM does not take at once.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        try:
            return nonce + self._aead.encrypt(nonce, plain, about)
        except OverflowError as error:
            raise SealError(f"{len(plain)} bytes are too many to seal at once: less than 2 GiB can be") from error

    def open(self, sealed: bytes | memoryview, about: bytes) -> bytes:
        """What was sealed. Raises `SealError` when it was sealed by another key, about something else, or changed since."""
        if len(sealed) < SEAL_BYTES:
            raise SealError(f"{len(sealed)} bytes are too few: a sealed text has at least {SEAL_BYTES}")
        try:
            return self._aead.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about)
        except self._broken as error:
            raise SealError("the seal is broken: another key, another place, or changed bytes") from error

    def digest(self, text: bytes) -> bytes:
        """A keyed hash: equal texts have equal ones, and without the key nobody can tell or try which text it was."""
        return hmac.digest(self._digest_key, text, sha256)[:DIGEST_BYTES]


def _subkey(key: bytes, use: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415 - see above

    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=use).derive(key)

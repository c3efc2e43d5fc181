"""Keeps the last good states on the disk: sealed when there are keys, else readable by the owner alone."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from outlast.browser.state import checked
from outlast.errors import KeyMissingError, SealError
from outlast.storage.cipher import Cipher, new_data_key
from outlast.storage.files import ensure_directory, write_durably
from outlast.storage.keys import Keyring, WrappedKey
from outlast.storage.strictjson import decode, encode

__all__ = ["Keeping"]


class Keeping:
    """One file for each session under `directory`, 0600; without a directory nothing is kept."""

    def __init__(self, directory: Path | None, keys: Keyring | None) -> None:
        self._directory = directory
        self._keys = keys

    async def keep(self, states: Mapping[str, Any]) -> None:
        """Write the states down; each replaces the one of its session."""
        if self._directory is not None and states:
            await asyncio.to_thread(self._write, self._directory, dict(states))

    async def kept(self, session_id: str) -> dict[str, Any] | None:
        """The state of this session that was kept last; None: none was.

        Raises `KeyMissingError` or `SealError` when it cannot be opened, `ValidationError` when it is no state.
        """
        if self._directory is None:
            return None
        return await asyncio.to_thread(self._read, self._directory / _file_name(session_id), session_id)

    def _write(self, directory: Path, states: dict[str, Any]) -> None:
        ensure_directory(directory)
        for name, state in states.items():
            write_durably(directory / _file_name(name), self._sealed(encode(state), name))

    def _read(self, path: Path, name: str) -> dict[str, Any] | None:
        try:
            blob = path.read_bytes()
        except FileNotFoundError:
            return None
        content = decode(blob)
        if isinstance(content, dict) and "sealed" in content:
            content = decode(self._opened(content, name))
        elif self._keys is not None:
            raise SealError("a browser state is in clear where it has to be sealed")
        return checked(content)

    def _sealed(self, plain: bytes, name: str) -> bytes:
        if self._keys is None:
            return plain
        key, about = new_data_key(), _about(name)
        sealed = b64encode(Cipher(key).seal(plain, about)).decode()
        return encode({"key": self._keys.wrap(key, about).to_json(), "sealed": sealed})

    def _opened(self, content: dict[str, Any], name: str) -> bytes:
        if self._keys is None:
            raise KeyMissingError("the browser state is sealed, and no key is at hand")
        key = self._keys.unwrap(WrappedKey.from_json(content.get("key")), _about(name))
        return Cipher(key).open(b64decode(str(content["sealed"])), _about(name))


def _file_name(session_id: str) -> str:
    # A session's name may be an account's: it does not stand in a file's name.
    return f"state-{sha256(session_id.encode()).hexdigest()[:32]}.json"


def _about(session_id: str) -> bytes:
    return b"browser state|" + session_id.encode()

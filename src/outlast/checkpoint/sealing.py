"""Whose keys seal the checkpoints of a store."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from outlast.storage.keys import FILE_VARIABLE, KEY_VARIABLE, KeyProvider, Keyring, keyring

__all__ = ["Sealing", "sealing"]


@dataclass(frozen=True, slots=True)
class Sealing:
    """The keys at hand. `required`: what is written is sealed, and what is in clear is refused as tampered with."""

    keys: Keyring | None = None
    required: bool = False

    @property
    def writing(self) -> Keyring | None:
        """The keys to seal with; None: in clear."""
        return self.keys if self.required else None

    def opens(self, key_id: str | None) -> bool:
        """Whether what this key sealed can be opened."""
        return key_id is None or (self.keys is not None and key_id in self.keys.key_ids)


def sealing(keys: Keyring | KeyProvider | None, *, required: bool, environ: Mapping[str, str] = os.environ) -> Sealing:
    """`keys`, else those of the environment. Raises `ConfigurationError` when they are `required` and there are none."""
    if isinstance(keys, Keyring):
        return Sealing(keys, required)
    if required or keys is not None or any(environ.get(name, "").strip() for name in (KEY_VARIABLE, FILE_VARIABLE)):
        return Sealing(keyring(keys, environ), required)
    return Sealing()

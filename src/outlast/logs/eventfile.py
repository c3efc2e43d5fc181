"""The files of an event log: how they are called, and how a line of them is written and read, in clear or sealed.

`events.ndjson` is the one that is written to; those before it are `events-000001.ndjson` and so on. In a sealed one a line of
`sealed_by` begins every run and every file, with a data key of its own; each line after it holds some lines, sealed for their place.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outlast.errors import KeyMissingError, SealError
from outlast.storage.files import write_durably

if TYPE_CHECKING:
    from outlast.storage.cipher import Cipher
    from outlast.storage.keys import Keyring

__all__ = ["CURRENT", "Opener", "Sealer", "encoded", "event_files", "next_name", "rewrap_event_files"]

CURRENT = "events.ndjson"
LINE_MAX = 32_768
CUT_MAX = 2_000

_HEAD = b'{"sealed_by"'
_ROTATED = re.compile(r"events-(\d{6,})\.ndjson")


def event_files(directory: Path) -> list[Path]:
    """The files of the event log in a directory, the oldest first."""
    try:
        found = [(int(match[1]), path) for path in directory.iterdir() if (match := _ROTATED.fullmatch(path.name))]
    except OSError:
        return []
    current = directory / CURRENT
    return [path for _, path in sorted(found)] + ([current] if current.exists() else [])


def next_name(directory: Path) -> Path:
    """What the current file is called once it is full."""
    numbers = [int(match[1]) for path in event_files(directory) if (match := _ROTATED.fullmatch(path.name))]
    return directory / f"events-{max(numbers, default=0) + 1:06}.ndjson"


def encoded(fields: Mapping[str, Any]) -> bytes:
    """One line, without its end. One that would be too long keeps the beginning of its data."""
    line = json.dumps(fields, separators=(",", ":")).encode()
    if len(line) <= LINE_MAX:
        return line
    cut = json.dumps(fields["data"])[:CUT_MAX]
    return json.dumps({**fields, "data": {"cut": cut, "characters": len(line)}}, separators=(",", ":")).encode()


class Sealer:
    """Seals the lines of one run for one file."""

    def __init__(self, keys: "Keyring", about: bytes) -> None:
        from outlast.storage.cipher import Cipher, new_data_key  # noqa: PLC0415 - who seals nothing does not load it

        data_key = new_data_key()
        self._cipher = Cipher(data_key)
        self._about = about
        self._number = 0
        self.head = _line({"sealed_by": keys.wrap(data_key, about).to_json()})

    def seal(self, lines: bytes) -> bytes:
        """Some lines as one."""
        self._number += 1
        sealed = self._cipher.seal(lines, _place(self._about, self._number))
        return _line({"n": self._number, "sealed": b64encode(sealed).decode()})


class Opener:
    """Reads lines again. `sealed`: what is in clear is not this job's; None: the file may be either."""

    def __init__(self, keys: "Keyring | None", about: bytes, *, sealed: bool | None) -> None:
        self._keys = keys
        self._about = about
        self._sealed = sealed
        self._cipher: Cipher | None = None
        self._number = 0

    def open(self, line: bytes) -> Iterator[Any]:
        """What one line holds. Raises `ValueError` for one that is torn or damaged, `KeyMissingError` where its key is missing."""
        value = json.loads(line)
        if not isinstance(value, dict):
            raise ValueError("not an object")  # noqa: TRY004 - a line that cannot be read, like the others
        if "sealed_by" in value:
            self._cipher, self._number = self._unwrapped(value["sealed_by"]), 0
        elif "sealed" in value:
            yield from map(json.loads, self._opened(value).splitlines())
        elif self._sealed:
            raise ValueError("in clear, and the job is encrypted")
        else:
            yield value

    def _unwrapped(self, wrapped: object) -> "Cipher":
        from outlast.storage.cipher import Cipher  # noqa: PLC0415 - who reads nothing that is sealed does not load it
        from outlast.storage.keys import Keyring, WrappedKey  # noqa: PLC0415 - see above

        self._cipher = None
        keys = Keyring({}) if self._keys is None else self._keys
        try:
            return Cipher(keys.unwrap(WrappedKey.from_json(wrapped), self._about))
        except SealError as error:
            raise ValueError(error.message) from error

    def _opened(self, value: Mapping[str, Any]) -> bytes:
        if self._cipher is None:
            raise ValueError("sealed, and its key did not come before it")
        number = int(value["n"])
        # Lines may be missing, where a disk was full; none comes twice, or before one that was written before it.
        if number <= self._number:
            raise ValueError("sealed for another place")
        try:
            opened = self._cipher.open(b64decode(str(value["sealed"]), validate=True), _place(self._about, number))
        except SealError as error:
            raise ValueError(error.message) from error
        self._number = number
        return opened


def rewrap_event_files(directory: Path, about: bytes, keys: "Keyring") -> int:
    """Put the first key in charge of the event log; how many files were rewritten. What cannot be read stays as it is."""
    return sum(_is_rewrapped(path, about, keys) for path in event_files(directory))


def _is_rewrapped(path: Path, about: bytes, keys: "Keyring") -> bool:
    from outlast.storage.keys import WrappedKey  # noqa: PLC0415 - see `Sealer`

    try:
        before = path.read_bytes().splitlines(keepends=True)
    except OSError:
        return False
    after = []
    for line in before:
        if not line.startswith(_HEAD):
            after.append(line)
            continue
        try:
            wrapped = WrappedKey.from_json(json.loads(line)["sealed_by"])
            current = keys.is_current(wrapped)
            after.append(
                line if current else _line({"sealed_by": keys.wrap(keys.unwrap(wrapped, about), about).to_json()})
            )
        except (ValueError, KeyError, TypeError, SealError, KeyMissingError):
            after.append(line)
    if after == before:
        return False
    write_durably(path, b"".join(after))
    return True


def _line(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def _place(about: bytes, number: int) -> bytes:
    return b"%b|%d" % (about, number)

"""Where items come from: files of lines, `.jsonl`, `.csv:column`, `-`, and URLs as they are. Nothing is read whole."""

import asyncio
import csv
import os
import stat
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TextIO

from outlast.errors import ValidationError
from outlast.jobs.items import Items
from outlast.storage.strictjson import decode

__all__ = ["STANDARD_INPUT", "Source", "read", "source_of"]

STANDARD_INPUT = "-"
CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Source:
    """One source as it was written; `file` is None for standard input and for what is itself an item."""

    text: str
    file: Path | None = None
    column: str | None = None


def source_of(text: str, base: Path) -> Source:
    """Read one of ITEMS; a relative file is one below `base`.

    Raises `ValidationError` when there is no such file, or the file has no such column.
    """
    if text == STANDARD_INPUT or "://" in text:
        return Source(text)
    name, column = text, None
    if not (base / text).exists() and ".csv:" in text:
        name, _, column = text.rpartition(":")
    file = base / name
    if not file.exists():
        raise ValidationError(f"there is no file {name!r} in {base} (items are files, URLs, or - for standard input)")
    if file.is_dir():
        raise ValidationError(f"{name!r} is a directory: items are files, URLs, or - for standard input")
    source = Source(text, file.absolute(), column)
    try:
        with _opened(file) as stream:
            if column is not None:
                _check_column(stream, file, column)
    except OSError as error:
        raise ValidationError(f"{name!r} cannot be read: {error.strerror}") from error
    return source


def read(sources: Sequence[Source]) -> Items:
    """The items of all sources, in order; read as they are asked for.

    Raises `ValidationError`, with file and line, for what is not an item.
    """
    if any(source.text == STANDARD_INPUT for source in sources):
        return _read_all(sources)
    return (item for source in sources for item in _read(source))


async def _read_all(sources: Sequence[Source]) -> AsyncIterator[Any]:
    for source in sources:
        if source.text == STANDARD_INPUT:
            async for line in _standard_input():
                yield line
        else:
            for item in _read(source):
                yield item


def _read(source: Source) -> Iterator[Any]:
    if source.file is None:
        yield source.text
        return
    reader = {".jsonl": _json_lines, ".ndjson": _json_lines, ".csv": _rows}.get(source.file.suffix.lower(), _lines)
    with _opened(source.file) as stream:
        try:
            yield from reader(stream, source)
        except UnicodeDecodeError as error:
            raise ValidationError(
                f"{source.text} is not UTF-8: {error.reason} at byte {error.start} of a block"
            ) from error


def _lines(stream: TextIO, _: Source) -> Iterator[str]:
    return (line for line in map(str.strip, stream) if line)


def _json_lines(stream: TextIO, source: Source) -> Iterator[Any]:
    for number, line in enumerate(stream, 1):
        if line.strip():
            yield _in_line(decode, line, source, number)


def _rows(stream: TextIO, source: Source) -> Iterator[Any]:
    reader = csv.DictReader(stream)
    try:
        for row in reader:
            yield _in_line(_cell, (row, source.column), source, reader.line_num)
    except csv.Error as error:
        raise ValidationError(f"{source.text} line {reader.line_num}: {error}") from error


def _cell(row_and_column: tuple[dict[str | None, Any], str | None]) -> Any:
    row, column = row_and_column
    if None in row:
        raise ValidationError("more fields than the first line has names")
    if column is None:
        return row
    if row[column] is None:
        raise ValidationError(f"too few fields: nothing in column {column!r}")
    return row[column]


def _in_line(parse: Callable[[Any], Any], value: Any, source: Source, number: int) -> Any:
    try:
        return parse(value)
    except ValidationError as error:
        raise ValidationError(f"{source.text} line {number}: {error.message}") from error


def _check_column(stream: TextIO, file: Path, column: str) -> None:
    try:
        names = csv.DictReader(stream).fieldnames or []
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValidationError(f"{file} is not CSV in UTF-8: {error}") from error
    if column not in names:
        near = get_close_matches(column, names, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValidationError(f"{file} has no column {column!r} (there are: {', '.join(names)}){hint}")


def _opened(file: Path) -> TextIO:
    # Spreadsheets begin their files with a mark that is not part of the first item.
    return file.open(encoding="utf-8-sig", newline="" if file.suffix.lower() == ".csv" else None)


async def _standard_input() -> AsyncIterator[str]:
    pending = b""
    number = 0
    ended = False
    while not ended:
        chunk = await _chunk(sys.stdin.fileno())
        ended = not chunk
        *lines, pending = (pending + (chunk or b"\n")).split(b"\n")
        for line in lines:
            number += 1
            try:
                text = line.decode().strip()
            except UnicodeDecodeError as error:
                raise ValidationError(f"standard input line {number}: not UTF-8") from error
            if text:
                yield text


async def _chunk(descriptor: int) -> bytes:
    """What there is to read. No thread: one that waits for a terminal would keep a stopped run from ending."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        await _readable(descriptor)
    return os.read(descriptor, CHUNK_BYTES)


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    try:
        loop.add_reader(descriptor, _wake, ready)
    except PermissionError:  # a device that is always ready, such as /dev/null
        return
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)

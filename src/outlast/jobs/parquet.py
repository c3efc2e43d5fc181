"""Parquet files, written a group of rows at a time; the only module that knows pyarrow (extra `parquet`)."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from outlast.errors import ConfigurationError
from outlast.jobs.columns import Kind, cell

try:
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import parquet
except ImportError as error:
    message = "Parquet files need the package pyarrow: pip install 'outlast[parquet]'"
    raise ConfigurationError(message) from error

__all__ = ["ParquetFile"]

GROUP_ROWS = 20_000
GROUP_CHARACTERS = 16 * 1024 * 1024
"""A group of rows is written when it has so many rows, or so much text."""

_TYPES = {
    Kind.EMPTY: pa.string(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.INTEGER: pa.int64(),
    Kind.WIDE: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.TEXT: pa.string(),
    Kind.JSON: pa.string(),
}


class ParquetFile:
    """Typed columns. One whose values are JSON text says so in its metadata: `outlast: json`."""

    def __init__(self, path: Path, columns: Mapping[str, Kind]) -> None:
        self._columns = columns
        self._schema = pa.schema([_field(name, kind) for name, kind in columns.items()])
        self._writer = parquet.ParquetWriter(str(path), self._schema, compression="zstd")
        self._cells: dict[str, list[Any]] = {name: [] for name in columns}
        self._rows = 0
        self._characters = 0

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            for name, kind in self._columns.items():
                value = cell(kind, row.get(name))
                self._cells[name].append(value)
                self._characters += len(value) if isinstance(value, str) else 0
            self._rows += 1
            if self._rows >= GROUP_ROWS or self._characters >= GROUP_CHARACTERS:
                self._flush()

    def close(self) -> None:
        if self._rows:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        self._writer.write_table(pa.table(self._cells, schema=self._schema))
        self._cells = {name: [] for name in self._columns}
        self._rows = self._characters = 0


def _field(name: str, kind: Kind) -> pa.Field:
    return pa.field(name, _TYPES[kind], metadata={"outlast": "json"} if kind is Kind.JSON else None)

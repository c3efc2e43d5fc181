"""gzip by igzip: the format that every tool reads, at five times the speed."""

from typing import cast

from isal import igzip
from isal.isal_zlib import IsalError

from outlast.errors import ValidationError

__all__ = ["compress", "decompress"]

# The stub calls it a value of type `Exception`; it is the class.
_ERRORS: tuple[type[Exception], ...] = (OSError, EOFError, cast("type[Exception]", IsalError))


def compress(blob: bytes, level: int = 1) -> bytes:
    """One gzip member; equal bytes give equal members. `level` is 0 (fastest) to 3 (smallest)."""
    return igzip.compress(blob, compresslevel=level, mtime=0)


def decompress(blob: bytes) -> bytes:
    """What was compressed. Raises `ValidationError` when `blob` is not whole, intact gzip."""
    try:
        plain: bytes = igzip.decompress(blob)  # type: ignore[no-untyped-call]
    except _ERRORS as error:
        raise ValidationError(f"not intact gzip: {error}") from error
    return plain

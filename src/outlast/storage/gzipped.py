"""gzip by igzip: the format that every tool reads, at five times the speed."""

from isal import igzip
from isal.isal_zlib import IsalError

from outlast.errors import ValidationError

__all__ = ["compress", "decompress"]


def compress(blob: bytes, level: int = 1) -> bytes:
    """One gzip member; equal bytes give equal members. `level` is 0 (fastest) to 3 (smallest)."""
    return igzip.compress(blob, compresslevel=level, mtime=0)


def decompress(blob: bytes) -> bytes:
    """What was compressed. Raises `ValidationError` when `blob` is not whole, intact gzip."""
    try:
        plain: bytes = igzip.decompress(blob)  # type: ignore[no-untyped-call]
    except (OSError, EOFError, IsalError) as error:
        raise ValidationError(f"not intact gzip: {error}") from error
    return plain

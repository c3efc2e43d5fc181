"""What a text of the configuration stands for: variables of the environment, and the contents of a file."""

import re
from collections.abc import Mapping
from pathlib import Path

from outlast.config.sources import FILE
from outlast.errors import AbortExecutionError

__all__ = ["resolved"]

FILE_MAX = 10_000

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def resolved(text: str, environ: Mapping[str, str]) -> str:
    """The text itself. `AbortExecutionError` says which variable or file is missing."""
    if text.startswith(FILE):
        return _read(Path(text.removeprefix(FILE)))
    missing = [name for name in _VARIABLE.findall(text) if name not in environ]
    if missing:
        raise AbortExecutionError(f"{', '.join(missing)} is not set in the environment")
    return _VARIABLE.sub(lambda found: environ[found[1]], text)


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(FILE_MAX).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise AbortExecutionError(f"{path.name} cannot be read: {type(error).__name__}") from error

"""A mapping that is a value, as all settings are: it can be compared, hashed and kept, and nobody changes it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from typing_extensions import override

__all__ = ["Pairs"]

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Pairs(Mapping[str, V]):
    """Names and what each of them is given."""

    pairs: tuple[tuple[str, V], ...] = ()

    @override
    def __getitem__(self, name: str) -> V:
        return dict(self.pairs)[name]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(dict(self.pairs))

    @override
    def __len__(self) -> int:
        return len(self.pairs)

    @override
    def __str__(self) -> str:
        return str(dict(self.pairs))

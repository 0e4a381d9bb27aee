"""Many strings in little memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import pyarrow as pa


class Strings(Sequence[str]):
    """A sequence of strings backed by one Arrow array: their bytes and an offset each, where a list takes 60 bytes more."""

    def __init__(self, values: pa.Array | pa.ChunkedArray | Sequence[str]) -> None:
        if not isinstance(values, pa.Array | pa.ChunkedArray):
            values = pa.array(values, pa.large_string())
        values = values.cast(pa.large_string())
        self.array: pa.Array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values

    def __len__(self) -> int:
        return len(self.array)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> Strings: ...
    def __getitem__(self, row: int | slice) -> str | Strings:
        return Strings(self.array[row]) if isinstance(row, slice) else self.array[int(row)].as_py()

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), 4096):
            yield from self.array.slice(start, 4096).to_pylist()

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Strings({list(self[:3])}{'...' if len(self) > 3 else ''}, {len(self)} in all)"

    def take(self, rows: np.ndarray) -> Strings:
        """Those of some rows, in their order."""
        return Strings(self.array.take(pa.array(rows)))

    def numbered(self) -> tuple[np.ndarray, list[Any]]:
        """A number for each row [N] int64, and the different strings that the numbers stand for, in order of appearance.

        What is missing has a number, too; None stands for it.
        """
        encoded = self.array.dictionary_encode(null_encoding="encode")
        return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), encoded.dictionary.to_pylist()

"""Image files of a folder by their names in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tasks.images import White, open_image


@dataclass(frozen=True)
class Files:
    """names: [N], the file of each row, such as "train2014/COCO_train2014_000000000009.jpg"."""

    folder: Path
    names: Sequence[str]

    def open(self, row: int, white: White | None = None) -> Image.Image:
        """As RGB, see `open_image`. Raises DataError that names the file."""
        return open_image(self.folder / self.names[row], white)

    def content(self, row: int) -> bytes:
        """The image as it is kept. Raises OSError or ValueError."""
        return (self.folder / self.names[row]).read_bytes()

    def part(self, rows: Sequence[int]) -> Files:
        """Those of some rows, in their order."""
        return Files(self.folder, [self.names[row] for row in rows])

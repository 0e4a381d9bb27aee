"""Images that are to be classified: files, folders, or a table that names them with a text each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import DataError
from tasks.images import EXTENSIONS, open_image
from tasks.own.delimited import read_csv

TABLES = (".csv", ".tsv")


@dataclass(frozen=True)
class Unlabelled:
    """files [N], what they are called in answers, and the text of each if they have one."""

    files: Sequence[Path]
    names: Sequence[str]
    texts: Sequence[str] | None = None
    others: int = 0  # files in folders that are no images

    def __len__(self) -> int:
        return len(self.files)

    def part(self, rows: Sequence[int]) -> Unlabelled:
        texts = None if self.texts is None else [self.texts[row] for row in rows]
        return Unlabelled([self.files[row] for row in rows], [self.names[row] for row in rows], texts)

    def parts(self, count: int) -> Iterator[Unlabelled]:
        """At most so many at a time."""
        for start in range(0, len(self), count):
            yield self.part(range(start, min(start + count, len(self))))

    def readable(self) -> Unlabelled:
        """Those that can be decoded."""
        return self.part([row for row, file in enumerate(self.files) if _opens(file)])


def unlabelled(paths: Sequence[Path]) -> Unlabelled:
    """Raises DataError for what isn't there, and for a folder without images."""
    if len(paths) == 1 and paths[0].suffix.lower() in TABLES:
        return _of_table(paths[0])
    files: list[Path] = []
    others = 0
    for path in paths:
        if path.is_dir():
            seen = [each for each in path.rglob("*") if each.is_file() and not _hidden(each.relative_to(path))]
            inside = sorted(each for each in seen if each.suffix.lower() in EXTENSIONS)
            others += len(seen) - len(inside)
            if not inside:
                raise DataError(f"{path} holds no images: give files, or a folder with some")
            files += inside
        elif path.suffix.lower() in TABLES:
            raise DataError(f"{path}: a table stands alone: leave out the other paths")
        else:
            files.append(path)
    return Unlabelled(files, [str(file) for file in files], others=others)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _of_table(path: Path) -> Unlabelled:
    table = read_csv(path)
    if "image" not in table.names:
        raise DataError(f"{path} has no column 'image', but {', '.join(table.names)}: rename the one with the images' paths")
    columns = [name for name in ("image", "text") if name in table.names]
    rows = table.read(columns).to_pydict()
    return Unlabelled([_place(path.parent, name) for name in rows["image"]], rows["image"], rows.get("text"))


def _place(folder: Path, name: str) -> Path:
    """Paths as Windows writes them, too, unless a file is called so."""
    found = folder / name
    return found if "\\" not in name or found.exists() else folder / name.replace("\\", "/")


def _opens(file: Path) -> bool:
    try:
        open_image(file)
    except DataError:
        return False
    return True

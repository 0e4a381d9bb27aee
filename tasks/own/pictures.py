"""The images of a table: files that its rows name, or images that it holds itself."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image
from pyarrow import compute

from bench.errors import DataError
from tasks.contents import MISSING, contents, digests, sampled
from tasks.image_files import Files
from tasks.images import DECODING, White, decode_image
from tasks.own.strings import Strings
from tasks.own.table import holds_images


@dataclass(frozen=True)
class Filed(Files):
    """Images in files. The paths relative to `folder` are their ids, so that these don't change with the place of the data."""

    names: Strings

    def contents(self, memory: Path | None) -> bytes:
        """A digest of what the images are."""
        return contents([self], memory)

    def check(self) -> None:
        """Raises DataError if there are none of them."""
        if not any(map(self._is_there, self.names)):
            first = self.folder / self.names[0]
            raise DataError(
                f"{first}: no such image, and none of the others is there: say by root=FOLDER where image paths start"
            )

    def _is_there(self, name: str) -> bool:
        try:
            return (self.folder / name).exists()
        except (OSError, ValueError):  # a name too long, a zero byte in it
            return False


@dataclass(frozen=True)
class Embedded:
    """Images inside the table: a column of bytes. `names`: the row's number, or the content's hash, is the id."""

    where: str
    names: Strings
    column: pa.ChunkedArray

    def check(self) -> None:
        """They are in the table."""

    def open(self, row: int, white: White | None = None) -> Image.Image:
        return decode_image(io.BytesIO(self.content(row)), f"{self.where}, image {self.names[row]}", white)

    def content(self, row: int) -> bytes:
        return self.column[row].as_py() or b""

    def contents(self, memory: Path | None) -> bytes:
        """A digest of what the images are: of the sizes of all, and of as many as are read of files."""
        sizes = compute.fill_null(compute.binary_length(self.column), MISSING).to_numpy().astype(np.int64)
        return DECODING + sizes.tobytes() + digests(self.content, sampled(len(sizes)).tolist()).tobytes()


Pictures = Filed | Embedded


def pictures(column: str, parts: Sequence[tuple[str, Path, pa.ChunkedArray]], shared: bool) -> Pictures:
    """Of the image columns of one or more tables: where each is from, the folder that its paths start from, the values.

    shared: rows with the same content must have the same id. Raises DataError for a column that holds no images.
    """
    values = [(where, folder, _plain(array)) for where, folder, array in parts]
    kinds = {holds_images(array.type) for _, _, array in values}
    for where, _, array in values:
        if len(kinds) > 1 or not (holds_images(array.type) or _is_text(array.type)):
            raise DataError(
                f"{where}: column {column!r} holds {array.type}: image paths or images are needed, of one sort in all tables"
            )
    if kinds == {True}:
        content = pa.chunked_array([chunk for _, _, array in values for chunk in array.chunks], values[0][2].type)
        names = _hashes(content) if shared else [f"{row:07d}" for row in range(len(content))]
        return Embedded(parts[0][0], Strings(names), content)
    for where, _, array in values:
        blank = compute.fill_null(compute.equal(array, ""), True).to_numpy()
        if blank.any():
            raise DataError(f"{where}, row {int(blank.argmax()) + 1} names no image: give its path, or remove the row")
        addresses = compute.match_substring_regex(Strings(array).array, "^[a-zA-Z]{2,}://").to_numpy(zero_copy_only=False)
        if addresses.any():
            row = int(addresses.argmax())
            raise DataError(
                f"{where}, row {row + 1}: {array[row].as_py()!r} is an address, and none is fetched: download the images, "
                "and give the paths of their files"
            )
    return _files([(folder, _slashed(folder, Strings(array))) for _, folder, array in values])


def _slashed(folder: Path, paths: Strings) -> Strings:
    """Paths as Windows writes them with this system's slashes, unless a file is called so; and each in one spelling."""
    odd = compute.match_substring(paths.array, "\\")
    if compute.any(odd).as_py() and not (folder / paths.array.filter(odd)[0].as_py()).exists():
        paths = Strings(compute.replace_substring(paths.array, "\\", "/"))
    if not compute.any(compute.match_substring_regex(paths.array, r"(^|/)\.{1,2}/|//")).as_py():
        return paths
    return Strings([os.path.normpath(path) for path in paths])


def _plain(array: pa.ChunkedArray) -> pa.ChunkedArray:
    """What `datasets` keeps as bytes beside a path becomes the one of the two that is there."""
    if not pa.types.is_struct(array.type) or not {field.name for field in array.type} & {"bytes", "path"}:
        return array
    fields = {field.name: compute.struct_field(array, field.name) for field in array.type}
    if "bytes" in fields and fields["bytes"].null_count < len(array):
        if fields["bytes"].null_count and "path" in fields:
            raise DataError(f"{fields['bytes'].null_count} of {len(array)} rows hold a path instead of an image: save all alike")
        return fields["bytes"]
    return fields.get("path", array)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _files(parts: Sequence[tuple[Path, Strings]]) -> Filed:
    """Paths as given where all start from one folder; else relative to the deepest folder that holds them all."""
    folders = {folder for folder, _ in parts}
    absolute = any(compute.any(compute.starts_with(paths.array, "/")).as_py() for _, paths in parts)
    if len(folders) == 1 and not absolute:
        return Filed(folders.pop(), Strings(pa.chunked_array([paths.array for _, paths in parts], pa.large_string())))
    whole = [_absolute(folder, paths) for folder, paths in parts]
    joined = pa.chunked_array([paths.array for paths in whole], pa.large_string())
    ends = compute.min_max(joined).as_py()
    common = os.path.commonpath([os.path.dirname(ends["min"]), os.path.dirname(ends["max"])])  # noqa: PTH120
    start = len(common.rstrip("/")) + 1
    return Filed(Path(common), Strings(compute.utf8_slice_codeunits(joined, start)))


def _absolute(folder: Path, paths: Strings) -> Strings:
    start, nothing = (pa.scalar(text, pa.large_string()) for text in (f"{folder.resolve().as_posix()}/", ""))
    joined = compute.binary_join_element_wise(start, paths.array, nothing)
    return Strings(compute.if_else(compute.starts_with(paths.array, "/"), paths.array, joined))


def _hashes(content: pa.ChunkedArray) -> list[str]:
    return [hashlib.sha256(body.as_py() or b"").hexdigest()[:16] for body in content]


def text_column(values: pa.ChunkedArray, where: str, column: str) -> pa.ChunkedArray:
    """Text, whole numbers and truth values as they are written. Raises DataError for what has no plain text."""
    kind: Any = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if pa.types.is_floating(kind) and compute.all(compute.equal(compute.floor(values), values)).as_py() is not False:
        values = values.cast(pa.int64())  # whole numbers with gaps, as pandas leaves them
    elif not (_is_text(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_floating(kind)):
        raise DataError(f"{where}: column {column!r} holds {values.type}: text or numbers are needed")
    return values.cast(pa.large_string())

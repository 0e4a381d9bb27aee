"""The same little data in every form that a task may be read from."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image
from pyarrow import csv, parquet

Columns = dict[str, list[Any]]
FEATURES = {
    "image": {"_type": "Image"},
    "label": {"_type": "ClassLabel", "names": ["cat", "dog"]},
}


def png(grey: int, size: tuple[int, int] = (6, 5)) -> bytes:
    body = io.BytesIO()
    Image.new("L", size, grey).save(body, "PNG")
    return body.getvalue()


def draw(folder: Path, count: int) -> list[str]:
    """Greys 0, 1, 2, ... as 000.png, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{number:03d}.png" for number in range(count)]
    for number, name in enumerate(names):
        (folder / name).write_bytes(png(number))
    return names


def write(path: Path, columns: Columns) -> Path:
    """A table in the form that the path's ending says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(columns)
    if path.suffix == ".parquet":
        parquet.write_table(table, path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(table.to_pylist(), ensure_ascii=False), encoding="utf-8")
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    else:
        csv.write_csv(table, path, csv.WriteOptions(delimiter="\t" if path.suffix == ".tsv" else ","))
    return path


def hub_folder(root: Path, train: int = 20, test: int = 10) -> Path:
    """Parquet shards with images inside and the names of the classes, as the hub keeps them."""
    (root / "data").mkdir(parents=True)
    for split, count, start in (("train", train, 0), ("test", test, train)):
        table = pa.table(
            {
                "image": [{"bytes": png(start + row), "path": f"{row}.png"} for row in range(count)],
                "label": [row % 2 for row in range(count)],
            }
        ).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": FEATURES}})})
        parquet.write_table(table, root / "data" / f"{split}-00000-of-00001.parquet")
    return root

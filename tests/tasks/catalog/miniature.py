"""Small data sets in the true forms: CoOp's layouts, WebDataset tars, parquet folders."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from PIL import Image

from tasks.base import SplitName
from tasks.catalog.classification import ClassificationSet
from tasks.catalog.coop import OnDisk

SIZES: dict[SplitName, int] = {"train": 8, "val": 4, "test": 6}  # of each class
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")


def picture(number: int) -> Image.Image:
    return Image.new("RGB", (4, 4), (number % 256, 40, 60))


def shrunk(entry: ClassificationSet, classes: int = 3) -> ClassificationSet:
    """The entry as it would be for the miniature that `write_layout` writes, and for a hub of three classes."""
    given = {split: classes * SIZES[split] for split in entry.sizes}
    hub = None if entry.hub is None else msgspec.structs.replace(entry.hub, classes=classes, sizes={})
    return msgspec.structs.replace(entry, classes=classes, sizes=given, hub=hub)


def names_of(classes: int) -> list[str]:
    return [f"class_{number}" for number in range(classes)]


def write_layout(root: Path, disk: OnDisk, names: Sequence[str] = ("first one", "second_one", "third, one")) -> Path:
    """A data set in a data root, with the index that the layout has; returns its folder."""
    folder = root / disk.folder
    images = folder / disk.images
    return {"json": _json, "lists": _lists, "folders": _folders, "test": _test}[disk.form](disk, folder, images, names)


def _save(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(number).save(path)


def _json(disk: OnDisk, folder: Path, images: Path, names: Sequence[str]) -> Path:
    found: dict[str, list[tuple[str, int, str]]] = {split: [] for split in SPLITS}
    for split in SPLITS:
        for label, name in enumerate(names):
            for number in range(SIZES[split]):
                path = f"folder{label}/{split}_{number}.jpg"
                _save(images / path, label)
                found[split].append((path, label, name))
    (folder / disk.index).write_text(json.dumps(found), encoding="utf-8")
    return folder


def _lists(disk: OnDisk, folder: Path, images: Path, names: Sequence[str]) -> Path:
    number = 0
    for split in SPLITS:
        lines = []
        for label, name in enumerate(names):
            for _ in range(SIZES[split]):
                _save(images / f"{number:07d}.jpg", label)
                lines.append(f"{number:07d} {name}\n")
                number += 1
        (folder / disk.index.format(split)).write_text("".join(lines), encoding="utf-8")
    (folder / disk.class_file).write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    return folder


def _folders(disk: OnDisk, folder: Path, images: Path, names: Sequence[str]) -> Path:
    for split, size in (("train", SIZES["train"]), ("val", SIZES["test"])):
        for label in range(len(names)):
            for number in range(size):
                _save(images / split / f"n{label:08d}" / f"{split}_{label}_{number}.JPEG", label)
    lines = [f"n{label:08d} {name}\n" for label, name in enumerate(names)]
    (folder / disk.class_file).write_text("".join(reversed(lines)), encoding="utf-8")
    return folder


def _test(disk: OnDisk, folder: Path, images: Path, names: Sequence[str]) -> Path:
    """ImageNet-V2 numbers its folders, the others call them as ImageNet does, and the file names classes that are not there."""
    for label in range(len(names)):
        for number in range(SIZES["test"]):
            _save(images / (str(label) if "v2" in disk.images else f"n{label:08d}") / f"{number}.jpeg", label)
    (images / "README.txt").write_text("which classes these are\n")
    others = [] if "v2" in disk.images else ["n90000000 absent\n"]
    lines = [f"n{label:08d} {name}\n" for label, name in enumerate(names)]
    (folder / disk.class_file).write_text("".join([*lines, *others]), encoding="utf-8")
    return folder


def write_webdataset(folder: Path, names: Sequence[str], sizes: Mapping[str, int], shards: int = 2) -> Path:
    """As the `wds_*` repositories of clip-benchmark are: tars of images and classes, names beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, each in sizes.items():
        (folder / split).mkdir()
        (folder / split / "nshards.txt").write_text(f"{shards}\n")
        for shard in range(shards):
            with tarfile.open(folder / split / f"{shard}.tar", "w") as tar:
                for index in range(shard, each * len(names), shards):
                    body = io.BytesIO()
                    picture(index % len(names)).save(body, "webp", lossless=True)
                    _member(tar, f"s{index:07d}.webp", body.getvalue())
                    _member(tar, f"s{index:07d}.cls", str(index % len(names)).encode())
    (folder / "classnames.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    (folder / "zeroshot_classification_templates.txt").write_text("a photo of {c}\n")
    return folder


def _member(tar: tarfile.TarFile, name: str, body: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(body)
    tar.addfile(info, io.BytesIO(body))


def write_parquet(folder: Path, names: Sequence[str], sizes: Mapping[str, int]) -> Path:
    """As most image sets of the hub are: parquet files and a card that names the classes."""
    from datasets import ClassLabel, Dataset, Features
    from datasets import Image as ImageColumn

    (folder / "data").mkdir(parents=True)
    features = Features({"image": ImageColumn(), "label": ClassLabel(names=list(names))})
    for split, each in sizes.items():
        labels = [number % len(names) for number in range(each * len(names))]
        rows: dict[str, Any] = {"image": [picture(label) for label in labels], "label": labels}
        Dataset.from_dict(rows, features=features).to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")
    card = ["---", "dataset_info:", "  features:", "  - name: image", "    dtype: image", "  - name: label", "    dtype:"]
    card += ["      class_label:", "        names:"]
    card += [f"          '{number}': {json.dumps(name)}" for number, name in enumerate(names)]
    (folder / "README.md").write_text("\n".join([*card, "---", ""]), encoding="utf-8")
    return folder


def shown_class(image: Image.Image) -> int:
    """Which class `picture` drew, through any compression."""
    return int(np.asarray(image)[..., 0].mean().round())


def write_index(
    folder: Path,
    name: str,
    rows: Mapping[str, Sequence[tuple[str, int]]],
    shots: int = 1,
    seed: int = 1,
    prefix: str = "./data/dtd/",
) -> Path:
    """A few-shot index file in the published form; rows: for train and val the paths and labels."""
    found = {
        part: {
            "data": [{"impath": prefix + path, "label": label, "classname": f"c{label}"} for path, label in examples],
            "indices": list(range(len(examples))),
        }
        for part, examples in rows.items()
    }
    path = folder / name / f"shot_{shots}-seed_{seed}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=4))
    return path

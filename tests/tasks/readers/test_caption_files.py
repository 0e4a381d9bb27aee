"""Karpathy's JSON, and Flickr8k's captions.txt with lists of images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bench.errors import DataError
from tasks.base import SplitName
from tasks.readers import flickr8k, karpathy


def karpathy_file(folder: Path, images: list[dict[str, Any]]) -> Path:
    for image in images:
        path = folder / "images" / image.get("filepath", "") / image["filename"]
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 3)).save(path)
    path = folder / "dataset_coco.json"
    path.write_text(json.dumps({"images": images, "dataset": "coco"}), encoding="utf-8")
    return path


def image(name: str, split: str, *captions: str, **more: Any) -> dict[str, Any]:
    sentences = [{"raw": caption, "tokens": caption.split(), "imgid": 0, "sentid": 0} for caption in captions]
    return {"filename": name, "split": split, "sentences": sentences, "imgid": 0, "sentids": [0], **more}


def test_every_caption_of_an_image_is_a_row_and_restval_trains(tmp_path: Path) -> None:
    path = karpathy_file(
        tmp_path,
        [
            image("a.jpg", "test", "One.", "Two, with comma.\n", *"345", filepath="val2014"),
            image("b.jpg", "restval", "  A  dog\t“runs”. ", filepath="val2014"),
            image("c.jpg", "train", "Train.", filepath="train2014"),
            image("d.jpg", "val", "Val.", filepath="val2014"),
        ],
    )
    splits = karpathy.read(path, tmp_path / "images")
    assert {name: len(split) for name, split in splits.items()} == {"train": 2, "val": 1, "test": 5}
    assert list(splits["test"].ids) == ["val2014/a.jpg"] * 5
    assert splits["test"].texts == ["One.", "Two, with comma.", "3", "4", "5"]
    assert splits["train"].texts == ["A dog “runs”.", "Train."]
    assert splits["test"].labels.tolist() == [-1] * 5
    assert splits["train"].image(1).size == (4, 3)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([image("a.jpg", "trial", "x")], "dataset_coco.json, image a.jpg: unknown split 'trial'"),
        ([image("a.jpg", "test")], "dataset_coco.json, image a.jpg: it has no sentence"),
        ([image("a.jpg", "test", "  ")], "an empty caption of a.jpg"),
        ([image("a.jpg", "test", "x"), image("a.jpg", "val", "y")], "image 'a.jpg' is there twice"),
    ],
)
def test_what_is_wrong_in_karpathys_file_is_named(tmp_path: Path, images: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        karpathy.read(karpathy_file(tmp_path, images), tmp_path / "images")


def test_a_split_that_names_absent_images_tells_the_first_and_how_many(tmp_path: Path) -> None:
    path = karpathy_file(tmp_path, [image("a.jpg", "test", "x"), image("b.jpg", "test", "y"), image("c.jpg", "test", "z")])
    (tmp_path / "images" / "b.jpg").unlink()
    (tmp_path / "images" / "c.jpg").unlink()
    with pytest.raises(DataError, match=r"b.jpg is missing \(2 of 3 image files named in .*dataset_coco.json\)"):
        karpathy.read(path, tmp_path / "images")


def test_cut_off_json_is_named(tmp_path: Path) -> None:
    path = karpathy_file(tmp_path, [image("a.jpg", "test", "x")])
    path.write_text(path.read_text()[:-9])
    with pytest.raises(DataError, match=r"dataset_coco.json is not as expected .*: download the file again"):
        karpathy.read(path, tmp_path / "images")


CAPTIONS = """image,caption
1.jpg,A dog .
1.jpg,"A dog , which ""barks"" ."
2.jpg,"Dog with ball , on shore"
3.jpg,A child .
"""


def flickr(folder: Path, captions: str = CAPTIONS, **lists: str) -> dict[str, Any]:
    (folder / "captions.txt").write_text(captions, encoding="utf-8")
    for number in (1, 2, 3):
        (folder / "images").mkdir(exist_ok=True)
        Image.new("RGB", (4, 3)).save(folder / "images" / f"{number}.jpg")
    paths: dict[SplitName, Path] = {}
    given: dict[SplitName, str] = {"train": "1.jpg\n", "val": "3.jpg\n", "test": "2.jpg\n"}
    for split, names in {**given, **lists}.items():
        paths[split] = folder / f"Flickr_8k.{split}Images.txt"  # type: ignore[index]
        paths[split].write_text(names)  # type: ignore[index]
    return {"captions": folder / "captions.txt", "lists": paths, "images": folder / "images"}


def test_flickr8k_reads_commas_and_quotes_in_captions(tmp_path: Path) -> None:
    splits = flickr8k.read(**flickr(tmp_path))
    assert splits["train"].texts == ["A dog .", 'A dog , which "barks" .']
    assert list(splits["train"].ids) == ["1.jpg", "1.jpg"]
    assert splits["test"].texts == ["Dog with ball , on shore"]
    assert list(splits["val"].ids) == ["3.jpg"]


@pytest.mark.parametrize(
    ("captions", "lists", "message"),
    [
        ("1.jpg,A dog .\n", {}, r"captions.txt, line 1: the header must be image,caption"),
        (CAPTIONS + "3.jpg,A child , small .\n", {}, r"captions.txt, line 6: 3 values instead of an image and a caption"),
        (CAPTIONS, {"test": "2.jpg\n1.jpg\n"}, r"testImages.txt: image 1.jpg is in Flickr_8k.trainImages.txt, too"),
        (CAPTIONS, {"test": "2.jpg\n2.jpg\n"}, r"testImages.txt: image '2.jpg' is there twice"),
        (CAPTIONS, {"test": "9.jpg\n"}, r"testImages.txt: image 9.jpg has no caption in captions.txt"),
        (CAPTIONS + "9.jpg,A cat .\n", {"test": "9.jpg\n"}, r"9.jpg is missing"),
    ],
)
def test_what_is_wrong_in_flickr8k_is_named(tmp_path: Path, captions: str, lists: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        flickr8k.read(**flickr(tmp_path, captions, **lists))

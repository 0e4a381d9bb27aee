"""A fitted model in use: scikit-learn's verbs on images of any form, and one that is fitted without a grid."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from bench import api
from bench.backbone.load import folder_of
from bench.cell.scorer import Scorer, opened
from bench.cli import main
from bench.errors import DataError, UsageError
from tasks.find import find_task

TASK = find_task("digits")
TRAIN = [row for label in range(3) for row in np.flatnonzero(TASK.train.labels == label)[:4]]
NAMES = [TASK.class_names[TASK.train.labels[row]] for row in TRAIN]
TEST = [row for row in range(len(TASK.test)) if TASK.test.labels[row] < 3][:20]


@pytest.fixture(scope="module")
def probe() -> Scorer:
    return api.fit("linear-probe", [TASK.train.image(row) for row in TRAIN], NAMES)


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    return [TASK.test.image(row) for row in TEST]


def test_what_is_fitted_to_images_at_hand_predicts_names(probe: Scorer, pictures: list[Image.Image]) -> None:
    right = [TASK.class_names[TASK.test.labels[row]] for row in TEST]
    assert list(probe.classes_) == sorted(set(NAMES)) and len(repr(probe)) < 1000
    assert (probe.predict(pictures) == np.array(right)).mean() > 0.6  # by chance 0.33
    probabilities = probe.predict_proba(pictures)
    assert probabilities.shape == (20, 3) and np.allclose(probabilities.sum(1), 1, atol=1e-6)
    assert np.allclose(probabilities, torch.softmax(probe(pictures), -1).numpy())


def test_images_are_pictures_files_or_arrays(probe: Scorer, pictures: list[Image.Image], tmp_path: Path) -> None:
    (pictures[0]).save(tmp_path / "a.png")
    given = [pictures[0], tmp_path / "a.png", str(tmp_path / "a.png"), np.asarray(pictures[0])]
    scores = probe(given)
    assert torch.allclose(scores, scores[:1].expand(4, -1), atol=1e-4)
    with pytest.raises(UsageError, match=r"an image of shape \(3, 8, 8\) and type float64: give \[H, W, 3\]"):
        probe([np.zeros((3, 8, 8))])
    with pytest.raises(DataError, match="no such image file"):
        probe([tmp_path / "none.png"])
    assert probe([]).shape == (0, 3)


@pytest.mark.parametrize("method", ["taskres", "lora", "cocoop", "zero-shot"])
def test_few_images_score_as_in_whole_batches(method: str, pictures: list[Image.Image], tmp_path: Path) -> None:
    fitted = api.fit(method, [TASK.train.image(row) for row in TRAIN], NAMES, recipe="steps=3")
    fitted.save(tmp_path / "kept.safetensors")
    whole = api.load(tmp_path / "kept.safetensors", whole_batches=True)
    assert torch.allclose(whole(pictures), fitted(pictures), atol=1e-3)
    assert torch.allclose(whole(pictures), torch.cat([fitted([one]) for one in pictures]), atol=1e-3)


def test_texts_and_answers_are_learnt_in_pairs() -> None:
    task = find_task("scenes-entailment")
    rows = [row for label in range(len(task.class_names)) for row in np.flatnonzero(task.train.labels == label)[:3]]
    assert task.train.texts is not None
    images, texts = [task.train.image(row) for row in rows], [task.train.texts[row] for row in rows]
    fitted = api.fit("xtremeclip", images, [int(task.train.labels[row]) for row in rows], task.class_names, texts=texts)
    assert fitted.about.kind == "pair" and set(fitted.predict(images, texts)) <= set(task.class_names)
    with pytest.raises(UsageError, match="need a text per image"):
        fitted.predict(images)


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        (["a", "b"], None, "got 3 images, 2 labels: give one of each"),
        ([0, 1, 1], None, r"labels are numbers: name their classes by classes=\[...\]"),
        ([0, 1, 2], ["a", "b"], "label 2 is none of the 2 classes"),
        (["a", "b", "c"], ["a", "b"], "label 'c' is none of the classes a, b"),
        (["a", "a", "a"], None, "there is one class, 'a', and nothing to tell it from"),
        (["a", "b", "a"], ["a", "b", "c"], "class 'c' has no example"),
    ],
)
def test_labels_that_do_not_fit_are_one_line(labels: list[str], classes: list[str] | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        api.fit("linear-probe", [Image.new("RGB", (8, 8))] * 3, labels, classes)


def test_a_backbone_that_has_moved_is_named_and_another_is_refused(pictures: list[Image.Image], tmp_path: Path) -> None:
    shutil.copytree(folder_of("bundled"), tmp_path / "here")
    fitted = api.fit("taskres", [TASK.train.image(row) for row in TRAIN], NAMES, backbone=f"local-dir:{tmp_path / 'here'}")
    fitted.save(tmp_path / "kept.safetensors")
    (tmp_path / "here").rename(tmp_path / "there")
    with pytest.raises(UsageError, match=r"its backbone isn't where it was .*: say where it is now by backbone"):
        api.load(tmp_path / "kept.safetensors")
    again = api.load(tmp_path / "kept.safetensors", backbone=f"local-dir:{tmp_path / 'there'}")
    assert torch.equal(again(pictures), fitted(pictures))
    with pytest.raises(UsageError, match="use the very weights"):
        api.load(tmp_path / "kept.safetensors", backbone="ViT-B-32/random")


def test_the_verb_writes_a_table(probe: Scorer, pictures: list[Image.Image], tmp_path: Path) -> None:
    probe.save(tmp_path / "kept.safetensors")
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for number, picture in enumerate(pictures[:3]):
        picture.save(folder / ("more" if number else "") / f"{number}.png")
    (folder / "broken.png").write_bytes(b"nothing")
    arguments = ["predict", str(tmp_path / "kept.safetensors"), str(folder), "--out", str(tmp_path / "out.csv"), "--all"]
    told = CliRunner().invoke(main, arguments)
    assert told.exit_code == 2 and "broken.png" in told.output
    told = CliRunner().invoke(main, [*arguments, "--skip-bad-images"])
    assert told.exit_code == 0 and "left out, images that can't be read: 1" in told.output
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [Path(row["image"]).name for row in rows] == ["0.png", "1.png", "2.png"]
    assert [row["class"] for row in rows] == list(probe.predict(pictures[:3]))
    for row, expected in zip(rows, probe.predict_proba(pictures[:3]), strict=True):
        assert [float(row[name]) for name in probe.classes_] == pytest.approx(expected, abs=1e-4)
        assert float(row["probability"]) == pytest.approx(max(expected), abs=1e-4)
    (tmp_path / "list.csv").write_text("image\nphotos/0.png\n")
    told = CliRunner().invoke(main, ["predict", str(tmp_path / "kept.safetensors"), str(tmp_path / "list.csv")])
    assert told.exit_code == 0 and told.output.splitlines()[1].startswith("photos/0.png,")


def test_pictures_read_as_their_files_do(probe: Scorer, tmp_path: Path) -> None:
    """Upright, on white where transparent, of any depth."""
    clear = Image.new("RGBA", (20, 20), (200, 30, 30, 0))
    turned = Image.fromarray(np.arange(600, dtype=np.uint8).reshape(20, 30))
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = Image.fromarray((np.arange(400, dtype=np.uint16) * 10).reshape(20, 20))
    clear.save(tmp_path / "clear.png")
    turned.save(tmp_path / "turned.png", exif=exif)
    deep.save(tmp_path / "deep.png")
    for name in ("clear", "turned", "deep"):
        path = tmp_path / f"{name}.png"
        assert torch.equal(probe([path]), probe([Image.open(path)]))
        assert opened(path).tobytes() == opened(Image.open(path)).tobytes()


def test_what_is_fitted_to_deep_pictures_keeps_their_white(tmp_path: Path) -> None:
    paths, labels = [], []
    for name, top in (("dark_one", 300), ("bright", 3900)):
        for number in range(3):
            paths.append(tmp_path / f"{name}-{number}.png")
            Image.fromarray(np.full((16, 16), top + number, np.uint16)).save(paths[-1])
            labels.append(name)
    fitted = api.fit("linear-probe", paths, labels)
    assert fitted.about.white == 4095 and set(fitted.classes_) == {"dark one", "bright"}
    assert list(fitted.predict(paths)) == [label.replace("_", " ") for label in labels]
    with pytest.raises(UsageError, match=r"give a list of images"):
        fitted.predict(paths[0])  # type: ignore[arg-type]
    with pytest.raises(DataError, match="labels: classes 'A' and 'a' read 'a'"):
        api.fit("linear-probe", paths, ["a", "A", "a", "A", "b", "b"])

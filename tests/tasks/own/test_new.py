"""`tasks new`: the card, the counts, what is in train and test, and the contact sheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from bench.cli import main
from tasks.find import find_task
from tasks.own.sheet import ACROSS, contact_sheet
from tasks.own.survey import difference_hash, survey
from tasks.own.task import card_index, read_card
from tests.tasks.own.makers import draw, write


def new(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["tasks", "new", *map(str, arguments)])


def noise(seed: int) -> Image.Image:
    """Blobs that survive compression."""
    greys = np.random.default_rng(seed).integers(0, 255, (8, 8), np.uint8)
    return Image.fromarray(greys).resize((64, 64), Image.Resampling.BICUBIC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two classes with a split; a test image that train has byte for byte, one in another size and form, a broken one."""
    for number, (split, name, file) in enumerate(
        (split, name, f"{count}.png")
        for split, total in (("train", 6), ("test", 4))
        for name in ("cat", "dog")
        for count in range(total)
    ):
        (tmp_path / "pets" / split / name).mkdir(parents=True, exist_ok=True)
        noise(number).save(tmp_path / "pets" / split / name / file)
    test = tmp_path / "pets" / "test"
    (test / "cat" / "0.png").write_bytes((tmp_path / "pets/train/dog/3.png").read_bytes())
    Image.open(tmp_path / "pets/train/cat/2.png").resize((90, 90)).save(test / "dog" / "small.jpg", quality=60)
    (test / "dog" / "1.png").write_bytes(b"broken")
    return tmp_path / "pets"


def test_a_folder(root: Path) -> None:
    result = new("my-pets", root)
    assert result.exit_code == 0, result.output
    out = result.output
    assert "classification, 2 classes, a split of its own" in out
    assert [line.split() for line in out.splitlines() if line.startswith("in all")] == [["in", "all", "10", "2", "9"]]
    assert "byte for byte: 1\n  test/cat/0.png = train/dog/3.png" in out
    assert "(dHash, and colours): 1\n  test/dog/small.jpg = train/cat/2.png" in out
    assert "can't be read (--skip-bad-images leaves them out): 1\n  test/dog/1.png can't be read as an image" in out
    card = root.parent / "my-pets.toml"
    task, plain = find_task(f"card:{card}"), find_task(f"imagefolder:{root}")
    assert (task.name, task.class_names, task.augmentation) == ("card:my-pets", plain.class_names, plain.augmentation)
    for split in ("train", "val", "test"):
        assert list(getattr(task, split).ids) == list(getattr(plain, split).ids)
    with Image.open(root.parent / "my-pets.png") as sheet:
        assert sheet.width > ACROSS * 100 and len(sheet.getcolors(1 << 20) or ()) > 50


def test_a_card_is_not_written_over_unless_asked_for(root: Path) -> None:
    card = root.parent / "pets.toml"
    card.write_text("mine")
    refused = new("pets", root)
    assert (
        refused.exit_code == 2
        and "pets.toml is there already: choose another name, or write over it by --force" in refused.output
    )
    assert card.read_text() == "mine"
    assert new("pets", root, "--force").exit_code == 0
    assert read_card(card).data == "imagefolder:pets"


def test_the_card_goes_with_the_data(root: Path) -> None:
    new("my-pets", root)
    before = find_task(f"card:{root.parent / 'my-pets.toml'}").version
    moved = root.parent.rename(root.parent.with_name("moved"))
    assert find_task(f"card:{moved / 'my-pets.toml'}").version == before


def test_a_table_whose_images_lie_a_folder_below(tmp_path: Path) -> None:
    names = draw(tmp_path / "pictures", 12)
    path = write(tmp_path / "lines.csv", {"image": names * 2, "caption": [f'a, "{row}" é' for row in range(24)]})
    result = new("captions", path)
    assert result.exit_code == 0, result.output
    assert "retrieval, 24 captions of 12 images, a split drawn here" in result.output
    assert read_card(tmp_path / "captions.toml").root == "pictures"
    assert find_task(f"card:{tmp_path / 'captions.toml'}").kind == "retrieval"


def test_labels_of_all_sorts_survive_the_card(tmp_path: Path) -> None:
    labels = ['a "quoted", one', "back\\slash", "犬🐕", "x" * 300] * 3
    path = write(tmp_path / "t.csv", {"image": draw(tmp_path, 12), "label": labels})
    assert new("odd", path).exit_code == 0
    assert find_task(f"card:{tmp_path / 'odd.toml'}").class_names == find_task(f"csv:{path}").class_names


def test_pairs_that_share_images_between_splits(tmp_path: Path) -> None:
    names = draw(tmp_path, 4)
    columns = {"image": names * 2, "text": ["is it?"] * 8, "label": ["yes", "no"] * 4, "split": ["train"] * 4 + ["test"] * 4}
    result = new("pairs", write(tmp_path / "t.csv", columns))
    assert result.exit_code == 0, result.output
    assert "test images named in train or val, too: 4" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x", "/nowhere"), "/nowhere: no such folder, and no table by its ending"),
        (("a/b", "/nowhere"), "'a/b' can't be the name of a card"),
        (("x", "csv:/nowhere.csv"), "/nowhere.csv: no such file"),
    ],
)
def test_mistakes(arguments: tuple[str, ...], message: str) -> None:
    result = new(*arguments)
    assert result.exit_code == 2 and message in result.output


def test_a_folder_that_cannot_be_written_to(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = new("x", root, "--out", tmp_path / "file" / "inside")
    assert result.exit_code == 2 and "can't be written to" in result.output and "Traceback" not in result.output


def test_the_hash_against_a_plain_computation() -> None:
    greys = np.random.default_rng(1).integers(0, 255, (8, 9), np.uint8)
    bits = "".join(str(int(greys[y, x] > greys[y, x + 1])) for y in range(8) for x in range(8))
    assert difference_hash(Image.fromarray(greys)) == int(bits, 2)


def test_flat_pictures_are_not_taken_for_twins(tmp_path: Path) -> None:
    for split, grey in (("train", 10), ("test", 200)):
        for name in ("a", "b"):
            for number in range(3):
                (tmp_path / "d" / split / name).mkdir(parents=True, exist_ok=True)
                Image.new("L", (9, 9), grey + number).save(tmp_path / "d" / split / name / f"{number}.png")
    assert new("flat", tmp_path / "d").exit_code == 0
    found = survey(card_index(read_card(tmp_path / "flat.toml"), tmp_path))
    assert not found.alike and not found.same


def test_the_sheet_shows_a_row_per_class_and_marks_what_is_broken(root: Path) -> None:
    new("my-pets", root)
    sheet = contact_sheet(card_index(read_card(root.parent / "my-pets.toml"), root.parent))
    assert sheet.height == 8 + 2 * (16 + 8 + 112 + 8)
    assert sheet.getpixel((8 + 5, 16 + 8 + 40)) != (255, 255, 255)

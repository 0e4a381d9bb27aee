"""What people really have on disk: it is read, or what isn't is counted and told."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from bench.errors import DataError
from tasks.base import Task
from tasks.find import find_task
from tests.tasks.own.makers import draw, png, write

USUAL = [
    ("Train", "Test"), ("training_set", "test_set"), ("TRAIN", "TEST"), ("training", "testing"), ("train_images", "test_images"),
    ("train-data", "eval"), ("train2017", "test2017"), ("Training Images", "Test Images"),
]  # fmt: skip


def fill(folder: Path, count: int = 4, ending: str = "png") -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number}.{ending}").write_bytes(png(number))


def image_folder(root: Path, more: str = "") -> Task:
    return find_task(f"imagefolder:{root}{more}")


@pytest.mark.parametrize(("train", "test"), USUAL)
def test_split_folders_by_any_usual_name(tmp_path: Path, train: str, test: str) -> None:
    for split in (train, test, "valid"):
        for name in ("cat", "dog"):
            fill(tmp_path / split / name)
    task = image_folder(tmp_path)
    assert task.class_names == ("cat", "dog") and task.notes == ()
    assert [{name.split("/")[0] for name in part.ids} for part in (task.train, task.val, task.test)] == [
        {train},
        {"valid"},
        {test},
    ]


def test_two_folders_for_one_split_are_an_error_that_asks(tmp_path: Path) -> None:
    for split in ("train", "training_set", "test"):
        for name in ("cat", "dog"):
            fill(tmp_path / split / name)
    with pytest.raises(DataError, match=r"train/ and training_set/ may both be train: say which is which by train=FOLDER"):
        image_folder(tmp_path)
    task = image_folder(tmp_path, "[train=training_set]")
    assert {name.split("/")[0] for name in task.train.ids} == {"training_set"}


def test_domains_are_told_apart_from_classes_and_may_be_splits(tmp_path: Path) -> None:
    for domain in ("art", "photo", "sketch", "cartoon"):
        for name in ("cat", "dog"):
            fill(tmp_path / domain / name)
    guessed = image_folder(tmp_path)
    assert guessed.class_names == ("art", "cartoon", "photo", "sketch")
    assert "all classes (art, cartoon, photo, sketch) hold the same folders (cat, dog)" in guessed.notes[0]
    task = image_folder(tmp_path, "[train=photo,train=art,test=sketch]")
    assert task.class_names == ("cat", "dog")
    for part, domains in ((task.train, {"photo", "art"}), (task.val, {"photo", "art"}), (task.test, {"sketch"})):
        assert {name.split("/")[0] for name in part.ids} == domains
    assert task.notes == ("left out, images in cartoon/: 8",)
    with pytest.raises(DataError, match=r"has no folder 'foto' to be a split; there are art, cartoon, photo, sketch"):
        image_folder(tmp_path, "[train=foto,test=sketch]")


def test_what_is_left_out_is_a_number(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        fill(tmp_path / name)
    for name in ("a.heic", "b.heic", "notes.txt", "README"):
        (tmp_path / "cat" / name).write_bytes(b"x")
    (tmp_path / "dog" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "bird").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loose.png").write_bytes(png(1))
    assert image_folder(tmp_path).notes == (
        "left out, files of other kinds: 4 (2 .heic, 1 without extension, 1 .txt)",
        "left out, links that lead nowhere: 2",
        "left out, images beside the class folders: 1",
    )


@pytest.mark.parametrize("ending", ["jfif", "jpe", "pgm", "JFIF"])
def test_other_endings_of_formats_that_are_read(tmp_path: Path, ending: str) -> None:
    fill(tmp_path / "cat", 4, ending)
    fill(tmp_path / "dog", 4)
    task = image_folder(tmp_path)
    assert sum(len(part) for part in (task.train, task.val, task.test)) == 8 and task.notes == ()


@pytest.mark.parametrize("kind", [np.uint16, np.int32])
def test_white_is_one_for_the_whole_set(tmp_path: Path, kind: type[np.generic]) -> None:
    """A dark picture stays darker than a bright one."""
    for name, top in (("dark", 500), ("bright", 4000)):
        (tmp_path / name).mkdir()
        for number in range(4):
            Image.fromarray(np.array([[0, top + number]], kind)).save(tmp_path / name / f"{number}.tif")
    task = image_folder(tmp_path)
    shown = {task.class_names[label]: task.train.image(row).getpixel((1, 0))[0] for row, label in enumerate(task.train.labels)}
    assert abs(shown["dark"] - 31) <= 1 and abs(shown["bright"] - 249) <= 1
    assert task.white == 4095 and task.notes[0].startswith(
        "8 of 8 pictures looked at have more than 8 bits, with values from 0 to"
    )
    stated = image_folder(tmp_path, "[white=8000]")
    assert stated.white == 8000 and stated.version != task.version
    assert abs(max(stated.train.image(row).getpixel((1, 0))[0] for row in range(len(stated.train))) - 127) <= 2


def test_labels_that_differ_in_case_only_are_told_all_at_once_and_may_be_one_class(tmp_path: Path) -> None:
    labels = ["yes", "Yes", "no", "No", "maybe"] * 8
    path = write(tmp_path / "t.csv", {"image": draw(tmp_path, 40), "label": labels})
    with pytest.raises(DataError, match=r"classes 'No' and 'no' read 'no', 'Yes' and 'yes' read 'yes': .* by merge=true"):
        find_task(f"csv:{path}")
    task = find_task(f"csv:{path}[merge=true]")
    assert task.class_names == ("maybe", "no", "yes")
    for part in (task.train, task.val, task.test):
        assert [task.class_names[label] for label in part.labels] == [labels[int(name[:3])].lower() for name in part.ids]


def test_only_the_most_frequent_labels(tmp_path: Path) -> None:
    labels = ["a"] * 10 + ["c"] * 6 + ["b"] * 6 + ["d"] * 2
    path = write(tmp_path / "t.csv", {"image": draw(tmp_path, 24), "label": labels})
    task = find_task(f"csv:{path}[most=2]")
    assert task.class_names == ("a", "b")
    assert task.notes == ("8 of 24 rows left out, whose label is none of the 2 most frequent",)
    for part in (task.train, task.val, task.test):
        assert [task.class_names[label] for label in part.labels] == [labels[int(name[:3])] for name in part.ids]


def test_class_names_that_the_data_carry_read_as_those_of_folders_do(tmp_path: Path) -> None:
    import json

    import pyarrow as pa
    from pyarrow import parquet

    features = {"label": {"_type": "ClassLabel", "names": ["dark_red", "light-green"]}}
    table = pa.table({"image": draw(tmp_path, 8), "label": [0, 1] * 4})
    told = {"huggingface": json.dumps({"info": {"features": features}})}
    parquet.write_table(table.replace_schema_metadata(told), tmp_path / "t.parquet")
    assert find_task(f"parquet:{tmp_path / 't.parquet'}").class_names == ("dark red", "light green")


def test_a_name_of_ones_own(tmp_path: Path) -> None:
    fill(tmp_path / "cat")
    fill(tmp_path / "dog")
    assert image_folder(tmp_path, "[name=pets]").name == "pets"


def test_tables_that_are_no_split_are_counted(tmp_path: Path) -> None:
    names = draw(tmp_path, 20)
    for name, rows in (("train", range(12)), ("test", range(12, 20)), ("unlabelled", range(5))):
        columns = {"image": [names[row] for row in rows], "label": ["cat" if row % 2 else "dog" for row in rows]}
        write(tmp_path / f"{name}.csv", columns)
    task = find_task(f"csv:{tmp_path}[train=train,test=test]")
    assert "left out, rows of split 'unlabelled': 5" in task.notes


def deep_colour(value: int) -> bytes:
    """A PNG of one colour with 16 bits for each of red, green and blue, which Pillow doesn't write."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    pixels = b"".join(b"\0" + struct.pack(">3H", value, value, value) * 4 for _ in range(4))
    header = struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("value", "told"), [(65535, "255 of 255"), (4095, "15 of 255: so dark that they should be converted")])
def test_colours_of_sixteen_bits_are_told(tmp_path: Path, value: int, told: str) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(4):
            (tmp_path / name / f"{number}.png").write_bytes(deep_colour(value - number))
    notes = image_folder(tmp_path).notes
    assert len(notes) == 1 and told in notes[0]
    assert notes[0].startswith("8 of 8 pictures looked at have 16 bits a colour, of which the upper 8 are read")


def test_numbers_of_classes_are_of_one_list_of_names(tmp_path: Path) -> None:
    """Where the test table was encoded anew, number 0 is another class."""
    folder = tmp_path / "t"
    for split, names in (("train", ["blue", "green", "red"]), ("test", ["green", "red"])):
        files = draw(folder / split, 12)
        columns = {"image": [f"{split}/{name}" for name in files], "label": [row % len(names) for row in range(12)]}
        features = {"label": {"_type": "ClassLabel", "names": names}}
        table = pa.table(columns).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
        parquet.write_table(table, folder / f"{split}.parquet")
    for source in (f"parquet:{folder}", f"hf:{folder}"):
        with pytest.raises(DataError, match=r"train.parquet numbers its classes otherwise than .*test.parquet: save both"):
            find_task(source)


def test_two_tables_of_one_name_are_an_error_and_what_is_no_table_is_passed_over(tmp_path: Path) -> None:
    names = draw(tmp_path, 24)
    rows = {"image": names[:12], "label": ["cat", "dog"] * 6}
    write(tmp_path / "train.csv", rows)
    write(tmp_path / "test.csv", {"image": names[12:], "label": ["cat", "dog"] * 6})
    (tmp_path / "._train.csv").write_bytes(b"\0\5\x16\7")
    (tmp_path / "README.txt").write_text("what this is")
    assert len(find_task(f"csv:{tmp_path}").test) == 12
    write(tmp_path / "train.tsv", rows)
    with pytest.raises(DataError, match=r"has train.csv and train.tsv: leave one table of that name"):
        find_task(f"csv:{tmp_path}")


def test_questions_about_one_picture_stay_together_however_it_is_named(tmp_path: Path) -> None:
    draw(tmp_path / "p", 10)
    spelled = ["p/{}", "./p/{}", "p//{}"]
    columns = {
        "image": [spelled[row % 3].format(f"{row // 3:03d}.png") for row in range(30)],
        "text": [f"what is {row}?" for row in range(30)],
        "label": ["yes", "no"] * 15,
    }
    inside = {**columns, "image": [png(row // 3) for row in range(30)]}
    for path in (write(tmp_path / "t.csv", columns), write(tmp_path / "t.parquet", inside)):
        task = find_task(f"{path.suffix[1:]}:{path}")
        splits = [set(part.ids) for part in (task.train, task.val, task.test)]
        assert sum(map(len, splits)) == len(set.union(*splits)) == 10


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("caf\u00e9", "cafe\u0301"), ("R&B", "R&amp;B"), ("driver's licence", "driver\u2019s licence"), ("cat", "cat\u200b"),
        ("\uff21", "A"), ("1", "01"), ("1.0", "1"), ("big cat", "Big_Cat"),
    ],
)  # fmt: skip
def test_labels_that_a_text_tower_takes_for_one_are_told(tmp_path: Path, one: str, other: str) -> None:
    path = write(tmp_path / "t.csv", {"image": draw(tmp_path, 30), "label": [one, other, "else"] * 10})
    with pytest.raises(DataError, match="a text tower tells them not apart: make one class of each by merge=true"):
        find_task(f"csv:{path}")
    assert len(find_task(f"csv:{path}[merge=true]").class_names) == 2


def test_pictures_that_are_dark_but_for_a_few_are_told(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(5):
            top = 1.02 if (name, number) == ("cat", 0) else 0.9
            Image.fromarray(np.array([[0, top]], np.float32)).save(tmp_path / name / f"{number}.tif")
    notes = image_folder(tmp_path).notes
    assert any("most of these pictures reach 0 % of that white at most" in note for note in notes)
    assert image_folder(tmp_path, "[white=1.02]").notes[1:] == ()


def test_splits_under_a_name_that_all_share_and_twice_in_a_row(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            fill(tmp_path / f"seg_{split}" / f"seg_{split}" / name)
    fill(tmp_path / "seg_pred" / "seg_pred", 3)
    task = image_folder(tmp_path)
    assert task.class_names == ("cat", "dog") and len(task.test) == 8
    assert task.notes == ("left out, images in seg_pred/: 3",)


def test_a_split_that_is_not_used_is_told(tmp_path: Path) -> None:
    columns = {"image": draw(tmp_path, 20), "label": ["cat", "dog"] * 10, "usage": ["Training"] * 12 + ["Test"] * 8}
    task = find_task(f"csv:{write(tmp_path / 't.csv', columns)}")
    assert task.notes == ("column 'usage' (test, training) reads like a split, and one is drawn: say split=usage",)
    assert len(find_task(f"csv:{tmp_path / 't.csv'}[split=usage]").test) == 8
    for name in ("cat", "dog"):
        for split in ("train", "test"):
            fill(tmp_path / "inside" / name / split)
    assert "put train/ and test/ above the classes" in image_folder(tmp_path / "inside").notes[0]


def test_captions_that_are_not_there_are_counted_and_objects_are_no_text(tmp_path: Path) -> None:
    names = draw(tmp_path, 24)
    rows = [{"image": name, "captions": [f"a card {row}"] if row % 2 else []} for row, name in enumerate(names)]
    (tmp_path / "t.json").write_text(json.dumps(rows))
    assert "left out, images without a caption: 12" in find_task(f"json:{tmp_path / 't.json'}").notes
    (tmp_path / "o.json").write_text(json.dumps([{"image": name, "caption": [{"raw": "a card"}]} for name in names]))
    with pytest.raises(DataError, match=r"column 'caption': .*\"raw\".*: a text or a number is needed, not an object"):
        find_task(f"json:{tmp_path / 'o.json'}")
    lines = [json.dumps({"image": name, "caption": f"a\u2028card {row}"}, ensure_ascii=False) for row, name in enumerate(names)]
    (tmp_path / "l.jsonl").write_text("\n".join(lines))
    assert len(find_task(f"json:{tmp_path / 'l.jsonl'}").train) > 0

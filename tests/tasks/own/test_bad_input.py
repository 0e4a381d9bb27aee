"""Bad input, in every form that a task may be read from: one line that names the file, or handled right."""

from __future__ import annotations

import binascii
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.errors import BenchError, DataError
from tasks.base import Task
from tasks.find import find_task
from tests.tasks.own.makers import draw, png, write

RED, BLUE = (220, 30, 30), (30, 30, 220)
PER_CLASS = 4


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
    datasets.disable_progress_bars()


def bomb() -> bytes:
    """A small PNG that says it is 50,000 x 50,000 pixels large: its rows are all white, and decoding would take 2.5 GB."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", binascii.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" + b"\xff" * 50_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    body = io.BytesIO()
    image.save(body, form, **options)  # type: ignore[arg-type]
    return body.getvalue()


def halves() -> Image.Image:
    """Left half red, right half blue."""
    picture = Image.new("RGB", (40, 20), RED)
    picture.paste(BLUE, (20, 0, 40, 20))
    return picture


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter clockwise: left becomes top
    return saved(halves(), "JPEG", exif=exif)


def animated() -> bytes:
    return saved(halves(), "GIF", save_all=True, append_images=[Image.new("RGB", (40, 20), BLUE)])


def deep() -> bytes:
    return saved(Image.fromarray(np.array([[0, 65535]], np.uint16).repeat(20, 1).repeat(20, 0)), "PNG")


NOISE = saved(Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)), "JPEG")
BROKEN: dict[str, tuple[Callable[[], bytes], str]] = {
    "truncated": (lambda: NOISE[:1500], "truncated"),
    "zero bytes": (lambda: b"", "cannot identify"),
    "no image": (lambda: b"<html>not found</html>", "cannot identify"),
    "bomb": (bomb, "pixels; the limit is 100 megapixels"),
}
FINE: dict[str, tuple[Callable[[], bytes], tuple[int, int], tuple[int, int, int], tuple[int, int, int]]] = {
    "CMYK": (lambda: saved(halves().convert("CMYK"), "JPEG"), (40, 20), RED, BLUE),
    "palette": (lambda: saved(halves().quantize(2), "PNG"), (40, 20), RED, BLUE),
    "16-bit": (deep, (40, 20), (0, 0, 0), (255, 255, 255)),
    "animated": (animated, (40, 20), RED, BLUE),
    "EXIF-rotated": (turned, (20, 40), RED, BLUE),
}


def folder(root: Path, odd: bytes) -> str:
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        for number in range(PER_CLASS):
            (root / name / f"odd-{number}.png").write_bytes(odd)
    return f"imagefolder:{root}"


def table(ending: str, inside: bool = False) -> Callable[[Path, bytes], str]:
    def make(root: Path, odd: bytes) -> str:
        names = [f"odd-{number}.png" for number in range(2 * PER_CLASS)]
        root.mkdir(parents=True)
        for name in names:
            (root / name).write_bytes(odd)
        images = [{"bytes": odd, "path": name} for name in names] if inside else names
        return f"{ending}:{write(root / f'data.{ending}', {'image': images, 'label': ['cat', 'dog'] * PER_CLASS})}"

    return make


def pairs(root: Path, odd: bytes) -> str:
    names = [f"odd-{number}.png" for number in range(8)]
    root.mkdir(parents=True)
    for name in names:
        (root / name).write_bytes(odd)
    columns = {"image": names * 2, "text": [f"t{row}" for row in range(16)], "label": ["yes", "no"] * 8}
    return f"csv:{write(root / 'data.csv', columns)}"


SOURCES = {
    "imagefolder": folder,
    "csv": table("csv"),
    "json": table("json"),
    "parquet": table("parquet"),
    "parquet, images inside": table("parquet", inside=True),
    "pairs": pairs,
}
everywhere = pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)


def one_line(task: Task) -> str:
    with pytest.raises(DataError) as caught:
        task.test.image(0)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@everywhere
@pytest.mark.parametrize("sort", BROKEN)
def test_images_that_cannot_be_read(tmp_path: Path, make: Callable[[Path, bytes], str], sort: str) -> None:
    body, reason = BROKEN[sort]
    message = one_line(find_task(make(tmp_path / "data", body())))
    assert reason in message and "--skip-bad-images" in message
    assert "odd-" in message or "data.parquet, image 0" in message


@everywhere
@pytest.mark.parametrize("sort", FINE)
def test_images_of_odd_sorts(tmp_path: Path, make: Callable[[Path, bytes], str], sort: str) -> None:
    body, size, first, last = FINE[sort]
    image = find_task(make(tmp_path / "data", body())).test.image(0)
    assert (image.mode, image.size) == ("RGB", size)
    for place, colour in (((4, 4), first), ((size[0] - 4, size[1] - 4), last)):
        assert np.abs(np.subtract(image.getpixel(place), colour)).max() <= 12


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_a_missing_image_file_is_named_when_it_is_asked_for(tmp_path: Path, ending: str) -> None:
    source = table(ending)(tmp_path / "data", png(1))
    gone = tmp_path / "data" / find_task(source).test.ids[0]
    gone.unlink()
    assert f"{gone}: no such image file" in one_line(find_task(source))


def test_images_of_which_none_is_there_are_an_error_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", {"image": ["a.png", "b.png", "c.png", "d.png"], "label": ["x", "y", "x", "y"]})
    with pytest.raises(DataError, match=r"a\.png: no such image, and none of the others is there: say by root=FOLDER"):
        find_task(f"csv:{path}")


TABLES: dict[str, tuple[str, bytes | str, str]] = {
    "empty": ("t.csv", b"", r"t\.csv can't be read as a table \(it is empty\)"),
    "header only": ("t.csv", "image,label\n", r"t\.csv holds no rows"),
    "too few values": ("t.csv", "image,label\n000.png\n", r"t\.csv can't be read as a table \(row 1 has 1 values, not 2"),
    "an open quote": ("t.csv", 'image,label\n000.png,x\n001.png,"y\n002.png,x\n', r"t\.csv: class '\"y' has one image only"),
    "not UTF-8": ("t.csv", b"image,label\n000.png,caf\xe9\n", r"t\.csv can't be read as a table .*: save it as UTF-8"),
    "two columns of a name": ("t.csv", "image,label,label\na,b,c\n", r"t\.csv has two columns called 'label'"),
    "no label": ("t.csv", "image,label\n000.png,x\n001.png,\n", r"t\.csv, row 2 has no label"),
    "no image": ("t.csv", "image,label\n000.png,x\n,y\n", r"t\.csv, row 2 names no image"),
    "an image twice": ("t.csv", "image,label\na.png,x\nb.png,y\na.png,y\n", r"t\.csv, row 3: image 'a\.png' is in .*row 1, too"),
    "one class": ("t.csv", "image,label\n000.png,x\n001.png,x\n", r"t\.csv has only one class, 'x'"),
    "a class of one": ("t.csv", "image,label\n000.png,x\n001.png,x\n002.png,y\n", r"t\.csv: class 'y' has one image only"),
    "names that read alike": ("t.csv", "image,label\n0,a_b\n1,a-b\n", r"classes 'a-b' and 'a_b' read 'a b'"),
    "no caption": ("t.csv", "image,caption\n000.png,x\n001.png,\n", r"t\.csv, row 2 has no caption"),
    "an empty test set": ("t.csv", "image,label,split\n0,x,train\n1,y,train\n", r"column 'split' calls its splits 'train'"),
    "an unknown split": ("t.csv", "image,label,split\n0,x,train\n1,y,tset\n", r"calls its splits 'train', 'tset': say which"),
    "a class in test only": (
        "t.csv", "image,label,split\n0,x,train\n1,y,train\n2,z,test\n", r"t\.csv, row 3: class 'z' has no train examples",
    ),
    "broken JSON": ("t.json", '[{"image": "a",\n "label": }]', r"t\.json can't be read as JSON \(line 2: Expecting value\)"),
    "truncated JSON": ("t.json", '[{"image": "000.png"', r"t\.json can't be read as JSON \(line 1: "),
    "JSON of another form": ("t.json", "[1, 2]", r"t\.json holds something else than objects"),
    "empty JSON": ("t.json", "[]", r"t\.json: can't tell"),
    "broken lines": ("t.jsonl", '{"image": "a"}\n{"image":', r"t\.jsonl can't be read as JSON \(line 2: Expecting value\)"),
    "broken Parquet": ("t.parquet", b"PAR1 and no more", r"t\.parquet can't be read as a table"),
    "zero bytes of Parquet": ("t.parquet", b"", r"t\.parquet can't be read as a table"),
    "broken TOML": ("t.toml", "data = csv:t.csv", r"t\.toml is not TOML"),
    "an unknown key": ("t.toml", 'data = "csv:t.csv"\nlables = "x"', r"t\.toml: unknown key 'lables': did you mean label"),
    "a card without data": ("t.toml", 'kind = "pair"', r"t\.toml: .*missing required field `data`"),
    "a value of the wrong type": ("t.toml", 'data = "csv:t.csv"\nflip = "no"', r"t\.toml: Expected `bool.*got `str`: key `flip`"),
    "an unknown source": ("t.toml", 'data = "zip:t.zip"', r"unknown source 'zip'"),
}  # fmt: skip
SCHEMES = {".csv": "csv", ".json": "json", ".jsonl": "json", ".parquet": "parquet", ".toml": "card"}


@pytest.mark.parametrize("case", TABLES)
def test_bad_tables_and_cards(tmp_path: Path, case: str) -> None:
    draw(tmp_path, 3)
    name, body, message = TABLES[case]
    (tmp_path / name).write_bytes(body if isinstance(body, bytes) else body.encode())
    with pytest.raises(BenchError, match=message) as caught:
        find_task(f"{SCHEMES[Path(name).suffix]}:{tmp_path / name}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("classes", "labels", "message"),
    [
        ('["a", "b"]', [0, 1, 2], r"t\.csv, row 3: label '2' is out of range, there are 2 classes: 0 to 1"),
        ('["a", "b"]', [0, -1, 1], r"row 2: label '-1' is out of range"),
        ('["a", "b"]', ["a", "c", "b"], r"row 2: label 'c' is out of range, there are 2 classes: a, b"),
        ('{x = "a", y = "b"}', ["x", "z", "y"], r"row 2: label 'z' is out of range, there are 2 classes: x, y"),
        ('["a", "a"]', [0, 1, 0], r"c\.toml: classes names 'a' twice"),
    ],
)
def test_labels_out_of_range(tmp_path: Path, classes: str, labels: list[object], message: str) -> None:
    write(tmp_path / "t.csv", {"image": draw(tmp_path, 3), "label": labels})
    (tmp_path / "c.toml").write_text(f'data = "csv:t.csv"\nclasses = {classes}\n')
    with pytest.raises(DataError, match=message):
        find_task(f"card:{tmp_path / 'c.toml'}")


@pytest.mark.parametrize("scheme", ["imagefolder", "csv", "json", "parquet", "card", "hf"])
def test_paths_that_lead_nowhere(tmp_path: Path, scheme: str) -> None:
    with pytest.raises(BenchError, match=r"nowhere.*(no such|can't be read)") as caught:
        find_task(f"{scheme}:{tmp_path / 'nowhere'}")
    assert "\n" not in str(caught.value)


def test_an_image_column_without_images(tmp_path: Path) -> None:
    path = write(tmp_path / "t.parquet", {"image": [1, 2], "label": ["x", "y"]})
    with pytest.raises(DataError, match=r"column 'image' holds int64: image paths or images are needed"):
        find_task(f"parquet:{path}")

"""Image files of all common kinds come out as upright RGB; broken ones are named."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bench.errors import DataError
from tasks import images
from tasks.images import White, decode_image, open_image, white_for

RED, BLUE = (220, 30, 30), (30, 30, 220)


@pytest.fixture
def picture() -> Image.Image:
    """Left half red, right half blue, 40 x 20."""
    picture = Image.new("RGB", (40, 20), RED)
    picture.paste(BLUE, (20, 0, 40, 20))
    return picture


def close(image: Image.Image, place: tuple[int, int], colour: tuple[int, int, int], tolerance: int = 12) -> bool:
    return bool(np.abs(np.subtract(image.getpixel(place), colour)).max() <= tolerance)


@pytest.mark.parametrize("extension", sorted(images.EXTENSIONS))
def test_every_extension(tmp_path: Path, picture: Image.Image, extension: str) -> None:
    path = tmp_path / f"picture{extension}"
    picture.save(path)
    image = open_image(path)
    assert (image.mode, image.size) == ("RGB", (40, 20))
    assert close(image, (5, 10), RED)
    assert close(image, (35, 10), BLUE)


@pytest.mark.parametrize(
    ("mode", "extension"), [("P", "png"), ("CMYK", "jpg"), ("CMYK", "tif"), ("RGBA", "png"), ("RGBA", "webp")]
)
def test_colour_modes(tmp_path: Path, picture: Image.Image, mode: str, extension: str) -> None:
    path = tmp_path / f"picture.{extension}"
    picture.convert(mode, palette=Image.Palette.ADAPTIVE).save(path)
    assert close(open_image(path), (5, 10), RED)
    assert close(open_image(path), (35, 10), BLUE)


@pytest.mark.parametrize("mode", ["1", "L", "LA"])
def test_grey_modes(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "grey.png"
    Image.new("L", (4, 4), 255).convert(mode).save(path)
    assert open_image(path).getpixel((1, 1)) == (255, 255, 255)


def test_rotation_by_exif(tmp_path: Path, picture: Image.Image) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to show it: left becomes top
    picture.save(path, exif=exif)
    image = open_image(path)
    assert image.size == (20, 40)
    assert close(image, (10, 5), RED)
    assert close(image, (10, 35), BLUE)


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_sixteen_bits_keep_their_range(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"deep.{extension}"
    values = np.array([[0, 16384, 32768, 65535]], np.uint16)
    Image.fromarray(values).save(path)
    assert [open_image(path).getpixel((column, 0))[0] for column in range(4)] == [0, 64, 128, 255]


SET_RANGES = [(1, 1), (200, 255), (1000, 1023), (4095, 4095), (10_000, 16383), (40_000, 65535), (100_000, 100_000)]


@pytest.mark.parametrize(("highest", "white"), SET_RANGES)
def test_white_is_the_least_usual_depth_that_holds_all_values(highest: int, white: int) -> None:
    assert white_for(highest) == white


@given(st.lists(st.integers(0, 4095), min_size=2, max_size=8), st.sampled_from(["eight", "int32", "float"]))
def test_a_picture_of_any_depth_reads_as_with_eight_bits(values: list[int], kind: str) -> None:
    """White is that of the set, so that what is twice as bright stays so from one picture to the next."""
    grey = np.array([values], np.float64) / 4095
    expected = np.rint(255 * grey)
    given = {"eight": np.rint(4095 * grey).astype(np.uint16), "int32": np.rint(4095 * grey).astype(np.int32), "float": grey}[kind]
    body = io.BytesIO()
    Image.fromarray(given.astype(np.float32) if kind == "float" else given).save(body, "TIFF")
    read = decode_image(body, "a picture", White(1.0 if kind == "float" else 4095.0))
    assert np.abs(np.asarray(read)[..., 0] - expected).max() <= 1


def test_values_beyond_the_white_of_the_set_are_an_error_unless_the_card_says_what_is_white(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    Image.fromarray(np.array([[0, 9000]], np.uint16)).save(path)
    with pytest.raises(DataError, match=r"deep.png can't be read as an image \(it has values up to 9000, others .* 3000\): say"):
        open_image(path, White(4095, seen=3000))
    assert open_image(path, White(4095)).getpixel((1, 0)) == (255, 255, 255)


@pytest.mark.parametrize("size", [(60_000, 1), (1, 300)])
def test_a_picture_that_is_far_longer_than_wide_is_named(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size, RED).save(tmp_path / "long.png")
    with pytest.raises(DataError, match=r"long.png can't be read as an image \(.* pixels; the limit is 200 to 1\): cut it"):
        open_image(tmp_path / "long.png")


def test_floating_point_in_zero_to_one(tmp_path: Path) -> None:
    path = tmp_path / "float.tif"
    Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32)).save(path)
    assert [open_image(path).getpixel((column, 0))[0] for column in range(3)] == [0, 128, 255]


def test_what_is_transparent_shows_white(tmp_path: Path) -> None:
    path = tmp_path / "clear.png"
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(path)
    assert open_image(path).getpixel((0, 0)) == (255, 255, 255)


def test_a_palette_with_a_transparent_entry(tmp_path: Path, picture: Image.Image) -> None:
    path = tmp_path / "picture.gif"
    palette = picture.quantize(2)
    palette.save(path, transparency=palette.getpixel((0, 0)))
    assert open_image(path).getpixel((5, 10)) == (255, 255, 255)
    assert close(open_image(path), (35, 10), BLUE)


def test_the_first_frame_of_several(tmp_path: Path) -> None:
    path = tmp_path / "film.gif"
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, BLUE)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert close(open_image(path), (1, 1), RED)


@pytest.mark.parametrize("size", [(2000, 1001), (40_000, 40_000)])  # over the limit; so far over that Pillow itself refuses
def test_huge_pictures_are_refused_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setattr(images, "MOST_PIXELS", 2_000_000)
    path = tmp_path / "huge.bmp"
    Image.new("1", (8, 8)).save(path)
    header = bytearray(path.read_bytes())
    header[18:26] = np.array(size, "<i4").tobytes()  # it says that it is larger than it is: decoding would fail otherwise
    path.write_bytes(header)
    with pytest.raises(DataError, match=r"huge\.bmp can't be read as an image \(.*pixels; the limit is 2 megapixels\)"):
        open_image(path)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\nand then nothing"])
def test_a_broken_file_is_named_with_the_remedy(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(
        DataError, match=r"broken\.png can't be read as an image \(.+\): replace or remove it, or use --skip-bad-im"
    ):
        open_image(path)


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "half.jpg"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(DataError, match=r"half\.jpg.*truncated"):
        open_image(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png"):
        open_image(tmp_path / "gone.png")


def test_a_file_that_another_program_would_have_to_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def started(*given: object, **named: object) -> None:
        raise AssertionError("another program was asked")

    monkeypatch.setattr("subprocess.Popen", started)
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (8, 8)).save(path, "EPS")
    with pytest.raises(DataError, match=r"photo.jpg can't be read as an image \(cannot identify"):
        open_image(path)

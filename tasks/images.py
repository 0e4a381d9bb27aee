"""Opening image files of any common kind as RGB."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from bench.errors import DataError

_KINDS = "jpg jpeg jpe jfif png apng webp bmp dib gif tif tiff avif ppm pgm pbm pnm tga jp2 j2k jpx"
EXTENSIONS = frozenset(f".{kind}" for kind in _KINDS.split(" "))  # of what Pillow reads without another program's help
# What a file may be, whatever it is called: an EPS would be handed to another program.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "AVIF", "PPM", "TGA", "JPEG2000")
MOST_PIXELS = 100_000_000
MOST_LONG = 200  # times as long as wide: towers take a square, and a picture is first resized by its shorter side
DECODING = b"2"  # to be raised with any change of what becomes of some files' pixels: what was made of them is made anew
WHITES = (1, 255, 1023, 4095, 16383, 65535)  # of fractions and masks, of 8, 10, 12, 14 and 16 bits
PAPER = (255, 255, 255)  # what shows through where a picture is transparent


@dataclass(frozen=True)
class White:
    """The value that is shown white in the greys of a set of more than 8 bits.

    seen: the largest value of the pictures from which it was told, where it was told so: larger ones than it are no overexposure
    then but a mistake.
    """

    value: float
    seen: float | None = None


class _Quiet:
    """No warnings of large files, whose size is judged here, and of odd metadata.

    `warnings.catch_warnings` serves one thread at a time; this holds from the first thread that enters to the last that
    leaves.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = warnings.catch_warnings()
                self._before.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._before.__exit__(None, None, None)


_QUIET = _Quiet()


def open_image(path: Path, white: White | None = None) -> Image.Image:
    """The picture as RGB, upright by its EXIF orientation, the first frame of several. Raises DataError that names the file.

    white: of the set that it belongs to, if it has more than 8 bits; by itself it is a set of one.
    """
    try:
        with path.open("rb") as file:
            return decode_image(file, str(path), white)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such image file: put it there, or use --skip-bad-images") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{path} can't be read ({reason}): replace or remove it, or use --skip-bad-images") from error


def decode_image(file: BinaryIO, name: str, white: White | None = None) -> Image.Image:
    """The same of an open file, which messages call `name`."""
    with _opened(file, name) as image:
        return as_rgb(image, name, white)


def as_rgb(image: Image.Image, name: str, white: White | None = None) -> Image.Image:
    """The same of a picture that is open already. Raises DataError for values beyond the white of its set."""
    image = ImageOps.exif_transpose(image)
    if _is_deep(image):
        image = _eight_bits(image, name, white)
    return _rgb(image)


@dataclass(frozen=True)
class ValueRange:
    """Of a picture of more than 8 bits."""

    least: float
    largest: float
    cut: bool = False  # in colour: Pillow reads the upper 8 bits of 16 only, and these are the values after that


def value_range(file: BinaryIO, name: str) -> ValueRange | None:
    """None for a picture of at most 8 bits. Raises DataError as `decode_image`."""
    with _opened(file, name) as image:
        return range_of(image)


def range_of(image: Image.Image) -> ValueRange | None:
    """The same of a picture that is open already."""
    cut = _is_cut(image)
    if not cut and not _is_deep(image):
        return None
    values = np.asarray(image.convert("RGB")) if cut else _values(image)
    return ValueRange(float(values.min(initial=0)), float(values.max(initial=0)), cut)


def white_for(highest: float) -> float:
    """What is white where this is the largest value: the least of `WHITES` that holds it, else itself."""
    return next((float(white) for white in WHITES if highest <= white), highest)


@contextmanager
def _opened(file: BinaryIO, name: str) -> Iterator[Image.Image]:
    """A picture that isn't decoded yet. Raises DataError that says why it can't be read, whatever fails inside."""
    try:
        with _QUIET, Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise _too_large(name, f"{image.width} x {image.height} pixels")
            if max(image.size) > MOST_LONG * min(image.size):
                raise DataError(
                    f"{name} can't be read as an image ({image.width} x {image.height} pixels; the limit is {MOST_LONG} to 1): "
                    "cut it, or use --skip-bad-images"
                )
            yield image
    except Image.DecompressionBombError as error:
        raise _too_large(name, "far more pixels") from error
    except DataError:
        raise
    except Exception as error:  # a broken file may raise anything from Pillow's decoders
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        message = f"{name} can't be read as an image ({reason}): replace or remove it, or use --skip-bad-images"
        raise DataError(message) from error


def _too_large(name: str, size: str) -> DataError:
    limit = f"{MOST_PIXELS // 1_000_000} megapixels"
    return DataError(f"{name} can't be read as an image ({size}; the limit is {limit}): shrink it, or use --skip-bad-images")


def _rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, PAPER)
        image = Image.alpha_composite(paper, image)
    return image.convert("RGB")


def _is_deep(image: Image.Image) -> bool:
    """Whether its greys have 16 or 32 bits or floating point."""
    return image.mode == "F" or image.mode.startswith("I")


def _is_cut(image: Image.Image) -> bool:
    """Whether 16 bits of each colour become 8, which is told before decoding alone."""
    parts = [str(part[3]) for part in getattr(image, "tile", ())]
    return not _is_deep(image) and any(";16" in part for part in parts)


def _values(image: Image.Image) -> np.ndarray:
    return np.nan_to_num(np.asarray(image, np.float64), posinf=0, neginf=0)


def _eight_bits(image: Image.Image, name: str, white: White | None) -> Image.Image:
    values = _values(image)
    highest = float(values.max(initial=0))
    white = white or White(white_for(highest))
    if white.seen is not None and highest > white.value:
        raise DataError(
            f"{name} can't be read as an image (it has values up to {highest:g}, others of its set that were looked at up to "
            f"{white.seen:g}): say by white=VALUE what is white, or use --skip-bad-images"
        )
    return Image.fromarray(np.clip(values * (255 / white.value) + 0.5, 0, 255).astype(np.uint8))

"""Opening image files of any common kind as RGB."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from bench.errors import DataError

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".ppm", ".tif", ".tiff"})
MOST_PIXELS = 100_000_000
DECODING = b"2"  # to be raised with any change of what becomes of some files' pixels: what was made of them is made anew
PAPER = (255, 255, 255)  # what shows through where a picture is transparent


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


def open_image(path: Path) -> Image.Image:
    """The picture as RGB, upright by its EXIF orientation, the first frame of several. Raises DataError that names the file."""
    try:
        with path.open("rb") as file:
            return decode_image(file, str(path))
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such image file: put it there, or use --skip-bad-images") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{path} can't be read ({reason}): replace or remove it, or use --skip-bad-images") from error


def decode_image(file: BinaryIO, name: str) -> Image.Image:
    """The same of an open file, which messages call `name`."""
    try:
        with _QUIET, Image.open(file) as image:
            if image.width * image.height > MOST_PIXELS:
                raise _too_large(name, f"{image.width} x {image.height} pixels")
            return _rgb(ImageOps.exif_transpose(image))
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
    if image.mode == "F" or image.mode.startswith("I"):
        image = _eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, PAPER)
        image = Image.alpha_composite(paper, image)
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Greys of 16 or 32 bits or floating point, scaled by the range that their values speak for."""
    values = np.nan_to_num(np.asarray(image, np.float64))
    highest = values.max(initial=0)
    if image.mode == "F":
        top = 1.0 if highest <= 1 else 255.0 if highest <= 255 else highest
    else:
        top = 65535.0 if highest <= 65535 else highest
    return Image.fromarray(np.clip(values * (255 / top) + 0.5, 0, 255).astype(np.uint8))

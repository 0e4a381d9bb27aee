"""Opening image files of any common kind as RGB."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from bench.errors import DataError

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".ppm", ".tif", ".tiff"})
MOST_PIXELS = 100_000_000
PAPER = (255, 255, 255)  # what shows through where a picture is transparent


def open_image(path: Path) -> Image.Image:
    """The picture as RGB, upright by its EXIF orientation, the first frame of several. Raises DataError that names the file."""
    return _decode(path, str(path))


def decode_image(file: BinaryIO, name: str) -> Image.Image:
    """The same of an open file, which messages call `name`."""
    return _decode(file, name)


def _decode(source: Path | BinaryIO, name: str) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large files, whose size is judged below, and of odd metadata
            with Image.open(source) as image:
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

"""A contact sheet: some images of each class with their labels, to see at a glance what a task holds."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from bench.errors import DataError
from tasks.own.index import Index

ACROSS = 8  # images of a class
MOST_CLASSES = 24
SIDE, GAP, LINE = 112, 8, 16  # pixels
PAPER, INK, GREY = "white", "black", (228, 228, 228)


def contact_sheet(index: Index) -> Image.Image:
    """A row of images per class, under its name and count; for retrieval rows of images. Sentences stand under their images."""
    groups = _groups(index)
    lines = 0 if index.texts is None else 3
    height = LINE + GAP + SIDE + lines * LINE + GAP
    sheet = Image.new("RGB", (GAP + ACROSS * (SIDE + GAP), GAP + len(groups) * height), PAPER)
    draw = ImageDraw.Draw(sheet)
    bold, plain = _font("DejaVuSans-Bold.ttf", 13), _font("DejaVuSans.ttf", 11)
    for number, (title, rows) in enumerate(groups):
        top = GAP + number * height
        draw.text((GAP, top), _cut(title, bold, sheet.width - 2 * GAP), INK, bold)
        for place, row in enumerate(rows):
            left = GAP + place * (SIDE + GAP)
            sheet.paste(_thumbnail(index, row), (left, top + LINE + GAP // 2))
            if index.texts is not None:
                for line, text in enumerate(_wrapped(index.texts[row], plain, SIDE, lines)):
                    draw.text((left, top + LINE + GAP + SIDE + line * LINE), text, INK, plain)
    return sheet


def _groups(index: Index) -> list[tuple[str, list[int]]]:
    """Titles and rows: evenly spaced ones, of each class where there are classes."""
    used = np.flatnonzero(index.parts >= 0)
    if not index.class_names:
        rows = _some(used, 4 * ACROSS)
        return [
            (f"{len(used)} captions" if not start else "", rows[start : start + ACROSS]) for start in range(0, len(rows), ACROSS)
        ]
    shown = _some(np.arange(len(index.class_names)), MOST_CLASSES)
    groups = []
    for number in shown:
        mine = used[index.labels[used] == number]
        groups.append((f"{index.class_names[number]} ({len(mine)})", _some(mine, ACROSS)))
    if len(shown) < len(index.class_names):
        groups.append((f"{len(shown)} of {len(index.class_names)} classes are shown", []))
    return groups


def _some(rows: np.ndarray, count: int) -> list[int]:
    if not len(rows):
        return []
    return [int(rows[place]) for place in np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int))]


def _thumbnail(index: Index, row: int) -> Image.Image:
    try:
        return ImageOps.pad(index.image(row), (SIDE, SIDE), color=GREY)
    except DataError:
        blank = Image.new("RGB", (SIDE, SIDE), GREY)
        ImageDraw.Draw(blank).text((6, SIDE // 2 - 8), "can't be read", INK, _font("DejaVuSans.ttf", 11))
        return blank


def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """matplotlib's own copy of DejaVu: Latin, Greek, Cyrillic, Arabic, Hebrew and more, though not Chinese or Japanese."""
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name, size)


def _cut(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    text = " ".join(text.split())
    if font.getlength(text) <= width:
        return text
    text = text[:200]
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int, lines: int) -> list[str]:
    """At most `lines` lines; the last is cut where the text is longer."""
    words = text.split()
    found: list[str] = []
    while words and len(found) < lines - 1:
        count = 1
        while count < len(words) and font.getlength(" ".join(words[: count + 1])) <= width:
            count += 1
        found.append(_cut(" ".join(words[:count]), font, width))
        words = words[count:]
    return [*found, _cut(" ".join(words), font, width)] if words else found

"""Using what was fitted."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click

from bench.cli.console import PLUGIN

AT_ONCE = 256  # images


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("images", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write the CSV there; by default to the terminal.")
@click.option("--all", "every", is_flag=True, help="The probability of every class, a column each.")
@click.option("--backbone", help="Where the backbone is now, if it has moved.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps.")
@click.option("--skip-bad-images", is_flag=True, help="Leave out images that can't be decoded, and count them.")
@PLUGIN
def predict(
    file: Path,
    images: tuple[Path, ...],
    out: Path | None,
    every: bool,
    backbone: str | None,
    device: str,
    skip_bad_images: bool,
    plugin: tuple[Path, ...],
) -> None:
    """Classify IMAGES by FILE, which run --save-weights or advise kept: a CSV of image, class and probability.

    IMAGES: files, folders of them, or one table (.csv, .tsv) with a column image, and text where questions are answered.
    """
    from bench.api import load, resolve_device
    from tasks.own.unlabelled import unlabelled

    scorer = load(file, device=resolve_device(device), plugins=plugin, backbone=backbone)
    wanted = unlabelled(images)
    skipped = 0
    with _written(out) as target:
        table = csv.writer(target, lineterminator="\n")
        texts = [] if wanted.texts is None else ["text"]
        table.writerow(["image", *texts, "class", "probability", *(map(str, scorer.classes_) if every else ())])
        for part in wanted.parts(AT_ONCE):
            readable = part.readable() if skip_bad_images else part
            skipped += len(part) - len(readable)
            if not len(readable):
                continue
            probabilities = scorer.predict_proba(readable.files, readable.texts)
            for number, row in enumerate(probabilities):
                best = int(row.argmax())
                named = [readable.names[number], *([] if readable.texts is None else [readable.texts[number]])]
                further = (f"{value:.6f}" for value in row) if every else ()
                table.writerow([*named, scorer.classes_[best], f"{row[best]:.6f}", *further])
    if wanted.others:
        click.echo(f"left out, files of other kinds: {wanted.others}", err=True)
    if skipped:
        click.echo(f"left out, images that can't be read: {skipped}", err=True)


@contextmanager
def _written(out: Path | None) -> Iterator[TextIO]:
    from bench.errors import UsageError

    if out is None:
        yield sys.stdout
        return
    try:
        with out.open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror}: give a file that can be written") from error

"""A user's own data: the card that says what is what in them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tasks.own.survey import Survey, Twins

LISTED = 5  # findings of a sort that are shown
MOST_CLASSES = 30


@click.group()
def tasks() -> None:
    """Your own data as tasks."""


@tasks.command()
@click.argument("name")
@click.argument("source", metavar="PATH")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder of the card; by default where the data lie."
)
@click.option("--force", is_flag=True, help="Write over a card of this name.")
def new(name: str, source: str, out: Path | None, force: bool) -> None:
    """Look at the data in PATH and write the card NAME.toml and a contact sheet NAME.png.

    PATH is a folder of images, a table (CSV, TSV, JSON, Parquet), or csv:PATH, hf:owner/name and so on, with columns in
    brackets if need be: "csv:photos.csv[image=file,label=species]".
    """
    from bench.errors import UsageError
    from bench.writing import write_whole
    from tasks.own.draft import card_text, draft, with_root
    from tasks.own.sheet import contact_sheet
    from tasks.own.survey import survey

    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise UsageError(f"{name!r} can't be the name of a card: use letters, digits, dots and dashes")
    folder, card = draft(source, out)
    path, picture = folder / f"{name}.toml", folder / f"{name}.png"
    if path.exists() and not force:
        raise UsageError(f"{path} is there already: choose another name, or write over it by --force")
    card, index = with_root(card, folder)
    found = survey(index)
    for line in _told(found, index):
        click.echo(line)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, card_text(card, index, name).encode())
        contact_sheet(index).save(picture)
    except OSError as error:
        raise UsageError(f"{folder} can't be written to ({error.strerror}): give a folder for the card by --out") from error
    _say(f"card: {path}")
    _say(f"contact sheet: {picture}")
    _say(f"to run it: python -m bench run --tasks card:{path}")


def _told(found: Survey, index: Any) -> list[str]:
    from bench.text import plain

    names = [plain(name, 40) for name in index.class_names]
    what = f"{len(names)} classes" if names else f"{found.counts.sum()} captions of {found.images} images"
    lines = [f"{index.roles.kind}, {what}, {'a split drawn here' if index.drawn else 'a split of its own'}"]
    width = max(len("in all"), *(len(name) for name in names[:MOST_CLASSES]), 0)
    lines += [plain(note) for note in (*index.notes, *_cut_texts(index))]
    lines.append(f"{'':{width}} {'train':>8} {'val':>8} {'test':>8}")
    for number, name in enumerate(names[:MOST_CLASSES]):
        lines.append(f"{name:{width}} " + " ".join(f"{count:8}" for count in found.counts[:, number]))
    if len(names) > MOST_CLASSES:
        lines.append(f"and {len(names) - MOST_CLASSES} more classes")
    lines.append(f"{'in all':{width}} " + " ".join(f"{count:8}" for count in found.counts.sum(1)))
    if found.looked_at < found.images:
        lines.append(f"{found.looked_at} of {found.images} images were looked at:")
    lines += _listed(found.broken, "images that can't be read (--skip-bad-images leaves them out)")
    lines += _listed(found.shared, "test images named in train or val, too")
    lines += _twins(found.same, "test images that are the same as one of train or val, byte for byte")
    lines += _twins(found.alike, "test images that look like one of train or val (dHash, and colours)")
    if not (found.shared or found.same or found.alike):
        lines.append("no image of test was found in train or val")
    return lines


def _cut_texts(index: Any) -> list[str]:
    """How many of the sentences CLIP's text tower and the bundled one would cut; other backbones tell when they run."""
    if index.texts is None:
        return []
    from open_clip.tokenizer import SimpleTokenizer

    from bench.backbone.cut_texts import cut, told
    from bench.backbone.load import bundled_tokenizer

    texts = sorted(set(index.texts))
    found = []
    for tower, tokenizer in (("CLIP", SimpleTokenizer()), ("the bundled backbone", bundled_tokenizer())):
        found += [f"{tower}: {line}" for line in told(cut(tokenizer, texts), len(texts), tokenizer.context_length)]
    return found


def _twins(found: list[Twins], what: str) -> list[str]:
    return _listed([f"{twins.test} = {twins.other}" for twins in found], what)


def _listed(found: list[str], what: str) -> list[str]:
    if not found:
        return []
    from bench.text import plain

    more = [f"  and {len(found) - LISTED} more"] if len(found) > LISTED else []
    return [f"{what}: {len(found)}", *(f"  {plain(each)}" for each in found[:LISTED]), *more]


def _say(text: str) -> None:
    """One line, whatever file names brought into it."""
    from bench.text import plain

    click.echo(plain(text))

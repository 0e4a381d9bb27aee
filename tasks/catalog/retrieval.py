"""Public data sets of the kind `retrieval`, by Karpathy's splits; Flickr8k also as captions and lists of images.

Training images may be cropped to half their area and flipped, as the field trains on them (ALBEF, BLIP): of Flickr8k's
captions 0.4 % name left or right.
"""

from __future__ import annotations

from pathlib import Path

from tasks.base import Augmentation, Entry, SplitName
from tasks.catalog.annotated import Annotated, Contents, Form
from tasks.readers import flickr8k, karpathy

AUGMENTATION = Augmentation(smallest_crop=0.5, flip=True)
SHOT_UNIT = 32  # pairs per shot: a contrast needs others to tell a pair from
RESEARCH = "research only (Flickr's terms)"
KARPATHY_LINK = "cs.stanford.edu/people/karpathy/deepimagesent"
FLICKR8K_IMAGES = ("flickr8k/images", "flickr8k/Images", "flickr8k/Flicker8k_Dataset", "flickr8k/Flickr8k_Dataset")


def _karpathy(path: Path, images: Path) -> Contents:
    return Contents(karpathy.read(path, images))


def _coco(path: Path, train: Path, val: Path) -> Contents:
    return Contents(karpathy.read(path, train.parent))


def _flickr8k(captions: Path, train: Path, val: Path, test: Path, images: Path) -> Contents:
    return Contents(flickr8k.read(captions, {"train": train, "val": val, "test": test}, images))


def _flickr8k_lists(val: str) -> tuple[tuple[str, ...], ...]:
    lists = tuple((f"flickr8k/Flickr_8k.{part}Images.txt",) for part in ("train", val, "test"))
    return (("flickr8k/captions.txt",), *lists, FLICKR8K_IMAGES)


FLICKR8K_SIZES: dict[SplitName, int] = {"train": 30_000, "val": 5_000, "test": 5_000}

ENTRIES: tuple[Entry, ...] = (
    Annotated(
        name="flickr8k",
        kind="retrieval",
        classes=0,
        licence=RESEARCH,
        link=KARPATHY_LINK,
        forms=(
            Form((("flickr8k/dataset_flickr8k.json",), FLICKR8K_IMAGES), _karpathy, FLICKR8K_SIZES, "Karpathy's split"),
            Form(_flickr8k_lists("dev"), _flickr8k, FLICKR8K_SIZES, "its own split"),
            Form(
                _flickr8k_lists("val"),
                _flickr8k,
                {**FLICKR8K_SIZES, "val": 5_455},
                "its own train and test images, all others to choose on",
            ),
        ),
        augmentation=AUGMENTATION,
        shot_unit=SHOT_UNIT,
    ),
    Annotated(
        name="flickr30k",
        kind="retrieval",
        classes=0,
        licence=RESEARCH,
        link=KARPATHY_LINK,
        forms=(
            Form(
                (("flickr30k/dataset_flickr30k.json",), ("flickr30k/flickr30k-images", "flickr30k/images")),
                _karpathy,
                {"train": 145_000, "val": 5_070, "test": 5_000},
                "Karpathy's split",
            ),
        ),
        augmentation=AUGMENTATION,
        shot_unit=SHOT_UNIT,
    ),
    Annotated(
        name="coco",
        kind="retrieval",
        classes=0,
        licence="CC-BY-4.0 (captions); Flickr's terms (pictures)",
        link=KARPATHY_LINK,
        forms=(
            Form(
                (("coco/dataset_coco.json",), ("coco/train2014",), ("coco/val2014",)),
                _coco,
                {"train": 566_747, "val": 25_010, "test": 25_010},
                "Karpathy's split, restval in train",
            ),
        ),
        augmentation=AUGMENTATION,
        shot_unit=SHOT_UNIT,
    ),
)

"""Public data sets of the kind `pair`: entailment, question answering over closed answers, statements.

No augmentation: a crop may lose what the sentence is about, a flip turns left to right.
"""

from __future__ import annotations

from pathlib import Path

from tasks.base import Augmentation, Entry
from tasks.catalog.annotated import Annotated, Contents, Form
from tasks.readers import easy_vqa, nlvr, snli_ve, vqa_v2

WHOLE = Augmentation(smallest_crop=1.0, flip=False)
FLICKR30K_IMAGES = ("flickr30k/flickr30k-images", "flickr30k/images", "snli-ve/flickr30k-images", "snli-ve/images")
ANSWERS = 3129  # as many as the field takes


def _snli_ve(train: Path, dev: Path, test: Path, images: Path) -> Contents:
    learnt, chosen_on, tested = (snli_ve.read(path, images) for path in (train, dev, test))
    return Contents({"train": learnt, "val": chosen_on, "test": tested}, snli_ve.CLASSES)


def _snli_ve_dev(train: Path, dev: Path, images: Path) -> Contents:
    return Contents({"train": snli_ve.read(train, images), "test": snli_ve.read(dev, images)}, snli_ve.CLASSES)


SNLI_VE_FILES = tuple((f"snli-ve/snli_ve_{part}.jsonl",) for part in ("train", "dev", "test"))
SNLI_VE_LICENCE, SNLI_VE_LINK = "research only (Flickr30k's terms)", "github.com/necla-ml/SNLI-VE"
SNLI_VE_TRAIN, SNLI_VE_DEV, SNLI_VE_TEST = 529_527, 17_858, 17_901


def _vqa_files(subset: str) -> tuple[tuple[str, ...], ...]:
    return (
        (f"vqa-v2/v2_OpenEnded_mscoco_{subset}_questions.json",),
        (f"vqa-v2/v2_mscoco_{subset}_annotations.json",),
        (f"coco/{subset}", f"vqa-v2/{subset}"),
    )


def _vqa_v2(q1: Path, a1: Path, i1: Path, q2: Path, a2: Path, i2: Path) -> Contents:
    train, val = vqa_v2.read(q1, a1, "train2014"), vqa_v2.read(q2, a2, "val2014")
    classes = vqa_v2.most_frequent(train, ANSWERS)
    learnt, tested = vqa_v2.split(train, classes, a1, i1.parent), vqa_v2.split(val, classes, a2, i2.parent)
    return Contents({"train": learnt, "test": tested}, classes)


def _vqa_v2_yes_no(q1: Path, a1: Path, i1: Path, q2: Path, a2: Path, i2: Path) -> Contents:
    train, val = vqa_v2.read(q1, a1, "train2014"), vqa_v2.read(q2, a2, "val2014")
    learnt, tested = vqa_v2.yes_no(train, a1, i1.parent), vqa_v2.yes_no(val, a2, i2.parent)
    return Contents({"train": learnt, "test": tested}, vqa_v2.YES_NO)


VQA_FILES = (*_vqa_files("train2014"), *_vqa_files("val2014"))
VQA_LICENCE = "CC-BY-4.0 (questions and answers); Flickr's terms (pictures)"
VQA_SPLIT = "train2014, tested on val2014"


def _nlvr_files(part: str) -> tuple[tuple[str, ...], ...]:
    return (f"nlvr/{part}/{part}.json", f"nlvr/{part}.json"), (f"nlvr/{part}/images",)


def _nlvr(*paths: Path) -> Contents:
    learnt, chosen_on, tested = map(nlvr.read, paths[::2], paths[1::2])
    return Contents({"train": learnt, "val": chosen_on, "test": tested}, nlvr.CLASSES)


def _nlvr_dev(path: Path, images: Path) -> Contents:
    whole = nlvr.read(path, images)
    return Contents(nlvr.deal(whole), nlvr.CLASSES)


NLVR_LICENCE, NLVR_LINK = "CC-BY-4.0", "github.com/lil-lab/nlvr (task nlvr-dev needs its dev set only)"


def _easy_vqa(answers: Path, train: Path, test: Path) -> Contents:
    classes = easy_vqa.read_answers(answers)
    return Contents({"train": easy_vqa.read(train, classes), "test": easy_vqa.read(test, classes)}, classes)


ENTRIES: tuple[Entry, ...] = (
    Annotated(
        name="snli-ve",
        kind="pair",
        classes=3,
        forms=(
            Form(
                (*SNLI_VE_FILES, FLICKR30K_IMAGES),
                _snli_ve,
                {"train": SNLI_VE_TRAIN, "val": SNLI_VE_DEV, "test": SNLI_VE_TEST},
                "its own split",
            ),
        ),
        augmentation=WHOLE,
        licence=SNLI_VE_LICENCE,
        link=SNLI_VE_LINK,
    ),
    Annotated(
        name="snli-ve-dev",
        kind="pair",
        classes=3,
        forms=(
            Form(
                (*SNLI_VE_FILES[:2], FLICKR30K_IMAGES),
                _snli_ve_dev,
                {"train": SNLI_VE_TRAIN, "test": SNLI_VE_DEV},
                "tested on dev, a tenth of the training images to choose on",
            ),
        ),
        augmentation=WHOLE,
        licence=SNLI_VE_LICENCE,
        link=SNLI_VE_LINK,
    ),
    Annotated(
        name="vqa-v2",
        kind="pair",
        classes=ANSWERS,
        licence=VQA_LICENCE,
        link="visualqa.org/download.html",
        forms=(Form(VQA_FILES, _vqa_v2, {"train": 443_757, "test": 214_354}, VQA_SPLIT),),
        augmentation=WHOLE,
    ),
    Annotated(
        name="vqa-v2-yesno",
        kind="pair",
        classes=2,
        licence=VQA_LICENCE,
        link="visualqa.org/download.html",
        forms=(Form(VQA_FILES, _vqa_v2_yes_no, {"train": 166_882, "test": 80_541}, VQA_SPLIT),),
        augmentation=WHOLE,
        candidate="{text} {answer}",
    ),
    Annotated(
        name="nlvr",
        kind="pair",
        classes=2,
        forms=(
            Form(
                (*_nlvr_files("train"), *_nlvr_files("dev"), *_nlvr_files("test")),
                _nlvr,
                {"train": 74_460, "val": 5_934, "test": 5_940},
                "its own split, tested on the public test set",
            ),
        ),
        augmentation=WHOLE,
        licence=NLVR_LICENCE,
        link=NLVR_LINK,
    ),
    Annotated(
        name="nlvr-dev",
        kind="pair",
        classes=2,
        forms=(
            Form(
                (("nlvr-dev/dev.json", "nlvr/dev/dev.json", "nlvr/dev.json"), ("nlvr-dev/images", "nlvr/dev/images")),
                _nlvr_dev,
                {"train": 3_042, "val": 1_200, "test": 1_692},
                "its dev set alone, dealt here by presentation",
            ),
        ),
        augmentation=WHOLE,
        licence=NLVR_LICENCE,
        link=NLVR_LINK,
    ),
    Annotated(
        name="easy-vqa",
        kind="pair",
        classes=13,
        licence="MIT",
        link="github.com/vzhou842/easy-VQA",
        forms=(
            Form(
                (("easy-vqa/answers.txt",), ("easy-vqa/train",), ("easy-vqa/test",)),
                _easy_vqa,
                {"train": 38_575, "test": 9_673},
                "its own split, a tenth of the training images to choose on",
            ),
        ),
        augmentation=WHOLE,
        candidate="{text} {answer}",
    ),
)

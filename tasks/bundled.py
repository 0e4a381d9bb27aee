"""The bundled tasks: seven small ones that are drawn on the spot, or come with scikit-learn, and need no download."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from tasks.base import Augmentation, Budget, Split, SplitName, Task
from tasks.scenes import answering, creatures, digits, entailment, pairs, sketches, textures
from tasks.scenes.described import Make, described_split
from tasks.scenes.drawn import SPLIT_NUMBERS, Draw, drawn_split, split_size

# Small enough that the default grid ends within minutes on two cores, large enough that methods arrive (docs/budgets.md).
BUDGET = Budget(head_steps=300, prompt_steps=1000, encoder_steps=200, elsewhere=100)
OF_PAIRS = replace(BUDGET, encoder_steps=60)  # of retrieval: words that the text tower never read take longer
# What a run takes that names no tasks: every kind, real images among them, and with all methods still minutes.
CORE = ("sketches", "digits", "scenes-entailment", "scenes-retrieval")
QUICK = ("sketches", "scenes-vqa", "scenes-retrieval")  # of a smoke run: one of each kind
LICENCE = "Apache-2.0"
WHOLE = Augmentation(smallest_crop=1.0, flip=False)  # a crop may lose what the sentence is about, a flip turns left to right
OPENINGS = ("a photo of ", "a picture of ", "there is ", "")  # those of the captions that the bundled backbone has read


def openings(rest: str) -> tuple[str, ...]:
    """Templates of a task: its own, "a photo of" something, and the same with the other openings for ensembles."""
    return tuple(opening + rest for opening in OPENINGS)


def sizes(classes: tuple[str, ...]) -> dict[SplitName, int]:
    return {split: split_size(split, len(classes)) for split in SPLIT_NUMBERS}


def drawn(task: int, classes: tuple[str, ...], draw: Draw) -> Callable[[SplitName], Split]:
    return partial(drawn_split, task, len(classes), draw)


def described(task: int, classes: tuple[str, ...], make: Make) -> Callable[[SplitName], Split]:
    return lambda split: described_split(task, split_size(split, len(classes)), make, split)


# The number that each task draws from is part of its seeds: never change it, never use it twice (8 to 11: `tasks.development`).
TASKS: tuple[Task, ...] = (
    Task(
        name="sketches",
        kind="classification",
        version="1",
        class_names=sketches.CLASSES,
        load=drawn(1, sketches.CLASSES, sketches.draw),
        sizes=sizes(sketches.CLASSES),
        templates=openings("a {}."),
        licence=LICENCE,
        augmentation=Augmentation(smallest_crop=0.6),
        budget=BUDGET,
    ),
    Task(
        name="textures",
        kind="classification",
        version="1",
        class_names=textures.CLASSES,
        load=drawn(2, textures.CLASSES, textures.draw),
        sizes=sizes(textures.CLASSES),
        templates=openings("a {} thing."),
        licence=LICENCE,
        augmentation=Augmentation(smallest_crop=0.3),  # smaller crops hold less than a period
        budget=BUDGET,
    ),
    Task(
        name="creatures",
        kind="classification",
        version="1",
        class_names=creatures.CLASSES,
        load=drawn(3, creatures.CLASSES, creatures.draw),
        sizes=sizes(creatures.CLASSES),
        templates=openings("a {}, a kind of creature."),
        licence=LICENCE,
        augmentation=Augmentation(smallest_crop=0.7),  # smaller crops lose ears and tails
        budget=BUDGET,
    ),
    Task(
        name="digits",
        kind="classification",
        version="1",
        class_names=digits.CLASSES,
        load=partial(digits.load, 4),
        sizes=digits.SIZES,
        templates=openings("a number {}."),
        licence="CC-BY-4.0",  # the data; scikit-learn's code is BSD-3-Clause
        origin="scikit-learn load_digits, seeded split",
        augmentation=Augmentation(smallest_crop=0.8, flip=False),
        budget=BUDGET,
    ),
    Task(
        name="scenes-entailment",
        kind="pair",
        version="1",
        class_names=entailment.CLASSES,
        load=described(5, entailment.CLASSES, entailment.make),
        sizes=sizes(entailment.CLASSES),
        licence=LICENCE,
        augmentation=WHOLE,
        budget=BUDGET,
    ),
    Task(
        name="scenes-vqa",
        kind="pair",
        version="1",
        class_names=answering.CLASSES,
        load=described(6, answering.CLASSES, answering.make),
        sizes=sizes(answering.CLASSES),
        candidate="{text} {answer}",
        licence=LICENCE,
        augmentation=WHOLE,
        budget=BUDGET,
    ),
    Task(
        name="scenes-retrieval",
        kind="retrieval",
        version="1",
        class_names=(),
        load=partial(pairs.load, 7),
        sizes=pairs.SIZES,
        licence=LICENCE,
        augmentation=WHOLE,
        budget=OF_PAIRS,
        shot_unit=pairs.SHOT_UNIT,
        grown_from=pairs.GROWN_FROM,
        alignment_budget=replace(BUDGET, encoder_steps=100),
        transfers=("sketches", "textures", "creatures", "digits"),
    ),
)

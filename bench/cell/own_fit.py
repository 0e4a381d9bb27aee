"""One method fitted to images at hand, without a grid, a task or a folder."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from bench.backbone import Backbone
from bench.cell.prepare import freeze, prepare
from bench.cell.scorer import Picture, Scorer, opened, several
from bench.cell.weights import Stored
from bench.errors import DataError, UsageError
from bench.features.bank import Bank
from bench.meter import Meter
from bench.plan.budget import parse_recipe
from bench.plan.episode import Episode
from bench.tuned import Tuned
from methods.base import Method, NotApplicable
from tasks.base import Split, Task
from tasks.images import ValueRange, White, range_of, value_range, white_for
from tasks.own.labels import all_different, readable

NAME = "own"


def fit_own(
    method: Method,
    backbone: Backbone,
    images: Sequence[Picture],
    labels: Sequence[str] | Sequence[int] | np.ndarray,
    classes: Sequence[str] | None,
    texts: Sequence[str] | None,
    templates: Sequence[str],
    recipe: str,
    seed: int,
    device: str,
    precision: str,
) -> Scorer:
    """A scorer of what the method makes of these examples. Raises UsageError; see `bench.api.fit`."""
    several(images)
    names, numbers = _classes(labels, classes)
    if len(images) != len(numbers) or (texts is not None and len(texts) != len(images)):
        others = "" if texts is None else f" and {len(texts)} texts"
        raise UsageError(f"got {len(images)} images, {len(numbers)} labels{others}: give one of each for every example")
    kind = "classification" if texts is None else "pair"
    ids = [f"{number:07d}" for number in range(len(images))]
    white = _white(images)
    split = Split(ids, lambda row: opened(images[row], white), numbers, None if texts is None else list(texts))
    task = Task(NAME, kind, "", names, lambda _: split, tuple(templates))
    shots = -(-len(images) // len(names))
    if kind not in method.kinds:
        raise UsageError(f"{method.name} is for {', '.join(sorted(method.kinds))}, and these examples are {kind}: take another")
    allowance = parse_recipe(recipe).allowance(False, None, method.family, Tuned())
    torch.manual_seed(seed)
    with tempfile.TemporaryDirectory() as folder:
        frozen = freeze(method, backbone, task, Bank(Path(folder), Meter(device)), device=device, precision=precision)
        try:
            fitted = prepare(method, frozen, Episode(shots, seed, tuple(range(len(images)))), allowance).walk()
        except NotApplicable as why:
            raise UsageError(f"{method.name} doesn't suit this: {why}") from why
    params = dataclasses.asdict(method.params)
    about = Stored(
        method=method.name,
        params={**params, **{name: value for name, value in fitted.chosen.items() if name in params}},
        backbone=backbone.name,
        fingerprint=backbone.fingerprint,
        precision=precision,
        task=NAME,
        kind=kind,
        class_names=names,
        templates=task.templates,
        candidate=None,
        shots=shots,
        examples=len(images),
        white=None if white is None else white.value,
    )
    tensors = {name: value.detach().cpu().contiguous() for name, value in fitted.stored().items()}
    return Scorer(about, method, backbone, tensors, device)


def _classes(
    labels: Sequence[str] | Sequence[int] | np.ndarray, classes: Sequence[str] | None
) -> tuple[tuple[str, ...], np.ndarray]:
    """The names of the classes [C], and the labels as their numbers [N]. Raises UsageError."""
    given = [label.item() if isinstance(label, np.generic) else label for label in labels]
    if not given:
        raise UsageError("there is nothing to learn from: give images and their labels")
    if all(isinstance(label, int) for label in given):
        if classes is None:
            raise UsageError("labels are numbers: name their classes by classes=[...]")
        wrong = next((label for label in given if not 0 <= int(label) < len(classes)), None)
        if wrong is not None:
            raise UsageError(f"label {wrong} is none of the {len(classes)} classes: they count from 0")
        names, numbers = tuple(classes), [int(label) for label in given]
    else:
        texts = [str(label) for label in given]
        names = tuple(classes) if classes is not None else tuple(sorted(set(texts)))
        place = {name: number for number, name in enumerate(names)}
        unknown = next((label for label in texts if label not in place), None)
        if unknown is not None:
            raise UsageError(f"label {unknown!r} is none of the classes {', '.join(names[:10])}: add it to classes=[...]")
        numbers = [place[label] for label in texts]
    all_different(names, names, "labels")
    if len(names) < 2:
        raise UsageError(f"there is one class, {names[0]!r}, and nothing to tell it from: give examples of 2 or more")
    absent = next((name for number, name in enumerate(names) if number not in set(numbers)), None)
    if absent is not None:
        raise UsageError(f"class {absent!r} has no example: add one, or leave it out")
    return tuple(map(readable, names)), np.array(numbers, np.int64)


def _white(images: Sequence[Picture]) -> White | None:
    """What is white in all of them, where some have more than 8 bits; files that can't be read are told when they are."""
    ranges = [found for image in images if (found := _range(image)) is not None and not found.cut]
    return White(white_for(max(found.largest for found in ranges))) if ranges else None


def _range(image: Picture) -> ValueRange | None:
    if isinstance(image, np.ndarray):
        return None
    if isinstance(image, Image.Image):
        return range_of(image)
    try:
        with Path(image).open("rb") as file:
            return value_range(file, str(image))
    except (OSError, DataError):
        return None

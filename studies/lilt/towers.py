"""What became of the towers: how far their norms moved, and what a linear probe still reads from them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench import api
from bench.backbone import Backbone, Clip, load
from bench.frozen import CHUNK
from bench.record import Record
from methods.logistic import logistic_regression
from studies.lilt.grid import BASE
from tasks.base import Split
from tasks.find import find_task
from tasks.scenes.draw import DIGITS, SHAPES
from tasks.scenes.grammar import caption, random_digit, random_scene

IMAGE_PROBES = ("sketches", "digits")  # the pairs show shapes and never a digit
TRAIN_TEXTS, TEST_TEXTS = 600, 350  # of about a thousand different ones
NAMES = (*SHAPES, *DIGITS)


def drift(before: Clip, after: Clip) -> dict[str, dict[str, float]]:
    """By tower and stage: mean over the stage's LayerNorms of |w - w0| / |w0|, w gain and bias together.

    A block that the method put below the last stage is passed over.
    """
    moved: dict[str, dict[str, float]] = {}
    for tower in ("image", "text"):
        old, new = (list(getattr(clip, tower).stages) for clip in (before, after))
        last = len(old) - 1
        names = ["embedding", *(f"block {number}" for number in range(1, last)), "final"]
        pairs = zip(names, old, [*new[:last], new[-1]], strict=True)
        distances = {name: [_distance(a, b) for a, b in zip(_norms(x), _norms(y), strict=True)] for name, x, y in pairs}
        moved[tower] = {name: float(np.mean(found)) for name, found in distances.items() if found}
    return moved


def _norms(stage: nn.Module) -> list[Tensor]:
    return [torch.cat([m.weight, m.bias]).detach() for m in stage.modules() if isinstance(m, nn.LayerNorm)]


def _distance(before: Tensor, after: Tensor) -> float:
    return float((after - before).norm() / before.norm())


def aligned_towers(record: Record | None, out: Path) -> Clip:
    """The towers as the cell left them; without a cell as they were before."""
    if record is None:
        return load(BASE).clip
    scorer = api.load(record, out)
    with tempfile.TemporaryDirectory() as folder:
        return scorer._fitted(Path(folder)).module.clip.float().eval()


@torch.no_grad()
def probes(clip: Clip, backbone: Backbone) -> dict[str, float]:
    """Test accuracy of a logistic regression on the pooled states below the projections, by data set."""
    found = {}
    for name in IMAGE_PROBES:
        task = find_task(name)
        states = {split: _image_states(clip, backbone, getattr(task, split)) for split in ("train", "test")}
        found[f"image: {name}"] = _accuracy(states, {s: getattr(task, s).labels for s in states}, len(task.class_names))
    texts, labels = _named_captions()
    all_states = _text_states(clip, backbone, texts)
    cut = {"train": slice(TRAIN_TEXTS), "test": slice(TRAIN_TEXTS, None)}
    states = {split: all_states[rows] for split, rows in cut.items()}
    found["text: what is shown"] = _accuracy(states, {split: labels[rows] for split, rows in cut.items()}, len(NAMES))
    return found


def _accuracy(states: Mapping[str, Tensor], labels: Mapping[str, np.ndarray], classes: int) -> float:
    mean, sd = states["train"].mean(0), states["train"].std(0) + 1e-6
    with torch.enable_grad():
        linear = logistic_regression((states["train"] - mean) / sd, torch.as_tensor(labels["train"]), classes)
    chosen = linear((states["test"] - mean) / sd).argmax(1).numpy()
    return float((chosen == labels["test"]).mean())


def _image_states(clip: Clip, backbone: Backbone, split: Split) -> Tensor:
    pixels = [torch.from_numpy(np.array(backbone.resize(split.image(row)))).permute(2, 0, 1) for row in range(len(split))]
    head: Any = clip.image.head
    states = [clip.image(part, stop=len(clip.image.stages) - 1)[:, 0] for part in torch.stack(pixels).split(CHUNK)]
    return head.ln_post(torch.cat(states))


def _text_states(clip: Clip, backbone: Backbone, texts: list[str]) -> Tensor:
    head: Any = clip.text.head
    tokens = backbone.tokenize(texts)
    last = len(clip.text.stages) - 1
    states = [head.ln_final(clip.text(part, stop=last)) for part in tokens.split(CHUNK)]
    return torch.cat(states)[torch.arange(len(tokens)), tokens.argmax(1)]


def _named_captions() -> tuple[list[str], np.ndarray]:
    """Captions of one thing, a shape or a digit, that name it; no two are the same, so that none is in train and test."""
    random = np.random.default_rng(7)
    labels: dict[str, int] = {}
    while len(labels) < TRAIN_TEXTS + TEST_TEXTS:
        scene = random_digit(random) if random.uniform() < 0.5 else random_scene(random, 1)
        text, name = caption(scene, random), scene.things[0].shape
        if name in text:
            labels.setdefault(text, NAMES.index(name))
    return list(labels), np.array(list(labels.values()))

"""What became of the towers: how far their norms moved, and what a linear probe still reads from them."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench import api
from bench.backbone import Backbone, Clip, load
from bench.frozen import CHUNK
from bench.record import Record
from bench.registry import find_task
from bench.stored import read_stored
from methods.logistic import logistic_regression
from studies.lilt.grid import BASE
from tasks.base import Split
from tasks.scenes.draw import DIGITS, SHAPES
from tasks.scenes.grammar import caption, random_digit, random_scene

IMAGE_PROBES = ("sketches", "digits")  # the pairs show shapes and never a digit
TRAIN_TEXTS, TEST_TEXTS = 1000, 600
NAMES = (*SHAPES, *DIGITS)


def drift(backbone: Backbone, weights: Path) -> dict[str, dict[str, float]]:
    """By tower and stage: mean over the stage's LayerNorms of |w - w0| / |w0|, w gain and bias together."""
    before = dict(backbone.clip.named_parameters())
    after = {name.removeprefix("clip."): value for name, value in read_stored(weights)[1].items()}
    moved: dict[str, dict[str, list[float]]] = {"image": defaultdict(list), "text": defaultdict(list)}
    for tower in moved:
        for number, stage in enumerate(getattr(backbone.clip, tower).stages):
            for name, module in stage.named_modules():
                if isinstance(module, torch.nn.LayerNorm):
                    prefix = f"{tower}.stages.{number}.{name}"
                    old = torch.cat([before[f"{prefix}.{part}"].detach() for part in ("weight", "bias")])
                    new = torch.cat(
                        [after.get(f"{prefix}.{part}", before[f"{prefix}.{part}"]).detach() for part in ("weight", "bias")]
                    )
                    moved[tower][_stage_name(number, backbone, tower)].append(float((new - old).norm() / old.norm()))
    return {tower: {stage: float(np.mean(values)) for stage, values in stages.items()} for tower, stages in moved.items()}


def _stage_name(number: int, backbone: Backbone, tower: str) -> str:
    last = len(getattr(backbone.clip, tower).stages) - 1
    return {0: "embedding", last: "final"}.get(number, f"block {number}")


def aligned_towers(record: Record | None, out: Path) -> Clip:
    """The towers as the cell left them; without a cell as they were before."""
    if record is None:
        return load(BASE).clip
    scorer = api.load(record, out)
    with tempfile.TemporaryDirectory() as folder:
        return scorer._fitted(Path(folder)).module.clip.float()


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
    """Captions of one thing, a shape or a digit, that name it."""
    random = np.random.default_rng(7)
    texts, labels = [], []
    while len(texts) < TRAIN_TEXTS + TEST_TEXTS:
        scene = random_digit(random) if random.uniform() < 0.5 else random_scene(random, 1)
        text, name = caption(scene, random), scene.things[0].shape
        if name in text:
            texts.append(text)
            labels.append(NAMES.index(name))
    return texts, np.array(labels)

"""What a linear probe reads from the towers: how much of what they knew is still there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from bench.backbone import Backbone, Clip
from bench.features.frozen import CHUNK
from methods.parts.logistic import logistic_regression
from studies.lilt.subject import Subject
from tasks.base import Split
from tasks.find import find_task

MOST = 2000  # examples of a split, drawn


@torch.no_grad()
def probes(clip: Clip, backbone: Backbone, subject: Subject) -> dict[str, float]:
    """Test accuracy of a logistic regression on the pooled states below the projections, by data set."""
    found = {}
    for name in subject.probe_sets.images:
        task = find_task(name, subject.sources)
        rows = {split: _some(len(getattr(task, split))) for split in ("train", "test")}
        states = {split: _image_states(clip, backbone, getattr(task, split), mine) for split, mine in rows.items()}
        labels = {split: getattr(task, split).labels[mine] for split, mine in rows.items()}
        found[f"image: {task.name}"] = _accuracy(states, labels, len(task.class_names))
    if subject.probe_sets.texts is not None:
        labelled = subject.probe_sets.texts()
        all_states = _text_states(clip, backbone, list(labelled.texts))
        cut = {"train": slice(labelled.train), "test": slice(labelled.train, None)}
        states = {split: all_states[part] for split, part in cut.items()}
        labels = {split: labelled.labels[part] for split, part in cut.items()}
        found[f"text: {labelled.what}"] = _accuracy(states, labels, int(labelled.labels.max()) + 1)
    return found


def _some(count: int) -> np.ndarray:
    return np.arange(count) if count <= MOST else np.sort(np.random.default_rng(7).permutation(count)[:MOST])


def _accuracy(states: Mapping[str, Tensor], labels: Mapping[str, np.ndarray], classes: int) -> float:
    mean, sd = states["train"].mean(0), states["train"].std(0) + 1e-6
    with torch.enable_grad():
        linear = logistic_regression((states["train"] - mean) / sd, torch.as_tensor(labels["train"]), classes)
    chosen = linear((states["test"] - mean) / sd).argmax(1).numpy()
    return float((chosen == labels["test"]).mean())


def _image_states(clip: Clip, backbone: Backbone, split: Split, rows: np.ndarray) -> Tensor:
    pixels = [torch.from_numpy(np.array(backbone.resize(split.image(row)))).permute(2, 0, 1) for row in rows]
    return torch.cat([clip.image.pooled(part) for part in torch.stack(pixels).split(CHUNK)])


def _text_states(clip: Clip, backbone: Backbone, texts: list[str]) -> Tensor:
    return torch.cat([clip.text.pooled(part) for part in backbone.tokenize(texts).split(CHUNK)])

"""Retrieval with several captions per image: one candidate per image, and no caption against another of its own image."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import bench.cell.fitting.encoder
from bench.backbone import load
from bench.cell.fitting.fitting import Fitting
from bench.cell.prepare import freeze, prepare
from bench.checks.conformance import small_task
from bench.features.bank import Bank
from bench.meter import Meter
from bench.plan.budget import Allowance
from bench.plan.episode import Episode
from bench.store.record import Training
from methods.base import Method
from methods.lilt_ln import LiltLN
from methods.zero_shot import ZeroShot
from tasks.base import Split, SplitName, Task

IMAGES = [0, 1, 0, 2, 2, 0]  # the image of each pair


def captioned(task: Task) -> Task:
    """The task's pictures with several captions for some."""

    def load_captioned(split: SplitName) -> Split:
        whole = task.load(split)
        assert whole.texts is not None
        texts = [whole.texts[row] for row in range(len(IMAGES))]
        ids = [whole.ids[image] for image in IMAGES]
        return Split(ids, lambda row: whole.image(IMAGES[row]), whole.labels[: len(IMAGES)], texts)

    return replace(task, load=load_captioned)


def built(method: Method, folder: Path) -> Fitting:
    task = captioned(small_task("retrieval", 0))
    frozen = freeze(method, load("bundled"), task, Bank(folder, Meter("cpu")))
    episode = Episode(1, 0, tuple(range(len(IMAGES))) if method.uses_support else ())
    return prepare(method, frozen, episode, Allowance(1)).walk(until="train")


@pytest.mark.parametrize("method", [ZeroShot(), LiltLN()])
def test_scores_are_those_of_different_images_by_all_captions(tmp_path: Path, method: Method) -> None:
    fitted = built(method, tmp_path)
    scores = fitted.score(fitted.task.test, range(len(IMAGES)))
    assert scores.shape == (3, 6)
    two = fitted.score(fitted.task.test, [1, 3])  # two pairs alone: the second and third image with their first captions
    torch.testing.assert_close(two, scores[1:][:, [1, 3]], rtol=1e-4, atol=1e-4)


def test_captions_of_one_image_are_not_each_others_negatives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: Any = built(LiltLN(), tmp_path)
    found: list[Callable[[Tensor, torch.Generator], Tensor]] = []

    def keep(groups: Any, loss: Any, *rest: Any, **more: Any) -> Training:
        found.append(loss)
        return Training(asked_steps=0, run_steps=0, capped=False, batch=1)

    monkeypatch.setattr(bench.cell.fitting.encoder, "train", keep)
    fitted.train()
    fitted.module.eval()
    rows = torch.tensor([0, 2, 3, 4, 1])
    loss = found[0](rows, torch.Generator().manual_seed(0)).item()
    images, texts = fitted.support_rows.images, fitted.support_rows.texts
    view = torch.randint(images.shape[1], (len(rows),), generator=torch.Generator().manual_seed(0))
    image = fitted.image_features(images[rows, view])
    scores = fitted.compare(image, fitted.text_features(texts, texts.row[rows])).tolist()
    owners = [IMAGES[row] for row in rows]
    losses = []
    for i in range(len(rows)):
        others = [j for j in range(len(rows)) if j == i or owners[j] != owners[i]]
        losses.append(math.log(sum(math.exp(scores[i][j]) for j in others)) - scores[i][i])
        losses.append(math.log(sum(math.exp(scores[j][i]) for j in others)) - scores[i][i])
    assert loss == pytest.approx(sum(losses) / len(losses), rel=1e-4)

"""A loss of the method's own, and texts made of frozen ones: what the harness hands over is what the towers compute."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from bench.backbone import Backbone
from bench.cell.fitting.encoder import EncoderFitting
from bench.cell.prepare import freeze, prepare
from bench.checks.conformance import small_task
from bench.features.bank import Bank
from bench.meter import Meter
from bench.plan.budget import Allowance
from bench.plan.episode import Episode
from methods.base import CLASSIFICATION, PAIR, Clip, Edit, EncoderMethod, Forward, Recipe, Start, Views
from tests.small_backbone import small_backbone

ROWS = (0, 4, 5, 8)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return small_backbone()


@dataclass
class Watch:
    """What the method was handed."""

    forwards: list[Forward] = field(default_factory=list)
    texts: list[tuple[Tensor, Tensor]] = field(default_factory=list)


class Watching(EncoderMethod):
    """Trains a norm at the end of each tower; held by the frozen features."""

    name = "watching"

    def __init__(self, watch: Watch, gives_texts: bool = False) -> None:
        super().__init__()
        self.watch, self.gives_texts = watch, gives_texts

    def adapt(self, clip: Clip, start: Start) -> Edit:
        def loss(forward: Forward) -> Tensor:
            self.watch.forwards.append(forward)
            return forward.cross_entropy + 3 * (forward.text - forward.frozen_text).square().sum()

        def texts(tokens: Tensor, frozen: Tensor) -> Tensor:
            self.watch.texts.append((tokens, frozen))
            return 2 * frozen + clip.text(tokens)

        trains = [clip.image.head.norm.weight, clip.text.head.norm.weight]  # type: ignore[union-attr, list-item]
        return Edit(trains, loss=loss, texts_given_frozen=texts if self.gives_texts else None)

    def views(self, kind: str) -> Views:
        return Views(count=3)

    def frozen_templates(self, own: tuple[str, ...]) -> tuple[str, ...]:
        return own

    def recipe(self, start: Start) -> Recipe:
        return Recipe("sgd", 1e-2, batch=len(ROWS), epochs=2, weight_decay=0.0, momentum=0.0)


def walked(backbone: Backbone, kind: str, folder: Path, gives_texts: bool = False) -> tuple[EncoderFitting, Watch]:
    watch = Watch()
    method = Watching(watch, gives_texts)
    frozen = freeze(method, backbone, small_task(kind, 0), Bank(folder, Meter("cpu")))
    made = prepare(method, frozen, Episode(1, 1, ROWS), Allowance()).walk(until="train")
    assert isinstance(made, EncoderFitting)
    made.module.clip.text.head.norm.weight.data *= torch.linspace(0.5, 2, len(made.module.clip.text.head.norm.weight))
    return made, watch


def unit(features: Tensor) -> Tensor:
    return F.normalize(features, dim=-1).detach()


@pytest.mark.parametrize("kind", [CLASSIFICATION, PAIR])
def test_it_sees_what_the_towers_compute_and_what_they_did_before(backbone: Backbone, tmp_path: Path, kind: str) -> None:
    made, watch = walked(backbone, kind, tmp_path)
    trained: Any = copy.deepcopy(made.module)
    made.train()
    seen, task, clip = watch.forwards[0], made.task, backbone.clip
    policy = made.frozen.narrowed(Views(count=3))
    pixels = made.frozen.images(task.train, ROWS, 0, policy)
    every = unit(clip.image(pixels.flatten(0, 1))).view(len(ROWS), policy.count, -1)
    order = [next(r for r in range(4) if (every[r] - row).abs().sum(-1).min() < 1e-3) for row in seen.frozen_image]
    view = [int((every[r] - row).abs().sum(-1).argmin()) for r, row in zip(order, seen.frozen_image, strict=True)]
    assert sorted(order) == [0, 1, 2, 3]
    torch.testing.assert_close(seen.frozen_image, every[order, view], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(seen.image.detach(), unit(trained.clip.image(pixels[order, view])), rtol=1e-3, atol=1e-4)
    assert seen.labels.tolist() == [int(task.train.labels[ROWS[r]]) for r in order]
    assert float(seen.logit_scale) == pytest.approx(float(clip.logit_scale.exp()))
    if kind == CLASSIFICATION:
        by_template = [unit(clip.text(backbone.tokenize(task.class_texts(t)))) for t in task.templates]
        frozen, words = unit(torch.stack(by_template).mean(0)), task.class_texts()
        scores = seen.logit_scale * seen.image @ seen.text.T
        torch.testing.assert_close(
            seen.frozen_scores, seen.logit_scale.detach() * seen.frozen_image @ frozen.T, rtol=1e-3, atol=1e-2
        )
    else:
        texts = task.train.texts
        assert texts is not None
        words = [texts[ROWS[r]] for r in order]
        frozen = unit(clip.text(backbone.tokenize(words)))
        scores = trained.head(trained.clip.image(pixels[order, view]), trained.clip.text(backbone.tokenize(words)))
    torch.testing.assert_close(seen.frozen_text, frozen, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(seen.text.detach(), unit(trained.clip.text(backbone.tokenize(words))), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(seen.scores.detach(), scores.detach(), rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(seen.cross_entropy, F.cross_entropy(seen.scores, seen.labels))


def test_training_descends_on_it(backbone: Backbone, tmp_path: Path) -> None:
    made, watch = walked(backbone, CLASSIFICATION, tmp_path)
    weight = made.module.clip.text.head.norm.weight
    before = weight.detach().clone()
    made.train()
    assert made.training is not None and len(watch.forwards) == 2
    by_hand: Any = copy.deepcopy(made.module)
    by_hand.clip.text.head.norm.weight.data.copy_(before)
    texts = made.support_rows.texts
    assert texts is not None and texts.frozen is not None
    text = F.normalize(by_hand.clip.text(texts.tokens), dim=-1)
    first = watch.forwards[0]
    loss = F.cross_entropy(first.logit_scale * first.image @ text.T, first.labels) + 3 * (text - texts.frozen).square().sum()
    (slope,) = torch.autograd.grad(loss, by_hand.clip.text.head.norm.weight)
    second = F.normalize(replaced(by_hand, before - 1e-2 * slope).clip.text(texts.tokens), dim=-1)
    torch.testing.assert_close(watch.forwards[1].text.detach(), second.detach(), rtol=1e-3, atol=1e-4)


def replaced(module: Any, weight: Tensor) -> Any:
    changed = copy.deepcopy(module)
    changed.clip.text.head.norm.weight.data.copy_(weight)
    return changed


def test_texts_are_made_of_frozen_ones_in_training_and_in_scoring(backbone: Backbone, tmp_path: Path) -> None:
    made, watch = walked(backbone, CLASSIFICATION, tmp_path, gives_texts=True)
    scores = made.score(made.task.test, range(5))
    ((tokens, frozen),) = watch.texts
    by_template = [unit(backbone.clip.text(backbone.tokenize(made.task.class_texts(t)))) for t in made.task.templates]
    torch.testing.assert_close(frozen, unit(torch.stack(by_template).mean(0)), rtol=1e-3, atol=1e-4)
    text = unit(2 * frozen + made.module.clip.text(tokens))
    image = unit(made.module.clip.image(made.frozen.images(made.task.test, range(5), 0)))
    torch.testing.assert_close(scores, made.scale * image @ text.T, rtol=1e-3, atol=1e-2)
    made.train()
    torch.testing.assert_close(watch.forwards[0].text.detach(), text, rtol=1e-3, atol=1e-4)

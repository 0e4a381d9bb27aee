"""What the bundled backbone must be able to do, on scenes that it was not trained on."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bench.backbone.load import Backbone
from studies.pretrain.steps import fitted
from tasks.scenes.draw import COLOURS, PATTERNS, SHAPES
from tasks.scenes.grammar import Scene, article, noun_phrase, random_scene

BARS = {"shape": 0.90, "colour": 0.90, "pattern": 0.90, "retrieval R@1 of 100": 0.80}
HELD_OUT_SEED = 987_654  # far from any seed that the training set is drawn from


def _unit(features: Tensor) -> Tensor:
    return torch.nn.functional.normalize(features.float(), dim=-1)


@torch.no_grad()
def quality(backbone: Backbone, scenes: int = 1000) -> dict[str, float]:
    """Zero-shot accuracy of naming one thing's shape, colour and pattern, and caption retrieval among 100.

    Retrieval looks for the scene's full caption ("a red striped star") among those of 100 scenes that all
    differ in it, averaged over as many hundreds as there are.
    """
    random = np.random.default_rng(HELD_OUT_SEED)
    held_out = [random_scene(random, 1) for _ in range(scenes)]
    pixels = torch.from_numpy(np.stack([scene.draw(random) for scene in held_out])).permute(0, 3, 1, 2)
    clip = backbone.clip
    device = clip.logit_scale.device
    images = torch.cat([_unit(clip.image(fitted(part, backbone.size).to(device))) for part in pixels.split(250)])

    def texts(sentences: list[str]) -> Tensor:
        return _unit(clip.text(backbone.tokenize(sentences).to(device)))

    results = {}
    for attribute, names, template in (
        ("shape", list(SHAPES), "a photo of a {}."),
        ("colour", list(COLOURS), "a photo of a {} thing."),
        ("pattern", list(PATTERNS), "a photo of a {} thing."),
    ):
        truth = [names.index(getattr(scene.things[0], attribute)) for scene in held_out]
        found = (images @ texts([template.format(name) for name in names]).T).argmax(1).tolist()
        results[attribute] = float(np.mean(np.equal(found, truth)))
    results["retrieval R@1 of 100"] = float(np.mean([_recall(images, texts, hundred) for hundred in _hundreds(held_out)]))
    return results


def _caption(scene: Scene) -> str:
    return article(noun_phrase(scene.things[0])) + "."


def _hundreds(scenes: list[Scene]) -> list[list[tuple[int, str]]]:
    """Groups of 100 scene numbers with captions, no caption twice in a group."""
    groups: list[dict[str, int]] = [{}]
    for number, scene in enumerate(scenes):
        groups[-1].setdefault(_caption(scene), number)
        if len(groups[-1]) == 100:
            groups.append({})
    return [[(number, text) for text, number in group.items()] for group in groups if len(group) == 100]


def _recall(images: Tensor, texts: object, group: list[tuple[int, str]]) -> float:
    numbers = [number for number, _ in group]
    scores = images[numbers] @ texts([text for _, text in group]).T  # type: ignore[operator]
    return float((scores.argmax(1).cpu() == torch.arange(len(group))).float().mean())

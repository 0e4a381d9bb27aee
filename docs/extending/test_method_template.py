"""What a method's own test says: its formula by plain computation, its recipe, its count. Copy it beside your method."""

from __future__ import annotations

import numpy as np
import torch
from head_template import ScaledTexts  # in the project: from methods.my_method import MyMethod

from bench.backbone import load
from bench.checks.verify import count
from methods.base import Features, Support

WIDTH, CLASSES, SHOTS = 6, 3, 4


def features(rows: int, seed: int) -> Features:
    draw = np.random.default_rng(seed)
    image = draw.normal(size=(rows, WIDTH))
    texts = np.random.default_rng(99).normal(size=(CLASSES, WIDTH))  # the same in support and test
    return Features(torch.tensor(3 * image, dtype=torch.float32), candidates_raw=torch.tensor(texts, dtype=torch.float32))


def support(shots: int = SHOTS) -> Support:
    labels = torch.arange(CLASSES).repeat_interleave(shots)
    return Support("classification", "any", shots, CLASSES, features(len(labels), seed=1), labels, logit_scale=20.0)


def unit(x: torch.Tensor) -> np.ndarray:
    plain = x.double().numpy()
    return plain / np.linalg.norm(plain, axis=-1, keepdims=True)


def test_scores_by_plain_loops() -> None:
    head, test = ScaledTexts().head(support()), features(5, seed=7)
    weights = np.random.default_rng(3).normal(size=WIDTH)
    with torch.no_grad():
        head.weights.copy_(torch.tensor(weights))  # away from the start, where much that is wrong looks right
    scores = head(test).detach().numpy()
    f, t = unit(test.image_raw), unit(test.candidates_raw)
    for b in range(5):
        for c in range(CLASSES):
            assert abs(scores[b, c] - 20 * sum(f[b, i] * weights[i] * t[c, i] for i in range(WIDTH))) < 1e-4


def test_recipe_is_the_papers() -> None:
    recipe = ScaledTexts().recipe(support())
    assert (recipe.optimiser, recipe.lr, recipe.batch, recipe.length(12)) == ("adam", 1e-2, 32, 50)
    assert ScaledTexts(ScaledTexts.Params(lr=0.5)).recipe(support()).lr == 0.5


def test_count_is_d() -> None:
    """On the small backbone; `python -m bench verify` compares `counts` with ViT-B-16."""
    backbone = load("bundled")
    assert count(ScaledTexts(), backbone, ScaledTexts.counts[0]) == backbone.clip.features

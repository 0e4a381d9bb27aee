"""WiSE-FT: weights between those before and after fine-tuning."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.backbone import Backbone, Clip
from methods.base import Adapted, Edit, Recipe
from methods.full import Full
from methods.wise_ft import ScaledHead, WiseFT
from tests.methods.encoders import TEMPERATURE, TOWERS, names_that_train, start, within
from tests.methods.heads import array
from tests.methods.recipes import SHOTS, strong
from tests.methods.stated import check_counts, check_refused, check_rows, trains


def edit(clip: Clip, params: WiseFT.Params | None = None) -> Edit:
    return WiseFT(params).adapt(clip, start(kind="retrieval"))


def tuned() -> tuple[Adapted, dict[str, Tensor], dict[str, np.ndarray]]:
    """A model, two of its weights as they were before training, and after it."""
    torch.manual_seed(0)
    model = Adapted(nn.Linear(3, 2), nn.Linear(2, 2))
    names = ["clip.weight", "head.bias"]
    initial = {name: torch.randn_like(dict(model.named_parameters())[name]) for name in names}
    return model, initial, {name: array(value).copy() for name, value in model.named_parameters()}


def check_mixed(model: Adapted, initial: dict[str, Tensor], after: dict[str, np.ndarray], alpha: float) -> None:
    for name, value in model.named_parameters():
        expected = (1 - alpha) * array(initial[name]) + alpha * after[name] if name in initial else after[name]
        np.testing.assert_allclose(array(value), expected, rtol=1e-5, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("alpha", [None, 0.0, 0.25, 0.5, 1.0])
def test_it_interpolates_what_trained(clip: Clip, alpha: float | None) -> None:
    model, initial, after = tuned()
    finish = edit(clip, None if alpha is None else WiseFT.Params(alpha=alpha)).finish
    assert finish is not None and finish(model, initial, None) == {}
    check_mixed(model, initial, after, 0.5 if alpha is None else alpha)


@torch.no_grad()
@pytest.mark.parametrize(("peaks", "best"), [((0.3,), 0.3), ((0.0, 1.0), 0.0), ((0.7, 0.9), 0.7), ((), 0.0)])
def test_it_takes_the_first_best_share_on_validation(clip: Clip, peaks: Iterable[float], best: float) -> None:
    model, initial, after = tuned()
    seen: list[float] = []

    def score() -> float:
        """The share is read off one weight that trained."""
        before, now = array(initial["head.bias"])[0], array(dict(model.named_parameters())["head.bias"])[0]
        seen.append((now - before) / (after["head.bias"][0] - before))
        return float(any(abs(seen[-1] - peak) < 1e-3 for peak in peaks))

    finish = edit(clip).finish
    assert finish is not None and finish(model, initial, score) == {"alpha": best}
    np.testing.assert_allclose(seen, np.arange(11) / 10, atol=1e-4)
    check_mixed(model, initial, after, best)


@pytest.mark.parametrize(
    ("kind", "names"), [("classification", within("image.")), ("pair", TOWERS), ("retrieval", TOWERS | TEMPERATURE)]
)
def test_what_trains_and_is_averaged_is_what_full_trains(clip: Clip, kind: str, names: set[str]) -> None:
    assert names_that_train(WiseFT(), clip, kind) == names
    assert (WiseFT().adapt(clip, start(kind=kind)).head is None) == (kind != "classification")
    assert WiseFT.starts_at_zero_shot


def test_counts(vit: Backbone) -> None:
    check_counts(vit, WiseFT, trains(86_197_770), trains(149_620_737, kind="retrieval"))


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    """The authors' own in classification: 500 steps of warm-up, or a tenth of a shorter run; else that of `full`."""
    assert WiseFT().recipe(start(shots, kind="pair")) == strong(shots)
    assert WiseFT(WiseFT.Params(rates="xtremeclip")).recipe(start(shots)) == Full(Full.Params(rates="xtremeclip")).recipe(
        start(shots)
    )
    own = Recipe(lr=3e-5, batch=512, epochs=10, weight_decay=0.1, clip_gradient=1.0, warmup=0.1)
    assert WiseFT().recipe(start(shots)) == own
    assert WiseFT().recipe(replace(start(shots), examples=1_281_167)) == replace(own, warmup=500 / 25_030)


def test_the_head_is_zero_shot_with_a_bias() -> None:
    random = torch.Generator().manual_seed(0)
    given, image = torch.randn(4, 3, generator=random), torch.randn(5, 3, generator=random)
    head = ScaledHead(given)
    assert {name: tuple(value.shape) for name, value in head.named_parameters()} == {"weight": (4, 3), "bias": (4,)}
    f, w = array(image).astype(float), array(given).astype(float)
    logits = f / np.linalg.norm(f, axis=1, keepdims=True) @ w.T
    np.testing.assert_allclose(array(head(image, None)), logits, rtol=1e-5, atol=1e-6)
    with torch.no_grad():
        head.bias += torch.arange(4.0)
    np.testing.assert_allclose(array(head(image, None)), logits + np.arange(4), rtol=1e-5, atol=1e-6)


def test_it_is_in_no_group_of_its_own_accord() -> None:
    check_rows("lilt", WiseFT)


@pytest.mark.parametrize("alpha", ["-0.1", "1.1"])
def test_refused_values(alpha: str) -> None:
    check_refused(f"wise-ft[alpha={alpha}]", "alpha must be between 0 and 1")

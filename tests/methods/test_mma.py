"""MMA: a block with its bottleneck in plain numpy, what is shared, and the gradients that are scaled on their way."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bench.backbone import Backbone, Clip
from methods.mma import MMA, SharedBottleneck
from tests.methods.encoders import edited_anew, names_that_train, start
from tests.methods.heads import array, close
from tests.methods.recipes import SHOTS, dassl
from tests.methods.stated import check_counts, check_refused, trains
from tests.methods.towers import HEADS, PIXELS, TOKENS, Places, by_hand, linear, norm, run_block

KINDS = ("classification", "pair", "retrieval")
METHOD = MMA(MMA.Params(width=5, scale=0.3))


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


@pytest.mark.parametrize(("tower", "stage"), [("image", 2), ("image", 3), ("text", 1), ("text", 2)])
def test_a_block_and_its_bottleneck_by_hand(tower: str, stage: int, shaken: Clip) -> None:
    edited, _, _ = edited_anew(METHOD, shaken)
    wrapped: Any = getattr(edited, tower).stages[stage]
    plain: Any = getattr(shaken, tower).stages[stage]
    x = torch.randn(1, 6, 32, generator=torch.Generator().manual_seed(3))
    rows, parts = array(x[0]), wrapped.bottleneck
    inner = relu(linear(relu(linear(norm(rows, plain.ln_1), parts.down)), parts.shared))
    expected = run_block(rows, plain, HEADS[tower], tower == "text", Places()) + 0.3 * linear(inner, parts.up)
    np.testing.assert_allclose(array(wrapped(x)[0]), expected, rtol=1e-4, atol=1e-4)


def test_middles_are_shared_by_blocks_of_the_same_height_from_the_top(clip: Clip) -> None:
    METHOD.adapt(clip, start())
    image, text = ([getattr(stage, "bottleneck", None) for stage in tower.stages] for tower in (clip.image, clip.text))
    assert [each is not None for each in image] == [False, False, True, True, False]  # as many as the text tower has
    assert [each is not None for each in text] == [False, True, True, False]
    pairs: Any = [(image[3], text[2]), (image[2], text[1])]
    assert all(one.shared is other.shared and one.up is not other.up for one, other in pairs)
    assert pairs[0][0].shared is not pairs[1][0].shared


def test_own_gradients_are_those_of_a_scale_of_one_and_what_passes_on_is_scaled() -> None:
    torch.manual_seed(0)
    layer, x = SharedBottleneck(7, torch.nn.Linear(4, 4), 0.01), torch.randn(3, 7, requires_grad=True)
    direction = torch.randn(3, 7)
    own = [*layer.parameters(), x]
    found = torch.autograd.grad((layer(x) * direction).sum(), own)
    plain = layer.up(F.relu(layer.shared(F.relu(layer.down(x)))))
    close(layer(x), 0.01 * array(plain))
    expected = torch.autograd.grad((plain * direction).sum(), own)
    for ours, theirs in zip(found[:-1], expected[:-1], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(found[-1], 0.01 * expected[-1], rtol=1e-4, atol=1e-6)


def test_weights_start_by_their_fan_out_and_biases_at_zero() -> None:
    torch.manual_seed(0)
    layer = SharedBottleneck(256, torch.nn.Linear(32, 32), 0.001)
    for each, out in ((layer.down, 32), (layer.shared, 32), (layer.up, 256)):
        assert float(each.weight.detach().std()) == pytest.approx((2 / out) ** 0.5, rel=0.1) and not each.bias.any()


def test_it_starts_near_zero_shot(shaken: Clip) -> None:
    edited = copy.deepcopy(shaken).eval()
    MMA().adapt(edited, start())
    images, texts = by_hand(shaken)
    assert 0 < np.abs(array(edited.image(PIXELS)) - images).max() < 0.1
    assert 0 < np.abs(array(edited.text(TOKENS)) - texts).max() < 0.1
    assert not MMA.starts_at_zero_shot


def test_counts(vit: Backbone) -> None:
    check_counts(vit, MMA, trains(674_560))


@pytest.mark.parametrize("kind", KINDS)
def test_what_trains(clip: Clip, kind: str) -> None:
    blocks = {"image.stages.3", "image.stages.2", "text.stages.2", "text.stages.1"}
    layers = {f"{block}.bottleneck.{layer}" for block in blocks for layer in ("down", "up")}
    layers |= {f"image.stages.{stage}.bottleneck.shared" for stage in (2, 3)}  # once, though it stands in both towers
    assert names_that_train(MMA(), clip, kind) == {f"{layer}.{part}" for layer in layers for part in ("weight", "bias")}


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert MMA().recipe(start(shots)) == dassl(lr=1.5e-3, batch=16, epochs=5, warmup_epochs=0)
    assert MMA().templates(("a drawing of a {}.",)) == ("a photo of a {}.",)


@pytest.mark.parametrize("text", ["width=0", "depth=0"])
def test_refused_values(text: str) -> None:
    check_refused(f"mma[{text}]", "width and depth must be at least 1")

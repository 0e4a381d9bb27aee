"""The split towers compute what open_clip computes, from any stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bench.backbone.attention import PLAIN_ATTENTION_UP_TO, SplitAttention
from bench.backbone.products import SWITCHABLE, products_by
from bench.backbone.towers import Clip, split_towers
from bench.errors import UsageError
from tests.backbone.families import FAMILIES, TEXT, TIMM, VISION, build, inputs, reference


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_features_equal_open_clips(family: str, folder: Path) -> None:
    image, text = reference(build(family, folder), family)
    clip = split_towers(build(family, folder))
    pixels, tokens = inputs(family)
    torch.testing.assert_close(clip.image(pixels), image, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(clip.text(tokens), text, atol=2e-5, rtol=1e-4)
    assert clip.features == image.shape[1] == text.shape[1]


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_running_from_any_stage_is_running_from_the_start(family: str, folder: Path) -> None:
    clip = split_towers(build(family, folder))
    pixels, tokens = inputs(family)
    for tower, given in ((clip.image, pixels), (clip.text, tokens)):
        whole = tower(given)
        for cut in range(1, len(tower.stages) + 1):
            hidden = tower(given, stop=cut)
            again = tower(given if tower is clip.text else None, cut, hidden)
            torch.testing.assert_close(again, whole, atol=0, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_texts_may_be_cut_to_the_longest_unless_padding_takes_part(family: str, folder: Path) -> None:
    clip = split_towers(build(family, folder))
    _, tokens = inputs(family)
    short = tokens[[0, 2]]
    same = torch.allclose(clip.text(short[:, :9]), clip.text(short), atol=1e-5, rtol=1e-5)
    assert same is not clip.text.whole


@pytest.mark.parametrize("family", FAMILIES)
def test_every_parameter_is_in_a_stage_once_and_gets_a_gradient(family: str, folder: Path) -> None:
    model = build(family, folder)
    expected = sum(parameter.numel() for parameter in model.parameters()) - (model.logit_bias is not None)
    clip = split_towers(model).requires_grad_(True)
    assert sum(parameter.numel() for parameter in clip.parameters()) == expected
    pixels, tokens = inputs(family)
    (clip.image(pixels).square().sum() + clip.text(tokens).square().sum() + clip.logit_scale).backward()
    assert [name for name, parameter in clip.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("length", [7, PLAIN_ATTENTION_UP_TO + 1])
@pytest.mark.parametrize("causal", [False, True])
def test_both_attention_kernels_equal_torchs_fused_module(length: int, causal: bool) -> None:
    torch.manual_seed(0)
    fused = nn.MultiheadAttention(32, 4, batch_first=True)
    nn.init.normal_(fused.in_proj_bias)
    split = SplitAttention.from_fused(fused, causal)
    x = torch.randn(2, length, 32)
    mask = torch.full((length, length), float("-inf")).triu(1) if causal else None
    expected, _ = fused(x, x, x, need_weights=False, attn_mask=mask)
    torch.testing.assert_close(split(x), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.skipif(not SWITCHABLE, reason="this version of torch has no such switch")
@pytest.mark.parametrize(("switch", "fused"), [("none", True), ("bf16", False)])
def test_by_onednn_longer_sequences_are_plain_products_too(switch: str, fused: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    own = F.scaled_dot_product_attention
    monkeypatch.setattr(F, "scaled_dot_product_attention", lambda *args, **how: called.append(1) or own(*args, **how))
    with products_by(switch), torch.no_grad():
        SplitAttention(32, 4)(torch.randn(2, PLAIN_ATTENTION_UP_TO + 1, 32))
    assert bool(called) == fused


def test_the_cut_is_the_first_stage_with_something_trainable() -> None:
    clip: Clip = split_towers(build())
    clip.train_only([])
    assert (clip.image.cut(), clip.text.cut()) == (5, 4)
    clip.train_only([clip.image.stages[2].ln_1.weight])
    assert (clip.image.cut(), clip.text.cut()) == (2, 4)
    clip.train_only([*clip.text.stages[0].parameters()])
    assert (clip.image.cut(), clip.text.cut()) == (5, 0)


def test_batch_norms_keep_their_statistics_in_training() -> None:
    clip = split_towers(build("RN50")).train()
    before = {name: value.clone() for name, value in clip.named_buffers()}
    clip.image(inputs()[0])
    assert all(torch.equal(value, before[name]) for name, value in clip.named_buffers())


def test_stochastic_depth_and_patch_dropout_are_off_in_training() -> None:
    for family in ("patch dropout", "ConvNeXt", "MobileCLIP"):
        clip = split_towers(build(family)).train()
        torch.testing.assert_close(clip.image(inputs()[0]), clip.image(inputs()[0]), atol=0, rtol=0)


@pytest.mark.parametrize(
    ("vision", "text", "message"),
    [
        ({"attentional_pool": True}, {}, "CoCa"),
        ({"pool_type": "none"}, {}, "none is not supported"),
        ({"block_type": "custom"}, {}, "CustomResidualAttentionBlock"),
        ({}, {"embed_cls": True}, "CoCa"),
        (
            {**TIMM, "timm_model_name": "deit_tiny_distilled_patch16_224", "timm_pool": "", "image_size": 224},
            {},
            "can't be cut into stages",
        ),
    ],
)
def test_what_has_no_stages_is_refused_by_name(vision: dict[str, Any], text: dict[str, Any], message: str) -> None:
    vision = vision if "timm_model_name" in vision else {**VISION, **vision}
    model = open_clip.CustomTextCLIP(embed_dim=24, vision_cfg=vision, text_cfg={**TEXT, **text})
    model.visual.preprocess_cfg = {"mean": (0.5,) * 3, "std": (0.2,) * 3}
    with pytest.raises(UsageError, match=message):
        split_towers(model)

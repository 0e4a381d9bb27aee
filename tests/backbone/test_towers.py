"""The split towers compute what open_clip computes, from any stage."""

from __future__ import annotations

import open_clip
import pytest
import torch
from torch import nn

from bench.backbone.attention import PLAIN_ATTENTION_UP_TO, SplitAttention
from bench.backbone.towers import Clip, split_towers
from bench.errors import UsageError

VISION = {"image_size": 32, "layers": 3, "width": 48, "head_width": 16, "patch_size": 8}
TEXT = {"context_length": 12, "vocab_size": 90, "width": 32, "heads": 4, "layers": 2}
VARIANTS = {
    "plain": ({}, {}, {}),
    "quick gelu": ({}, {}, {"quick_gelu": True}),
    "average pooling, norm after it": ({"pool_type": "avg", "final_ln_after_pool": True}, {}, {}),
    "no first norm, layer scale": ({"no_ln_pre": True, "ls_init_value": 0.1}, {"ls_init_value": 0.1}, {}),
    "eos pooling, projection with bias": ({}, {"pool_type": "eos", "eos_id": 89, "proj_type": "linear", "proj_bias": True}, {}),
}


def build(variant: str = "plain") -> open_clip.CustomTextCLIP:
    vision, text, model = VARIANTS[variant]
    torch.manual_seed(0)
    built = open_clip.CustomTextCLIP(embed_dim=24, vision_cfg={**VISION, **vision}, text_cfg={**TEXT, **text}, **model)
    for parameter in built.parameters():  # biases start at zero: give them something to get wrong
        if parameter.ndim == 1:
            nn.init.normal_(parameter, std=0.3)
    built.visual.preprocess_cfg = {"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)}
    return built.eval()


def inputs() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    pixels = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    tokens = torch.randint(1, 89, (3, 12))
    for row, end in enumerate((5, 11, 8)):
        tokens[row, end] = 89
        tokens[row, end + 1 :] = 0
    return pixels, tokens


def reference(model: open_clip.CustomTextCLIP) -> tuple[torch.Tensor, torch.Tensor]:
    pixels, tokens = inputs()
    mean, std = (torch.tensor(model.visual.preprocess_cfg[key]).view(3, 1, 1) for key in ("mean", "std"))
    return model.encode_image((pixels / 255 - mean) / std), model.encode_text(tokens)


@pytest.mark.parametrize("variant", VARIANTS)
@torch.no_grad()
def test_features_equal_open_clips(variant: str) -> None:
    image, text = reference(build(variant))
    clip = split_towers(build(variant))
    pixels, tokens = inputs()
    torch.testing.assert_close(clip.image(pixels), image, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(clip.text(tokens), text, atol=2e-5, rtol=1e-4)


@torch.no_grad()
def test_running_from_any_stage_is_running_from_the_start() -> None:
    clip = split_towers(build())
    pixels, tokens = inputs()
    for tower, given in ((clip.image, pixels), (clip.text, tokens)):
        whole = tower(given)
        for cut in range(1, len(tower.stages) + 1):
            hidden = tower(given, stop=cut)
            again = tower(given if tower is clip.text else None, cut, hidden)
            torch.testing.assert_close(again, whole, atol=0, rtol=0)


@torch.no_grad()
def test_text_may_be_cut_to_the_longest() -> None:
    clip = split_towers(build())
    _, tokens = inputs()
    short = tokens[[0, 2]]
    torch.testing.assert_close(clip.text(short[:, :9]), clip.text(short), atol=1e-5, rtol=1e-5)


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
    torch.testing.assert_close(split(x, x, x)[0], expected, atol=1e-5, rtol=1e-4)


def test_the_cut_is_the_first_stage_with_something_trainable() -> None:
    clip: Clip = split_towers(build())
    clip.train_only([])
    assert (clip.image.cut(), clip.text.cut()) == (5, 4)
    clip.train_only([clip.image.stages[2].ln_1.weight])
    assert (clip.image.cut(), clip.text.cut()) == (2, 4)
    clip.train_only([*clip.text.stages[0].parameters()])
    assert (clip.image.cut(), clip.text.cut()) == (5, 0)


def test_a_convolutional_tower_is_refused_by_name() -> None:
    model = open_clip.CustomTextCLIP(
        embed_dim=24, vision_cfg={"image_size": 32, "layers": [1, 1, 1, 1], "width": 8}, text_cfg=TEXT
    )
    with pytest.raises(UsageError, match="ModifiedResNet"):
        split_towers(model)

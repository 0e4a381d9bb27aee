"""A fingerprint notices whatever changes what is computed, though the weights are the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import open_clip
import pytest
import torch
from open_clip.transform import PreprocessCfg
from torch import nn

from bench.backbone.fingerprint import fingerprint
from bench.backbone.load import bundled_tokenizer

VISION = {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16}
TEXT = {"context_length": 32, "vocab_size": 2000, "width": 32, "heads": 2, "layers": 1}


def model(vision: dict[str, Any] | None = None, text: dict[str, Any] | None = None, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    return open_clip.CustomTextCLIP(16, {**VISION, **(vision or {})}, {**TEXT, **(text or {})}, **options)


def taken(changed: nn.Module, preprocess: PreprocessCfg | None = None, tokenizer: Any = None) -> str:
    """With the weights of the plain one."""
    changed.load_state_dict(model().state_dict())
    return fingerprint(changed, preprocess or PreprocessCfg(), tokenizer or bundled_tokenizer())


def with_eps(found: nn.Module) -> nn.Module:
    for module in found.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = 1e-6
    return found


def with_mask(found: Any) -> nn.Module:
    found.text.attn_mask = torch.zeros_like(found.text.attn_mask)
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "change",
    [
        lambda: model(quick_gelu=True),
        lambda: model({"head_width": 32}),
        lambda: model({"pool_type": "avg"}),
        lambda: model(text={"pool_type": "last"}),
        lambda: with_eps(model()),
        lambda: with_mask(model()),
    ],
    ids=["activation", "heads", "image pooling", "text pooling", "epsilon", "mask"],
)
def test_the_same_weights_computed_with_otherwise(change: Callable[[], nn.Module]) -> None:
    assert taken(change()) != taken(model()) == taken(model())


@pytest.mark.parametrize(
    "field", [{"fill_color": 127}, {"size": (32, 48)}, {"mean": (0.5, 0.5, 0.5)}, {"interpolation": "bilinear"}]
)
def test_other_preprocessing(field: dict[str, Any]) -> None:
    assert taken(model(), dataclasses.replace(PreprocessCfg(), **field)) != taken(model())


def test_another_vocabulary() -> None:
    plain = bundled_tokenizer()
    assert taken(model(), tokenizer=lambda texts: plain(texts).flip(0)) != taken(model())


@pytest.mark.parametrize("table", ["bpe_ranks", "encoder"])
def test_a_vocabulary_that_differs_where_no_sample_shows_it(table: str) -> None:
    """The last two entries change places."""
    changed = bundled_tokenizer()
    held = getattr(changed, table)
    first, second = sorted(held, key=held.get)[-2:]
    held[first], held[second] = held[second], held[first]
    assert taken(model(), tokenizer=changed) != taken(model())


def test_a_weight() -> None:
    changed = model()
    with torch.no_grad():
        next(changed.parameters()).view(-1)[0] += 1e-3
    assert fingerprint(changed, PreprocessCfg(), bundled_tokenizer()) != taken(model())

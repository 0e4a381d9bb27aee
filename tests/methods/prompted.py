"""Towers that are run by hand: prompts written into the hidden states, block after block, in float64."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from bench.backbone import Clip
from methods.base import Edit, EncoderMethod
from tests.methods.encoders import FIRST, LAST, NAMES, start, tokenize, words_of


def exact(clip: Clip) -> Clip:
    return copy.deepcopy(clip).double()


def embedded(clip: Clip, ids: Sequence[int]) -> Tensor:
    embed: Any = clip.text.stages[0]
    return torch.stack([embed.token_embedding.weight[number] for number in ids])


def text_by_hand(clip: Clip, rows: Tensor, before_block: dict[int, Tensor] | None = None) -> Tensor:
    """Feature [d] of one text from the embeddings [L, W] of its tokens, the last of which ends it; no padding.

    before_block: vectors that take the places after the first token in front of block 2, 3, ...
    """
    embed: Any = clip.text.stages[0]
    x = rows + embed.positional_embedding[: len(rows)]
    for number, block in enumerate(clip.text.blocks, start=1):
        if before_block and number in before_block:
            for place, vector in enumerate(before_block[number]):
                x[1 + place] = vector
        x = block(x[None])[0]
    head: Any = clip.text.head
    return head.ln_final(x[-1]) @ head.text_projection


def image_by_hand(clip: Clip, pixels: Tensor, prompts: Sequence[Tensor]) -> Tensor:
    """Feature [d] of one image [3, H, W]: prompts join behind the patches, later ones take the places of the former."""
    embed: Any = clip.image.stages[0]
    x = embed(pixels[None])[0]
    length, n = len(x), len(prompts[0])
    x = torch.cat([x, torch.stack([embed.ln_pre(vector) for vector in prompts[0]])])
    for number, block in enumerate(clip.image.blocks):
        if 0 < number < len(prompts):
            x = torch.cat([x[:length], prompts[number]])
        assert len(x) == length + n
        x = block(x[None])[0]
    head: Any = clip.image.head
    return head.ln_post(x[0]) @ head.proj


def pictures(count: int = 3) -> Tensor:
    return torch.randint(0, 256, (count, 3, 32, 32), generator=torch.Generator().manual_seed(8), dtype=torch.uint8)


def class_tokens(method: EncoderMethod, edit: Edit) -> Tensor:
    """The class texts as the edited tower wants them."""
    (template,) = method.templates(("a drawing of a {}.",))
    tokens = tokenize([template.format(name) for name in NAMES])
    return tokens if edit.tokens is None else edit.tokens(tokens)


def close(ours: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(ours.double(), expected, rtol=1e-4, atol=1e-4)


def check_long_text(method: EncoderMethod, clip: Clip) -> None:
    """With four tokens of context, a text that is too long loses its last words and keeps its end."""
    limit, tokens = clip.text.context_length, tokenize([" ".join(["word"] * 22), "cat."])
    edit = method.adapt(copy.deepcopy(clip), start())
    assert edit.tokens is not None
    long, short = edit.tokens(tokens).tolist()
    assert len(long) == len(short) == limit == 24
    assert long[0] == FIRST and long[5:] == [*words_of("word") * (limit - 6), LAST]
    assert short[0] == FIRST and short[5:] == [*words_of("cat ."), LAST, *[0] * (limit - 8)]

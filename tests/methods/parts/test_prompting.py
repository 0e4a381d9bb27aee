"""Room for prompts in texts, and stages that carry prompts, by plain lists."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.backbone import Clip, split_towers
from methods.base import NotApplicable, Start, TokenLayout
from methods.parts.prompting import (
    Prompts,
    context_tokens,
    learned_context,
    make_room,
    prompt_image_tower,
    put_after_start,
    put_last,
)
from tests.backbone.families import build, inputs
from tests.methods.encoders import FIRST, LAST, start, tokenize, words_of

LAYOUTS = [TokenLayout(True, True, 0), TokenLayout(False, True, 0), TokenLayout(True, False, 0), TokenLayout(False, False, 0)]


def framed(words: list[int], layout: TokenLayout) -> list[int]:
    return [*([FIRST] if layout.start else []), *words, *([LAST] if layout.end else [])]


def padded(rows: list[list[int]], pad: int) -> torch.Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [pad] * (longest - len(row)) for row in rows])


@given(
    st.lists(st.lists(st.integers(2, 80), min_size=1, max_size=12), min_size=1, max_size=4),
    st.lists(st.integers(2, 80), max_size=5),
    st.integers(8, 16),
    st.sampled_from(LAYOUTS),
    st.sampled_from([0, 90]),
)
def test_room_by_plain_lists(texts: list[list[int]], inserted: list[int], limit: int, layout: TokenLayout, pad: int) -> None:
    """What is then too long loses its last words and keeps its end token."""
    layout = dataclasses.replace(layout, pad=pad)
    texts = [words[: limit - layout.start - layout.end] for words in texts]  # a tokenizer has cut them before
    longer = make_room(padded([framed(words, layout) for words in texts], pad), torch.tensor(inserted), limit, layout)
    for row, words in zip(longer.tolist(), texts, strict=True):
        kept = [*inserted, *words][: limit - layout.start - layout.end]
        expected = framed(kept, layout)
        assert row[: len(expected)] == expected and set(row[len(expected) :]) <= {pad}
    assert longer.shape[1] <= limit


@pytest.mark.parametrize("count", [4, 5])
def test_text_that_is_too_long_keeps_its_end(count: int) -> None:
    tokens, limit = tokenize([" ".join(["word"] * 22), "cat."]), 24
    longer = make_room(tokens, torch.full((count,), 5), limit, TokenLayout())
    assert longer.shape == (2, limit)
    assert longer[0, 0] == FIRST and longer[0, -1] == LAST and int((longer[0] == LAST).sum()) == 1
    assert longer[0, 1 + count : -1].tolist() == words_of("word") * (limit - 2 - count)
    assert longer[1, 1 + count : 4 + count].tolist() == [*words_of("cat ."), LAST] and not longer[1, 4 + count :].any()


def test_a_context_must_leave_room_for_a_word() -> None:
    tokens = tokenize(["cat"])
    make_room(tokens, torch.full((5,), 7), 8, TokenLayout())
    with pytest.raises(NotApplicable, match="6 context tokens leave no room for a word in a text tower of 8 tokens"):
        make_room(tokens, torch.full((6,), 7), 8, TokenLayout())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_context_is_a_photo_of_a_without_its_frame(clip: Clip, layout: TokenLayout) -> None:
    def framed_tokens(texts: list[str]) -> torch.Tensor:
        return padded([framed(words_of(text), layout) for text in texts], 0)

    began: Start = dataclasses.replace(start(), tokenize=framed_tokens, layout=layout)
    assert context_tokens(began).tolist() == words_of("a photo of a")
    embedding = clip.text.stages[0].token_embedding.weight
    learned = learned_context(clip.text, context_tokens(began))
    assert torch.equal(learned, embedding[words_of("a photo of a")]) and learned.requires_grad
    assert learned.data_ptr() != embedding.data_ptr()


def test_prompts_take_the_places_after_the_start_token_or_the_last_ones() -> None:
    x, own = torch.zeros(2, 5, 3), torch.ones(2, 3)
    assert put_after_start(x, own, TokenLayout())[..., 0].tolist() == [[0, 1, 1, 0, 0]] * 2
    assert put_after_start(x, own, TokenLayout(start=False))[..., 0].tolist() == [[1, 1, 0, 0, 0]] * 2
    each = torch.arange(1.0, 5.0).view(2, 2, 1).expand(2, 2, 3)
    assert put_after_start(x, each, TokenLayout())[..., 0].tolist() == [[0, 1, 2, 0, 0], [0, 3, 4, 0, 0]]
    assert put_last(x, own, replace=False)[..., 0].tolist() == [[0, 0, 0, 0, 0, 1, 1]] * 2
    assert put_last(x, own, replace=True)[..., 0].tolist() == [[0, 0, 0, 1, 1]] * 2


def test_random_prompts_are_small() -> None:
    torch.manual_seed(0)
    drawn = Prompts.random(40, 100)().detach()
    assert drawn.shape == (40, 100) and float(drawn.std()) == pytest.approx(0.02, rel=0.05)


POOLED = (
    "average pooling, norm after it",
    "average pooling, norm before it",
    "timm ViT, its own head, averaging",
    "SigLIP",
    "PE-Core",
)


@torch.no_grad()
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("family", [*POOLED, "plain", "timm ViT", "EVA-02", "timm ViT with registers, query norm, layer scale"])
def test_prompts_take_no_part_in_pooling_on_any_tower(family: str, depth: int) -> None:
    tower, (pixels, _) = split_towers(build(family)).image, inputs(family)
    assert tower.head.class_token is (family not in POOLED)
    plain, plainly = copy.deepcopy(tower), tower(pixels)
    prompts = [Prompts(torch.nn.Parameter(torch.randn(2, tower.width))) for _ in range(depth)]
    prompt_image_tower(tower, prompts)
    x = plain.stages[0](pixels)
    own = x.shape[1]
    for number, block in enumerate(plain.blocks):
        if number < depth:
            given = prompts[number]()
            x = torch.cat([x[:, :own], (given if number else plain.stages[0].ln_pre(given)).expand(len(x), -1, -1)], 1)
        x = block(x)
    torch.testing.assert_close(tower(pixels), plain.head(x[:, :own]), rtol=1e-4, atol=1e-5)
    assert not torch.equal(tower(pixels), plainly)


def test_a_convolutional_tower_takes_none() -> None:
    with pytest.raises(NotApplicable, match="no transformer blocks"):
        prompt_image_tower(split_towers(build("RN50")).image, [Prompts.random(2, 8)])

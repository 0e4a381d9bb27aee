"""Prompt methods against towers that are run by hand: prompts written into the hidden states, block after block."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.backbone import Clip
from methods.base import EncoderMethod, Kind, Start
from methods.cocoop import CoCoOp
from methods.coop import CoOp
from methods.maple import MaPLe
from methods.vpt import VPT

FIRST, LAST, LIMIT = 1, 89, 24  # start token, end token, context length
NAMES = ("cat", "old house", "very small red bird")


def words_of(text: str) -> list[int]:
    return [2 + zlib.crc32(word.encode()) % 87 for word in text.replace(".", " .").split()]


def tokenize(texts: Sequence[str]) -> Tensor:
    """A word is a token; cut to the longest text and padded with zeros, as a backbone's."""
    rows = [[FIRST, *words_of(text), LAST] for text in texts]
    longest = max(len(row) for row in rows)
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows])


def start(kind: Kind = "classification") -> Start:
    return Start(kind, "anything", 2, 6, NAMES, lambda texts: tokenize(texts))


def shaken(clip: Clip) -> Clip:
    """Biases, norms and embeddings away from zero, one, and each other's likeness."""
    torch.manual_seed(4)
    for parameter in clip.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, std=0.5)
    embed: Any = clip.text.stages[0]
    torch.nn.init.normal_(embed.token_embedding.weight, std=0.5)
    torch.nn.init.normal_(embed.positional_embedding, std=0.5)
    return clip


def edited(method: EncoderMethod, clip: Clip, kind: Kind = "classification") -> tuple[Clip, list[Tensor]]:
    """An edited copy, and what trains in it, drawn anew and wide so that nothing hides behind small numbers."""
    changed = copy.deepcopy(clip)
    torch.manual_seed(6)
    trained = list(method.adapt(changed, start(kind)))
    with torch.no_grad():
        for parameter in trained:
            parameter.normal_(std=0.7)
    return changed, [parameter.detach().double() for parameter in trained]


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


def class_tokens(method: EncoderMethod, kind: Kind = "classification") -> Tensor:
    assert method.template is not None
    return method.tokens(tokenize([method.template.format(name) for name in NAMES]), LIMIT, start(kind))


def close(ours: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(ours.double(), expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("class_specific", [False, True])
def test_coop_puts_its_context_between_start_and_name(clip: Clip, class_specific: bool) -> None:
    method = CoOp(CoOp.Params(n_ctx=5, class_specific=class_specific))
    changed, (context,) = edited(method, shaken(clip))
    assert context.shape == (len(NAMES) if class_specific else 1, 5, clip.text.width)
    features, plain = changed.text(class_tokens(method)), exact(clip)
    for c, name in enumerate(NAMES):
        mine = context[c if class_specific else 0]
        rows = torch.cat([embedded(plain, [FIRST]), mine, embedded(plain, [*words_of(f"{name}."), LAST])])
        close(features[c], text_by_hand(plain, rows))


@torch.no_grad()
def test_cocoop_by_a_plain_loop_over_images_and_classes(clip: Clip) -> None:
    method = CoCoOp()
    changed, (context, down, down_bias, up, up_bias) = edited(method, shaken(clip))
    generator = torch.Generator().manual_seed(2)
    images = torch.nn.functional.normalize(torch.randn(2, clip.features, generator=generator), dim=-1)
    tokens = class_tokens(method)
    features = method.texts_given_images(changed, tokens.expand(2, -1, -1), images)
    assert features.shape == (2, len(NAMES), clip.features)
    plain = exact(clip)
    for b in range(2):
        shift = up @ torch.relu(down @ images[b].double() + down_bias) + up_bias
        for c, name in enumerate(NAMES):
            words = embedded(plain, [*words_of(f"{name}."), LAST])
            rows = torch.cat([embedded(plain, [FIRST]), torch.stack([vector + shift for vector in context]), words])
            close(features[b, c], text_by_hand(plain, rows))
    assert not torch.allclose(features[0], features[1], atol=1e-2)


@torch.no_grad()
def test_cocoop_takes_the_own_texts_of_each_image(clip: Clip) -> None:
    method = CoCoOp()
    changed, _ = edited(method, shaken(clip), "pair")
    tokens = class_tokens(method, "pair")
    images = torch.nn.functional.normalize(torch.randn(3, clip.features, generator=torch.Generator().manual_seed(2)), dim=-1)
    every = method.texts_given_images(changed, tokens.expand(3, -1, -1), images)
    own = method.texts_given_images(changed, tokens[:, None], images)
    for b in range(3):
        torch.testing.assert_close(own[b, 0], every[b, b], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("method", "words"), [(CoCoOp(), 4), (MaPLe(), 2)])
def test_contexts_start_at_the_words_a_photo_of_a(clip: Clip, method: EncoderMethod, words: int) -> None:
    expected = embedded(clip, words_of("a photo of a")[:words])
    first = next(iter(method.adapt(clip, start())))
    assert torch.equal(first, expected)


@torch.no_grad()
def test_at_its_start_maples_text_is_a_photo_of_a_name_as_far_as_its_first_block(clip: Clip) -> None:
    changed = copy.deepcopy(shaken(clip))
    method = MaPLe(MaPLe.Params(depth=1))
    list(method.adapt(changed, start()))
    plain = clip.text(tokenize([f"a photo of a {name}." for name in NAMES]))
    torch.testing.assert_close(changed.text(class_tokens(method)), plain, rtol=1e-4, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("depth", [1, 2, 3, 12])
def test_vpt_by_hand(clip: Clip, depth: int) -> None:
    method = VPT(VPT.Params(n_ctx=2, depth=depth))
    changed, prompts = edited(method, shaken(clip))
    assert len(prompts) == min(depth, 3)
    features, plain = changed.image(pictures()), exact(clip)
    for b, picture in enumerate(pictures()):
        close(features[b], image_by_hand(plain, picture, prompts))


@torch.no_grad()
def test_shallow_prompts_stay_through_all_blocks(clip: Clip) -> None:
    changed, _ = edited(VPT(VPT.Params(n_ctx=2, depth=1)), shaken(clip))
    plain_length = changed.image(pictures(), stop=1).shape[1]
    for stop in (2, 3, 4):
        assert changed.image(pictures(), stop=stop).shape[1] == plain_length + 2
    before_last = changed.image(pictures(1), stop=3)
    without = before_last.clone()
    without[:, plain_length:] = 0
    outputs = [changed.image(None, 3, hidden) for hidden in (before_last, without)]
    assert not torch.allclose(outputs[0], outputs[1], atol=1e-3)


@torch.no_grad()
def test_prompts_at_the_start_are_small_and_random(clip: Clip) -> None:
    torch.manual_seed(0)
    for method in (VPT(), CoOp()):
        drawn = torch.cat([prompt.flatten() for prompt in method.adapt(copy.deepcopy(clip), start())])
        assert float(drawn.std()) == pytest.approx(0.02, rel=0.1)
        assert abs(float(drawn.mean())) < 0.003


@torch.no_grad()
@pytest.mark.parametrize(("depth", "n"), [(1, 2), (2, 2), (9, 2), (9, 1)])
def test_maple_by_hand_in_both_towers(clip: Clip, depth: int, n: int) -> None:
    method = MaPLe(MaPLe.Params(depth=depth, n_ctx=n))
    changed, trained = edited(method, shaken(clip))
    levels = min(depth, 2)  # the text tower has two blocks
    assert len(trained) == 3 * levels
    prompts, couplings, biases = trained[0::3], trained[1::3], trained[2::3]
    features, plain = changed.text(class_tokens(method)), exact(clip)
    rest = words_of("a photo of a")[n:]
    for c, name in enumerate(NAMES):
        words = embedded(plain, [*rest, *words_of(f"{name}."), LAST])
        rows = torch.cat([embedded(plain, [FIRST]), prompts[0], words])
        close(features[c], text_by_hand(plain, rows, {2: prompts[1]} if levels == 2 else None))
    coupled = [torch.stack([a @ vector + bias for vector in p]) for p, a, bias in zip(prompts, couplings, biases, strict=True)]
    images = changed.image(pictures())
    for b, picture in enumerate(pictures()):
        close(images[b], image_by_hand(plain, picture, coupled))


@pytest.mark.parametrize("method", [CoOp(CoOp.Params(n_ctx=4)), CoCoOp(), MaPLe()])
def test_text_that_is_too_long_keeps_its_end(method: EncoderMethod) -> None:
    tokens = tokenize([" ".join(["word"] * 22), "cat."])
    longer = method.tokens(tokens, LIMIT, start())
    assert longer.shape == (2, LIMIT)
    assert longer[0, 0] == FIRST and longer[0, -1] == LAST and int((longer[0] == LAST).sum()) == 1
    assert longer[0, 5:-1].tolist() == words_of("word") * (LIMIT - 6)
    assert longer[1, 5:8].tolist() == [*words_of("cat ."), LAST] and not longer[1, 8:].any()

"""Both towers of the small backbone in plain numpy in float64, from pixels and tokens to features."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from scipy.special import erf
from torch import Tensor

from bench.backbone import Clip
from methods.base import EncoderMethod
from tests.methods.encoders import LAST, edited_anew, replaced
from tests.methods.heads import array

TOKENS = torch.tensor([[1, 5, 7, 89, 0, 0], [1, 44, 3, 12, 8, 89]])
PIXELS = torch.randint(0, 256, (2, 3, 32, 32), generator=torch.Generator().manual_seed(8), dtype=torch.uint8)
HEADS = {"image": 2, "text": 4}
PATCH = 8
Function = Callable[[np.ndarray], np.ndarray]


def same(x: np.ndarray) -> np.ndarray:
    return x


def norm(x: np.ndarray, module: Any) -> np.ndarray:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * array(module.weight) + array(module.bias)


def linear(x: np.ndarray, module: Any) -> np.ndarray:
    return x @ array(module.weight).T + array(module.bias)


def gelu(x: np.ndarray) -> np.ndarray:
    return x * (1 + erf(x / math.sqrt(2))) / 2


class Places:
    """Functions at places of a block: before its norms, after its sublayers, after modules by their names, beside its MLP."""

    def __init__(
        self,
        before: tuple[Function, Function] = (same, same),
        after: tuple[Function, Function] = (same, same),
        named: Mapping[str, Function] | None = None,
        beside: Function = np.zeros_like,
    ) -> None:
        self.before, self.after, self.named, self.beside = before, after, named or {}, beside

    def follow(self, name: str, x: np.ndarray) -> np.ndarray:
        return self.named.get(name, same)(x)


def attention(x: np.ndarray, module: Any, heads: int, causal: bool, places: Places) -> np.ndarray:
    """One sequence [L, W], head by head; causal: a position sees none behind itself."""
    q, k, v = (places.follow(f"attn.{part}", linear(x, getattr(module, part))) for part in "qkv")
    mixed, size = np.zeros_like(x), x.shape[1] // heads
    for head in range(heads):
        mine = slice(head * size, (head + 1) * size)
        scores = q[:, mine] @ k[:, mine].T / math.sqrt(size)
        powers = np.exp(scores - scores.max(1, keepdims=True))
        powers = np.tril(powers) if causal else powers
        mixed[:, mine] = powers / powers.sum(1, keepdims=True) @ v[:, mine]
    return places.follow("attn.out", linear(mixed, module.out))


def run_block(x: np.ndarray, block: Any, heads: int, causal: bool, places: Places) -> np.ndarray:
    first = places.follow("ln_1", norm(places.before[0](x), block.ln_1))
    x = x + places.after[0](attention(first, block.attn, heads, causal, places))
    second = places.follow("ln_2", norm(places.before[1](x), block.ln_2))
    hidden = gelu(places.follow("mlp.c_fc", linear(second, block.mlp.c_fc)))
    return x + places.after[1](places.follow("mlp.c_proj", linear(hidden, block.mlp.c_proj))) + places.beside(x)


def embed_image(picture: Tensor, stage: Any) -> np.ndarray:
    """[3, H, W] -> [1 + patches, W] before the norm that precedes the blocks."""
    pixels = (picture.double().numpy() / 255 - 0.5) / 0.25
    kernels, side, rows = array(stage.patches.weight), pixels.shape[1] // PATCH, [array(stage.class_embedding)]
    for row in range(side):
        for column in range(side):
            patch = pixels[:, PATCH * row : PATCH * (row + 1), PATCH * column : PATCH * (column + 1)]
            rows.append((kernels * patch).sum((1, 2, 3)))
    return np.array(rows) + array(stage.positional_embedding)


def embed_text(tokens: Sequence[int], stage: Any) -> np.ndarray:
    return array(stage.token_embedding.weight)[tokens] + array(stage.positional_embedding)[: len(tokens)]


def by_hand(
    clip: Clip,
    image: Sequence[Places] = (),
    text: Sequence[Places] = (),
    extra: tuple[Any, Any] = (None, None),
    named: Mapping[str, Function] | None = None,
) -> list[np.ndarray]:
    """Features of PIXELS and TOKENS by the weights of an unedited clip.

    image, text: what is in the blocks from the first one on; extra: a block on top of each tower; named: functions after
    the outer norms, by their names.
    """
    outer = Places(named=named)
    seen, read = [], []
    for picture in PIXELS:
        stage, head = clip.image.stages[0], clip.image.head
        x = outer.follow("ln_pre", norm(embed_image(picture, stage), stage.ln_pre))
        x = _run(x, clip.image, HEADS["image"], False, image, extra[0])
        seen.append(outer.follow("ln_post", norm(x[0], head.ln_post)) @ array(head.proj))
    for tokens in TOKENS.tolist():
        x = _run(embed_text(tokens, clip.text.stages[0]), clip.text, HEADS["text"], True, text, extra[1])
        head = clip.text.head
        end = outer.follow("ln_final", norm(x[tokens.index(LAST)], head.ln_final))
        read.append(end @ array(head.text_projection))
    return [np.array(seen), np.array(read)]


def _run(x: np.ndarray, tower: Any, heads: int, causal: bool, places: Iterable[Places], extra: Any) -> np.ndarray:
    blocks = [*tower.blocks, *([] if extra is None else [extra])]
    inside = list(places)
    for block, place in zip(blocks, [*inside, *[Places()] * (len(blocks) - len(inside))], strict=True):
        x = run_block(x, block, heads, causal, place)
    return x


def check(edited: Clip, expected: list[np.ndarray]) -> None:
    edited.eval()
    for ours, theirs in zip((edited.image(PIXELS), edited.text(TOKENS)), expected, strict=True):
        np.testing.assert_allclose(array(ours), theirs, rtol=1e-4, atol=1e-4)


def check_moves(method: EncoderMethod, clip: Clip, names: set[str], kind: str = "classification") -> None:
    """Exactly these of the backbone's own parameters train, and the towers compute with what becomes of them."""
    edited, drawn, _ = edited_anew(method, clip, kind)
    assert set(drawn) == names
    check(edited, by_hand(replaced(clip, drawn)))


def bottlenecks(drawn: Mapping[str, Tensor]) -> list[Function]:
    """x + U gelu(D x + d) + u for every four of these parameters."""

    def make(down: np.ndarray, down_bias: np.ndarray, up: np.ndarray, up_bias: np.ndarray) -> Function:
        return lambda x: x + gelu(x @ down.T + down_bias) @ up.T + up_bias

    values = [array(parameter) for parameter in drawn.values()]
    return [make(*values[first : first + 4]) for first in range(0, len(values), 4)]


def in_pairs(functions: Sequence[Function]) -> list[tuple[Function, Function]]:
    return list(zip(functions[0::2], functions[1::2], strict=True))

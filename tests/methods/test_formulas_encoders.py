"""Methods inside the encoder against towers in plain numpy, and the names of what they train."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import erf
from torch import Tensor, nn

from bench.backbone import Clip
from methods.adapter import Adapter
from methods.base import Adapted, Kind, Start, fuse
from methods.full import Full
from methods.lilt_da import LiltDA
from methods.lilt_lwa import LiltLwA
from methods.lilt_lwa_ln import LiltLwALN
from methods.lora import LoRA
from methods.lp_ft import LPFT
from methods.wise_ft import WiseFT
from tests.methods.conftest import CLASSES, random_support

TOKENS = torch.tensor([[1, 5, 7, 89, 0, 0], [1, 44, 3, 12, 8, 89]])
PIXELS = torch.randint(0, 256, (2, 3, 32, 32), generator=torch.Generator().manual_seed(8), dtype=torch.uint8)
Function = Callable[[np.ndarray], np.ndarray]


def start(kind: Kind = "classification") -> Start:
    support = None if kind == "retrieval" else random_support(kind)
    return Start(kind, "anything", 4, 12, ("cat", "dog", "bird"), lambda texts: TOKENS, support)


@pytest.fixture
def shaken(clip: Clip) -> Clip:
    """Biases and norms away from zero and one."""
    torch.manual_seed(4)
    for parameter in clip.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, std=0.5)
    return clip


def array(x: Any) -> np.ndarray:
    return x.detach().double().numpy()


def same(x: np.ndarray) -> np.ndarray:
    return x


def norm(x: np.ndarray, module: Any) -> np.ndarray:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * array(module.weight) + array(module.bias)


def linear(x: np.ndarray, module: Any) -> np.ndarray:
    return x @ array(module.weight).T + array(module.bias)


def gelu(x: np.ndarray) -> np.ndarray:
    return x * (1 + erf(x / math.sqrt(2))) / 2


def attention(x: np.ndarray, module: Any, heads: int, causal: bool) -> np.ndarray:
    """One sequence [L, W], head by head and position by position."""
    q, k, v = (linear(x, part) for part in (module.q, module.k, module.v))
    mixed, size = np.zeros_like(x), x.shape[1] // heads
    for head in range(heads):
        mine = slice(head * size, (head + 1) * size)
        for i in range(len(x)):
            seen = i + 1 if causal else len(x)
            scores = k[:seen, mine] @ q[i, mine] / math.sqrt(size)
            powers = np.exp(scores - scores.max())
            mixed[i, mine] = powers / powers.sum() @ v[:seen, mine]
    return linear(mixed, module.out)


class Places:
    """Functions at the four places of a block where adapters may sit: before the norms and after the sublayers."""

    def __init__(self, before: tuple[Function, Function] = (same, same), after: tuple[Function, Function] = (same, same)) -> None:
        self.before, self.after = before, after


def run_block(x: np.ndarray, block: Any, heads: int, causal: bool, places: Places) -> np.ndarray:
    x = x + places.after[0](attention(norm(places.before[0](x), block.ln_1), block.attn, heads, causal))
    hidden = gelu(linear(norm(places.before[1](x), block.ln_2), block.mlp.c_fc))
    return x + places.after[1](linear(hidden, block.mlp.c_proj))


def by_hand(clip: Clip, image: list[Places], text: list[Places], extra: tuple[Any, ...] = (None, None)) -> list[np.ndarray]:
    """Features of PIXELS and TOKENS by the weights of an unedited clip; `extra` blocks stand on top of the towers."""
    found = []
    for tower, inputs, places, more in zip((clip.image, clip.text), (PIXELS, TOKENS), (image, text), extra, strict=True):
        causal, heads, rows = inputs is TOKENS, 4 if inputs is TOKENS else 2, []
        blocks = [*tower.blocks, *([] if more is None else [more])]
        places = [*places, *[Places()] * (len(blocks) - len(places))]
        for number, x in enumerate(array(tower(inputs, stop=1))):
            for block, place in zip(blocks, places, strict=True):
                x = run_block(x, block, heads, causal, place)
            head: Any = tower.head
            if causal:
                end = TOKENS[number].tolist().index(89)
                rows.append(norm(x[end], head.ln_final) @ array(head.text_projection))
            else:
                rows.append(norm(x[0], head.ln_post) @ array(head.proj))
        found.append(np.array(rows))
    return found


def check(edited: Clip, expected: list[np.ndarray]) -> None:
    edited.eval()
    for ours, theirs in zip((edited.image(PIXELS), edited.text(TOKENS)), expected, strict=True):
        np.testing.assert_allclose(array(ours), theirs, rtol=1e-4, atol=1e-4)


def bottlenecks(parameters: list[nn.Parameter]) -> list[Function]:
    """x + U gelu(D x + d) + u for each four parameters, drawn anew so that none of them is zero."""
    for parameter in parameters:
        nn.init.normal_(parameter, std=0.3)

    def make(down: np.ndarray, down_bias: np.ndarray, up: np.ndarray, up_bias: np.ndarray) -> Function:
        return lambda x: x + gelu(x @ down.T + down_bias) @ up.T + up_bias

    values = [array(parameter) for parameter in parameters]
    return [make(*values[first : first + 4]) for first in range(0, len(values), 4)]


def pairs(functions: list[Function]) -> list[tuple[Function, Function]]:
    return list(zip(functions[0::2], functions[1::2], strict=True))


def test_towers_by_hand_equal_the_unedited_backbone(shaken: Clip) -> None:
    check(shaken, by_hand(shaken, [], []))


def test_adapters_sit_behind_attention_and_mlp_inside_the_residual_branch(shaken: Clip) -> None:
    edited = copy.deepcopy(shaken)
    trained = list(Adapter(Adapter.Params(width=5)).adapt(edited, start()))
    check(edited, by_hand(shaken, [], []))  # the up-projections start at zero
    places = [Places(after=pair) for pair in pairs(bottlenecks(trained))]
    assert len(places) == 5
    check(edited, by_hand(shaken, places[:3], places[3:]))


@pytest.mark.parametrize("kind", [LiltLwA, LiltLwALN])
def test_layer_wise_adapters_of_images_precede_the_norm_those_of_texts_follow_the_sublayer(
    shaken: Clip, kind: type[LiltLwA]
) -> None:
    edited = copy.deepcopy(shaken)
    kept = {id(parameter) for parameter in edited.parameters()}
    trained = [parameter for parameter in kind().adapt(edited, start()) if id(parameter) not in kept]
    for matrix, bias in zip(trained[0::2], trained[1::2], strict=True):
        assert sorted(matrix.shape) == [8, 32]  # a quarter of the width
        assert float(matrix.detach().std()) == pytest.approx(0.02, rel=0.3) and not bias.any()
    found = pairs(bottlenecks(trained))
    assert len(found) == 5
    check(edited, by_hand(shaken, [Places(before=pair) for pair in found[:3]], [Places(after=pair) for pair in found[3:]]))


def test_deep_adapters_are_one_random_block_on_top_of_each_tower(shaken: Clip) -> None:
    edited = copy.deepcopy(shaken)
    torch.manual_seed(0)
    list(LiltDA().adapt(edited, start()))
    assert (len(edited.image.blocks), len(edited.text.blocks)) == (4, 3)
    added = (edited.image.blocks[-1], edited.text.blocks[-1])
    for block in added:
        for name, parameter in block.named_parameters():
            if parameter.ndim == 2:
                assert float(parameter.detach().std()) == pytest.approx(0.02, rel=0.15)
            else:
                assert torch.equal(parameter, torch.full_like(parameter, float(name in ("ln_1.weight", "ln_2.weight"))))
    check(edited, by_hand(shaken, [], [], added))
    for parameter in [parameter for block in added for parameter in block.parameters()]:
        nn.init.normal_(parameter, std=0.3)
    check(edited, by_hand(shaken, [], [], added))


@pytest.mark.parametrize(("r", "alpha", "where"), [(2, 1.0, "qkv"), (3, 2.0, "qkvo")])
def test_lora_adds_the_scaled_product_to_the_weight(shaken: Clip, r: int, alpha: float, where: str) -> None:
    edited, plain = copy.deepcopy(shaken), copy.deepcopy(shaken).double()
    trained = list(LoRA(LoRA.Params(r=r, alpha=alpha, where=where)).adapt(edited, start()))
    assert len(trained) == 2 * len(where) * 5
    inside: Any = edited.image.blocks[0]
    for a in [getattr(inside.attn, name).lora_A for name in "qkv"]:
        assert a.shape == (r, 32) and 0.5 / math.sqrt(32) < float(a.detach().abs().max()) <= 1 / math.sqrt(32)
    check(edited, by_hand(shaken, [], []))  # B starts at zero
    edited.train()
    torch.testing.assert_close(edited.image(PIXELS), shaken.image(PIXELS), rtol=1e-4, atol=1e-4)
    for parameter in trained:
        nn.init.normal_(parameter, std=0.3)
    towers = zip([*edited.image.blocks, *edited.text.blocks], [*plain.image.blocks, *plain.text.blocks], strict=True)
    for block, reference in towers:
        for name in ["out" if letter == "o" else letter for letter in where]:
            low_rank: Any = getattr(block.attn, name)  # type: ignore[union-attr]
            weight: Any = getattr(reference.attn, name).weight  # type: ignore[union-attr]
            weight.data += alpha / math.sqrt(r) * low_rank.lora_B.double() @ low_rank.lora_A.double()
    check(edited, by_hand(plain, [], []))


def test_full_scores_by_a_head_that_starts_at_the_class_texts() -> None:
    began = start()
    head: Any = Full().head(began)
    images = torch.randn(5, 6, generator=torch.Generator().manual_seed(1))
    f = array(images) / np.linalg.norm(array(images), axis=1, keepdims=True)
    assert began.support is not None and began.support.features.candidates_raw is not None
    texts = array(began.support.features.candidates_raw)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    np.testing.assert_allclose(array(head(images, None)), 20 * f @ texts.T, rtol=1e-4, atol=1e-5)
    nn.init.normal_(head.weight)
    np.testing.assert_allclose(array(head(images, None)), 20 * f @ array(head.weight).T, rtol=1e-4, atol=1e-5)
    assert [name for name, _ in head.named_parameters()] == ["weight"]


def check_logistic(layer: nn.Linear, x: np.ndarray, labels: np.ndarray, strength: float = 0.316) -> None:
    """Stationary: the gradient of strength * (sum of log losses) + |W|^2 / 2 is zero, the bias free."""
    scores = linear(x, layer)
    p = np.exp(scores - scores.max(1, keepdims=True))
    error = p / p.sum(1, keepdims=True) - np.eye(CLASSES)[labels]
    np.testing.assert_allclose(array(layer.weight) + strength * error.T @ x, 0, atol=2e-3)
    np.testing.assert_allclose(strength * error.sum(0), 0, atol=2e-3)


def test_lp_ft_starts_at_the_logistic_regression_on_raw_features() -> None:
    began = start()
    assert began.support is not None
    head: Any = LPFT().head(began)
    raw = began.support.features.image_raw
    np.testing.assert_allclose(array(head(raw, None)), linear(array(raw), head.linear), rtol=1e-4, atol=1e-4)
    check_logistic(head.linear, array(raw), began.support.labels.numpy())


def test_the_head_of_pair_tasks_is_linear_on_the_fusion_of_image_and_text() -> None:
    began = start("pair")
    assert began.support is not None and began.support.features.text_raw is not None
    head: Any = Full().head(began)
    images, texts = began.support.features.image_raw, began.support.features.text_raw
    v, t = (array(x) / np.linalg.norm(array(x), axis=1, keepdims=True) for x in (images, texts))
    fused = np.concatenate([v, t, v + t, v - t, v * t], axis=1)
    np.testing.assert_allclose(array(fuse(torch.tensor(v), torch.tensor(t))), fused)
    check_logistic(head.linear, fused, began.support.labels.numpy())
    np.testing.assert_allclose(array(head(images, texts)), linear(fused, head.linear), rtol=1e-4, atol=1e-5)


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
@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.5, 1.0])
def test_wise_ft_interpolates_what_trained(alpha: float) -> None:
    model, initial, after = tuned()
    assert WiseFT().params.alpha == 0.5
    assert WiseFT(WiseFT.Params(alpha=alpha)).finish(model, initial, None) == {}
    check_mixed(model, initial, after, alpha)


@torch.no_grad()
@pytest.mark.parametrize(("peaks", "best"), [((0.3,), 0.3), ((0.0, 1.0), 0.0), ((0.7, 0.9), 0.7), ((), 0.0)])
def test_wise_ft_takes_the_first_best_share_on_validation(peaks: Iterable[float], best: float) -> None:
    model, initial, after = tuned()
    seen: list[float] = []

    def score() -> float:
        """The share is read off one weight that trained."""
        before, now = array(initial["head.bias"])[0], array(dict(model.named_parameters())["head.bias"])[0]
        seen.append((now - before) / (after["head.bias"][0] - before))
        return float(any(abs(seen[-1] - peak) < 1e-3 for peak in peaks))

    assert WiseFT().finish(model, initial, score) == {"alpha": best}
    np.testing.assert_allclose(seen, np.arange(11) / 10, atol=1e-4)
    check_mixed(model, initial, after, best)

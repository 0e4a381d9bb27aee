"""The contrastive loss against a plain count, cached embeddings against the direct gradient, and what must train."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from bench.backbone import Backbone, load
from bench.cell.fitting import unfrozen
from bench.cell.fitting.encoder import EncoderFitting
from bench.cell.fitting.unfrozen import in_chunks, keep_temperature, meeting_point, train_where_unfrozen
from bench.cell.prepare import freeze, prepare
from bench.features.bank import Account, Bank
from bench.features.frozen import Frozen
from bench.kinds.retrieval import contrastive_loss
from bench.meter import Meter
from bench.plan.budget import Allowance, Terms
from bench.plan.episode import Episode
from bench.plan.registry import find_methods
from bench.spec import parse_names
from tasks.find import find_task

REGISTRY = find_methods()
TASK = find_task("scenes-retrieval").for_alignment()


@pytest.fixture(scope="module")
def unaligned() -> Backbone:
    return load("bundled-unaligned")


def built(backbone: Backbone, label: str, bank: Path, pairs: int = 24, terms: Terms | None = None) -> EncoderFitting:
    method = REGISTRY.build(parse_names(label, "methods")[0])
    frozen = freeze(method, backbone, TASK, Bank(bank, Meter("cpu")))
    torch.manual_seed(1)
    allowance = Allowance(2, 1.0, terms=terms or Terms())
    made = prepare(method, frozen, Episode(pairs, 1, tuple(range(pairs))), allowance).walk(until="train")
    assert isinstance(made, EncoderFitting)
    return made


def plain_loss(scores: np.ndarray) -> float:
    """Minus the mean log share of the right one, over rows and over columns."""
    shares = [np.exp(scores) / np.exp(scores).sum(axis, keepdims=True) for axis in (1, 0)]
    return float(np.mean([-np.log(np.diag(share)).mean() for share in shares]))


def dot(image: Tensor, text: Tensor) -> Tensor:
    return 3 * image @ text.T


@given(st.integers(1, 9), st.one_of(st.none(), st.integers(1, 10)), st.integers(0, 2**31))
def test_the_loss_is_that_of_the_formula_within_each_group(pairs: int, negatives: int | None, seed: int) -> None:
    random = np.random.default_rng(seed)
    image, text = random.standard_normal((2, pairs, 4))
    size = negatives or pairs
    groups = [slice(start, start + size) for start in range(0, pairs, size)]
    sizes = [len(image[group]) for group in groups]
    expected = np.average([plain_loss(3 * image[group] @ text[group].T) for group in groups], weights=sizes)
    found = contrastive_loss(torch.from_numpy(image), torch.from_numpy(text), dot, negatives)
    assert float(found) == pytest.approx(expected, rel=1e-9)


class Encoder(nn.Module):
    """Two layers with dropout between them."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 16), nn.GELU(), nn.Dropout(0.5), nn.Linear(16, 4)).double()

    def forward(self, rows: Tensor) -> Tensor:
        return self.layers(rows)


def gradients(model: nn.Module) -> list[Tensor]:
    return [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]


def test_cached_embeddings_replay_the_very_dropout_of_the_first_pass() -> None:
    torch.manual_seed(0)
    image, text = Encoder(), Encoder()
    rows = torch.randn(2, 11, 5, dtype=torch.float64)

    def train(cached: bool) -> list[Tensor]:
        torch.manual_seed(7)
        found = []
        for encoder, inputs in zip((image, text), rows, strict=True):
            encoder.zero_grad()
            parts = inputs.split(4)
            found.append(in_chunks(encoder, inputs, 4) if cached else torch.cat([encoder(part) for part in parts]))
        contrastive_loss(found[0], found[1], dot).backward()
        return [*gradients(image), *gradients(text)]

    direct = train(cached=False)
    for ours, theirs in zip(train(cached=True), direct, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)


def test_the_random_state_of_the_device_is_kept_for_the_second_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch keeps that of the devices of a call's arguments, and rows and row numbers come from the CPU."""
    seen: list[set[str]] = []

    def checkpoint(function: Any, *arguments: Tensor, use_reentrant: bool) -> Tensor:
        seen.append({argument.device.type for argument in arguments})
        return function(*arguments)

    monkeypatch.setattr(unfrozen, "checkpoint", checkpoint)
    in_chunks(Encoder(), torch.randn(8, 5, dtype=torch.float64), 4, "meta")
    assert seen == [{"cpu", "meta"}] * 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_dropout_is_replayed_too() -> None:
    encoder = Encoder().to("cuda")
    rows = torch.randn(11, 5, dtype=torch.float64)
    found = []
    for cached in (False, True):
        torch.manual_seed(3)
        encoder.zero_grad()
        parts = [encoder(part.cuda()) for part in rows.split(4)] if not cached else []
        features = in_chunks(lambda part: encoder(part.cuda()), rows, 4, "cuda") if cached else torch.cat(parts)
        features.pow(2).sum().backward()
        found.append(gradients(encoder))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)


def test_activations_of_one_chunk_at_a_time_are_kept() -> None:
    encoder, rows = Encoder(), torch.randn(64, 5, dtype=torch.float64)
    alive = most = 0

    def keep(tensor: Tensor) -> Tensor:
        nonlocal alive, most
        alive += tensor.numel()
        most = max(most, alive)
        return tensor

    def peak(chunk: int | None) -> int:
        nonlocal alive, most
        alive = most = 0
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            in_chunks(encoder, rows, chunk).sum()
        return most

    assert peak(8) < peak(None) / 3


@pytest.mark.parametrize("label", ["lilt-lwa-ln", "lilt-da", "full", "lora"])
def test_a_batch_in_chunks_has_the_gradient_of_the_batch(unaligned: Backbone, tmp_path: Path, label: str) -> None:
    found = {}
    for chunk in (24, 5):
        without = "[dropout=0.0]" if label == "lora" else ""  # whole batches draw other masks
        made = built(unaligned, f"{label}{without}", tmp_path, terms=Terms(batch=24, chunk=chunk))
        made.train()
        assert made.training is not None and made.training.batch == 24
        found[chunk] = {name: parameter.grad.clone() for name, parameter in made.trained().items() if parameter.grad is not None}
    assert found[24].keys() == found[5].keys() and "clip.logit_scale" in found[5]
    for name, direct in found[24].items():
        torch.testing.assert_close(found[5][name], direct, rtol=1e-3, atol=1e-5, msg=name)


@torch.no_grad()
def test_before_training_the_loss_is_that_of_guessing(unaligned: Backbone) -> None:
    rows = range(128)
    texts = TASK.train.texts
    assert texts is not None
    frozen = Frozen(unaligned, TASK, Bank(Path("/nowhere"), Meter("cpu")), Account(), "cpu", "fp32")
    pixels = torch.stack([torch.from_numpy(np.array(frozen.backbone.resize(TASK.train.image(row)))) for row in rows])
    image = F.normalize(unaligned.clip.image(pixels.permute(0, 3, 1, 2)), dim=-1)
    text = F.normalize(unaligned.clip.text(unaligned.tokenize([texts[row] for row in rows])), dim=-1)
    scale = unaligned.clip.logit_scale.exp()
    assert float(scale) == pytest.approx(1 / 0.07, rel=1e-3)
    loss = contrastive_loss(image, text, lambda a, b: scale * a @ b.T)
    assert float(loss) == pytest.approx(math.log(128), rel=0.1)


def test_permuted_pairs_permute_the_similarities(unaligned: Backbone, tmp_path: Path) -> None:
    made = built(unaligned, "lilt-da", tmp_path)
    made.train()
    rows = np.arange(40)
    order = np.random.default_rng(0).permutation(rows)
    straight = made.score(TASK.test, rows.tolist())
    torch.testing.assert_close(made.score(TASK.test, order.tolist()), straight[order][:, order], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("label", ["lora", "bitfit", "lilt-partial", "full", "lit[lock=both]"])
def test_where_towers_never_met_projections_and_temperature_train_whatever_the_method(
    unaligned: Backbone, tmp_path: Path, label: str
) -> None:
    made = built(unaligned, label, tmp_path)
    clip = made.module.clip
    trained = {id(parameter) for parameter in made.trained().values()}
    assert {id(clip.image.head.proj), id(clip.text.head.text_projection), id(clip.logit_scale)} <= trained
    if label == "lit[lock=both]":
        assert len(trained) == 3


def test_scratch_forgets_everything_by_the_seed(unaligned: Backbone, tmp_path: Path) -> None:
    first, again = (built(unaligned, "scratch", tmp_path).module.clip.state_dict() for _ in range(2))
    known = unaligned.clip.state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    same = {name for name in known if torch.equal(first[name], known[name])}
    trained_once = {name for name in known if name.endswith((".weight", "embedding", "proj")) and known[name].ndim > 1}
    assert not same & trained_once


def test_frozen_stages_are_in_eval_mode(unaligned: Backbone) -> None:
    clip = copy.deepcopy(unaligned.clip)
    for tower in (clip.image, clip.text):
        for block in tower.blocks:
            block.dropout = nn.Dropout(0.1)
    clip.train_only([*clip.image.blocks[-1].parameters(), *meeting_point(clip)])
    clip.train()
    train_where_unfrozen(clip)
    assert [stage.training for stage in clip.image.stages] == [False] * 4 + [True, True]
    assert [stage.training for stage in clip.text.stages] == [False] * 4 + [True]
    assert not clip.text.blocks[0].dropout.training and clip.image.blocks[-1].dropout.training


@pytest.mark.parametrize(("temperature", "kept"), [(0.0001, 0.001), (0.07, 0.07), (9.0, 0.5)])
def test_the_temperature_stays_within_its_bounds(unaligned: Backbone, temperature: float, kept: float) -> None:
    clip = copy.deepcopy(unaligned.clip)
    clip.logit_scale.data.fill_(-math.log(temperature))
    keep_temperature(clip, (0.001, 0.5))
    assert math.exp(-float(clip.logit_scale)) == pytest.approx(kept, rel=1e-5)


def test_training_keeps_the_temperature_within_its_bounds(unaligned: Backbone, tmp_path: Path) -> None:
    made = built(unaligned, "lit[lock=both]", tmp_path)
    made.module.clip.logit_scale.data.fill_(9.0)
    made.train()
    assert 0.000999 <= math.exp(-float(made.module.clip.logit_scale.detach())) <= 0.0011

"""Trainable parameters on ViT-B-16, to the digit."""

from __future__ import annotations

import copy

import pytest
import torch

from bench.backbone import Backbone, load
from bench.registry import find_methods
from bench.spec import parse_names
from methods.base import EncoderMethod, Features, HeadMethod, Start, Support

CLASSES, SHOTS, WIDTH = 10, 4, 512

HEADS = {
    ("zero-shot", "classification"): 0,
    ("linear-probe", "classification"): CLASSES * (WIDTH + 1),
    ("class-mean-probe", "classification"): CLASSES * (WIDTH + 1),
    ("tip-adapter", "classification"): 0,
    ("tip-adapter-f", "classification"): CLASSES * SHOTS * WIDTH,
    ("xtremeclip", "classification"): 25_600,  # EuroSAT: ten classes
    ("xtremeclip", "pair"): 7_680,  # entailment: three classes
    ("xtremeclip[fusion=vt]", "pair"): 3_072,
}
ENCODERS = {
    "coop": 8_192,
    "coop[n_ctx=4]": 2_048,
    "coop[class_specific=true]": 81_920,
    "lora": 184_320,
    "lora[r=4,where=qkvo]": 491_520,
    "bitfit": 171_008,
    "layernorm": 65_536,
    "lilt-partial": 10_898_176,
    "lilt-partial[blocks=2]": 21_138_432,
    "full": 86_192_640,
}


@pytest.fixture(scope="module")
def vit() -> Backbone:
    return load("ViT-B-16/random")


@pytest.mark.parametrize(("spec", "kind"), HEADS)
def test_heads(spec: str, kind: str) -> None:
    classes = 3 if kind == "pair" else CLASSES
    generator = torch.Generator().manual_seed(0)
    count = classes * SHOTS
    features = Features(
        torch.randn(count, WIDTH, generator=generator),
        torch.randn(count, WIDTH, generator=generator) if kind == "pair" else None,
        torch.randn(classes, WIDTH, generator=generator) if kind == "classification" else None,
    )
    labels = torch.arange(classes).repeat_interleave(SHOTS)
    method = find_methods().build(parse_names(spec, "methods")[0])
    assert isinstance(method, HeadMethod)
    head = method.head(Support(kind, "any", SHOTS, classes, features, labels, 100.0))  # type: ignore[arg-type]
    assert sum(parameter.numel() for parameter in head.parameters()) == HEADS[spec, kind]


@pytest.mark.parametrize("spec", ENCODERS)
def test_inside_the_encoder(vit: Backbone, spec: str) -> None:
    method = find_methods().build(parse_names(spec, "methods")[0])
    assert isinstance(method, EncoderMethod)
    clip = copy.deepcopy(vit.clip)
    start = Start("classification", "any", SHOTS, CLASSES * SHOTS, tuple("abcdefghij"))
    clip.train_only(list(method.adapt(clip, start)))
    assert sum(parameter.numel() for parameter in clip.parameters() if parameter.requires_grad) == ENCODERS[spec]


def test_full_trains_the_whole_of_clip_where_all_of_it_takes_part(vit: Backbone) -> None:
    method = find_methods().build(parse_names("full", "methods")[0])
    assert isinstance(method, EncoderMethod)
    declared = list(method.adapt(vit.clip, Start("retrieval", "any", 1, 4, ())))
    assert sum(parameter.numel() for parameter in declared) == 149_620_737
